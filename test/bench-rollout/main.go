// Command bench-rollout measures what a release costs a consumer group: with Kohort by each
// strategy and handover, and in the same run with a Deployment (dynamic members replaced one
// by one) and a StatefulSet (static members stopped and started).
// The pods are processes with the delays of a real kubelet, and 2 s for scheduling
// and pulling; the broker is a real one where Java and Maven are there.
//
// It prints a table. RUNS sets how often each is measured (default 3), SUBJECTS which
// (names, separated by commas; default all).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
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
	subjects.Kohort("blue-green", "Kohort, BlueGreen, Process", blueGreen),
	subjects.Kohort("canary", "Kohort, Canary, Process", canary),
	subjects.Kohort("recreate", "Kohort, Recreate, Process", recreate),
	subjects.Kohort("slow-same-id", "Kohort, BlueGreen, SameId, 5 s to start", slowly(v1alpha1.HandoverSameID)),
	subjects.Kohort("slow-overlap", "Kohort, BlueGreen, Overlap, 5 s to start", slowly(v1alpha1.HandoverOverlap)),
	subjects.Deployment,
	subjects.StatefulSet,
}

// blueGreen has all slots handed over together.
func blueGreen(cg *v1alpha1.ConsumerGroup) {
	subjects.Process(cg)
	cg.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen
}

// canary has one slot handed over first, and the others together.
func canary(cg *v1alpha1.ConsumerGroup) {
	subjects.Process(cg)
	one := int32(1)
	cg.Spec.Rollout.Strategy = v1alpha1.StrategyCanary
	cg.Spec.Rollout.Canary = &v1alpha1.Canary{Then: v1alpha1.StrategyBlueGreen, Steps: []v1alpha1.CanaryStep{{Slots: &one}}}
}

// recreate has all slots stopped before one starts again.
func recreate(cg *v1alpha1.ConsumerGroup) {
	subjects.Process(cg)
	cg.Spec.Rollout.Strategy = v1alpha1.StrategyRecreate
}

// slowStart is what a program takes to start whose subject's name begins with slow.
const slowStart = 5 * time.Second

const slow = "slow-"

// slowly is BlueGreen by a handover, for a program that takes long to start.
func slowly(handover v1alpha1.Handover) func(*v1alpha1.ConsumerGroup) {
	return func(cg *v1alpha1.ConsumerGroup) {
		blueGreen(cg)
		cg.Spec.Rollout.Handover = handover
		cg.Spec.Membership.HeartbeatSeconds = ptr.To[int32](3) // as clients have by themselves
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-rollout:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	runs, err := subjects.Runs()
	if err != nil {
		return err
	}
	wanted, err := subjects.Chosen(all)
	if err != nil {
		return err
	}
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
	outcomes, err := subjects.Repeat(runs, wanted, func(s subjects.Subject, run int) (subjects.Outcome, error) {
		return release(ctx, l, s, fmt.Sprintf("%s-%d", s.Name, run))
	})
	if err != nil {
		return err
	}
	fmt.Printf("\nA release of %d consumers on %d partitions, %d records/s; %s; medians of %d runs\n\n", slots, partitions, perSecond, l.Broker.Kind, runs)
	subjects.Table(os.Stdout, wanted, outcomes, subjects.StatefulSet)
	return nil
}

// release measures one release of one subject.
func release(ctx context.Context, l *lab.Lab, s subjects.Subject, name string) (subjects.Outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("it did not get there in "+patience.String()))
	defer cancel()
	g, look, producer, err := l.Set(ctx, lab.Stage{
		Namespace: namespace, Name: name, Slots: slots, Partitions: partitions, PerSecond: perSecond, Quiet: quiet,
		Version: func(string) lab.Version {
			v := lab.Version{Command: lab.ConsumerCommand}
			if strings.HasPrefix(s.Name, slow) {
				v.StartDelayMillis = int(slowStart / time.Millisecond)
			}
			return v
		},
	})
	if err != nil {
		return subjects.Outcome{}, err
	}
	defer producer.Stop()
	return s.Measure(ctx, g, look)
}
