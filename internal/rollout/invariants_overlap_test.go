package rollout

import (
	"fmt"
	"slices"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// followedFirst is what an overlap is for: a holder that consumes is stopped for a successor
// beside it when that one has all of its consumers in the group, and the group is Stable.
func followedFirst(in Input, d Decision) string {
	for _, act := range d.Actions {
		b := besideIn(in.State, act.Ordinal)
		took := b.Holder != "" && b.Holder == holderIn(d.State, act.Ordinal)
		if act.Kind != DeletePod || !took || act.UID != holderIn(in.State, act.Ordinal) || !consumingIn(in, act.UID) {
			continue
		}
		r := freshReading(in)
		if r == nil || r.State != lag.StateStable || !consumingIn(in, b.Holder) || !r.At.After(b.Since.Time) {
			return fmt.Sprintf("overlap: %s is stopped, and its successor is not known to be a member", act.Pod)
		}
		for _, id := range idsOf(in.Group.Names.In(b.Lane), act.Ordinal) {
			if m, listed := r.Member(id); !listed || before(b.MemberBefore, m.MemberID) {
				return fmt.Sprintf("overlap: %s is stopped, and its successor is not a member as %s", act.Pod, id)
			}
		}
	}
	return ""
}

// calmLanes is invariant 2 for second pods: none is begun while an id of the group is absent,
// nor in the middle of a rebalance; and the ids of one that consumes are not removed.
func calmLanes(in Input, d Decision) string {
	r := freshReading(in)
	var removed []string
	for _, act := range d.Actions {
		for _, ref := range act.Members {
			if act.Kind == RemoveMembers {
				removed = append(removed, ref.InstanceID)
			}
		}
	}
	for _, s := range d.State.Beside {
		ids := idsOf(in.Group.Names.In(s.Lane), s.Ordinal)
		if consumingIn(in, s.Holder) && slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(removed, id) }) {
			return fmt.Sprintf("invariant 2: %v are removed, and their pod consumes", ids)
		}
		if s.Leaving || s.Holder == "" || s.Holder == besideIn(in.State, s.Ordinal).Holder || s.Holder == holderIn(in.State, s.Ordinal) {
			continue
		}
		if r == nil || r.State == lag.StatePreparingRebalance {
			return fmt.Sprintf("invariant 2: a second pod of slot %d is begun in state %v", s.Ordinal, r)
		}
		for _, other := range in.State.Held() {
			for _, id := range idsOf(in.Group.Names.In(other.Lane), other.Ordinal) {
				if _, listed := r.Member(id); listed && !consumingIn(in, other.Holder) {
					return fmt.Sprintf("invariant 2: a second pod of slot %d is begun while %s is absent", s.Ordinal, id)
				}
			}
		}
	}
	return ""
}

// laneIn is the lane that a slot's holder uses.
func laneIn(state v1alpha1.GroupState, ordinal int32) string {
	for _, s := range state.Slots {
		if s.Ordinal == ordinal {
			return s.Lane
		}
	}
	return ""
}

// besideIn is what a state says of a slot's second pod.
func besideIn(state v1alpha1.GroupState, ordinal int32) v1alpha1.SlotState {
	for _, s := range state.Beside {
		if s.Ordinal == ordinal {
			return s
		}
	}
	return v1alpha1.SlotState{}
}
