package e2e

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("A release by BlueGreen", func() {
	blueGreen := func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen }

	It("hands all slots over together, and back by the pods that stand warm", func(ctx SpecContext) {
		g := start(ctx, 3, blueGreen)
		rebalances, before := g.rebalances(), g.get(ctx)
		g.release(ctx, world.Consumer{Version: "v2"})
		g.released(ctx, 3)
		g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = before.Spec.Template })
		g.released(ctx, 3)
		Expect(g.get(ctx).Status.StableRevision).To(Equal(before.Status.StableRevision))
		Expect(g.rebalances()-rebalances).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("that is bad goes back", func(ctx SpecContext) {
		g := start(ctx, 3, blueGreen)
		before, stable := g.rebalances(), g.get(ctx).Status.StableRevision
		g.release(ctx, world.Consumer{Version: "v2", Behaviour: "stalled"})
		g.rolledBack(ctx, 3)
		Expect(g.get(ctx).Status.StableRevision).To(Equal(stable))
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))
})

var _ = Describe("A canary", func() {
	canary := func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Rollout.Strategy = v1alpha1.StrategyCanary
		cg.Spec.Rollout.Canary = &v1alpha1.Canary{Then: v1alpha1.StrategyBlueGreen, Steps: []v1alpha1.CanaryStep{{
			Partitions: []v1alpha1.CanaryPartitions{{Topic: cg.Namespace, Partitions: "0"}}, Pause: &v1alpha1.CanaryPause{},
		}}}
	}

	It("has the slot that owns a partition, and the others when it is promoted", func(ctx SpecContext) {
		g := start(ctx, 3, canary)
		rebalances := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2"})
		g.says(ctx, "waiting to be promoted")
		status := g.get(ctx).Status
		for _, slot := range status.Slots {
			owns := strings.HasPrefix(slot.Partitions, g.namespace+":0")
			Expect(slot.Revision == status.UpdateRevision).To(Equal(owns), "slot %d owns %s and runs %s", slot.Ordinal, slot.Partitions, slot.Revision)
		}
		g.change(ctx, func(cg *v1alpha1.ConsumerGroup) {
			metav1.SetMetaDataAnnotation(&cg.ObjectMeta, v1alpha1.AnnotationPromote, status.UpdateRevision+"-1")
		})
		g.released(ctx, 3)
		Expect(g.rebalances()-rebalances).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))
})
