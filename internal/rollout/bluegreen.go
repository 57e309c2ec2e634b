package rollout

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// BlueGreen: a successor of each slot stands warm, then all slots are handed over
// together. As long as the update is on trial, and for some time after it, pods of the
// revision before stand warm: the way back is the same handover.

func blueGreen(r *v1alpha1.RolloutState) bool {
	return r != nil && r.Strategy == v1alpha1.StrategyBlueGreen
}

// together says whether a rollout hands all slots over that are left at once.
func together(r *v1alpha1.RolloutState) bool {
	return blueGreen(r) || recreates(r) || r != nil && r.Strategy == v1alpha1.StrategyCanary && !inSteps(r) && r.Then == v1alpha1.StrategyBlueGreen
}

// budget is how many slots may be in handover at once.
func (v seen) budget(state v1alpha1.GroupState) int {
	r := state.Rollout
	if together(r) && underWay(r) {
		return int(sizeOf(state))
	}
	return v.Group.Budget
}

// beginTogether begins some slots when each can be handed over, and a person has said so if
// one has to. What is gone back to is not asked for more: the gate has passed it before, and
// what keeps the group from being fit may be what it is left for.
func beginTogether(v seen, state *v1alpha1.GroupState, next []slot) string {
	r := state.Rollout
	if len(next) == 0 {
		return ""
	}
	ready, first, problem := readyForAll(v, *state, next)
	if ready < len(next) {
		return fmt.Sprintf("waiting for the successors of all slots to be warm: %d of %d are%s", ready, len(next), problem)
	}
	if v.awaitsPromotion(*state) {
		return fmt.Sprintf("the successors of all slots stand warm%s; %s", first, toPromote(*state))
	}
	missing := unavailable(v, *state)
	aside := func(s slot) bool { return missing[s.ordinal] || leftAside(*state, s) } // these have nothing to lose
	if why := unfitBut(v, *state, next, aside); why != "" && !r.Back && !r.Full {
		return "waiting for gate: all slots are next: " + why
	}
	renewBaseline(v, *state, r) // that of its beginning may be of long ago
	for _, s := range next {
		r.Begun = insert(r.Begun, s.ordinal)
	}
	r.ProgressAt = metav1.NewMicroTime(v.Now)
	if recreates(r) {
		return fmt.Sprintf("all pods stop, and those of revision %s start when the last has ended", r.To)
	}
	if len(next) == 1 {
		return fmt.Sprintf("slot %d is being handed over to revision %s", next[0].ordinal, r.To)
	}
	return fmt.Sprintf("%d slots are being handed over to revision %s together", len(next), r.To)
}

// readyForAll is how many of some slots could be handed over now; of how many of them the
// pod goes first, in words; and what is the matter with one that could not.
func readyForAll(v seen, state v1alpha1.GroupState, slots []slot) (ready int, first, problem string) {
	r, cold, why := state.Rollout, 0, ""
	for _, s := range slots {
		switch {
		case s.holder != nil && s.holder.Revision == r.To || s.warm(r.To):
			ready++
		case (v.Group.Warm != v1alpha1.WarmNever || recreates(r)) && goesFirst(v, state, s, r.To) != "":
			ready, cold, why = ready+1, cold+1, goesFirst(v, state, s, r.To)
		default:
			problem = cmp.Or(problem, problemOf(s.spare(r.To)))
		}
	}
	if cold > 0 {
		first = fmt.Sprintf(", but for %d whose pods go first: %s", cold, why)
	}
	return ready, first, problem
}

// awaitsPromotion: nothing but a person's word keeps a rollout by BlueGreen from handing the
// slots over.
func (v seen) awaitsPromotion(state v1alpha1.GroupState) bool {
	r := state.Rollout
	if !blueGreen(r) || r.Stage != v1alpha1.RolloutProgressing || len(r.Begun) > 0 || !r.Awaits || r.Back || r.Full || r.Promoted > 0 {
		return false
	}
	next := queue(v, state)
	ready, _, _ := readyForAll(v, state, next)
	return ready == len(next)
}

// keepsBlue is the revision that stands warm beside a slot that runs the one after it; ""
// if none does. What stands stays; what does not is made when that takes nothing from
// anybody: not in a handover, nor while a pod that is needed finds no room.
func keepsBlue(v seen, state v1alpha1.GroupState, s slot) string {
	blue := ""
	switch r := state.Rollout; {
	case r == nil && state.Blue != nil:
		blue = state.Blue.Revision
	case together(r) && !recreates(r) && (r.Stage == v1alpha1.RolloutProgressing || r.Stage == v1alpha1.RolloutPaused) && s.holder != nil && s.holder.Revision == r.To:
		blue = r.From
	}
	spare := s.spare(blue)
	switch {
	case blue == "" || v.roomIsNeeded() || spare != nil && spare.Crowded != "":
		return ""
	case spare != nil:
		return blue
	case v.Group.Warm == v1alpha1.WarmNever || v.Group.NoRoom != "" || v.paused != "" || betweenHolders(v, state):
		return ""
	}
	return blue
}

// roomIsNeeded: a slot that nobody holds waits for a pod that finds no room.
func (v seen) roomIsNeeded() bool {
	return slices.ContainsFunc(v.slots, func(s slot) bool {
		return s.holder == nil && slices.ContainsFunc(s.others, func(p *Pod) bool { return p.NoRoom && !p.Deleting })
	})
}

// betweenHolders: a slot has no holder that runs, or two pods, or is still to be handed over.
func betweenHolders(v seen, state v1alpha1.GroupState) bool {
	r := state.Rollout
	return slices.ContainsFunc(v.inSize(state), func(s slot) bool {
		return s.holder == nil || s.beside != nil || s.holder.Deleting || !s.holder.Running || r != nil && s.holder.Revision != r.To
	})
}

// keepBlue has the revision before a release stand warm for some time.
func keepBlue(v seen, state *v1alpha1.GroupState, r *v1alpha1.RolloutState) {
	if blueGreen(r) && v.Group.KeepBlue > 0 {
		state.Blue = &v1alpha1.BlueState{Revision: r.From, Until: metav1.NewMicroTime(v.Now.Add(v.Group.KeepBlue))}
	}
}

// forgetBlue: its time is over, and nobody is about to go back to it; or nobody wants it any
// more; or another rollout has begun.
func forgetBlue(v seen, state *v1alpha1.GroupState) {
	b := state.Blue
	if b == nil {
		return
	}
	over := !v.Now.Before(b.Until.Time) && v.Group.Revision != b.Revision
	if over || v.Group.KeepBlue == 0 || state.Rollout != nil {
		state.Blue = nil
	}
}

// standsAsBlue says whether a pod waits to be gone back to: what is the matter with it is
// nothing that the group suffers from.
func standsAsBlue(state v1alpha1.GroupState, p *Pod) bool {
	return state.Rollout == nil && state.Blue != nil && p.Revision == state.Blue.Revision && !p.active()
}
