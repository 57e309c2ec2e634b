// Command demo shows Kohort at work in a terminal: a group comes up, a burst of
// records scales it in one step, a good release rolls through without a
// rebalance, and a bad one is stopped by the gate and rolled back. It needs no
// cluster, no root and no Docker, and leaves nothing running.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/measure"
)

const (
	namespace  = "default"
	group      = "orders"
	partitions = 12
	least      = 2 // slots
	most       = 6
	// patience bounds each scene, so that the demo cannot hang.
	patience = 5 * time.Minute
)

// steady and burst are records per second over all partitions; a slot of the
// first version processes slotRate.
const (
	steady   = 200
	burst    = 8000
	slotRate = 500
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("ONCE") != ""); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, once bool) (err error) {
	l, err := lab.Start(ctx, lab.Options{Progress: os.Stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Stop()) }()
	d := &demo{lab: l, screen: newScreen(os.Stdout)}
	fmt.Printf("\nThe broker is %s. Look around from another terminal:\n\n", l.Broker.Kind)
	fmt.Printf("  export KUBECONFIG=%s\n  %s get consumergroups,pods --watch\n", l.Plane.Kubeconfig, l.Plane.Paths.Kubectl)
	fmt.Printf("  the pods' logs are in %s, the operator's is %s\n", l.Logs(namespace, group), l.OperatorLog())
	for _, scene := range []func(context.Context) error{d.comeUp, d.scaleUp, d.goodRelease, d.badRelease} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	d.screen.title("That was all")
	if once {
		return nil
	}
	fmt.Println("  Everything goes on running until Ctrl-C; then nothing is left.")
	<-ctx.Done()
	return nil
}

// demo is the show.
type demo struct {
	lab      *lab.Lab
	screen   *screen
	producer *lab.Producer
}

func (d *demo) comeUp(ctx context.Context) error {
	d.screen.title(fmt.Sprintf("1. A KafkaCluster and a ConsumerGroup are applied: topic %s, %d partitions, %d to %d slots", group, partitions, least, most))
	if err := d.lab.Broker.CreateTopic(ctx, group, partitions); err != nil {
		return err
	}
	var err error
	if d.producer, err = d.lab.Produce(ctx, group, steady); err != nil {
		return err
	}
	if err := d.lab.Client.Create(ctx, d.lab.Cluster(namespace)); err != nil {
		return fmt.Errorf("create the KafkaCluster: %w", err)
	}
	cg := d.lab.Group(namespace, group, least, lab.Version{Name: "v1", Rate: slotRate, Records: true})
	cg.Spec.Scaling = &v1alpha1.Scaling{
		MinReplicas: ptr.To[int32](least), MaxReplicas: most,
		Targets: v1alpha1.ScalingTargets{LagPerReplica: 200},
	}
	cg.Spec.Rollout.Gate.SettledSeconds = ptr.To[int32](5)
	if err := d.lab.Client.Create(ctx, cg); err != nil {
		return fmt.Errorf("create the ConsumerGroup: %w", err)
	}
	return d.watch(ctx, "every slot consumes", func(cg *v1alpha1.ConsumerGroup) bool {
		return cg.Status.Phase == v1alpha1.PhaseRunning && cg.Status.ReadyReplicas == least
	})
}

func (d *demo) scaleUp(ctx context.Context) error {
	d.screen.title(fmt.Sprintf("2. A burst: %d records/s instead of %d, until the lag asks for %d slots", burst, steady, most))
	before := d.lab.Broker.Rebalances(group)
	if err := d.producer.SetRate(burst); err != nil {
		return err
	}
	err := d.watch(ctx, "the group is to grow", func(cg *v1alpha1.ConsumerGroup) bool { return cg.Status.DesiredReplicas == most })
	if err = errors.Join(err, d.producer.SetRate(steady)); err != nil {
		return err
	}
	err = d.watch(ctx, "the new slots consume, and the lag is gone", func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.Phase == v1alpha1.PhaseRunning && s.ReadyReplicas == most && s.Lag != nil && s.Lag.Total < 500
	})
	if err != nil {
		return err
	}
	d.screen.result("%d slots to %d, rebalances: %d", least, most, d.lab.Broker.Rebalances(group)-before)
	return nil
}

func (d *demo) goodRelease(ctx context.Context) error {
	d.screen.title("3. A good release: the template changes to v2")
	before, from := d.lab.Broker.Rebalances(group), time.Now()
	if err := d.apply(ctx, lab.Version{Name: "v2", Rate: slotRate, Records: true}); err != nil {
		return err
	}
	err := d.watch(ctx, "every slot runs v2", func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.Phase == v1alpha1.PhaseRunning && s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == most &&
			s.ObservedGeneration == cg.Generation
	})
	if err != nil {
		return err
	}
	return d.account(before, from)
}

func (d *demo) badRelease(ctx context.Context) error {
	d.screen.title("4. A bad release: v3 joins, is ready, and processes nothing")
	before, from := d.lab.Broker.Rebalances(group), time.Now()
	if err := d.apply(ctx, lab.Version{Name: "v3", Behaviour: "stalled", Rate: slotRate, Records: true}); err != nil {
		return err
	}
	err := d.watch(ctx, "the gate fails, and the slot is handed back", func(cg *v1alpha1.ConsumerGroup) bool {
		r := cg.Status.State.Rollout
		return r != nil && r.Stage == v1alpha1.RolloutRolledBack && cg.Status.ReadyReplicas == most
	})
	if err != nil {
		return err
	}
	return d.account(before, from)
}

// account says what a release did to the group. Records that are under way are
// given a moment to be processed and logged.
func (d *demo) account(rebalances int, from time.Time) error {
	records, err := measure.Records(d.lab.Logs(namespace, group))
	if err != nil {
		return err
	}
	s := measure.Summarize(measure.Outcomes(records, from, lastOf(records)))
	d.screen.result("rebalances: %d; longest pause of a partition: median %d ms, max %d ms; processed twice: %d, lost: %d",
		d.lab.Broker.Rebalances(group)-rebalances, s.MedianPause.Milliseconds(), s.MaxPause.Milliseconds(), s.Twice, s.Lost)
	return nil
}

func lastOf(records []measure.Record) time.Time {
	var last time.Time
	for _, r := range records {
		if r.At.After(last) {
			last = r.At
		}
	}
	return last
}
