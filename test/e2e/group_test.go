package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/kafka"
	"github.com/kohort-dev/kohort/test/e2e/podlogs"
	"github.com/kohort-dev/kohort/test/e2e/world"
	"github.com/kohort-dev/kohort/test/measure"
)

// rate of every producer, in records per second.
const rate = 60

// group is a ConsumerGroup under test, named "orders", in a namespace of its own.
// Its group id and its topic have the namespace's name.
type group struct {
	namespace string
	logs      *podlogs.Keeper
	producers []string
	// began is when the case did.
	began time.Time
	// twice is how many records may be processed twice: what a killed consumer had
	// not committed.
	twice int
	// mayRestart is the operator's pod that the case makes end by itself.
	mayRestart string
	// contested is how many may be consumed by two pods at once: only after a lost
	// node.
	contested int
}

const groupName = "orders"

// create makes a namespace, a topic with a steady producer and a group.
func create(ctx SpecContext, replicas int32, how ...func(*v1alpha1.ConsumerGroup)) *group {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	Expect(stage.Client.Create(ctx, namespace)).To(Succeed())
	g := &group{namespace: namespace.Name, began: time.Now()}
	var err error
	g.logs, err = podlogs.Keep(stage.Clientset, podlogs.Options{Namespace: g.namespace, Dir: filepath.Join(stage.Out, g.namespace)})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(g.end)

	g.produce(ctx, world.Producer{Name: "producer", Rate: rate})
	Expect(stage.Client.Create(ctx, &v1alpha1.KafkaCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "kafka", Namespace: g.namespace},
		Spec:       v1alpha1.KafkaClusterSpec{BootstrapServers: kafka.Bootstrap(stage.Brokers, kafka.Plaintext)},
	})).To(Succeed())
	cg := &v1alpha1.ConsumerGroup{
		ObjectMeta: metav1.ObjectMeta{Name: groupName, Namespace: g.namespace},
		Spec: v1alpha1.ConsumerGroupSpec{
			Kafka:    v1alpha1.KafkaRef{ClusterRef: v1alpha1.ClusterRef{Name: "kafka"}},
			GroupID:  g.namespace,
			Topics:   []string{g.namespace},
			Replicas: &replicas,
			Rollout:  v1alpha1.Rollout{Gate: v1alpha1.Gate{SettledSeconds: ptr.To[int32](3)}},
			Template: g.consumer(world.Consumer{Version: "v1"}),
		},
	}
	for _, f := range how {
		f(cg)
	}
	Expect(stage.Client.Create(ctx, cg)).To(Succeed())
	return g
}

// start makes a group and waits until it consumes.
func start(ctx SpecContext, replicas int32, how ...func(*v1alpha1.ConsumerGroup)) *group {
	GinkgoHelper()
	g := create(ctx, replicas, how...)
	g.running(ctx, replicas)
	return g
}

func (g *group) consumer(c world.Consumer) runtime.RawExtension {
	c.Topic = g.namespace
	return c.Raw()
}

// produce adds a producer.
func (g *group) produce(ctx SpecContext, p world.Producer) {
	GinkgoHelper()
	p.Namespace, p.Topic, p.Partitions = g.namespace, g.namespace, partitions
	p.Bootstrap = strings.Join(kafka.Bootstrap(stage.Brokers, kafka.Plaintext), ",")
	Expect(stage.Client.Create(ctx, p.Pod())).To(Succeed())
	g.producers = append(g.producers, p.Name)
	Eventually(func(g Gomega) {
		pod := &corev1.Pod{}
		g.Expect(stage.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: p.Namespace, Name: p.Name}, pod)).To(Succeed())
		g.Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
	}).WithContext(ctx).Should(Succeed())
}

func (g *group) get(ctx SpecContext) *v1alpha1.ConsumerGroup {
	GinkgoHelper()
	cg := &v1alpha1.ConsumerGroup{}
	Eventually(func() error {
		return stage.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: g.namespace, Name: groupName}, cg)
	}).WithContext(ctx).Should(Succeed())
	return cg
}

