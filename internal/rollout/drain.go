package rollout

import (
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// prospectFor is how long a successor on another node may take to be warm before
// evictions are not held back for it any more.
const prospectFor = 2 * time.Minute

// moving are the slots that are handed over to another node now, since theirs is being
// drained: no more than may be in handover at once. In a rollout they are the first to
// be handed over anyway.
func (v seen) moving(state v1alpha1.GroupState) []int32 {
	r := state.Rollout
	if v.paused != "" || v.Group.Warm == v1alpha1.WarmNever || underWay(r) && !v.awaitsPromotion(state) && !v.holdsStep(state) {
		return nil
	}
	var moving []int32
	for _, s := range v.inSize(state) {
		if len(moving) < v.Group.Budget && s.holder.consuming() && s.holder.Draining != "" && s.holder.Revision == rollingWant(state, s).run {
			moving = append(moving, s.ordinal)
		}
	}
	return moving
}

// minAvailable is how many pods an eviction must leave ready: all but the budget, and
// all where a slot is about to be handed over to another node, which costs less than
// an eviction.
func minAvailable(v seen, state v1alpha1.GroupState) int32 {
	size := sizeOf(state)
	for _, b := range v.besides() { // a slot has two pods, and must not lose both
		if b.holder.consuming() && b.holder.Ready {
			size++
		}
	}
	if v.reading == nil {
		return max(0, size-int32(v.Group.Budget)) // nothing is handed over without one
	}
	for _, ordinal := range v.moving(state) {
		spare := v.slots[ordinal].spare(v.slots[ordinal].holder.Revision)
		switch {
		case spare == nil && v.Group.NoRoom == "":
			return size
		case spare != nil && spare.Draining == "" && (spare.Warm || spare.Problem == "" && v.Now.Sub(spare.Created) < prospectFor):
			return size
		}
	}
	return max(0, size-int32(v.Group.Budget))
}
