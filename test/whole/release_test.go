package whole

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
)

// TestReleaseRollsThrough: a good release costs no rebalance, loses nothing and
// processes nothing twice.
func TestReleaseRollsThrough(t *testing.T) {
	t.Parallel()
	g := start(t, "good-release", 3)
	spec := g.get().Generation
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2", StartDelayMillis: unhurried})
		g.released(3)
	})
	g.Expect(g.get().Generation).To(Equal(spec+1), "only the user writes the spec")
	g.boundedExactly(g.record(1, v1alpha1.RolloutSucceeded))
	g.nothingLost(0)
}

// TestReleaseOfAProcess: the same where the program is started by the launcher, also
// through a change of where pods wait, a crash, and a program that does not exist.
func TestReleaseOfAProcess(t *testing.T) {
	t.Parallel()
	version := func(name string) lab.Version {
		return lab.Version{Name: name, Command: lab.ConsumerCommand, StartupProbe: true, Records: true, StartDelayMillis: unhurried}
	}
	g := start(t, "process", 3, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Template = version("v1").Raw("process")
		cg.Spec.Rollout.ProgressDeadlineSeconds = ptr.To[int32](30)
	})
	g.rebalances(0, func() {
		g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Membership.Activation = v1alpha1.ActivationProcess })
		g.released(3)
		g.release(version("v2"))
		g.released(3)
	})
	g.boundedExactly(g.record(2, v1alpha1.RolloutSucceeded))
	g.nothingLost(0)

	missing := version("v3")
	missing.Command = "no-such-consumer"
	g.release(missing)
	g.until("a rollback", func(cg *v1alpha1.ConsumerGroup) bool {
		r := cg.Status.State.Rollout
		return r != nil && r.Stage == v1alpha1.RolloutRolledBack
	})
	status := g.get().Status
	g.Expect(status.Message).To(ContainSubstring("exit code 127"))
	g.Expect(status.ReadyReplicas).To(BeEquivalentTo(3), "slots that lost their pod to a release that cannot start")

	g.Eventually(g.pods).Should(HaveLen(3))
	pod := g.pods()[0]
	g.Expect(world.Kubelet.Kill(pod.Namespace, pod.Name, "app")).To(Succeed())
	g.until("its restart in its own pod", func(cg *v1alpha1.ConsumerGroup) bool {
		for _, p := range g.pods() {
			if p.UID == pod.UID {
				app := p.Status.ContainerStatuses[0]
				return app.RestartCount == 1 && app.Ready && cg.Status.ReadyReplicas == 3
			}
		}
		return false
	})
}

// TestBlueGreen: all slots are handed over together, and back by the pods that stand warm.
// Nothing of it is a rebalance.
func TestBlueGreen(t *testing.T) {
	t.Parallel()
	g := start(t, "blue-green", 3, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen
		cg.Spec.Rollout.BlueGreen = &v1alpha1.BlueGreen{KeepBlueSeconds: ptr.To[int32](120)}
	})
	before := g.get()
	warm := func(revision string) (names []string) {
		for _, pod := range g.pods() {
			if pod.Labels[v1alpha1.LabelRevision] == revision && pod.Annotations[v1alpha1.AnnotationActivate] == "" && pod.DeletionTimestamp == nil {
				names = append(names, pod.Name)
			}
		}
		return names
	}
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2"})
		g.until("all slots at once", func(cg *v1alpha1.ConsumerGroup) bool {
			r := cg.Status.State.Rollout
			return r != nil && len(r.Begun) == 3
		})
		g.released(3)
		g.record(1, v1alpha1.RolloutSucceeded)
		g.Eventually(func() []string { return warm(before.Status.StableRevision) }).Should(HaveLen(3), "pods of the revision before that stand warm")
		stood := warm(before.Status.StableRevision)
		g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = before.Spec.Template })
		g.released(3)
		for _, slot := range g.get().Status.State.Slots {
			g.Expect(stood).To(ContainElement(slot.Pod), "who holds slot %d", slot.Ordinal)
		}
	})
	g.nothingLost(0)
}

// TestBadBlueGreen: all slots go back together, without a rebalance.
func TestBadBlueGreen(t *testing.T) {
	t.Parallel()
	g := start(t, "blue-green-bad", 3, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen })
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2", Behaviour: "stalled"})
		g.until("a rollback", func(cg *v1alpha1.ConsumerGroup) bool {
			r := cg.Status.State.Rollout
			return r != nil && r.Stage == v1alpha1.RolloutRolledBack && cg.Status.ReadyReplicas == 3
		})
	})
}

