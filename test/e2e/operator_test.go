package e2e

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("The operator", Serial, func() {
	for moment, reached := range map[string]func(*v1alpha1.ConsumerGroup) bool{
		"begins": func(cg *v1alpha1.ConsumerGroup) bool {
			return cg.Status.State.Rollout != nil && cg.Status.State.Rollout.Stage == v1alpha1.RolloutProgressing
		},
		"stops its first pod": func(cg *v1alpha1.ConsumerGroup) bool {
			return cg.Status.State.Rollout != nil && len(cg.Status.State.Rollout.Begun) == 1
		},
		"has passed its first slot": func(cg *v1alpha1.ConsumerGroup) bool {
			return cg.Status.State.Rollout != nil && len(cg.Status.State.Rollout.Passed) == 1
		},
		"stops its last pod": func(cg *v1alpha1.ConsumerGroup) bool {
			return cg.Status.State.Rollout != nil && len(cg.Status.State.Rollout.Begun) == 3
		},
	} {
		It("can be killed when a release "+moment, func(ctx SpecContext) {
			g := start(ctx, 3)
			before := g.rebalances()
			g.release(ctx, world.Consumer{Version: "v2"})
			g.until(ctx, moment, reached)
			killLeader(ctx)
			g.released(ctx, 3)
			Expect(g.rebalances()-before).To(BeZero(), "rebalances")
		}, SpecTimeout(6*time.Minute))
	}

	It("can lose its lease in the middle of a release", func(ctx SpecContext) {
		g := start(ctx, 3)
		before := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2"})
		g.until(ctx, "the first slot is handed over", func(cg *v1alpha1.ConsumerGroup) bool { return cg.Status.UpdatedReplicas >= 1 })
		// Somebody else holds it now; who held it gives up and is restarted.
		leader, err := stage.Leader(ctx)
		Expect(err).NotTo(HaveOccurred())
		g.mayRestart = leader
		_, err = stage.Kubectl(ctx, "-n", world.OperatorNamespace, "patch", "lease", "kohort.dev", "--type=merge", "-p",
			fmt.Sprintf(`{"spec":{"holderIdentity":"somebody","renewTime":%q}}`, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")))
		Expect(err).NotTo(HaveOccurred())
		g.released(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("can be away altogether in the middle of a handover", func(ctx SpecContext) {
		g := start(ctx, 3)
		before := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2"})
		g.until(ctx, "a pod is about to go", func(*v1alpha1.ConsumerGroup) bool {
			for _, pod := range g.pods(ctx) {
				if pod.DeletionTimestamp != nil {
					return true
				}
			}
			return false
		})
		DeferCleanup(func(ctx SpecContext) { Expect(stage.ScaleOperator(ctx, 2)).To(Succeed()) })
		Expect(stage.ScaleOperator(ctx, 0)).To(Succeed())
		operators, err := stage.Operators(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, pod := range operators {
			kill(ctx, pod.Name)
		}
		Eventually(func() ([]corev1.Pod, error) { return stage.Operators(ctx) }).WithContext(ctx).Should(BeEmpty())
		processed := len(g.processed())
		// Those of two slots, for about ten seconds.
		Eventually(func() int { return len(g.processed()) }).WithContext(ctx).Should(BeNumerically(">", processed+6*rate), "the consumers go on")
		Expect(stage.ScaleOperator(ctx, 2)).To(Succeed())
		g.released(ctx, 3)
		// The pod's end was there to be seen afterwards.
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))
})

// killLeader kills the operator that acts, without a warning.
func killLeader(ctx SpecContext) {
	GinkgoHelper()
	leader, err := stage.Leader(ctx)
	Expect(err).NotTo(HaveOccurred())
	kill(ctx, leader)
}

func kill(ctx SpecContext, operator string) {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: world.OperatorNamespace, Name: operator}}
	Expect(ctrlclient.IgnoreNotFound(stage.Client.Delete(ctx, pod, ctrlclient.GracePeriodSeconds(0)))).To(Succeed())
}
