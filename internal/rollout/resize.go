package rollout

import (
	"fmt"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// warmPatience is how long new slots wait for each other, so that they join in
// one rebalance. Then those that are warm go ahead.
const warmPatience = 30 * time.Second

// resize moves the size of the group towards what is desired, and returns what
// it waits for. Growing makes the warm pods holders together, so that they are
// activated together; shrinking makes every slot beyond the new size unwanted,
// so that they stop together and leave in one request.
func resize(v seen, state *v1alpha1.GroupState) string {
	size := sizeOf(*state)
	switch {
	case state.Size == nil:
		return start(v, state)
	case v.Desired == size:
		return resizeLeaves(*state)
	case !mayResize(v, *state):
		return fmt.Sprintf("%d slots are desired, %d there: %s", v.Desired, size, resizeWaits(v, *state))
	case v.reading == nil:
		return fmt.Sprintf("%d slots are desired, %d there: waiting for a reading: %s", v.Desired, size, v.unknown)
	case v.Desired < size:
		if why := unfitToShrink(v, *state); why != "" {
			return fmt.Sprintf("shrinking to %d slots waits: %s", v.Desired, why)
		}
		desired := v.Desired
		state.Size = &desired
		return ""
	}
	if why := unsettledBut(v, *state, v.reading, exempt{fresh: true}); why != "" {
		return fmt.Sprintf("growing to %d slots waits: %s", v.Desired, why)
	}
	if v.anyAbsent(v.inSize(*state)) {
		return fmt.Sprintf("growing to %d slots waits until no slot is absent", v.Desired)
	}
	return grow(v, state)
}

// start is the first start: it needs nothing from Kafka.
func start(v seen, state *v1alpha1.GroupState) string {
	if v.Desired == 0 {
		zero := int32(0)
		state.Size, state.Stable = &zero, v.Group.Revision
		return ""
	}
	if v.paused != "" {
		return "paused before its first start"
	}
	warm, patient := warmAbove(v, 0, v.Group.Revision)
	if len(warm) < int(v.Desired) && (patient || len(warm) == 0) {
		return fmt.Sprintf("%d of %d pods are ready to start", len(warm), v.Desired)
	}
	desired := v.Desired
	state.Size, state.Stable = &desired, v.Group.Revision
	for _, s := range warm {
		hold(v, state, s, s.spare(v.Group.Revision))
	}
	return ""
}

// grow takes the new slots that are warm, from the lowest on.
func grow(v seen, state *v1alpha1.GroupState) string {
	size := sizeOf(*state)
	warm, patient := warmAbove(v, size, state.Stable)
	ready := int32(0)
	for ready < int32(len(warm)) && warm[ready].ordinal == size+ready {
		ready++
	}
	if ready < v.Desired-size && (patient || ready == 0) {
		return fmt.Sprintf("growing to %d slots: %d of %d new pods are warm", v.Desired, len(warm), v.Desired-size)
	}
	grown := size + ready
	state.Size = &grown
	for _, s := range warm[:ready] {
		hold(v, state, s, s.spare(state.Stable))
	}
	return ""
}

// warmAbove are the slots from an ordinal on whose pod is warm, and whether the
// others are still worth waiting for.
func warmAbove(v seen, from int32, revision string) (warm []slot, patient bool) {
	patient = true
	for _, s := range v.slots {
		if s.ordinal < from || s.ordinal >= v.Desired {
			continue
		}
		spare := s.spare(revision)
		if spare == nil {
			continue
		}
		if spare.Warm {
			warm = append(warm, s)
		} else if v.Now.Sub(spare.Created) > warmPatience {
			patient = false
		}
	}
	return warm, patient
}

// mayResize: one thing at a time. A rollout in progress, slots that still leave
// and a pause hold everything back.
func mayResize(v seen, state v1alpha1.GroupState) bool { return resizeWaits(v, state) == "" }

func resizeWaits(v seen, state v1alpha1.GroupState) string {
	if v.paused != "" {
		return v.paused
	}
	if underWay(state.Rollout) && !v.awaitsPromotion(state) {
		return "a rollout is under way"
	}
	if why := twoLanes(state); why != "" {
		return why
	}
	return resizeLeaves(state)
}

// resizeLeaves: slots beyond the size are on their way out of the group.
func resizeLeaves(state v1alpha1.GroupState) string {
	leaving := 0
	for _, s := range state.Slots {
		if s.Ordinal >= sizeOf(state) {
			leaving++
		}
	}
	if leaving == 0 {
		return ""
	}
	if leaving == 1 {
		return "a slot is leaving the group"
	}
	return fmt.Sprintf("%d slots are leaving the group", leaving)
}

// unfitToShrink: the slots that stay must be there, or the rebalance would wait
// for them.
func unfitToShrink(v seen, state v1alpha1.GroupState) string {
	if v.Desired > 0 && v.reading.Rebalancing() {
		return "the group is in state " + v.reading.State
	}
	for _, s := range v.inSize(state) {
		switch {
		case s.ordinal >= v.Desired:
		case s.absent(v.reading):
			return fmt.Sprintf("slot %d (%s) is a member and does not run", s.ordinal, s.name())
		case v.starting(s):
			return v.notJoined(s, v.reading)
		}
	}
	return ""
}

// unsettled is what keeps the group from being settled by a reading; "" if it
// is settled: Stable, every partition owned, every active slot a member.
func unsettled(v seen, state v1alpha1.GroupState, r *lag.Reading) string {
	return unsettledBut(v, state, r, exempt{})
}

// exempt is what a group need not be settled with.
type exempt struct {
	slots func(slot) bool // nil: no slot
	// fresh partitions may have no owner yet, of a topic that was added or has grown:
	// static members that are replaced one by one own none of them before the next
	// rebalance.
	fresh bool
}

// unsettledBut is the same, with exemptions.
func unsettledBut(v seen, state v1alpha1.GroupState, r *lag.Reading, but exempt) string {
	if len(r.MissingTopics) > 0 {
		return fmt.Sprintf("topic %s does not exist", r.MissingTopics[0])
	}
	slots := v.inSize(state)
	for _, s := range slots {
		if !s.holder.active() || but.slots != nil && but.slots(s) {
			continue
		}
		if why := v.notJoined(s, r); why != "" {
			return why
		}
	}
	if id := v.doubled(state, r); id != "" {
		return fmt.Sprintf("%s is in the group beside the other id of its slot", id)
	}
	return v.groupUnsettled(r, len(slots) > 0, but.fresh)
}

// groupUnsettled is what keeps the group as a whole from being settled.
func (v seen) groupUnsettled(r *lag.Reading, owned, butFresh bool) string {
	if r.State != lag.StateStable && (owned || r.Rebalancing()) {
		return "the group is in state " + r.State
	}
	if !owned {
		return ""
	}
	unowned := r.Unowned()
	if butFresh {
		unowned = v.deserted(unowned)
	}
	if len(unowned) > 0 {
		return fmt.Sprintf("%d partitions have no owner, %s among them", len(unowned), unowned[0])
	}
	return ""
}
