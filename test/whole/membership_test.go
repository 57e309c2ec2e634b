package whole

import (
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/testbed/broker"
)

// session has the group wait so many seconds for a silent member, whatever is measured.
func session(seconds int32) func(*v1alpha1.ConsumerGroup) {
	return func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Membership.SessionTimeout = v1alpha1.SessionTimeout{MinSeconds: &seconds, MaxSeconds: &seconds}
	}
}

// TestCordonedNodeIsLeft without a rebalance, an eviction or a loss.
func TestCordonedNodeIsLeft(t *testing.T) {
	g := start(t, "cordoned", 4)
	node := &corev1.Node{}
	name := g.pods()[0].Spec.NodeName
	cordon := func(unschedulable bool) {
		g.Eventually(func() error {
			if err := world.Client.Get(g.ctx(), ctrlclient.ObjectKey{Name: name}, node); err != nil {
				return err
			}
			node.Spec.Unschedulable = unschedulable
			return world.Client.Update(g.ctx(), node)
		}).Should(Succeed())
	}
	t.Cleanup(func() { cordon(false) })
	g.rebalances(0, func() {
		cordon(true)
		least := int32(4)
		g.Eventually(func() int {
			budget := &policyv1.PodDisruptionBudget{}
			g.Expect(world.Client.Get(g.ctx(), ctrlclient.ObjectKey{Namespace: namespace, Name: g.name}, budget)).To(Succeed())
			least = min(least, g.get().Status.Replicas)
			there := 0
			for _, pod := range g.pods() {
				if pod.Spec.NodeName == name {
					there++
				}
			}
			return there
		}).Should(BeZero(), "pods on the node")
		g.Expect(least).To(BeNumerically(">=", 3), "slots with a pod")
		g.running(4)
	})
	g.nothingLost(0)
}

// TestCrashLoopLeavesItsPartitions to the others within seconds, although the group
// would wait two minutes for it, at the price of one rebalance.
func TestCrashLoopLeavesItsPartitions(t *testing.T) {
	t.Parallel()
	g := start(t, "crash-loop", 3, session(120))
	pod := g.pods()[1]
	g.rebalances(1, func() {
		g.until("the slot is left out", func(cg *v1alpha1.ConsumerGroup) bool {
			if cg.Status.State.Slots[1].RetryAt != nil {
				return true
			}
			_ = world.Kubelet.Kill(pod.Namespace, pod.Name, "app") // whenever it runs
			return false
		})
		g.until("the others have its partitions", func(cg *v1alpha1.ConsumerGroup) bool {
			return cg.Status.Slots[1].Partitions == "" && cg.Status.GroupState == "Stable"
		})
	})
	g.Expect(g.get().Status.Message).To(ContainSubstring("slot 1 is left out of the group until"))
	g.nothingLost(60 * 5)
}

// TestGroupDoesNotWaitForASlowPod: somebody joins while a slot's next pod is far from
// starting its consumer. To the group its member is missing, and it would wait for it for
// a minute.
func TestGroupDoesNotWaitForASlowPod(t *testing.T) {
	t.Parallel()
	g := start(t, "slow-pod", 2, session(120), func(cg *v1alpha1.ConsumerGroup) {
		template := lab.Version{Name: "v1"}.Template(cg.Name)
		template["spec"].(map[string]any)["initContainers"] = []any{
			map[string]any{"name": "prepare", "image": lab.ConsumerImage, "command": []any{"sleep", "20"}},
		}
		raw, err := json.Marshal(template)
		if err != nil {
			t.Fatal(err)
		}
		cg.Spec.Template = runtime.RawExtension{Raw: raw}
	})
	gone := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: g.get().Status.Slots[1].Pod}}
	g.Expect(world.Client.Delete(g.ctx(), gone)).To(Succeed())
	g.Eventually(func() error {
		return world.Client.Get(g.ctx(), ctrlclient.ObjectKeyFromObject(gone), gone)
	}).Should(Satisfy(apierrors.IsNotFound), "it has ended")

	stray, err := world.Consume(g.ctx(), g.name)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(stray.Kill)
	g.finds(v1alpha1.ConditionClientsConform, metav1.ConditionFalse, v1alpha1.ReasonStranger, "^a member of the group is not of this ConsumerGroup")
	g.until("the group goes on without slot 1", func(cg *v1alpha1.ConsumerGroup) bool {
		return cg.Status.GroupState == "Stable" && cg.Status.Slots[1].Partitions == ""
	})
	g.Expect(g.get().Status.ReadyReplicas).To(BeEquivalentTo(1), "slots that consume: the next pod was to be slower than that")

	stray.Stop(30 * time.Second)
	g.running(2)
}

// TestSessionTimeoutFollowsTheStart: a program that is slow to start gets a session that
// lasts for it, and its releases no rebalance.
func TestSessionTimeoutFollowsTheStart(t *testing.T) {
	t.Parallel()
	slow := func(version string) lab.Version {
		return lab.Version{Name: version, StartDelayMillis: 7000, Records: true}
	}
	g := start(t, "slow-start", 2, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Membership.SessionTimeout = v1alpha1.SessionTimeout{MinSeconds: ptr.To[int32](12), MaxSeconds: ptr.To[int32](300)}
		cg.Spec.Template = slow("v1").Raw("slow-start")
	})
	// 7 s and a heartbeat, twice.
	g.until("the measure of the start", func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status.SessionTimeout
		return s != nil && s.Seconds >= 20 && s.Seconds <= 60
	})
	g.rebalances(0, func() {
		g.release(slow("v2"))
		g.released(2)
	})
	status := g.get().Status
	for _, pod := range g.pods() {
		g.Expect(pod.Annotations[v1alpha1.AnnotationSessionTimeout]).To(Or(Equal("20"), Equal("30"), Equal("45"), Equal("60")), "%s; %+v", pod.Name, status.SessionTimeout)
	}
	g.Expect(len(status.State.Restarts)).To(BeNumerically(">=", 4), "measured restarts")
	g.nothingLost(0)
}

func TestGroupOfTypeConsumer(t *testing.T) {
	t.Parallel()
	if world.Broker.Kind == broker.Kfake {
		t.Skip("kfake removes no member of such a group")
	}
	protocolConsumer(t, "kip-848", lab.Programs["go"])
}

// TestUncleanCloseIsToldApart: clients that close without a word to the group cost each
// handover two rebalances, which is said.
func TestUncleanCloseIsToldApart(t *testing.T) {
	t.Parallel()
	if world.Broker.Kind == broker.Kfake {
		t.Skip("kfake removes no member of such a group")
	}
	unclean := lab.Version{Name: "v1", Behaviour: "unclean", Records: true}
	g := start(t, "unclean", 2, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Membership.Protocol = v1alpha1.ProtocolConsumer
		cg.Spec.Template = unclean.Raw("unclean")
	})
	g.release(lab.Version{Name: "v2"})
	g.released(2)
	g.finds(v1alpha1.ConditionClientsConform, metav1.ConditionFalse, v1alpha1.ReasonUncleanClose, "ended by itself, and the group did not hear of it")
	g.nothingLost(0)
}
