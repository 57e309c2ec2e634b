// Package whole tests Kohort as a whole: the operator as a process, a real control
// plane, pods as processes, and a real broker where Java and Maven are there.
//
// Most of a test is waiting for what a gate waits for, so the groups live side by
// side in one world. Tests that harm the operator or the broker have them to
// themselves: they are not parallel, and run first.
package whole

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/measure"
	"github.com/kohort-dev/kohort/test/testbed/broker"
)

const (
	namespace  = "default"
	partitions = 6
	// patience is how long anything may take before it is taken for stuck.
	patience = 3 * time.Minute
)

var world *lab.Lab

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	ctx := context.Background()
	var err error
	world, err = lab.Start(ctx, lab.Options{Progress: os.Stderr, Nodes: 2})
	if err == nil {
		err = world.Client.Create(ctx, world.Cluster(namespace))
	}
	code := 1
	if err == nil {
		code = m.Run()
	}
	if code != 0 && world != nil {
		fmt.Fprintln(os.Stderr, "The operator's last words:\n"+operatorsLastWords())
	}
	if world != nil {
		err = errors.Join(err, world.Stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func operatorsLastWords() string {
	log, err := os.ReadFile(world.OperatorLog())
	if err != nil {
		return "none: " + err.Error()
	}
	lines := strings.Split(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-100):], "\n")
}

// group is a ConsumerGroup under test, with a topic of its own.
type group struct {
	*WithT
	t        *testing.T
	name     string
	producer *lab.Producer
}

// ctx outlives the test's own, for the deletion of the group at its end.
func (g group) ctx() context.Context { return context.WithoutCancel(g.t.Context()) }

// start makes a topic, a steady producer and a group, and waits until it
// consumes.
func start(t *testing.T, name string, replicas int32, how ...func(*v1alpha1.ConsumerGroup)) group {
	t.Helper()
	g := create(t, name, replicas, how...)
	g.running(replicas)
	return g
}

func create(t *testing.T, name string, replicas int32, how ...func(*v1alpha1.ConsumerGroup)) group {
	t.Helper()
	g := group{WithT: NewWithT(t), t: t, name: name}
	g.Expect(world.Broker.CreateTopic(g.ctx(), name, partitions)).To(Succeed())
	var err error
	g.producer, err = world.Produce(g.ctx(), name, 60)
	g.Expect(err).NotTo(HaveOccurred())
	cg := world.Group(namespace, name, replicas, lab.Version{Name: "v1", Records: true})
	cg.Spec.Rollout.Gate.SettledSeconds = ptr.To[int32](2)
	for _, f := range how {
		f(cg)
	}
	g.Expect(world.Client.Create(g.ctx(), cg)).To(Succeed())
	t.Cleanup(g.end)
	return g
}

// end deletes the group, and looks whether anything is left.
func (g group) end() {
	g.t.Helper()
	g.producer.Stop()
	cg := &v1alpha1.ConsumerGroup{}
	cg.Name, cg.Namespace = g.name, namespace
	g.Expect(ctrlclient.IgnoreNotFound(world.Client.Delete(g.ctx(), cg))).To(Succeed())
	g.Eventually(func(e Gomega) {
		e.Expect(ctrlclient.IgnoreNotFound(world.Client.Get(g.ctx(), ctrlclient.ObjectKeyFromObject(cg), cg))).To(Succeed())
		e.Expect(g.pods()).To(BeEmpty())
	}).Should(Succeed())
}

func (g group) get() *v1alpha1.ConsumerGroup {
	g.t.Helper()
	cg := &v1alpha1.ConsumerGroup{}
	g.Expect(world.Client.Get(g.ctx(), ctrlclient.ObjectKey{Namespace: namespace, Name: g.name}, cg)).To(Succeed())
	return cg
}

func (g group) pods() []corev1.Pod {
	g.t.Helper()
	var pods corev1.PodList
	g.Expect(world.Client.List(g.ctx(), &pods, ctrlclient.InNamespace(namespace), ctrlclient.MatchingLabels{v1alpha1.LabelGroup: g.name})).To(Succeed())
	return pods.Items
}

// until waits until something holds for the group.
func (g group) until(what string, holds func(*v1alpha1.ConsumerGroup) bool) {
	g.t.Helper()
	var last *v1alpha1.ConsumerGroup
	g.Eventually(func() bool {
		last = g.get()
		return holds(last)
	}).Should(BeTrue(), func() string {
		return fmt.Sprintf("%s of %s; phase %s, message %q, state %+v", what, g.name, last.Status.Phase, last.Status.Message, last.Status.State)
	})
}

func (g group) running(replicas int32) {
	g.t.Helper()
	g.until(fmt.Sprintf("%d slots that consume", replicas), func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.Phase == v1alpha1.PhaseRunning && s.ReadyReplicas == replicas && s.DesiredReplicas == replicas
	})
}

// released waits until every slot runs the present template.
func (g group) released(replicas int32) {
	g.t.Helper()
	g.until("the release", func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == replicas &&
			s.ReadyReplicas == replicas && s.Phase == v1alpha1.PhaseRunning
	})
}

// change changes the group's spec.
func (g group) change(how func(*v1alpha1.ConsumerGroup)) {
	g.t.Helper()
	cg := g.get()
	before := cg.DeepCopy()
	how(cg)
	g.Expect(world.Client.Patch(g.ctx(), cg, ctrlclient.MergeFrom(before))).To(Succeed())
}

func (g group) release(version lab.Version) {
	g.t.Helper()
	version.Records = true
	g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = version.Raw(g.name) })
}

// nothingLost looks whether all that was produced was processed, and by one
// consumer only, apart from what a killed one had not committed yet.
func (g group) nothingLost(twiceAtMost int) {
	g.t.Helper()
	g.producer.Stop()
	g.Eventually(g.behind).Should(BeZero(), "records not committed")
	records, err := measure.Records(world.Logs(namespace, g.name))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(records).NotTo(BeEmpty())
	sum := measure.Summarize(measure.Outcomes(records, time.Time{}, time.Now()))
	g.Expect(sum.Lost).To(BeZero(), "records lost")
	g.Expect(sum.Twice).To(BeNumerically("<=", twiceAtMost), "records processed twice")
}

// behind asks the broker how many records the group has yet to commit.
func (g group) behind() (int64, error) { return world.Behind(g.ctx(), g.name) }

// rebalances counts those that something costs, where a real broker's log tells:
// kfake opens some that a broker does not.
func (g group) rebalances(want int, during func()) {
	g.t.Helper()
	before := world.Broker.Rebalances(g.name)
	during()
	if world.Broker.Kind != broker.Kfake && before != broker.UnknownRebalances {
		g.Expect(world.Broker.Rebalances(g.name)-before).To(Equal(want), func() string { return "rebalances; the broker says:\n" + g.brokersWords() })
	}
}

// brokersWords is what the broker logged of the group.
func (g group) brokersWords() string {
	log, err := os.ReadFile(world.Broker.GroupLog())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(log), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, " group "+g.name+" ") }), "\n")
}
