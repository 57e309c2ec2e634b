package integration

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// TestOverlap: a release joins under the other lane's ids beside those that run, which stop
// when it is in the group, and whose ids are removed; the next release takes the plain ids
// again.
func TestOverlap(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Rollout.Strategy, g.Spec.Rollout.Handover = v1alpha1.StrategyBlueGreen, v1alpha1.HandoverOverlap
		g.Spec.Rollout.BlueGreen = &v1alpha1.BlueGreen{KeepBlueSeconds: ptr.To[int32](0)}
	})
	w.comesUp("orders")
	plain := slices.Sorted(maps.Keys(w.consuming()))
	second := []string{plain[0] + "-b", plain[1] + "-b"}
	for i, lane := range [][]string{second, plain} {
		w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + string(rune('0'+i))) })
		together := false
		w.until("all slots run the release", func() bool {
			together = together || len(w.consuming()) == 4
			s := w.read("orders").Status
			return s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == 2 && s.ReadyReplicas == 2
		})
		if !together {
			t.Error("the release did not run beside the one before")
		}
		var told []string
		for _, slot := range w.read("orders").Status.Slots {
			told = append(told, slot.InstanceIDs...)
		}
		if diff := cmp.Diff(lane, told); diff != "" {
			t.Errorf("the status tells of other ids (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(lane, w.members("orders")); diff != "" {
			t.Errorf("the group has other members (-want +got):\n%s", diff)
		}
		w.until("nothing is left of the revision before", func() bool { return len(w.pods()) == 2 })
	}
	if h := w.read("orders").Status.Handover; h == nil || h.Handover != v1alpha1.HandoverOverlap || h.Reason == "" {
		t.Errorf("the status says of the handover %+v", h)
	}
}

// TestOverlapIsTakenBack: successors that have joined, and have not taken over yet, leave
// again when the template of before is applied.
func TestOverlapIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Rollout.Strategy, g.Spec.Rollout.Handover = v1alpha1.StrategyBlueGreen, v1alpha1.HandoverOverlap
	})
	w.comesUp("orders")
	before, first := w.consuming(), w.read("orders").Spec.Template
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("the successors are about to join", func() bool { return len(w.read("orders").Status.State.Beside) == 2 })
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = first })
	w.until("only the pods of before are left", func() bool {
		s := w.read("orders").Status
		return len(s.State.Beside) == 0 && s.State.Rollout == nil && len(w.pods()) == 2 && s.ReadyReplicas == 2
	})
	if diff := cmp.Diff(before, w.consuming()); diff != "" {
		t.Errorf("the holders have changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(before)), w.members("orders")); diff != "" {
		t.Errorf("the group has other members (-want +got):\n%s", diff)
	}
}
