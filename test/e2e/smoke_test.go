package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("A group", Label("smoke"), func() {
	It("takes a good release without a rebalance", func(ctx SpecContext) {
		g := start(ctx, 3)
		before := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2"})
		g.released(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("stops a bad release at its first slot and goes back", func(ctx SpecContext) {
		g := start(ctx, 3)
		before, stable := g.rebalances(), g.get(ctx).Status.StableRevision
		g.release(ctx, world.Consumer{Version: "v2", Behaviour: "stalled"})
		g.rolledBack(ctx, 3)
		Expect(g.get(ctx).Status.StableRevision).To(Equal(stable))
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("grows with its lag in one step, and shrinks", func(ctx SpecContext) {
		// Three that are there: of one or two it depends on when they have their heartbeats
		// how long the broker waits for those that join.
		g := start(ctx, 3, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Scaling = &v1alpha1.Scaling{
				MinReplicas: ptr.To[int32](3), MaxReplicas: 6,
				Targets:  v1alpha1.ScalingTargets{LagPerReplica: 1000},
				Behavior: v1alpha1.ScalingBehavior{ScaleDown: v1alpha1.ScalingRules{StabilizationWindowSeconds: ptr.To[int32](10)}},
			}
			cg.Spec.Template = world.Consumer{Topic: cg.Namespace, Version: "v1", Rate: 400}.Raw()
		})
		before := g.rebalances()
		g.produce(ctx, world.Producer{Name: "burst", Burst: 40_000})
		g.running(ctx, 6)
		Expect(g.rebalances()-before).To(BeNumerically("<=", 2), "rebalances while it grew")
		g.running(ctx, 3)
	}, SpecTimeout(6*time.Minute))

	It("goes on where it was when the operator is killed in the middle of a release", func(ctx SpecContext) {
		g := start(ctx, 3)
		before := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2"})
		g.until(ctx, "the first slot is handed over", func(cg *v1alpha1.ConsumerGroup) bool { return cg.Status.UpdatedReplicas >= 1 })
		killLeader(ctx)
		g.released(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("refills a slot whose pod is deleted", func(ctx SpecContext) {
		g := start(ctx, 3)
		before, pod := g.rebalances(), g.holder(ctx, 1)
		Expect(stage.Client.Delete(ctx, &pod)).To(Succeed())
		g.heldByAnother(ctx, 1, pod)
		g.running(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))
})
