package whole

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// replaced waits until a pod holds no slot any more and every slot has a holder.
func (g group) replaced(uid types.UID) {
	g.t.Helper()
	g.until("a new holder", func(cg *v1alpha1.ConsumerGroup) bool {
		for _, s := range cg.Status.State.Slots {
			if s.Holder == uid || s.Holder == "" {
				return false
			}
		}
		return true
	})
}

// TestDeletedPodIsReplaced without a rebalance.
func TestDeletedPodIsReplaced(t *testing.T) {
	t.Parallel()
	g := start(t, "pod-deleted", 2)
	g.rebalances(0, func() {
		pod := g.pods()[0]
		g.Expect(world.Client.Delete(g.ctx(), &pod)).To(Succeed())
		g.replaced(pod.UID)
		g.running(2)
	})
	g.nothingLost(0)
}

// TestKilledConsumerComesBack without a rebalance.
func TestKilledConsumerComesBack(t *testing.T) {
	t.Parallel()
	g := start(t, "pod-killed", 2)
	g.rebalances(0, func() {
		pod := g.pods()[0]
		g.Expect(world.Kubelet.Kill(pod.Namespace, pod.Name, "app")).To(Succeed())
		g.Eventually(func() int32 {
			for _, p := range g.pods() {
				if p.UID == pod.UID && len(p.Status.ContainerStatuses) > 0 {
					return p.Status.ContainerStatuses[0].RestartCount
				}
			}
			return 0
		}).Should(BeEquivalentTo(1))
		g.running(2)
	})
	g.nothingLost(60 * 2)
}

// TestIDOfAForcedPodIsNotGivenAwayAtOnce: a pod that is deleted by force may run
// on; its id is free when it is gone from the group.
func TestIDOfAForcedPodIsNotGivenAwayAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t, "pod-forced", 2, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Membership.HeartbeatSeconds = ptr.To[int32](1) })
	pod := g.pods()[0]
	g.Expect(world.Client.Delete(g.ctx(), &pod, ctrlclient.GracePeriodSeconds(0))).To(Succeed())
	g.replaced(pod.UID)
	g.running(2)
	g.nothingLost(60 * 2)
}