// TestOverlap: a program that takes its time to start joins beside the one before: two
// rebalances for all slots, each of which has its partitions again under its other id, and
// back to the plain ids with the next release.
func TestOverlap(t *testing.T) {
	t.Parallel()
	line := startLine(t)
	version := func(name string) lab.Version { return lab.Version{Name: name, Records: true, StartFile: line.file} }
	g := start(t, "overlap", 3, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Template = version("v1").Raw("overlap")
		cg.Spec.Rollout.Strategy, cg.Spec.Rollout.Handover = v1alpha1.StrategyBlueGreen, v1alpha1.HandoverOverlap
		cg.Spec.Rollout.BlueGreen = &v1alpha1.BlueGreen{KeepBlueSeconds: ptr.To[int32](0)}
	})
	owned := func(suffix string) (all []string) {
		for _, slot := range g.get().Status.Slots {
			g.Expect(slot.InstanceIDs).To(ConsistOf(HaveSuffix(fmt.Sprintf("-%04d%s", slot.Ordinal, suffix))))
			all = append(all, slot.Partitions)
		}
		return all
	}
	before := owned("")
	for i, suffix := range []string{"-b", ""} {
		g.rebalances(2, func() {
			line.hold(g)
			g.release(version(fmt.Sprintf("v%d", i+2)))
			line.let(g, 3)
			g.released(3)
		})
		g.Eventually(func() []string { return owned(suffix) }).Should(Equal(before), "the partitions of each slot")
	}
	g.nothingLost(0)
}

// TestBadOverlap: a release that never joins leaves nothing behind, and disturbs nobody.
func TestBadOverlap(t *testing.T) {
	t.Parallel()
	g := start(t, "overlap-bad", 3, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Rollout.Strategy, cg.Spec.Rollout.Handover = v1alpha1.StrategyBlueGreen, v1alpha1.HandoverOverlap
		cg.Spec.Membership.SessionTimeout.MinSeconds = ptr.To[int32](10)
	})
	before := g.get().Status.State.Slots
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2", Behaviour: "never-joins"})
		g.until("a rollback", func(cg *v1alpha1.ConsumerGroup) bool {
			r := cg.Status.State.Rollout
			return r != nil && r.Stage == v1alpha1.RolloutRolledBack && len(cg.Status.State.Beside) == 0
		})
	})
	for i, slot := range g.get().Status.State.Slots {
		g.Expect(slot.Holder).To(Equal(before[i].Holder), "who holds slot %d", i)
	}
	g.nothingLost(0)
}

// TestRecreate: all consumers stop, then all start, without a rebalance; a bad release goes
// back in the same way.
func TestRecreate(t *testing.T) {
	t.Parallel()
	g := start(t, "recreate", 3, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.Strategy = v1alpha1.StrategyRecreate })
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2", StartDelayMillis: unhurried})
		g.released(3)
		g.boundedExactly(g.record(1, v1alpha1.RolloutSucceeded))
		g.release(lab.Version{Name: "v3", Behaviour: "stalled"})
		g.until("a rollback", func(cg *v1alpha1.ConsumerGroup) bool {
			r := cg.Status.State.Rollout
			return r != nil && r.Stage == v1alpha1.RolloutRolledBack && cg.Status.ReadyReplicas == 3
		})
	})
}

// TestRestart: every pod is replaced, without a rebalance and without a loss.
func TestRestart(t *testing.T) {
	t.Parallel()
	g := start(t, "restart", 3)
	before := map[string]bool{}
	for _, pod := range g.pods() {
		before[pod.Name] = true
	}
	g.rebalances(0, func() {
		g.change(func(cg *v1alpha1.ConsumerGroup) {
			metav1.SetMetaDataAnnotation(&cg.ObjectMeta, v1alpha1.AnnotationRestart, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
		})
		g.until("other pods in all slots", func(cg *v1alpha1.ConsumerGroup) bool {
			for _, slot := range cg.Status.State.Slots {
				if before[slot.Pod] {
					return false
				}
			}
			return cg.Status.Phase == v1alpha1.PhaseRunning && cg.Status.ReadyReplicas == 3
		})
	})
	g.nothingLost(0)
}

// canary is the slot that owns partition 0, until a person promotes it.
func canary(cg *v1alpha1.ConsumerGroup) {
	cg.Spec.Rollout.Strategy = v1alpha1.StrategyCanary
	cg.Spec.Rollout.Canary = &v1alpha1.Canary{Steps: []v1alpha1.CanaryStep{{
		Partitions: []v1alpha1.CanaryPartitions{{Topic: cg.Spec.Topics[0], Partitions: "0"}}, Pause: &v1alpha1.CanaryPause{},
	}}}
}

// TestCanary: the slot that owns a partition goes first, and no other one until a person says
// so.
func TestCanary(t *testing.T) {
	t.Parallel()
	g := start(t, "canary", 3, canary)
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2"})
		g.until("a canary that waits to be promoted", func(cg *v1alpha1.ConsumerGroup) bool {
			return strings.Contains(cg.Status.Message, "waiting to be promoted")
		})
		status := g.get().Status
		for _, slot := range status.Slots {
			owns := strings.HasPrefix(slot.Partitions, "canary:0")
			g.Expect(slot.Revision == status.UpdateRevision).To(Equal(owns), "slot %d owns %s and runs %s", slot.Ordinal, slot.Partitions, slot.Revision)
		}
		g.Expect(status.UpdatedReplicas).To(BeEquivalentTo(1))
		g.change(func(cg *v1alpha1.ConsumerGroup) {
			metav1.SetMetaDataAnnotation(&cg.ObjectMeta, v1alpha1.AnnotationPromote, status.UpdateRevision+"-1")
		})
		g.released(3)
	})
	g.bounded(g.record(1, v1alpha1.RolloutSucceeded))
	g.nothingLost(0)
}

