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
// the owner died whose log begins with a name.
func FailoverOf(records []Record, log string, from, to time.Time) Failover {
	var f Failover
	for _, o := range Outcomes(records, from, to) {
		f.Twice += o.Twice
		f.Lost += o.Lost
		if strings.HasPrefix(ownerAt(records, o, from), log) {
			f.Partitions++
			f.Mine = max(f.Mine, o.Pause)
		} else {
			f.Others = max(f.Others, o.Pause)
		}
	}
	return f
}

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
