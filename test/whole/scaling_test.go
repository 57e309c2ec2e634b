package whole

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
)

// TestScalingInOneStep: the group goes to what its lag asks for in one step and
// one rebalance, and back in one.
func TestScalingInOneStep(t *testing.T) {
	t.Parallel()
	line := startLine(t)
	g := start(t, "scaling", 2, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Template = lab.Version{Name: "v1", Rate: 100, Records: true, StartFile: line.file}.Raw("scaling")
		cg.Spec.Scaling = &v1alpha1.Scaling{
			MinReplicas: ptr.To[int32](2), MaxReplicas: 2,
			Targets: v1alpha1.ScalingTargets{LagPerReplica: 100},
			Behavior: v1alpha1.ScalingBehavior{
				// Partitions do not catch up in the same second.
				ScaleDown: v1alpha1.ScalingRules{StabilizationWindowSeconds: ptr.To[int32](15)},
			},
		}
	})
	// The lag is there before it may be acted on: it asks for all at once.
	g.Expect(g.producer.SetRate(700)).To(Succeed())
	g.until("a limit", func(cg *v1alpha1.ConsumerGroup) bool {
		return cg.Status.Scaling != nil && cg.Status.Scaling.Limit != nil
	})
	g.Eventually(g.behind).Should(BeNumerically(">=", 100*partitions))
	g.rebalances(1, func() {
		line.hold(g)
		g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Scaling.MaxReplicas = 20 })
		line.let(g, partitions-2)
		g.until("all that can own a partition", func(cg *v1alpha1.ConsumerGroup) bool {
			return cg.Status.DesiredReplicas == partitions && cg.Status.ReadyReplicas == partitions
		})
	})
	g.rebalances(1, func() {
		g.Expect(g.producer.SetRate(20)).To(Succeed())
		g.running(2)
	})
	g.nothingLost(0)
}

// TestScalingToZeroAndBack through spec.replicas.
func TestScalingToZeroAndBack(t *testing.T) {
	t.Parallel()
	g := start(t, "zero", 2)
	g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Replicas = ptr.To[int32](0) })
	g.until("no slots", func(cg *v1alpha1.ConsumerGroup) bool { return len(cg.Status.State.Slots) == 0 })
	g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Replicas = ptr.To[int32](3) })
	g.running(3)
	g.nothingLost(0)
}
