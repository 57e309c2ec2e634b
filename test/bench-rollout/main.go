// Command bench-rollout measures what a release costs a consumer group: with
// Kohort's Rolling, and in the same run with a Deployment (dynamic members
// replaced one by one) and a StatefulSet (static members stopped and started).
// The pods are processes with the delays of a real kubelet, and 2 s for scheduling
// and pulling; the broker is a real one where Java and Maven are there.
//
// It prints a table. RUNS sets how often each is measured (default 3).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/measure"
	"github.com/kohort-dev/kohort/test/testbed"
)

const (
	namespace  = "default"
	slots      = 6
	partitions = 12
	// perSecond is records over all partitions: 25 for each.
	perSecond = 300
	// scheduling and pulling, for every new pod.
	scheduling = 2 * time.Second
	// patience bounds every wait.
	patience = 5 * time.Minute
	// quiet is how long before and after a release the group is left alone.
	quiet = 8 * time.Second
)

// outcome is what one release cost.
type outcome struct {
	measure.Summary
	rebalances int
	took       time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-rollout:", err)
		os.Exit(1)
	}
}

func runs() int {
	if n, err := strconv.Atoi(os.Getenv("RUNS")); err == nil && n > 0 {
		return n
	}
	return 3
}

func run(ctx context.Context) (err error) {
	delays := testbed.RealDelays()
	delays.Schedule = scheduling
	l, err := lab.Start(ctx, lab.Options{Progress: os.Stderr, Delays: delays})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Stop()) }()
	if err := l.Client.Create(ctx, l.Cluster(namespace)); err != nil {
		return fmt.Errorf("create the KafkaCluster: %w", err)
	}
	outcomes := map[string][]outcome{}
	for i := range runs() {
		for _, s := range subjects {
			name := fmt.Sprintf("%s-%d", s.name, i)
			o, err := release(ctx, l, s, name)
			if err != nil {
				return fmt.Errorf("measure %s: %w", name, err)
			}
			fmt.Fprintf(os.Stderr, "%-14s rebalances %d, longest pause median %v, max %v, twice %d, lost %d, took %v\n",
				name, o.rebalances, o.MedianPause, o.MaxPause, o.Twice, o.Lost, o.took.Round(100*time.Millisecond))
			outcomes[s.name] = append(outcomes[s.name], o)
		}
	}
	fmt.Printf("\nA release of %d consumers on %d partitions, %d records/s; %s; medians of %d runs\n\n", slots, partitions, perSecond, l.Broker.Kind, runs())
	table(outcomes)
	return nil
}

// release measures one release of one subject.
func release(ctx context.Context, l *lab.Lab, s subject, name string) (outcome, error) {
	var none outcome
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("it did not get there in "+patience.String()))
	defer cancel()
	if err := l.Broker.CreateTopic(ctx, name, partitions); err != nil {
		return none, err
	}
	producer, err := l.Produce(ctx, name, perSecond)
	if err != nil {
		return none, err
	}
	defer producer.Stop()
	b := &bench{lab: l, name: name}
	if err := s.start(ctx, b); err != nil {
		return none, err
	}
	if err := rest(ctx); err != nil {
		return none, err
	}
	before, from := l.Broker.Rebalances(name), time.Now()
	if err := s.release(ctx, b); err != nil {
		return none, err
	}
	took := time.Since(from)
	if err := rest(ctx); err != nil {
		return none, err
	}
	to, rebalances := time.Now(), l.Broker.Rebalances(name)-before
	if err := s.stop(ctx, b); err != nil {
		return none, err
	}
	records, err := measure.Records(l.Logs(namespace, name))
	if err != nil {
		return none, err
	}
	outcomes := measure.Outcomes(records, from, to)
	if len(outcomes) != partitions {
		return none, fmt.Errorf("records of %d partitions were processed, not of %d", len(outcomes), partitions)
	}
	return outcome{measure.Summarize(outcomes), rebalances, took}, nil
}

func rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(quiet):
		return nil
	}
}

// table prints medians, and ratios to Kohort's.
func table(outcomes map[string][]outcome) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\trebalances\tlongest pause, median partition\tworst partition\tprocessed twice\tlost\ttook\tpause, ratio of Kohort's to it")
	kohort := medianOf(outcomes[subjects[0].name])
	for _, s := range subjects {
		m := medianOf(outcomes[s.name])
		ratio := "-"
		if m.MedianPause > 0 {
			ratio = fmt.Sprintf("%.2f", float64(kohort.MedianPause)/float64(m.MedianPause))
		}
		fmt.Fprintf(w, "%s\t%d\t%d ms\t%d ms\t%d\t%d\t%.1f s\t%s\n", s.title, m.rebalances,
			m.MedianPause.Milliseconds(), m.MaxPause.Milliseconds(), m.Twice, m.Lost, m.took.Seconds(), ratio)
	}
	w.Flush()
}

func medianOf(all []outcome) outcome {
	ints := func(of func(outcome) int) int {
		var values []int
		for _, o := range all {
			values = append(values, of(o))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	times := func(of func(outcome) time.Duration) time.Duration {
		var values []time.Duration
		for _, o := range all {
			values = append(values, of(o))
		}
		return measure.Median(values)
	}
	return outcome{
		Summary: measure.Summary{
			MedianPause: times(func(o outcome) time.Duration { return o.MedianPause }),
			MaxPause:    times(func(o outcome) time.Duration { return o.MaxPause }),
			Twice:       ints(func(o outcome) int { return o.Twice }),
			Lost:        ints(func(o outcome) int { return o.Lost }),
		},
		rebalances: ints(func(o outcome) int { return o.rebalances }),
		took:       times(func(o outcome) time.Duration { return o.took }),
	}
}
