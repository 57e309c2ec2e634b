package measure

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

// Handover is where the time goes in which nobody consumes a slot's partitions,
// between a process of one version and the next of another, under one
// group.instance.id.
type Handover struct {
	// Stop: from the old process's last record until it says that it has stopped.
	Stop time.Duration
	// Change: from there to the new process's first word.
	Change time.Duration
	// Join: from there until it is a member.
	Join time.Duration
	// First: from there to its first record.
	First time.Duration
}

// Handovers finds those from one version to another in the logs that match a
// pattern (filepath.Glob). Members without an instance id have none.
func Handovers(pattern, from, to string) ([]Handover, error) {
	byInstance := map[string]*moments{}
	err := Entries(pattern, func(_ string, e journal.Entry) {
		if byInstance[e.Instance] == nil {
			byInstance[e.Instance] = &moments{}
		}
		byInstance[e.Instance].note(e, from, to)
	})
	if err != nil {
		return nil, err
	}
	delete(byInstance, "")
	var all []Handover
	for _, m := range byInstance {
		if h, whole := m.handover(); whole {
			all = append(all, h)
		}
	}
	return all, nil
}

// moments of the processes under one instance id, in ms since 1970; 0: not seen.
type moments struct{ last, stopped, started, joined, first int64 }

func (m *moments) note(e journal.Entry, from, to string) {
	once := func(moment *int64, at int64) {
		if *moment == 0 {
			*moment = at
		}
	}
	switch {
	case e.Version == from && e.Event == journal.Record:
		m.last = max(m.last, e.FirstMS)
	case e.Version == from && e.Event == journal.Stopped:
		m.stopped = e.T
	case e.Version != to:
	case e.Event == journal.Start:
		once(&m.started, e.T)
	case e.Event == journal.Joined:
		once(&m.joined, e.T)
	case e.Event == journal.Record:
		once(&m.first, e.FirstMS)
	}
}

// handover is whole if every moment was seen.
func (m *moments) handover() (h Handover, whole bool) {
	ms := func(from, to int64) time.Duration { return time.Duration(to-from) * time.Millisecond }
	h = Handover{ms(m.last, m.stopped), ms(m.stopped, m.started), ms(m.started, m.joined), ms(m.joined, m.first)}
	return h, min(m.last, m.stopped, m.started, m.joined, m.first) > 0
}

// Timeline prints the medians of handovers, by the names of those who made them.
func Timeline(out io.Writer, names []string, handovers map[string][]Handover) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "of one slot, medians\thandovers\tlast record to stopped\tto the next program's start\tto member\tto first record")
	for _, name := range names {
		all := handovers[name]
		if len(all) == 0 {
			continue
		}
		median := func(of func(Handover) time.Duration) int64 {
			var values []time.Duration
			for _, h := range all {
				values = append(values, of(h))
			}
			return Median(values).Milliseconds()
		}
		fmt.Fprintf(w, "%s\t%d\t%d ms\t%d ms\t%d ms\t%d ms\n", name, len(all),
			median(func(h Handover) time.Duration { return h.Stop }), median(func(h Handover) time.Duration { return h.Change }),
			median(func(h Handover) time.Duration { return h.Join }), median(func(h Handover) time.Duration { return h.First }))
	}
	w.Flush()
}
