// Command kills kills the operator at random moments of real rollouts, KILLS times (default
// 200): the process, as kill -9 does. Groups by each strategy take a release after another at
// the same time, of which every third is bad. Each has to end where it does when nobody is
// killed: a good one with all slots on it, a bad one with none. No group may rebalance but the
// one by Overlap, as often as its slots may join apart. No record may be lost, and no two
// consumers may process a partition at once. It prints a table, and fails if any of this is not
// so. SEED repeats a run's moments.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/measure"
	"github.com/kohort-dev/kohort/test/testbed/broker"
)

const (
	namespace  = "default"
	slots      = 3
	partitions = 6
	perSecond  = 60
	// perRelease is how often it is killed in one release, before that may go on to its end.
	perRelease = 12
	// patience bounds a release.
	patience = 6 * time.Minute
	look     = 100 * time.Millisecond
	// slowStart is what the program of the group by Overlap takes to start.
	slowStart = 2 * time.Second
	// overlapping is how many rebalances a release by Overlap may have: one in which the
	// successors join and one in which their predecessors' ids are removed, and where the
	// operator is killed between two activations, successors join apart.
	overlapping = slots + 1
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "kills:", err)
		os.Exit(1)
	}
}

// setting is a number of the environment.
func setting(name string, otherwise int64) (int64, error) {
	text := os.Getenv(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s=%q is no number from 1 on", name, text)
	}
	return n, nil
}

func run(ctx context.Context) (err error) {
	kills, err := setting("KILLS", 200)
	if err != nil {
		return err
	}
	seed, err := setting("SEED", time.Now().UnixNano())
	if err != nil {
		return err
	}
	l, err := lab.Start(ctx, lab.Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Stop()) }()
	if err := l.Client.Create(ctx, l.Cluster(namespace)); err != nil {
		return fmt.Errorf("create the KafkaCluster: %w", err)
	}
	t := &trial{lab: l, rng: rand.New(rand.NewSource(seed)), left: int(kills)}
	for _, s := range strategies {
		g, err := t.start(ctx, s)
		if err != nil {
			return err
		}
		t.groups = append(t.groups, g)
	}
	if err := t.releases(ctx); err != nil {
		return fmt.Errorf("SEED=%d: %w", seed, err)
	}
	fmt.Printf("\n%d kills in %d releases of each of %d groups; %s; SEED=%d\n\n", t.killed, t.released, len(t.groups), l.Broker.Kind, seed)
	return t.report()
}

// strategy is one by which a group takes its releases.
type strategy struct {
	name    string
	allowed int           // rebalances of a release
	start   time.Duration // of the program
	how     func(*v1alpha1.ConsumerGroup)
}

var strategies = []strategy{
	{name: "rolling", how: func(*v1alpha1.ConsumerGroup) {}},
	{name: "process", how: func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Membership.Activation = v1alpha1.ActivationProcess }},
	{name: "blue-green", how: func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen }},
	{name: "canary", how: func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Rollout.Strategy = v1alpha1.StrategyCanary
		cg.Spec.Rollout.Canary = &v1alpha1.Canary{Then: v1alpha1.StrategyBlueGreen, Steps: []v1alpha1.CanaryStep{
			{Slots: ptr.To[int32](1), Pause: &v1alpha1.CanaryPause{Seconds: ptr.To[int32](3)}},
		}}
	}},
	{name: "recreate", how: func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.Strategy = v1alpha1.StrategyRecreate }},
	{name: "overlap", allowed: overlapping, start: slowStart, how: func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen
		cg.Spec.Rollout.Handover = v1alpha1.HandoverOverlap
	}},
}

// trial is the run.
type trial struct {
	lab      *lab.Lab
	rng      *rand.Rand
	groups   []*group
	left     int // kills
	killed   int
	released int
}

// group takes releases by one strategy.
type group struct {
	strategy
	producer   *lab.Producer
	rebalances int // when it had started
	good, bad  int // releases
}

func (t *trial) start(ctx context.Context, s strategy) (*group, error) {
	g := &group{strategy: s}
	if err := t.lab.Broker.CreateTopic(ctx, g.name, partitions); err != nil {
		return nil, err
	}
	var err error
	if g.producer, err = t.lab.Produce(ctx, g.name, perSecond); err != nil {
		return nil, err
	}
	cg := t.lab.Group(namespace, g.name, slots, g.version(1, true))
	cg.Spec.Rollout.Gate.SettledSeconds = ptr.To[int32](2)
	s.how(cg)
	if err := t.lab.Client.Create(ctx, cg); err != nil {
		return nil, fmt.Errorf("create ConsumerGroup %s: %w", g.name, err)
	}
	err = t.until(ctx, g, func(s v1alpha1.ConsumerGroupStatus) bool {
		return s.Phase == v1alpha1.PhaseRunning && s.ReadyReplicas == slots
	})
	g.rebalances = t.lab.Broker.Rebalances(g.name)
	return g, err
}

