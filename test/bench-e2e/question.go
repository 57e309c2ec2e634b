package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

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
	q = question{runs: 3, subjects: all}
	if text := os.Getenv("RUNS"); text != "" {
		if q.runs, err = strconv.Atoi(text); err != nil || q.runs < 1 {
			return q, fmt.Errorf("RUNS is %q: it must be a number from 1 on", text)
		}
	}
	var known bool
	if q.program, known = programs[cmp.Or(os.Getenv("CONSUMER"), "go")]; !known {
		return q, fmt.Errorf("CONSUMER is %q: it must be one of %s", os.Getenv("CONSUMER"), names(programs))
	}
	if event := cmp.Or(os.Getenv("EVENT"), eventRelease); event != eventRelease {
		if q.death, known = deaths[event]; !known {
			return q, fmt.Errorf("EVENT is %q: it must be %s or one of %s", event, eventRelease, names(deaths))
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
	if wanted := os.Getenv("SUBJECTS"); wanted != "" {
		q.subjects = nil
		for name := range strings.SplitSeq(wanted, ",") {
			i := slices.IndexFunc(all, func(s subjects.Subject) bool { return s.Name == name })
			if i < 0 {
				return q, fmt.Errorf("SUBJECTS has %q, which is none", name)
			}
			q.subjects = append(q.subjects, all[i])
		}
	}
	return q, nil
}

// names of what can be asked for.
func names[T any](of map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}
