package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/kohort-dev/kohort/test/subjects"
)

// question is what the environment asks.
type question struct {
	runs     int
	subjects []subjects.Subject
	program  program
	death    *death // nil: a release
	absent   bool   // the images of a release are not on the nodes
}

func asked() (q question, err error) {
	if q.runs, err = subjects.Runs(); err != nil {
		return q, err
	}
	if q.subjects, err = subjects.Chosen(all); err != nil {
		return q, err
	}
	var known bool
	if q.program, known = programs[cmp.Or(os.Getenv("CONSUMER"), "go")]; !known {
		return q, fmt.Errorf("CONSUMER is %q: it must be one of %s", os.Getenv("CONSUMER"), subjects.Names(programs))
	}
	if event := cmp.Or(os.Getenv("EVENT"), eventRelease); event != eventRelease {
		if q.death, known = deaths[event]; !known {
			return q, fmt.Errorf("EVENT is %q: it must be %s or one of %s", event, eventRelease, subjects.Names(deaths))
		}
	}
	switch where := cmp.Or(os.Getenv("IMAGES"), "present"); {
	case where == "absent" && (q.death != nil || q.program.consumer.Image != ""):
		return q, errors.New("IMAGES is absent: that is measured for a release of the consumer in Go only")
	case where != "absent" && where != "present":
		return q, fmt.Errorf("IMAGES is %q: it must be present or absent", where)
	default:
		q.absent = where == "absent"
	}
	return q, nil
}
