package whole

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/testbed/broker"
)

var _ = Describe("A release", func() {
	It("rolls through without a rebalance, loses nothing and processes nothing twice", func(ctx context.Context) {
		g := start(ctx, "good-release", 3)
		spec := g.get(ctx).Generation
		g.rebalances(0, func() {
			g.release(ctx, lab.Version{Name: "v2"})
			g.released(ctx, 3)
		})
		Expect(g.get(ctx).Generation).To(Equal(spec+1), "only the user writes the spec")
		g.nothingLost(ctx, 0)
	})

	// All at once: what a gate has to wait for takes its time.
	It("that is bad is stopped at the first slot and rolled back", func(ctx context.Context) {
		bad := map[string]lab.Version{
			"bad-stalled":     {Name: "v2", Behaviour: "stalled"},
			"bad-slow":        {Name: "v2", Behaviour: "slow", Rate: 60},
			"bad-crash":       {Name: "v2", Behaviour: "crash"},
			"bad-never-joins": {Name: "v2", Behaviour: "never-joins"},
			"bad-image":       {Name: "v2", Image: "consumer:missing"},
		}
		groups := map[string]group{}
		for name := range bad {
			groups[name] = create(ctx, name, 2, func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Rollout.ProgressDeadlineSeconds = ptr.To[int32](40)
			})
		}
		for _, g := range groups {
			g.running(ctx, 2)
		}
		for name, version := range bad {
			groups[name].release(ctx, version)
		}
		for _, g := range groups {
			g.until(ctx, "a rollback", func(cg *v1alpha1.ConsumerGroup) bool {
				r := cg.Status.State.Rollout
				if r != nil {
					Expect(len(r.Begun)).To(BeNumerically("<=", 1), "slots that the bad release got")
				}
				return r != nil && r.Stage == v1alpha1.RolloutRolledBack && cg.Status.ReadyReplicas == 2
			})
			stalled := meta.FindStatusCondition(g.get(ctx).Status.Conditions, v1alpha1.ConditionStalled)
			Expect(stalled).NotTo(BeNil())
			Expect(stalled.Status).To(Equal(metav1.ConditionTrue))
			Expect(stalled.Reason).To(Equal(v1alpha1.ReasonRolledBack))
		}
		Expect(groups["bad-stalled"].get(ctx).Status.Message).To(ContainSubstring("commits nothing"))
		Expect(groups["bad-slow"].get(ctx).Status.Message).To(ContainSubstring("falls behind"))
		Expect(groups["bad-crash"].get(ctx).Status.Message).To(ContainSubstring("restarted"))
		Expect(groups["bad-never-joins"].get(ctx).Status.Message).To(ContainSubstring("has not joined"))
		Expect(groups["bad-image"].get(ctx).Status.Message).To(ContainSubstring("consumer:missing"))
	})

	It("stays where it is with onFailure Pause, and goes back when the old template is applied", func(ctx context.Context) {
		g := start(ctx, "paused-release", 2, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.OnFailure = v1alpha1.OnFailurePause })
		before := g.get(ctx).Spec.Template
		g.release(ctx, lab.Version{Name: "v2", Behaviour: "stalled"})
		g.until(ctx, "a pause", func(cg *v1alpha1.ConsumerGroup) bool {
			r := cg.Status.State.Rollout
			return r != nil && r.Stage == v1alpha1.RolloutPaused
		})
		g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = before })
		g.released(ctx, 2)
		g.nothingLost(ctx, 0)
	})

	It("waits for a consumer that ignores SIGTERM until the kubelet kills it", func(ctx context.Context) {
		g := start(ctx, "deaf", 2, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Template = lab.Version{Name: "v1", Behaviour: "ignores-sigterm", GraceSeconds: 4, Records: true}.Raw("deaf")
		})
		g.rebalances(0, func() {
			g.release(ctx, lab.Version{Name: "v2"})
			g.released(ctx, 2)
		})
		// Each was killed up to a commit interval after its last commit.
		g.nothingLost(ctx, 2*60*2)
	})

	It("goes on after the operator was killed in the middle of it", func(ctx context.Context) {
		g := start(ctx, "operator-killed", 3)
		g.rebalances(0, func() {
			g.release(ctx, lab.Version{Name: "v2"})
			for begun := 1; begun <= 3; begun++ {
				g.until(ctx, "the next slot", func(cg *v1alpha1.ConsumerGroup) bool {
					r := cg.Status.State.Rollout
					return r == nil && cg.Status.StableRevision == cg.Status.UpdateRevision || r != nil && len(r.Begun) >= begun
				})
				world.KillOperator()
				Expect(world.StartOperator(ctx)).To(Succeed())
			}
			g.released(ctx, 3)
		})
		g.nothingLost(ctx, 0)
	})

	It("goes on after the broker was restarted in the middle of it", Serial, func(ctx context.Context) {
		if world.Broker.Kind == broker.Kfake {
			Skip("kfake keeps no group over a restart")
		}
		g := start(ctx, "broker-restart", 3)
		g.release(ctx, lab.Version{Name: "v2"})
		g.until(ctx, "the first slot", func(cg *v1alpha1.ConsumerGroup) bool {
			r := cg.Status.State.Rollout
			return r != nil && len(r.Begun) > 0
		})
		Expect(world.Broker.Restart(ctx)).To(Succeed())
		g.released(ctx, 3)
		// Commits that were under way are lost with the broker: up to a second of
		// records for each consumer that had to begin again.
		g.nothingLost(ctx, 3*60*5)
	})
})

