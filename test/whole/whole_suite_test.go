// Package whole tests Kohort as a whole: the operator as a process, a real control
// plane, pods as processes, and a real broker where Java and Maven are there.
package whole

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/twmb/franz-go/pkg/kadm"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/retry"
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

func TestWhole(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "Kohort as a whole")
}

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	world, err = lab.Start(ctx, lab.Options{Progress: GinkgoWriter, Nodes: 2})
	Expect(err).NotTo(HaveOccurred())
	Expect(world.Client.Create(ctx, world.Cluster(namespace))).To(Succeed())
})

var _ = AfterSuite(func() {
	if world != nil {
		Expect(world.Stop()).To(Succeed())
	}
})

var _ = ReportAfterEach(func(report SpecReport) {
	if !report.Failed() || world == nil {
		return
	}
	log, err := os.ReadFile(world.OperatorLog())
	if err != nil {
		fmt.Fprintln(GinkgoWriter, "no operator's log:", err)
		return
	}
	lines := strings.Split(string(log), "\n")
	fmt.Fprintln(GinkgoWriter, "The operator's last words:\n"+strings.Join(lines[max(0, len(lines)-60):], "\n"))
})

// group is a ConsumerGroup under test, with a topic of its own.
type group struct {
	name     string
	producer *lab.Producer
}

// start makes a topic, a steady producer and a group, and waits until it
// consumes.
func start(ctx context.Context, name string, replicas int32, how ...func(*v1alpha1.ConsumerGroup)) group {
	GinkgoHelper()
	g := create(ctx, name, replicas, how...)
	g.running(ctx, replicas)
	return g
}

func create(ctx context.Context, name string, replicas int32, how ...func(*v1alpha1.ConsumerGroup)) group {
	GinkgoHelper()
	Expect(world.Broker.CreateTopic(ctx, name, partitions)).To(Succeed())
	producer, err := world.Produce(context.WithoutCancel(ctx), name, 60)
	Expect(err).NotTo(HaveOccurred())
	cg := world.Group(namespace, name, replicas, lab.Version{Name: "v1", Records: true})
	cg.Spec.Rollout.Gate.SettledSeconds = ptr.To[int32](2)
	for _, f := range how {
		f(cg)
	}
	Expect(world.Client.Create(ctx, cg)).To(Succeed())
	g := group{name, producer}
	DeferCleanup(g.end)
	return g
}

// end deletes the group, and looks whether anything is left.
func (g group) end(ctx context.Context) {
	g.producer.Stop()
	cg := &v1alpha1.ConsumerGroup{}
	cg.Name, cg.Namespace = g.name, namespace
	Expect(ctrlclient.IgnoreNotFound(world.Client.Delete(ctx, cg))).To(Succeed())
	Eventually(func(e Gomega) {
		e.Expect(ctrlclient.IgnoreNotFound(world.Client.Get(ctx, ctrlclient.ObjectKeyFromObject(cg), cg))).To(Succeed())
		e.Expect(g.pods(ctx)).To(BeEmpty())
	}).WithContext(ctx).Should(Succeed())
}

func (g group) get(ctx context.Context) *v1alpha1.ConsumerGroup {
	GinkgoHelper()
	cg := &v1alpha1.ConsumerGroup{}
	Expect(world.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: namespace, Name: g.name}, cg)).To(Succeed())
	return cg
}

func (g group) pods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	Expect(world.Client.List(ctx, &pods, ctrlclient.InNamespace(namespace), ctrlclient.MatchingLabels{v1alpha1.LabelGroup: g.name})).To(Succeed())
	return pods.Items
}

// until waits until something holds for the group.
func (g group) until(ctx context.Context, what string, holds func(*v1alpha1.ConsumerGroup) bool) {
	GinkgoHelper()
	var last *v1alpha1.ConsumerGroup
	Eventually(func() bool {
		last = g.get(ctx)
		return holds(last)
	}).WithContext(ctx).Should(BeTrue(), func() string {
		return fmt.Sprintf("%s of %s; phase %s, message %q, state %+v", what, g.name, last.Status.Phase, last.Status.Message, last.Status.State)
	})
}

func (g group) running(ctx context.Context, replicas int32) {
	GinkgoHelper()
	g.until(ctx, fmt.Sprintf("%d slots that consume", replicas), func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.Phase == v1alpha1.PhaseRunning && s.ReadyReplicas == replicas && s.DesiredReplicas == replicas
	})
}

// released waits until every slot runs the present template.
func (g group) released(ctx context.Context, replicas int32) {
	GinkgoHelper()
	g.until(ctx, "the release", func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == replicas &&
			s.ReadyReplicas == replicas && s.Phase == v1alpha1.PhaseRunning
	})
}

// change changes the group's spec.
func (g group) change(ctx context.Context, how func(*v1alpha1.ConsumerGroup)) {
	GinkgoHelper()
	Expect(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		cg := g.get(ctx)
		how(cg)
		return world.Client.Update(ctx, cg)
	})).To(Succeed())
}

func (g group) release(ctx context.Context, version lab.Version) {
	GinkgoHelper()
	version.Records = true
	g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = version.Raw(g.name) })
}

// nothingLost looks whether all that was produced was processed, and by one
// consumer only, apart from what a killed one had not committed yet.
func (g group) nothingLost(ctx context.Context, twiceAtMost int) {
	GinkgoHelper()
	g.producer.Stop()
	Eventually(g.allCommitted).WithContext(ctx).WithArguments(ctx).Should(BeTrue(), "all records committed")
	records, err := measure.Records(world.Logs(namespace, g.name))
	Expect(err).NotTo(HaveOccurred())
	Expect(records).NotTo(BeEmpty())
	sum := measure.Summarize(measure.Outcomes(records, time.Time{}, time.Now()))
	Expect(sum.Lost).To(BeZero(), "records lost")
	Expect(sum.Twice).To(BeNumerically("<=", twiceAtMost), "records processed twice")
}

// allCommitted asks the broker whether the group has committed all that there is.
func (g group) allCommitted(ctx context.Context) (bool, error) {
	ends, err := world.Broker.Admin().ListEndOffsets(ctx, g.name)
	if err != nil {
		return false, err
	}
	commits, err := world.Broker.Admin().FetchOffsets(ctx, g.name)
	if err != nil {
		return false, err
	}
	all := true
	ends.Each(func(end kadm.ListedOffset) {
		commit, ok := commits.Lookup(end.Topic, end.Partition)
		if end.Err != nil || end.Offset > 0 && (!ok || commit.At < end.Offset) {
			all = false
		}
	})
	return all, nil
}

// rebalances counts those that something costs, where a real broker's log tells:
// kfake opens some that a broker does not.
func (g group) rebalances(want int, during func()) {
	GinkgoHelper()
	before := world.Broker.Rebalances(g.name)
	during()
	if world.Broker.Kind != broker.Kfake && before != broker.UnknownRebalances {
		Expect(world.Broker.Rebalances(g.name)-before).To(Equal(want), "rebalances")
	}
}
