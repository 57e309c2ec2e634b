package subjects

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/kohort-dev/kohort/test/measure"
)

// Failover is what the death of one consumer cost.
type Failover struct {
	measure.Failover
	Rebalances int
}

func (f Failover) String() string {
	return fmt.Sprintf("rebalances %d, longest pause of its partitions %v, of others %v, twice %d, lost %d", f.Rebalances, f.Mine, f.Others, f.Twice, f.Lost)
}

// FailoverTable prints medians, and the greatest pause beside them.
func FailoverTable(out io.Writer, all []Subject, failovers map[string][]Failover) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\trebalances\tlongest pause of its partitions (max)\tof the others (max)\ttwice\tlost\n")
	for _, s := range all {
		runs := failovers[s.Name]
		mine, mineMax := spread(runs, func(f Failover) time.Duration { return f.Mine })
		others, othersMax := spread(runs, func(f Failover) time.Duration { return f.Others })
		fmt.Fprintf(w, "%s\t%d\t%d ms (%d)\t%d ms (%d)\t%d\t%d\n", s.Title, middle(runs, func(f Failover) int { return f.Rebalances }),
			mine.Milliseconds(), mineMax.Milliseconds(), others.Milliseconds(), othersMax.Milliseconds(),
			middle(runs, func(f Failover) int { return f.Twice }), middle(runs, func(f Failover) int { return f.Lost }))
	}
	w.Flush()
}
