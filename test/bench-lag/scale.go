package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// scale is how much is read: each group has a topic of its own.
type scale struct{ groups, partitions int }

func (s scale) String() string { return fmt.Sprintf("%dx%d", s.groups, s.partitions) }

func parseScale(text string) (s scale, err error) {
	if _, err := fmt.Sscanf(text, "%dx%d", &s.groups, &s.partitions); err != nil {
		return s, fmt.Errorf("%q is not GROUPSxPARTITIONS: %w", text, err)
	}
	return s, nil
}

func (s scale) topic(i int) string { return fmt.Sprintf("topic-%d", i) }

const (
	// scaleInterval between two ticks: the operator's.
	scaleInterval = 5 * time.Second
	// scaleTicks are measured, after warmTicks.
	scaleTicks, warmTicks = 12, 4
	// scalePatience is how long the brokers may take to be ready, and a tick to come.
	scalePatience = 15 * time.Minute
)

// serve is the brokers, in a process of their own: what they cost is not counted. It says
// where they are and lives until its standard input ends.
func serve(ctx context.Context, s scale) error {
	topics := make([]string, s.groups)
	for i := range topics {
		topics[i] = s.topic(i)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(int32(s.partitions), topics...))
	if err != nil {
		return fmt.Errorf("start brokers: %w", err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	var failed error
	for i, topic := range topics {
		offsets := kadm.Offsets{}
		for p := range int32(s.partitions) {
			offsets.AddOffset(topic, p, 1, -1)
			for range 3 { // two of them wait
				client.Produce(ctx, &kgo.Record{Topic: topic, Partition: p}, func(_ *kgo.Record, err error) { failed = errors.Join(failed, err) })
			}
		}
		if err := admin.CommitAllOffsets(ctx, group(i), offsets); err != nil {
			return fmt.Errorf("commit for %s: %w", group(i), err)
		}
	}
	err = client.Flush(ctx) // before that, not all have failed that will
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	fmt.Println(strings.Join(cluster.ListenAddrs(), ","))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// load is what reading costs all the time.
type load struct {
	cores     float64
	live, rss uint64 // bytes: of what is used after a collection, and at most ever
}

// memoryLimit is nine tenths of a GiB: as much as an operator is told whose container may
// have a GiB (GOMEMLIMIT in config/manager).
const memoryLimit = (1 << 30) * 9 / 10

// underLoad reads groups that are watched.
func underLoad(ctx context.Context, s scale) (l load, err error) {
	debug.SetMemoryLimit(memoryLimit)
	servers, stop, err := startBrokers(ctx, s)
	if err != nil {
		return l, err
	}
	defer stop()
	client, err := kafka.Open(kafka.Config{BootstrapServers: servers}, "bench-lag")
	if err != nil {
		return l, err
	}
	defer client.Close()
	last := group(s.groups - 1)
	read := make(chan struct{}, 1)
	collector := kafka.NewCollector(client, kafka.Options{Interval: scaleInterval, OnReading: func(name string) {
		if name == last {
			read <- struct{}{}
		}
	}})
	collector.Watch(func(string) bool { return true })
	ctx, end := context.WithCancel(ctx)
	defer end()
	go collector.Run(ctx)
	var began time.Time
	var used time.Duration
	for tick := range warmTicks + scaleTicks {
		if tick == warmTicks {
			began, used = time.Now(), cpuTime()
		}
		select {
		case <-read:
		case <-time.After(scalePatience):
			return l, fmt.Errorf("a tick takes longer than %s", scalePatience)
		}
	}
	l.cores = (cpuTime() - used).Seconds() / time.Since(began).Seconds()
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	l.live, l.rss = memory.HeapAlloc, maxRSS()
	return l, check(collector, s)
}

// check says whether everything was read.
func check(collector *kafka.Collector, s scale) error {
	for i := range s.groups {
		judged, read := collector.Judged(group(i))
		total, _, known := judged.Reading.Lag()
		if !read || !known || total != 2*int64(s.partitions) || judged.Reading.Status() == lag.StatusErr {
			return fmt.Errorf("%s was not read: %d partitions, lag %d", group(i), len(judged.Reading.Partitions), total)
		}
	}
	return nil
}

// startBrokers starts this program once more.
func startBrokers(ctx context.Context, s scale) (servers []string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-serve", s.String())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start brokers: %w", err)
	}
	stop = func() { _ = stdin.Close(); _ = cmd.Wait() }
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("start brokers: %w", err)
	}
	return strings.Split(strings.TrimSpace(line), ","), stop, nil
}

func cpuTime() time.Duration {
	used := usage()
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// maxRSS is the most memory that the process ever had.
func maxRSS() uint64 { return uint64(usage().Maxrss) << 10 }

func usage() (used syscall.Rusage) {
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // it cannot fail
	return used
}

// runScale prints what reading so much costs.
func runScale(ctx context.Context, s scale) error {
	l, err := underLoad(ctx, s)
	if err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	windows := float64(s.groups * s.partitions)
	fmt.Fprintln(table, "groups x partitions, watched, limit 1 GiB\tcores\tlive heap\tof it for each partition\tmost memory (RSS)")
	fmt.Fprintf(table, "%s\t%.2f\t%d MiB\t%.0f bytes\t%d MiB\n", s, l.cores, l.live>>20, float64(l.live)/windows, l.rss>>20)
	return table.Flush()
}