func (g *group) pods(ctx SpecContext) []corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	Eventually(func() error {
		return stage.Client.List(ctx, &pods, ctrlclient.InNamespace(g.namespace), ctrlclient.MatchingLabels{v1alpha1.LabelGroup: groupName})
	}).WithContext(ctx).Should(Succeed())
	return pods.Items
}

// holder is the pod that holds a slot.
func (g *group) holder(ctx SpecContext, ordinal int32) corev1.Pod {
	GinkgoHelper()
	for _, slot := range g.get(ctx).Status.State.Slots {
		if slot.Ordinal != ordinal {
			continue
		}
		for _, pod := range g.pods(ctx) {
			if pod.UID == slot.Holder {
				return pod
			}
		}
	}
	Fail(fmt.Sprintf("slot %d has no holder", ordinal))
	panic("unreachable")
}

// until waits until something holds for the group.
func (g *group) until(ctx SpecContext, what string, holds func(*v1alpha1.ConsumerGroup) bool) {
	GinkgoHelper()
	var last *v1alpha1.ConsumerGroup
	Eventually(func() bool {
		last = g.get(ctx)
		return holds(last)
	}).WithContext(ctx).Should(BeTrue(), func() string {
		return fmt.Sprintf("%s; phase %s, message %q", what, last.Status.Phase, last.Status.Message)
	})
}

func (g *group) running(ctx SpecContext, replicas int32) {
	GinkgoHelper()
	g.until(ctx, fmt.Sprintf("%d slots that consume", replicas), func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.Phase == v1alpha1.PhaseRunning && s.ReadyReplicas == replicas && s.DesiredReplicas == replicas
	})
}

// released waits until every slot runs the present template.
func (g *group) released(ctx SpecContext, replicas int32) {
	GinkgoHelper()
	g.until(ctx, "the release", func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == replicas &&
			s.ReadyReplicas == replicas && s.Phase == v1alpha1.PhaseRunning
	})
}

// change changes the group's spec, as kubectl does: an operator that writes the status
// meanwhile is in nobody's way.
func (g *group) change(ctx SpecContext, how func(*v1alpha1.ConsumerGroup)) {
	GinkgoHelper()
	cg := g.get(ctx)
	before := cg.DeepCopy()
	how(cg)
	Expect(stage.Client.Patch(ctx, cg, ctrlclient.MergeFrom(before))).To(Succeed())
}

func (g *group) release(ctx SpecContext, c world.Consumer) {
	GinkgoHelper()
	g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = g.consumer(c) })
}

// rebalances since the group began to exist.
func (g *group) rebalances() int {
	GinkgoHelper()
	n, err := stage.Rebalances(g.namespace)
	Expect(err).NotTo(HaveOccurred())
	return n
}

// records that the group's consumers processed.
func (g *group) records() []measure.Record {
	GinkgoHelper()
	records, err := measure.Records(g.logs.Pattern(groupName+"-", world.Container))
	Expect(err).NotTo(HaveOccurred())
	return records
}

// stopProducing ends the producers, and says how many records they wrote.
func (g *group) stopProducing(ctx SpecContext) int {
	GinkgoHelper()
	for _, name := range g.producers {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: name}}
		Expect(ctrlclient.IgnoreNotFound(stage.Client.Delete(ctx, pod))).To(Succeed())
		Eventually(func() error {
			return stage.Client.Get(ctx, ctrlclient.ObjectKeyFromObject(pod), pod)
		}).WithContext(ctx).Should(MatchError(ContainSubstring("not found")))
	}
	written := 0
	for _, name := range g.producers {
		written += g.written(name)
	}
	return written
}

// written is what a producer said last.
func (g *group) written(producer string) int {
	GinkgoHelper()
	var last struct {
		Topics map[string]struct{ Written, Failed int }
	}
	text := strings.TrimSpace(read(g.logs.Pattern(producer, world.Container)))
	Expect(json.Unmarshal([]byte(text[strings.LastIndex(text, "\n")+1:]), &last)).To(Succeed(), "the last line of %s", producer)
	Expect(last.Topics[g.namespace].Failed).To(BeZero(), "records that %s could not write", producer)
	return last.Topics[g.namespace].Written
}
