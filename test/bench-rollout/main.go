// Command bench-rollout measures what a release costs a consumer group: with
// Kohort's Rolling, with either activation, and in the same run with a Deployment
// (dynamic members replaced one by one) and a StatefulSet (static members stopped
// and started).
// The pods are processes with the delays of a real kubelet, and 2 s for scheduling
// and pulling; the broker is a real one where Java and Maven are there.
//
// It prints a table. RUNS sets how often each is measured (default 3).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/subjects"
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

var all = []subjects.Subject{
	subjects.Kohort("sidecar", "Kohort, Sidecar", nil),
	subjects.Kohort("process", "Kohort, Process", subjects.Process),
	subjects.Deployment,
	subjects.StatefulSet,
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
	outcomes := map[string][]subjects.Outcome{}
	for i := range runs() {
		for _, s := range all {
			name := fmt.Sprintf("%s-%d", s.Name, i)
			o, err := release(ctx, l, s, name)
			if err != nil {
				return fmt.Errorf("measure %s: %w", name, err)
			}
			fmt.Fprintf(os.Stderr, "%-14s %v\n", name, o)
			outcomes[s.Name] = append(outcomes[s.Name], o)
		}
	}
	fmt.Printf("\nA release of %d consumers on %d partitions, %d records/s; %s; medians of %d runs\n\n", slots, partitions, perSecond, l.Broker.Kind, runs())
	subjects.Table(os.Stdout, all, outcomes, subjects.StatefulSet)
	return nil
}

// release measures one release of one subject.
func release(ctx context.Context, l *lab.Lab, s subjects.Subject, name string) (subjects.Outcome, error) {
	var none subjects.Outcome
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
	g := subjects.Group{
		Client: l.Client, Namespace: namespace, Name: name, Slots: slots, Cluster: "lab", Bootstrap: l.Bootstrap(),
		Template: func(version string) corev1.PodTemplateSpec { return template(name, version) },
	}
	return s.Measure(ctx, g, subjects.Look{
		Partitions: partitions, Quiet: quiet,
		Rebalances: func() (int, error) { return l.Broker.Rebalances(name), nil },
		Logs:       l.Logs(namespace, name),
	})
}

func template(topic, version string) (t corev1.PodTemplateSpec) {
	raw := lab.Version{Name: version, Command: lab.ConsumerCommand, Records: true}.Raw(topic)
	if err := json.Unmarshal(raw.Raw, &t); err != nil {
		panic(err) // it was marshalled a moment ago
	}
	return t
}
