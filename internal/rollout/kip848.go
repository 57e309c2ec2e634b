package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// What is different in a group of type consumer (KIP-848): the broker refuses an instance
// id (UNRELEASED_INSTANCE_ID) as long as the member that has it has neither closed in
// order, which keeps its place, nor been removed, nor lost its session. A process that
// crashed must therefore be removed before the next one can join, and a client that was
// refused may have given up by then.

const (
	// readWithin is how long the next consumer waits for a reading that shows whether the
	// one before has left.
	readWithin = 3 * time.Second
	// givesUpWithin is how long a client tries to join before it is taken to have given up,
	// at least.
	givesUpWithin = 20 * time.Second
	// unseenWithin is the same where it was not seen that it was refused, at least.
	unseenWithin = time.Minute
	// renewals of a holder whose client gave up, before it is left as it is.
	renewals = 3
)

// refused: the slot's ids are still those of members that have not left, or that is not
// known yet.
func (v seen) refused(s slot) bool {
	switch {
	case !v.Group.Consumer || v.reading == nil:
		return false
	case !v.reading.At.After(s.state.Since.Time):
		return v.Now.Sub(s.state.Since.Time) < readWithin
	default:
		return len(v.stuck(s)) > 0
	}
}

// readNow: a slot waits for a reading that shows whether its last consumer has left.
func readNow(v seen, proposals []proposal) bool {
	return v.Group.Consumer && slices.ContainsFunc(proposals, func(p proposal) bool {
		if p.move != take {
			return false
		}
		since := v.slots[p.slot.ordinal].state.Since.Time
		return (v.reading == nil || !v.reading.At.After(since)) && v.Now.Sub(since) < readWithin
	})
}

// stuck are the members of a slot that have not left.
func (v seen) stuck(s slot) []lag.Member {
	return slices.DeleteFunc(s.members(v.reading), hasLeft)
}

// holdsID: a member is in the way of the slot's next process: its own ended without
// leaving, or has crashed.
func (v seen) holdsID(s slot) bool {
	if !v.Group.Consumer || s.lost() || !v.reading.At.After(s.state.Since.Time) || len(v.stuck(s)) == 0 {
		return false
	}
	switch h := s.holder; {
	case h == nil:
		return true
	case h.Deleting || !h.active():
		return false
	case !h.Running:
		return h.Down // and no other can have joined since
	default:
		return !v.joined(s, v.reading) && len(s.stayed(v.reading)) > 0
	}
}

// wasRefused: since it was activated, or its last crash was noted, and until some time the
// slot's process could not join, since the one before was still a member. That it ended
// then is no fault of its own.
func (v seen) wasRefused(s slot, until time.Time) bool {
	refused := false
	read := v.Window.Since(s.state.Since.Time)
	for i := range read {
		if v.joined(s, &read[i]) {
			refused = refused && read[i].At.After(until)
			break
		}
		refused = refused || len(slices.DeleteFunc(s.stayed(&read[i]), hasLeft)) > 0
	}
	return v.Group.Consumer && refused
}

// gaveUp: the slot's client could not join, since the process before was still a member,
// and has given up: its process has ended, or runs, is no member, and nothing is in its
// way any more.
func (v seen) gaveUp(state v1alpha1.GroupState, s slot) bool {
	trial := onTrial(state, s)
	switch {
	case !v.Group.Consumer || v.reading == nil || s.state.GivenUp >= renewals:
		return false
	case s.crashesOn():
		return !trial && v.wasRefused(s, v.Now)
	case !s.holder.consuming():
		return false
	}
	patience := givesUpWithin
	if !s.state.Barred && !v.wasRefused(s, v.Now) {
		// Where nobody was before, nothing was refused: what does not join then never
		// would. On trial that is for the gate to say.
		if trial || s.state.MemberBefore == "" && s.state.Restarts == 0 {
			return false
		}
		patience = unseenWithin
	}
	patience = max(patience, 2*sessionOf(v.Group, state).Usual()) // it may be slow to start
	return v.reading.At.After(s.runsSince().Add(patience)) && len(s.members(v.reading)) < len(s.ids)
}

// noteBarred notes that a slot's process was refused: the readings that show it do not go
// back for as long as a client may try.
func noteBarred(v seen, state *v1alpha1.GroupState) {
	if !v.Group.Consumer || v.reading == nil {
		return
	}
	for _, s := range v.inSize(*state) {
		switch {
		case s.state.Barred && v.joined(s, v.reading):
			slotState(state, s.ordinal).Barred = false
		case !s.state.Barred && s.holder.consuming() && v.wasRefused(s, v.Now):
			slotState(state, s.ordinal).Barred = true
		}
	}
}

// noteLeaving notes whether the slot's last consumer left the group in order when it
// ended, as soon as that is read.
func noteLeaving(v seen, state *v1alpha1.GroupState) {
	if !v.Group.Consumer || v.reading == nil {
		return
	}
	for _, s := range v.inSize(*state) {
		if s.state.Holder != "" || s.state.Since.IsZero() || !v.reading.At.After(s.state.Since.Time) || len(s.members(v.reading)) == 0 {
			continue
		}
		if unclean := len(v.stuck(s)) > 0 && !s.state.Killed; unclean != s.state.Unclean {
			slotState(state, s.ordinal).Unclean = unclean
		}
	}
}

// leavesUncleanly: consumers end by themselves and the group does not hear of it.
func leavesUncleanly(v seen, state v1alpha1.GroupState) string {
	slots := v.lastOnes(state, func(s v1alpha1.SlotState) bool { return s.Unclean })
	if slots == "" {
		return ""
	}
	return fmt.Sprintf("the last consumer of slot %s ended by itself, and the group did not hear of it, so that each restart costs two rebalances: "+
		"close the consumer at the end of the program; franz-go up to 1.22 needs more than that (docs/clients.md)", slots)
}
