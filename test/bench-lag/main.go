// Command bench-lag measures what reading lag costs: how many requests a tick of Kohort's
// collector sends for some number of groups, and how long it takes; and in the same run
// what one kadm.Lag per group does, which is what a scaler of its own for each group sends.
// Then, what cores and memory it takes to read very many. It prints two tables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

const (
	brokers    = 3
	topics     = 50
	partitions = 20
	// ticks are measured, after one that finds the coordinators.
	ticks = 5
	// interval between two of them: each is over before the next one begins.
	interval = 3 * time.Second
	// patience is how long a tick may take before it is taken for stuck.
	patience = time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	sizes := flag.String("groups", "10,100,1000,5000", "numbers of groups of 20 partitions, separated by commas; empty: none")
	size := flag.String("scale", "5000x100", "groups x partitions of which cores and memory are measured; empty: none")
	serving := flag.String("serve", "", "be the brokers of so much")
	flag.Parse()
	if err := start(ctx, *sizes, *size, *serving); err != nil {
		fmt.Fprintln(os.Stderr, "bench-lag:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, sizes, size, serving string) error {
	if serving != "" {
		s, err := parseScale(serving)
		if err != nil {
			return err
		}
		return serve(ctx, s)
	}
	if sizes != "" {
		if err := run(ctx, strings.Split(sizes, ",")); err != nil {
			return err
		}
	}
	if size == "" {
		return nil
	}
	s, err := parseScale(size)
	if err != nil {
		return err
	}
	return runScale(ctx, s)
}

func run(ctx context.Context, sizes []string) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "groups\tKohort, requests a tick\ttook\tkadm.Lag per group, requests\ttook\ttimes the requests")
	for _, size := range sizes {
		groups, err := strconv.Atoi(size)
		if err != nil {
			return fmt.Errorf("-groups: %w", err)
		}
		ours, theirs, err := measure(ctx, groups)
		if err != nil {
			return fmt.Errorf("%d groups: %w", groups, err)
		}
		fmt.Fprintf(table, "%d\t%d\t%s\t%d\t%s\t%.1f\n", groups, ours.requests, ours.took.Round(time.Millisecond),
			theirs.requests, theirs.took.Round(time.Millisecond), float64(theirs.requests)/float64(ours.requests))
	}
	return table.Flush()
}

// cost of reading all groups once.
type cost struct {
	requests int
	took     time.Duration
}

func measure(ctx context.Context, groups int) (ours, theirs cost, err error) {
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%d", i)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, names...))
	if err != nil {
		return ours, theirs, fmt.Errorf("start brokers: %w", err)
	}
	defer cluster.Close()
	var sent requests
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.WithHooks(&sent))
	if err != nil {
		return ours, theirs, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for i := range groups {
		offsets := kadm.Offsets{}
		for p := range int32(partitions) {
			offsets.AddOffset(names[i%topics], p, 0, -1)
		}
		if err := admin.CommitAllOffsets(ctx, group(i), offsets); err != nil {
			return ours, theirs, fmt.Errorf("commit for %s: %w", group(i), err)
		}
	}
	if theirs, err = perGroup(ctx, admin, &sent, groups); err != nil {
		return ours, theirs, err
	}
	ours, err = together(ctx, cluster.ListenAddrs(), names, groups)
	return ours, theirs, err
}

func group(i int) string { return fmt.Sprintf("group-%d", i) }

// perGroup asks for the lag of one group after the other; the first time for the
// coordinators.
func perGroup(ctx context.Context, admin *kadm.Client, sent *requests, groups int) (c cost, err error) {
	for range 2 {
		before, began := sent.n.Load(), time.Now()
		for i := range groups {
			lags, err := admin.Lag(ctx, group(i))
			if err := errors.Join(err, lags.Error()); err != nil {
				return c, fmt.Errorf("kadm.Lag of %s: %w", group(i), err)
			}
		}
		c = cost{int(sent.n.Load() - before), time.Since(began)}
	}
	return c, nil
}

// together has the collector read all groups; the median of some ticks.
func together(ctx context.Context, servers, names []string, groups int) (c cost, err error) {
	client, err := kafka.Open(kafka.Config{BootstrapServers: servers}, "bench-lag")
	if err != nil {
		return c, err
	}
	defer client.Close()
	read := make(chan string, groups)
	collector := kafka.NewCollector(client, kafka.Options{
		Interval: interval, StartsInterval: time.Hour, OnReading: func(group string) { read <- group },
	})
	for i := range groups {
		collector.Track(group(i), kafka.Target{Topics: names[i%topics : i%topics+1]})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go collector.Run(ctx)
	var costs []cost
	before := 0
	for range ticks + 1 {
		for range groups {
			select {
			case <-read:
			case <-time.After(patience):
				return c, fmt.Errorf("a tick takes longer than %s", patience)
			}
		}
		judged, _ := collector.Judged(group(0))
		sent := total(client)
		costs = append(costs, cost{sent - before, time.Since(judged.Reading.At)})
		before = sent
	}
	for i := range groups {
		if judged, ok := collector.Judged(group(i)); !ok || judged.Reading.Status() == lag.StatusErr || len(judged.Reading.Partitions) != partitions {
			return c, fmt.Errorf("%s was not read", group(i))
		}
	}
	costs = costs[1:]
	slices.SortFunc(costs, func(a, b cost) int { return int(a.took - b.took) })
	return costs[len(costs)/2], nil
}

func total(client *kafka.Client) (n int) {
	for _, sent := range client.RequestCounts() {
		n += sent
	}
	return n
}

// requests counts those that a client sends.
type requests struct{ n atomic.Int64 }

// OnBrokerWrite counts one.
func (r *requests) OnBrokerWrite(_ kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	if err == nil {
		r.n.Add(1)
	}
}
