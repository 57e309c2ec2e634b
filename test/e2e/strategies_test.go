package e2e

import (
	"math"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
	"github.com/kohort-dev/kohort/test/measure"
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

var _ = Describe("A release by Recreate", func() {
	It("stops all pods before one of the new version starts", func(ctx SpecContext) {
		g := start(ctx, 3, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.Strategy = v1alpha1.StrategyRecreate })
		rebalances := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2"})
		g.released(ctx, 3)
		Expect(g.rebalances()-rebalances).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))
})

var _ = Describe("A release by Overlap", func() {
	It("has all successors join before one holder stops", func(ctx SpecContext) {
		slow := world.Consumer{Version: "v1", StartDelayMillis: 5000}
		g := start(ctx, 3, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen
			cg.Spec.Rollout.Handover = v1alpha1.HandoverOverlap
		})
		rebalances := g.rebalances()
		slow.Version = "v2"
		g.release(ctx, slow)
		g.released(ctx, 3)
		// Two, and another if a heartbeat of the others comes between the successors' joining.
		Expect(g.rebalances()-rebalances).To(Or(Equal(2), Equal(3)), "rebalances")
	}, SpecTimeout(6*time.Minute))
})

var _ = Describe("A command", func() {
	annotate := func(ctx SpecContext, g *group, name, value string) {
		g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { metav1.SetMetaDataAnnotation(&cg.ObjectMeta, name, value) })
	}

	It("goes back in time: the version before processes again what the release has", func(ctx SpecContext) {
		g := start(ctx, 3)
		stable := g.get(ctx).Status.StableRevision
		g.release(ctx, world.Consumer{Version: "v2"})
		g.released(ctx, 3)
		value := groupName + "-1,offsets=boundary"
		annotate(ctx, g, v1alpha1.AnnotationRollback, value)
		g.until(ctx, "the version before", func(cg *v1alpha1.ConsumerGroup) bool {
			s := cg.Status
			return s.StableRevision == stable && s.State.Move == nil && s.UpdatedReplicas == 3 && s.ReadyReplicas == 3
		})
		g.says(ctx, "which the template asks for: kohort.dev/rollback="+value+"; change the template to go on")
		before := len(g.records())
		Eventually(func() int { return len(g.records()) }).WithContext(ctx).Should(BeNumerically(">", before), "records processed since")
		outcomes := measure.Summarize(measure.Outcomes(g.records(), time.Time{}, time.Now()))
		Expect(outcomes.Twice).To(BeNumerically(">", 0), "records processed again")
		g.twice = math.MaxInt // which is not over yet
	}, SpecTimeout(6*time.Minute))

	It("takes a release back, and tries it again", func(ctx SpecContext) {
		g := start(ctx, 3, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Rollout.Strategy = v1alpha1.StrategyCanary
			one := int32(1)
			cg.Spec.Rollout.Canary = &v1alpha1.Canary{Steps: []v1alpha1.CanaryStep{{Slots: &one, Pause: &v1alpha1.CanaryPause{}}}}
		})
		rebalances := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2"})
		g.says(ctx, "waiting to be promoted")
		update := g.get(ctx).Status.UpdateRevision
		annotate(ctx, g, v1alpha1.AnnotationAbort, update)
		g.rolledBack(ctx, 3)
		annotate(ctx, g, v1alpha1.AnnotationRetry, update+"-2")
		g.says(ctx, "waiting to be promoted")
		annotate(ctx, g, v1alpha1.AnnotationPromoteFull, update)
		g.released(ctx, 3)
		Expect(g.rebalances()-rebalances).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("restarts every pod without a rebalance", func(ctx SpecContext) {
		g := start(ctx, 3)
		rebalances := g.rebalances()
		before := map[string]bool{}
		for _, slot := range g.get(ctx).Status.State.Slots {
			before[slot.Pod] = true
		}
		annotate(ctx, g, v1alpha1.AnnotationRestart, time.Now().Add(2*time.Second).UTC().Format(time.RFC3339))
		Eventually(func(e Gomega) {
			status := g.get(ctx).Status
			for _, slot := range status.State.Slots {
				e.Expect(before).NotTo(HaveKey(slot.Pod))
			}
			e.Expect(status.Phase).To(Equal(v1alpha1.PhaseRunning))
			e.Expect(status.ReadyReplicas).To(BeEquivalentTo(3))
		}).WithContext(ctx).WithTimeout(5 * time.Minute).Should(Succeed())
		Expect(g.rebalances()-rebalances).To(BeZero(), "rebalances")
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
