package subjects

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/kohort-dev/kohort/test/measure"
)

// Cost is what an event cost a group.
type Cost struct {
	measure.Summary
	Rebalances int
	// Failover is from the death of a consumer until all of its partitions were processed
	// again; zero: none died.
	Failover time.Duration
}

func (c Cost) String() string {
	return fmt.Sprintf("rebalances %d, longest pause %v, sum of pauses %v, twice %d, lost %d, failover %v",
		c.Rebalances, c.MaxPause, c.Stood, c.Twice, c.Lost, c.Failover)
}

// Costs are those of one event and one subject, run after run.
type Costs []Cost

// Rebalances are the median and the most of them.
func (c Costs) Rebalances() (median, most int) {
	return c.counts(func(c Cost) int { return c.Rebalances })
}

// Failover is the median and the longest one.
func (c Costs) Failover() (median, longest time.Duration) {
	return spread(c, func(c Cost) time.Duration { return c.Failover })
}

func (c Costs) counts(of func(Cost) int) (median, most int) {
	for _, one := range c {
		most = max(most, of(one))
	}
	return middle(c, of), most
}

// Event is something that was done to groups, and what it cost those of each subject,
// by their names.
type Event struct {
	Name, Title string
	Costs       map[string]Costs
}

// CostTable prints medians, the greatest in brackets beside them, and how many times as
// long it took as with a reference. What was not measured is left out.
func CostTable(out io.Writer, all []Subject, events []Event, reference Subject) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\t\trebalances\tlongest pause of a partition\tsum of pauses, partition-seconds\ttwice\tfailover\n")
	for _, e := range events {
		for _, s := range all {
			costs, base := e.Costs[s.Name], e.Costs[reference.Name]
			if len(costs) == 0 {
				continue
			}
			rebalances, most := costs.Rebalances()
			twice, mostTwice := costs.counts(func(c Cost) int { return c.Twice })
			failover := "-"
			if _, longest := costs.Failover(); longest > 0 {
				failover = times(costs, base, func(c Cost) time.Duration { return c.Failover })
			}
			fmt.Fprintf(w, "%s\t%s\t%d (%d)\t%s\t%s\t%d (%d)\t%s\n", e.Title, s.Title, rebalances, most,
				times(costs, base, func(c Cost) time.Duration { return c.MaxPause }),
				times(costs, base, func(c Cost) time.Duration { return c.Stood }), twice, mostTwice, failover)
		}
	}
	w.Flush()
}

// times are a duration's median, its greatest value and its ratio to that of a
// reference, in seconds.
func times(costs, base Costs, of func(Cost) time.Duration) string {
	median, longest := spread(costs, of)
	text := figure(median.Seconds()) + " s (" + figure(longest.Seconds()) + ")"
	if len(base) == 0 {
		return text
	}
	if reference, _ := spread(base, of); reference > 0 {
		text += " x" + figure(median.Seconds()/reference.Seconds())
	}
	return text
}

// figure has no more digits than mean something.
func figure(value float64) string {
	switch {
	case value == 0:
		return "0"
	case value < 0.1:
		return fmt.Sprintf("%.3f", value)
	case value < 10:
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.0f", value)
}
