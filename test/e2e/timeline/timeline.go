// Package timeline puts what consumers, the operator, the brokers and the cluster
// say about one group into one order, for a person who asks what happened.
package timeline

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

// longest line of a log, in bytes.
const longest = 1 << 20

// Moment is one line.
type Moment struct {
	At   time.Time
	Who  string
	What string
}

// Timeline is moments, in order once it was written.
type Timeline []Moment

// Consumer adds what a consumer says of its membership. Records and commits are too
// many, so of each run of them the first and the last are told.
func (t *Timeline) Consumer(who string, log io.Reader) error {
	quiet, last, n := map[journal.Event]bool{journal.Record: true, journal.Processed: true, journal.Committed: true}, Moment{}, 0
	flush := func() {
		if n > 1 {
			last.What = fmt.Sprintf("%s, the last of %d such lines", last.What, n)
			*t = append(*t, last)
		}
		n = 0
	}
	err := each(log, func(line string) {
		var e journal.Entry
		if json.Unmarshal([]byte(line), &e) != nil || e.Event == "" || e.Event == journal.Record {
			return
		}
		m := Moment{time.UnixMilli(e.T), who, describe(e)}
		if quiet[e.Event] {
			if n++; n == 1 {
				*t = append(*t, m)
			}
			last = m
			return
		}
		flush()
		*t = append(*t, m)
	})
	flush()
	return err
}

func describe(e journal.Entry) string {
	parts := []string{string(e.Event)}
	if e.Instance != "" {
		parts = append(parts, e.Instance)
	}
	switch e.Event {
	case journal.Joined:
		parts = append(parts, fmt.Sprintf("generation %d", e.Generation))
	case journal.Processed:
		parts = append(parts, fmt.Sprintf("%s-%d %d to %d", e.Topic, e.Partition, e.First, e.Last))
	case journal.Committed:
		parts = append(parts, fmt.Sprint(e.Offsets))
	}
	if e.Partitions != nil {
		parts = append(parts, fmt.Sprint(e.Partitions))
	}
	if e.Error != "" {
		parts = append(parts, e.Error)
	}
	return strings.Join(parts, " ")
}

// Operator adds the lines of an operator's log about a namespace.
func (t *Timeline) Operator(who, namespace string, log io.Reader) error {
	return each(log, func(line string) {
		var e struct {
			Level, Msg, Namespace, Pod, By, Reason, Error string
			Slot                                          *int
			TS                                            time.Time
		}
		if json.Unmarshal([]byte(line), &e) != nil || e.Namespace != namespace {
			return
		}
		what := e.Level + ": " + e.Msg
		if e.Slot != nil {
			what += fmt.Sprintf(", slot %d", *e.Slot)
		}
		for _, more := range []string{e.Pod, e.By, e.Reason, e.Error} {
			if more != "" {
				what += ", " + more
			}
		}
		*t = append(*t, Moment{e.TS, who, what})
	})
}

// Broker adds the lines of a broker's log that name a group. Each begins with the
// time at which the kubelet got it.
func (t *Timeline) Broker(who, group string, log io.Reader) error {
	return each(log, func(line string) {
		stamp, what, _ := strings.Cut(line, " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err == nil && strings.Contains(what, "group "+group+" ") {
			*t = append(*t, Moment{at, who, what})
		}
	})
}

// Events adds the cluster's. Those of the kubelet have no more than seconds.
func (t *Timeline) Events(events []eventsv1.Event) {
	for _, e := range events {
		at := e.EventTime.Time
		switch {
		case e.Series != nil:
			at = e.Series.LastObservedTime.Time
		case at.IsZero():
			at = e.DeprecatedLastTimestamp.Time
		}
		*t = append(*t, Moment{at, e.Regarding.Kind + " " + e.Regarding.Name, e.Reason + ": " + e.Note})
	}
}

// Write writes all moments in their order.
func (t Timeline) Write(out io.Writer) error {
	slices.SortStableFunc(t, func(a, b Moment) int { return a.At.Compare(b.At) })
	for _, m := range t {
		if _, err := fmt.Fprintf(out, "%s  %-40s %s\n", m.At.UTC().Format("15:04:05.000"), m.Who, m.What); err != nil {
			return fmt.Errorf("write a timeline: %w", err)
		}
	}
	return nil
}

func each(log io.Reader, line func(string)) error {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		line(lines.Text())
	}
	return lines.Err()
}
