package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/rollout"
)

func TestTransitions(t *testing.T) {
	state := func(size int32, stable string, r *v1alpha1.RolloutState, slots ...v1alpha1.SlotState) v1alpha1.GroupState {
		return v1alpha1.GroupState{Size: &size, Stable: stable, Rollout: r, Slots: slots}
	}
	at := func(stage v1alpha1.RolloutStage, failure string) *v1alpha1.RolloutState {
		return &v1alpha1.RolloutState{From: "a", To: "b", Stage: stage, Failure: failure}
	}
	holder := v1alpha1.SlotState{Holder: "1", Pod: "orders-0-x", Revision: "a"}
	successor := v1alpha1.SlotState{Holder: "2", Pod: "orders-0-y", Revision: "b"}
	lost := holder
	lost.LostSince = &metav1.MicroTime{Time: noon}

	for name, c := range map[string]struct {
		old, now v1alpha1.GroupState
		want     []note
	}{
		"nothing":   {old: state(1, "a", nil, holder), now: state(1, "a", nil, holder)},
		"a start":   {now: state(3, "a", nil), want: []note{normal("Started", "starting with 3 slots of revision a")}},
		"a scaling": {old: state(1, "a", nil), now: state(3, "a", nil), want: []note{normal("Scaled", "from 1 to 3 slots: spec.replicas")}},
		"a rollout begins": {old: state(1, "a", nil), now: state(1, "a", at(v1alpha1.RolloutProgressing, "")),
			want: []note{normal("RolloutStarted", "rolling out revision b, from a")}},
		"a slot is handed over": {old: state(1, "a", at(v1alpha1.RolloutProgressing, ""), holder), now: state(1, "a", at(v1alpha1.RolloutProgressing, ""), successor),
			want: []note{normal("SlotHandedOver", "slot 0 goes from revision a to b, pod orders-0-y")}},
		"it succeeds": {old: state(1, "a", at(v1alpha1.RolloutProgressing, "")), now: state(1, "b", nil),
			want: []note{normal("RolloutSucceeded", "all slots run revision b")}},
		"it fails": {old: state(1, "a", at(v1alpha1.RolloutProgressing, "")), now: state(1, "a", at(v1alpha1.RolloutRollingBack, "crashes")),
			want: []note{warning("RolloutFailed", "rolling back from b to a: crashes")}},
		"it stops": {old: state(1, "a", at(v1alpha1.RolloutProgressing, "")), now: state(1, "a", at(v1alpha1.RolloutPaused, "crashes")),
			want: []note{warning("RolloutFailed", "stopped at revision b as it stands: crashes")}},
		"it is rolled back": {old: state(1, "a", at(v1alpha1.RolloutRollingBack, "crashes")), now: state(1, "a", at(v1alpha1.RolloutRolledBack, "crashes")),
			want: []note{warning("RolledBack", "all slots run revision a again; b failed: crashes")}},
		"the user goes back": {old: state(1, "a", at(v1alpha1.RolloutProgressing, "")), now: state(1, "a", at(v1alpha1.RolloutRollingBack, "")),
			want: []note{normal("RollingBack", "going back to revision a: the template asks for it")}},
		"the user is back": {old: state(1, "a", at(v1alpha1.RolloutRollingBack, "")), now: state(1, "a", nil),
			want: []note{normal("RolledBack", "all slots run revision a again")}},
		"a pod is lost": {old: state(1, "a", nil, holder), now: state(1, "a", nil, lost),
			want: []note{warning("PodLost", "pod orders-0-x of slot 0 is gone and nobody saw it end")}},
		"it is still lost": {old: state(1, "a", nil, lost), now: state(1, "a", nil, lost)},
	} {
		t.Run(name, func(t *testing.T) {
			group := &v1alpha1.ConsumerGroup{}
			group.Status.State = c.old
			got := transitions(seen{group: group}, plan{Decision: rollout.Decision{State: c.now}})
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(note{})); diff != "" {
				t.Errorf("the events (-want +got):\n%s", diff)
			}
		})
	}
}
