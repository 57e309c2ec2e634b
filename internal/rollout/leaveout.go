package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// leaveOut leaves the slots out of the group whose consumers crash over and over: their
// pods are deleted and their members removed, so that the others take their partitions
// over, and they are tried again when Group.CrashBackOff is over. So a crash loop costs
// the others two rebalances in that time, one for leaving and one for coming back, and
// its partitions stand still for seconds. A first crash is left to the kubelet, which
// starts the container again at once.
//
// No more than the budget of slots is left out; where more crash, the cause is hardly
// in one of them. What is on trial in a rollout is up to the gate.
func leaveOut(v seen, state *v1alpha1.GroupState) {
	missing := unavailable(v, *state)
	for _, s := range v.inSize(*state) {
		switch {
		case s.state.RetryAt != nil && (s.holder.consuming() || s.holder.active() && !v.leftOut(s)):
			kept := slotState(state, s.ordinal) // it was quicker than its deletion, or nobody was there to delete it
			kept.RetryAt, kept.Failure = nil, ""
		case s.state.RetryAt != nil || !s.crashesOn() || v.reading == nil:
		case v.Group.Consumer && !v.reading.At.After(s.state.Since.Time): // it may have been refused
		case onTrial(*state, s) || rollingWant(*state, s).run != s.holder.Revision || v.wasRefused(s, v.Now):
		case len(missing) <= v.Group.Budget && v.othersCan(*state, s):
			kept := slotState(state, s.ordinal)
			kept.RetryAt, kept.Failure, kept.Awaited = micro(v.Now.Add(v.Group.CrashBackOff)), s.holder.Problem, nil
		}
	}
}

// crashesOn: the slot's consumer crashes over and over, and does not run now.
func (s slot) crashesOn() bool {
	return s.holder.active() && s.holder.BackingOff && !s.holder.Running && !s.holder.Deleting
}

// onTrial: the slot was handed to the update revision, and has not passed the gate, or is
// watched as a canary.
func onTrial(state v1alpha1.GroupState, s slot) bool {
	r := state.Rollout
	return underWay(r) && !r.Full &&
		slices.Contains(r.Begun, s.ordinal) && (!slices.Contains(r.Passed, s.ordinal) || inSteps(r))
}

// leftOut: the slot is out of the group for now.
func (v seen) leftOut(s slot) bool {
	return s.state.RetryAt != nil && v.Now.Before(s.state.RetryAt.Time)
}

// othersCan says whether another slot could take a slot's partitions over: it consumes,
// or waits for nothing but its turn.
func (v seen) othersCan(state v1alpha1.GroupState, than slot) bool {
	return slices.ContainsFunc(v.inSize(state), func(s slot) bool {
		return s.ordinal != than.ordinal && (s.holder.consuming() || s.holder == nil && s.warm(rollingWant(state, s).run))
	})
}

// tellLeftOut says of a slot that is left out why, and until when.
func (s slot) tellLeftOut() string {
	return fmt.Sprintf("slot %d is left out of the group until %s, the others have its partitions: %s",
		s.ordinal, s.state.RetryAt.UTC().Format(time.TimeOnly), s.state.Failure)
}