var _ = Describe("Scaling", func() {
	It("goes to what the lag asks for in one step and one rebalance, and back in one", func(ctx context.Context) {
		g := start(ctx, "scaling", 2, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Template = lab.Version{Name: "v1", Rate: 100, Records: true}.Raw("scaling")
			cg.Spec.Scaling = &v1alpha1.Scaling{
				MinReplicas: ptr.To[int32](2), MaxReplicas: 2,
				Targets: v1alpha1.ScalingTargets{LagPerReplica: 100},
				Behavior: v1alpha1.ScalingBehavior{
					ScaleDown: v1alpha1.ScalingRules{StabilizationWindowSeconds: ptr.To[int32](5)},
				},
			}
		})
		// The lag is there before it may be acted on: it asks for all at once.
		Expect(g.producer.SetRate(1500)).To(Succeed())
		g.until(ctx, "a lag", func(cg *v1alpha1.ConsumerGroup) bool {
			s := cg.Status.Scaling
			return s != nil && s.Limit != nil && cg.Status.Lag != nil && cg.Status.Lag.Total >= 100*partitions
		})
		g.rebalances(1, func() {
			g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Scaling.MaxReplicas = 20 })
			g.until(ctx, "all that can own a partition", func(cg *v1alpha1.ConsumerGroup) bool {
				return cg.Status.DesiredReplicas == partitions && cg.Status.ReadyReplicas == partitions
			})
		})
		g.rebalances(1, func() {
			Expect(g.producer.SetRate(20)).To(Succeed())
			g.running(ctx, 2)
		})
		g.nothingLost(ctx, 0)
	})

	It("scales to zero and back through spec.replicas", func(ctx context.Context) {
		g := start(ctx, "zero", 2)
		g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Replicas = ptr.To[int32](0) })
		g.until(ctx, "no slots", func(cg *v1alpha1.ConsumerGroup) bool { return len(cg.Status.State.Slots) == 0 })
		g.change(ctx, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Replicas = ptr.To[int32](3) })
		g.running(ctx, 3)
		g.nothingLost(ctx, 0)
	})
})

var _ = Describe("A pod", func() {
	It("that is deleted is replaced without a rebalance", func(ctx context.Context) {
		g := start(ctx, "pod-deleted", 2)
		g.rebalances(0, func() {
			pod := g.pods(ctx)[0]
			Expect(world.Client.Delete(ctx, &pod)).To(Succeed())
			g.until(ctx, "a new holder", func(cg *v1alpha1.ConsumerGroup) bool {
				for _, s := range cg.Status.State.Slots {
					if s.Holder == pod.UID || s.Holder == "" {
						return false
					}
				}
				return true
			})
			g.running(ctx, 2)
		})
		g.nothingLost(ctx, 0)
	})

	It("whose consumer is killed comes back without a rebalance", func(ctx context.Context) {
		g := start(ctx, "pod-killed", 2)
		g.rebalances(0, func() {
			pod := g.pods(ctx)[0]
			Expect(world.Kubelet.Kill(pod.Namespace, pod.Name, "app")).To(Succeed())
			Eventually(func() int32 {
				for _, p := range g.pods(ctx) {
					if p.UID == pod.UID && len(p.Status.ContainerStatuses) > 0 {
						return p.Status.ContainerStatuses[0].RestartCount
					}
				}
				return 0
			}).WithContext(ctx).Should(BeEquivalentTo(1))
			g.running(ctx, 2)
		})
		g.nothingLost(ctx, 60*2)
	})

	It("that is deleted by force gives its id to nobody before it is gone from the group", func(ctx context.Context) {
		g := start(ctx, "pod-forced", 2, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Membership.HeartbeatSeconds = ptr.To[int32](1) })
		pod := g.pods(ctx)[0]
		Expect(world.Client.Delete(ctx, &pod, ctrlclient.GracePeriodSeconds(0))).To(Succeed())
		g.until(ctx, "a new holder", func(cg *v1alpha1.ConsumerGroup) bool {
			for _, s := range cg.Status.State.Slots {
				if s.Holder == pod.UID || s.Holder == "" {
					return false
				}
			}
			return cg.Status.ReadyReplicas == 2
		})
		g.nothingLost(ctx, 60*2)
	})
})