// TestBadCanary goes back, and no other slot was touched.
func TestBadCanary(t *testing.T) {
	t.Parallel()
	g := start(t, "canary-bad", 3, canary)
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2", Behaviour: "stalled"})
		g.until("a rollback", func(cg *v1alpha1.ConsumerGroup) bool {
			r := cg.Status.State.Rollout
			if r != nil {
				g.Expect(len(r.Begun)).To(BeNumerically("<=", 1), "slots that the bad canary got")
			}
			return r != nil && r.Stage == v1alpha1.RolloutRolledBack && cg.Status.ReadyReplicas == 3
		})
	})
}

// TestReleaseOfSeveralConsumersPerPod: a pod's consumers are handed over together, at
// no more rebalances, and leave together.
func TestReleaseOfSeveralConsumersPerPod(t *testing.T) {
	t.Parallel()
	g := start(t, "two-per-pod", 3, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Consumer.ConsumersPerPod = ptr.To[int32](2)
		cg.Spec.Template = lab.Version{Name: "v1", Consumers: 2, Records: true}.Raw("two-per-pod")
	})
	g.until("two ids for each slot, with a partition each", func(cg *v1alpha1.ConsumerGroup) bool {
		slots := cg.Status.Slots
		for i, slot := range slots {
			if len(slot.InstanceIDs) != 2 || slot.Partitions != fmt.Sprintf("two-per-pod:%d-%d", 2*i, 2*i+1) {
				return false
			}
		}
		return len(slots) == 3
	})
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2", Consumers: 2})
		g.released(3)
	})
	g.rebalances(1, func() {
		g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Replicas = ptr.To[int32](1) })
		g.running(1)
	})
	g.nothingLost(0)
}

// TestBadReleaseIsRolledBack: it is stopped at its first slot, and says why.
func TestBadReleaseIsRolledBack(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct {
		group   string
		version lab.Version
		says    string
	}{
		{"bad-stalled", lab.Version{Name: "v2", Behaviour: "stalled"}, "commits nothing"},
		{"bad-slow", lab.Version{Name: "v2", Behaviour: "slow", Rate: 60}, "falls behind"},
		{"bad-crash", lab.Version{Name: "v2", Behaviour: "crash"}, "restarted"},
		{"bad-never-joins", lab.Version{Name: "v2", Behaviour: "never-joins"}, "has not joined"},
		{"bad-image", lab.Version{Name: "v2", Image: "consumer:missing"}, "consumer:missing"},
	} {
		t.Run(bad.group, func(t *testing.T) {
			t.Parallel()
			g := start(t, bad.group, 2, func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Rollout.ProgressDeadlineSeconds = ptr.To[int32](30)
			})
			g.release(bad.version)
			g.until("a rollback", func(cg *v1alpha1.ConsumerGroup) bool {
				r := cg.Status.State.Rollout
				if r != nil {
					g.Expect(len(r.Begun)).To(BeNumerically("<=", 1), "slots that the bad release got")
				}
				return r != nil && r.Stage == v1alpha1.RolloutRolledBack && cg.Status.ReadyReplicas == 2
			})
			status := g.get().Status
			stalled := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionStalled)
			g.Expect(stalled).NotTo(BeNil())
			g.Expect(stalled.Status).To(Equal(metav1.ConditionTrue))
			g.Expect(stalled.Reason).To(Equal(v1alpha1.ReasonRolledBack))
			g.Expect(status.Message).To(ContainSubstring(bad.says))
		})
	}
}

// TestReleaseStopsWhereItIs: with onFailure Pause a bad release stays where it
// stopped, and goes back when the old template is applied.
func TestReleaseStopsWhereItIs(t *testing.T) {
	t.Parallel()
	g := start(t, "paused-release", 2, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.OnFailure = v1alpha1.OnFailurePause })
	before := g.get().Spec.Template
	g.release(lab.Version{Name: "v2", Behaviour: "stalled"})
	g.until("a pause", func(cg *v1alpha1.ConsumerGroup) bool {
		r := cg.Status.State.Rollout
		return r != nil && r.Stage == v1alpha1.RolloutPaused
	})
	g.change(func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = before })
	g.released(2)
	g.nothingLost(0)
}

// TestReleaseWaitsForADeafConsumer: a consumer that ignores SIGTERM keeps its slot
// until the kubelet has killed it.
func TestReleaseWaitsForADeafConsumer(t *testing.T) {
	t.Parallel()
	g := start(t, "deaf", 2, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Template = lab.Version{Name: "v1", Behaviour: "ignores-sigterm", GraceSeconds: 4, Records: true}.Raw("deaf")
	})
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2"})
		g.released(2)
	})
	// Each was killed up to a commit interval after its last commit.
	g.nothingLost(2 * 60 * 2)
}
