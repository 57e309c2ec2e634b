package measure

import (
	"slices"
	"strings"
	"time"
)

// Failover is what the death of one consumer cost.
type Failover struct {
	// Mine is the longest pause of the partitions that it had, Others that of all
	// others.
	Mine, Others time.Duration
	// Partitions is how many it had.
	Partitions  int
	Twice, Lost int
}

// FailoverOf is what became of all partitions in a span of time at whose beginning
// the owner of a log died, which is given by its path.
func FailoverOf(records []Record, log string, from, to time.Time) Failover {
	var f Failover
	for _, o := range Outcomes(records, from, to) {
		f.Twice += o.Twice
		f.Lost += o.Lost
		if owns(ownerAt(records, o, from), log) {
			f.Partitions++
			f.Mine = max(f.Mine, o.Pause)
		} else {
			f.Others = max(f.Others, o.Pause)
		}
	}
	return f
}

// Again is how long after a time, at which the owner of a log died, the last of its
// partitions was processed by another, or by itself when it had begun anew; up to the
// end of the span for one that was not. ok: it had any.
func Again(records []Record, log string, died, to time.Time) (after time.Duration, ok bool) {
	for _, o := range Outcomes(records, died, to) {
		before := ownerAt(records, o, died)
		if !owns(before, log) {
			continue
		}
		next := to
		for _, r := range records {
			if r.Topic == o.Topic && r.Partition == o.Partition && r.Owner != before && r.At.After(died) && r.At.Before(next) {
				next = r.At
			}
		}
		after, ok = max(after, next.Sub(died)), true
	}
	return after, ok
}

// owns says whether an owner is that of a log.
func owns(owner, log string) bool { return strings.HasPrefix(owner, log+"#") }

// ownerAt is who processed the last record of a partition before a time.
func ownerAt(records []Record, o Outcome, at time.Time) string {
	before := slices.DeleteFunc(slices.Clone(records), func(r Record) bool {
		return r.Topic != o.Topic || r.Partition != o.Partition || r.At.After(at)
	})
	if len(before) == 0 {
		return ""
	}
	return slices.MaxFunc(before, func(a, b Record) int { return a.At.Compare(b.At) }).Owner
}