func (g *group) version(n int, good bool) lab.Version {
	v := lab.Version{
		Name: fmt.Sprint("v", n), Command: lab.ConsumerCommand, Records: true,
		StartDelayMillis: int(g.start.Milliseconds()),
	}
	if !good {
		v.Behaviour = "stalled"
	}
	return v
}

// releases has all groups take one after another, until all kills were made.
func (t *trial) releases(ctx context.Context) error {
	for n := 2; t.left > 0; n++ {
		good := n%3 != 0
		t.released++
		before := map[string]string{}
		for _, g := range t.groups {
			cg, err := t.get(ctx, g)
			if err != nil {
				return err
			}
			before[g.name] = cg.Status.StableRevision
			patched := cg.DeepCopy()
			patched.Spec.Template = g.version(n, good).Raw(g.name)
			if err := t.lab.Client.Patch(ctx, patched, ctrlclient.MergeFrom(cg)); err != nil {
				return fmt.Errorf("release v%d of %s: %w", n, g.name, err)
			}
		}
		if err := t.kill(ctx); err != nil {
			return err
		}
		for _, g := range t.groups {
			if err := t.ends(ctx, g, good, before[g.name]); err != nil {
				return fmt.Errorf("release v%d, good: %v: %w", n, good, err)
			}
		}
		fmt.Fprintf(os.Stderr, "release v%d has ended as it should, %d kills so far\n", n, t.killed)
	}
	return nil
}

// kill kills the operator at random moments, and starts it again at once or a little later.
func (t *trial) kill(ctx context.Context) error {
	for range min(perRelease, t.left) {
		if err := t.pause(ctx, 4*time.Second); err != nil {
			return err
		}
		t.lab.KillOperator()
		t.killed, t.left = t.killed+1, t.left-1
		if err := t.pause(ctx, time.Second); err != nil {
			return err
		}
		if err := t.lab.StartOperator(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) pause(ctx context.Context, most time.Duration) error {
	select {
	case <-time.After(time.Duration(t.rng.Int63n(int64(most)))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ends waits until a release has ended as it would have if nobody had been killed.
func (t *trial) ends(ctx context.Context, g *group, good bool, before string) error {
	if good {
		g.good++
		return t.until(ctx, g, func(s v1alpha1.ConsumerGroupStatus) bool {
			return s.StableRevision == s.UpdateRevision && s.StableRevision != before && s.Phase == v1alpha1.PhaseRunning &&
				s.UpdatedReplicas == slots && s.ReadyReplicas == slots
		})
	}
	g.bad++
	return t.until(ctx, g, func(s v1alpha1.ConsumerGroupStatus) bool {
		r := s.State.Rollout
		return r != nil && r.Stage == v1alpha1.RolloutRolledBack && s.StableRevision == before && s.UpdatedReplicas == 0 && s.ReadyReplicas == slots
	})
}

func (t *trial) get(ctx context.Context, g *group) (*v1alpha1.ConsumerGroup, error) {
	cg := &v1alpha1.ConsumerGroup{}
	if err := t.lab.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: namespace, Name: g.name}, cg); err != nil {
		return nil, fmt.Errorf("read ConsumerGroup %s: %w", g.name, err)
	}
	return cg, nil
}

func (t *trial) until(ctx context.Context, g *group, holds func(v1alpha1.ConsumerGroupStatus) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		cg, err := t.get(ctx, g)
		if err != nil {
			return err
		}
		if s := cg.Status; s.ObservedGeneration == cg.Generation && holds(s) {
			return nil
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
			return fmt.Errorf("%s did not get there in %s: %s: %s, state %+v", g.name, patience, cg.Status.Phase, cg.Status.Message, cg.Status.State)
		}
	}
}

// report prints what the groups went through, and says what should not have been.
func (t *trial) report() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "strategy\tgood releases\tbad ones, rolled back\trebalances\trecords\tlost\tby two at once")
	var errs []error
	for _, g := range t.groups {
		g.producer.Stop()
		records, err := measure.Records(t.lab.Logs(namespace, g.name))
		if err != nil {
			return err
		}
		sum := measure.Summarize(measure.Outcomes(records, time.Time{}, time.Now()))
		rebalances := t.lab.Broker.Rebalances(g.name) - g.rebalances
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", g.name, g.good, g.bad, rebalances, len(records), sum.Lost, sum.Contested)
		if sum.Lost > 0 || sum.Contested > 0 || rebalances > g.allowed*(g.good+g.bad) && t.lab.Broker.Kind != broker.Kfake {
			errs = append(errs, fmt.Errorf("%s: %d rebalances, %d records lost, %d processed by two at once", g.name, rebalances, sum.Lost, sum.Contested))
		}
	}
	return errors.Join(append(errs, w.Flush())...)
}
