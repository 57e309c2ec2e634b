package main

import (
	"cmp"
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
		return q, fmt.Errorf("CONSUMER is %q: it must be go or spring", os.Getenv("CONSUMER"))
	}
	if event := cmp.Or(os.Getenv("EVENT"), eventRelease); event != eventRelease {
		if q.death, known = deaths[event]; !known {
			return q, fmt.Errorf("EVENT is %q: it must be %s or one of %s", event, eventRelease,
				strings.Join(slices.Sorted(maps.Keys(deaths)), ", "))
		}
	}
	if names := os.Getenv("SUBJECTS"); names != "" {
		q.subjects = nil
		for name := range strings.SplitSeq(names, ",") {
			i := slices.IndexFunc(all, func(s subjects.Subject) bool { return s.Name == name })
			if i < 0 {
				return q, fmt.Errorf("SUBJECTS has %q, which is none", name)
			}
			q.subjects = append(q.subjects, all[i])
		}
	}
	return q, nil
}
