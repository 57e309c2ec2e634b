package subjects

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/kohort-dev/kohort/test/measure"
)

// Outcome is what one release cost.
type Outcome struct {
	measure.Summary
	Rebalances int
	Took       time.Duration
	// Handovers of its slots, where they have instance ids.
	Handovers []measure.Handover
}

func (o Outcome) String() string {
	return fmt.Sprintf("rebalances %d, longest pause median %v, max %v, sum %v, twice %d, lost %d, took %v", o.Rebalances,
		o.MedianPause, o.MaxPause, o.SumPause, o.Twice, o.Lost, o.Took.Round(100*time.Millisecond))
}

// Table prints medians, the greatest of the worst partitions beside them, and the
// ratio of each pause to that of a reference.
func Table(out io.Writer, all []Subject, outcomes map[string][]Outcome, reference Subject) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\trebalances\tlongest pause, median partition\tworst partition (max)\tsum of pauses\ttwice\tlost\ttook\tpause / %s's\n", reference.Name)
	base := medianOf(outcomes[reference.Name])
	for _, s := range all {
		m := medianOf(outcomes[s.Name])
		ratio := "-"
		if base.MedianPause > 0 {
			ratio = fmt.Sprintf("%.2f", float64(m.MedianPause)/float64(base.MedianPause))
		}
		_, worst := spread(outcomes[s.Name], func(o Outcome) time.Duration { return o.MaxPause })
		fmt.Fprintf(w, "%s\t%d\t%d ms\t%d ms (%d)\t%.1f s\t%d\t%d\t%.1f s\t%s\n", s.Title, m.Rebalances, m.MedianPause.Milliseconds(),
			m.MaxPause.Milliseconds(), worst.Milliseconds(), m.SumPause.Seconds(), m.Twice, m.Lost, m.Took.Seconds(), ratio)
	}
	w.Flush()
	var names []string
	handovers := map[string][]measure.Handover{}
	for _, s := range all {
		names = append(names, s.Title)
		for _, o := range outcomes[s.Name] {
			handovers[s.Title] = append(handovers[s.Title], o.Handovers...)
		}
	}
	fmt.Fprintln(out)
	measure.Timeline(out, names, handovers)
}

// middle is the median of a count over some runs, the greater of the middle two.
func middle[T any](all []T, of func(T) int) int {
	var values []int
	for _, one := range all {
		values = append(values, of(one))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// spread is the median and the greatest of a duration over some runs.
func spread[T any](all []T, of func(T) time.Duration) (median, greatest time.Duration) {
	var values []time.Duration
	for _, one := range all {
		values = append(values, of(one))
	}
	return measure.Median(values), slices.Max(values)
}

func medianOf(all []Outcome) Outcome {
	if len(all) == 0 {
		return Outcome{} // it was not asked for
	}
	ints := func(of func(Outcome) int) int { return middle(all, of) }
	times := func(of func(Outcome) time.Duration) time.Duration {
		median, _ := spread(all, of)
		return median
	}
	return Outcome{
		Summary: measure.Summary{
			MedianPause: times(func(o Outcome) time.Duration { return o.MedianPause }),
			MaxPause:    times(func(o Outcome) time.Duration { return o.MaxPause }),
			SumPause:    times(func(o Outcome) time.Duration { return o.SumPause }),
			Twice:       ints(func(o Outcome) int { return o.Twice }),
			Lost:        ints(func(o Outcome) int { return o.Lost }),
		},
		Rebalances: ints(func(o Outcome) int { return o.Rebalances }),
		Took:       times(func(o Outcome) time.Duration { return o.Took }),
	}
}
