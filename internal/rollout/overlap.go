package rollout

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// Overlap: a slot has two lanes of ids, and while it is handed over it has a pod in each.
//
//	lane a:  holder ------------------------------> leaves -> ended -> its ids are removed
//	lane b:          the successor joins -> member, holder ------------------------------>
//
// The state has the second pod of a slot beside the slots, and it is written there before
// it is activated, as a holder is. When the successors of a batch are settled members, they
// become the holders, and those before them leave: they stop together, and when they have
// ended their ids are removed in one request. So a batch costs two rebalances, whatever its
// size and however long its programs take to start. A successor that shall not follow any
// more, since the release has failed or is taken back, leaves in the same way. What is
// gone back to takes the slot over in the lane that it has: that needs no settled group.
//
// A slot whose holder does not consume has nothing to lose and is handed over under the
// same ids; so are a canary's, which is watched under the partitions that it has.

// overlapping is how a slot goes over in an overlap.
type overlapping struct {
	to   string // the revision that its slots are handed to so; "" = none
	here bool   // this one is: its holder consumes
}

// overlapsNow: the slots that a rollout begins now are handed over by Overlap.
func overlapsNow(r *v1alpha1.RolloutState) bool {
	return r != nil && r.Stage == v1alpha1.RolloutProgressing && r.Handover == v1alpha1.HandoverOverlap && !inSteps(r)
}

// otherLanes are the second pods of the slots as a state of their own: an end, a loss and a
// crash are the same in both.
func otherLanes(state v1alpha1.GroupState) v1alpha1.GroupState {
	return v1alpha1.GroupState{Slots: state.Beside, Forced: state.Forced, SessionSeconds: state.SessionSeconds}
}

// withBeside adds the second pods to the slots, and how the slots are handed over.
func (v seen) withBeside(state v1alpha1.GroupState) seen {
	for _, kept := range state.Beside {
		s := &v.slots[kept.Ordinal]
		beside := slot{ordinal: kept.Ordinal, ids: v.idsIn(kept.Ordinal, kept.Lane), state: kept, others: s.others}
		beside.takeOut()
		s.others, beside.others, s.beside = beside.others, nil, &beside
	}
	if overlapsNow(state.Rollout) {
		for i := range v.slots {
			s := &v.slots[i]
			s.overlap = overlapping{state.Rollout.To, s.holder.consuming() && s.ordinal < sizeOf(state)}
		}
	}
	return v
}

// besides are the second pods of all slots.
func (v seen) besides() []slot {
	var all []slot
	for _, s := range v.slots {
		if s.beside != nil {
			all = append(all, *s.beside)
		}
	}
	return all
}

// joins: a pod of a revision becomes a member beside the slot's holder.
func (s slot) joins(revision string) bool {
	return s.overlap.here && revision == s.overlap.to && s.holder.Revision != revision
}

// meets: the slot's successor is about to be a member beside its holder, or the other lane
// is not free for one yet.
func (s slot) meets(revision string) bool { return s.beside != nil && s.joins(revision) }

// laneOf is the lane for which the slot's next pod of a revision is made.
func (s slot) laneOf(revision string) string {
	if s.joins(revision) {
		return membership.OtherLane(s.state.Lane)
	}
	return s.state.Lane
}

// nextBeside is the next move of a slot whose successor joins beside the holder.
func nextBeside(s slot, w want) (move, *Pod) {
	if s.beside == nil && s.warm(w.run) && !s.occupiedIn(s.laneOf(w.run)) {
		return join, s.spare(w.run)
	}
	return stay, nil
}

// follows: the second pod of a slot shall still become its holder.
func follows(v seen, state v1alpha1.GroupState, beside slot) bool {
	r := state.Rollout
	return !beside.state.Leaving && beside.ordinal < sizeOf(state) && overlapsNow(r) && beside.state.Revision == r.To &&
		slices.Contains(r.Begun, beside.ordinal) && beside.holder != nil && !beside.holder.Deleting && v.Group.DeletedAt.IsZero()
}

// settleLanes brings the second pods in line with what was decided: one that shall not
// follow any more leaves; one whose slot's holder does not consume any more takes its place;
// and one that has left is forgotten when its ids are not in the group any more.
func settleLanes(v seen, state *v1alpha1.GroupState) {
	for _, s := range v.slots {
		if s.beside == nil {
			continue
		}
		b := *s.beside
		switch gone := s.state.Holder == ""; {
		case follows(v, *state, b):
			if gone || !s.holder.consuming() && b.holder.consuming() {
				changeLanes(state, s)
			}
		case b.state.Holder != "":
			besideState(state, s.ordinal).Leaving = true
		case v.reading != nil && v.reading.At.After(b.state.Since.Time) && len(b.members(v.reading)) == 0:
			forgetBeside(state, b)
		default:
			besideState(state, s.ordinal).Leaving = true
		}
	}
}

// changeLanes makes the second pod of a slot its holder, and has the one before leave.
func changeLanes(state *v1alpha1.GroupState, s slot) {
	kept, beside := slotState(state, s.ordinal), besideState(state, s.ordinal)
	*kept, *beside = *beside, *kept
	kept.RevisionBefore, kept.Killed, kept.Deaf = beside.RevisionBefore, beside.Killed, beside.Deaf
	beside.Leaving, beside.Awaited, beside.RetryAt, beside.Failure = true, nil, nil, ""
}

// besideState is the persisted part of a slot's second pod.
func besideState(state *v1alpha1.GroupState, ordinal int32) *v1alpha1.SlotState {
	other := otherLanes(*state)
	slotState(&other, ordinal)
	state.Beside = other.Slots
	return slotState(&other, ordinal)
}

// forgetBeside: nothing of a second pod is left. How it ended is remembered as that of the
// slot's last consumer.
func forgetBeside(state *v1alpha1.GroupState, b slot) {
	if b.state.RevisionBefore != "" {
		kept := slotState(state, b.ordinal)
		kept.RevisionBefore, kept.Killed, kept.Deaf = b.state.RevisionBefore, b.state.Killed, b.state.Deaf
	}
	state.Beside = slices.DeleteFunc(slices.Clone(state.Beside), func(k v1alpha1.SlotState) bool { return k.Ordinal == b.ordinal })
}

// adoptBeside has a pod leave that no state knows and that is active in the other lane than
// its slot's holder, of whom no state knew either.
func adoptBeside(v seen, state *v1alpha1.GroupState, s slot, lane string) {
	for _, p := range s.others {
		if p.active() && p.Lane != lane {
			kept := besideState(state, s.ordinal)
			kept.Holder, kept.Pod, kept.Revision, kept.Lane = p.UID, p.Name, p.Revision, p.Lane
			kept.Since, kept.Leaving = metav1.NewMicroTime(v.Now), true
			return
		}
	}
}

// overlaps has successors join beside their holders, holders leave whose successors are
// settled members, and those that leave stop.
func overlaps(v seen, state *v1alpha1.GroupState, proposals []proposal, removing bool) []Action {
	actions := joinBeside(v, state, proposals, removing)
	if !removing {
		giveWay(v, state)
	}
	for _, s := range v.under(*state).slots {
		if s.beside == nil || s.beside.holder == nil {
			continue
		}
		switch b, h := *s.beside, s.beside.holder; {
		case b.state.Leaving && !h.Deleting && s.state.Pod == "":
			actions = append(actions, deletion(h, fmt.Sprintf("it does not take slot %d over", s.ordinal)))
		case b.state.Leaving && !h.Deleting:
			actions = append(actions, deletion(h, fmt.Sprintf("slot %d is held by %s beside it", s.ordinal, s.state.Pod)))
		case !b.state.Leaving && !h.Activated && v.has(b):
			actions = append(actions, activation(h))
		}
	}
	return actions
}

// has: a second pod was persisted before this decision, and is activated again: nothing
// shows yet that it was.
func (v seen) has(b slot) bool {
	return slices.ContainsFunc(v.State.Beside, func(k v1alpha1.SlotState) bool { return k.Ordinal == b.ordinal && k.Holder == b.state.Holder })
}

// joinBeside activates the successors that stand warm under the free lanes, all of them
// together. A rebalance follows, which would wait for whoever is absent.
func joinBeside(v seen, state *v1alpha1.GroupState, proposals []proposal, removing bool) []Action {
	if v.reading == nil || v.reading.Rebalancing() || removing || v.anyAbsent(v.slots) {
		return nil
	}
	var actions []Action
	for _, p := range proposals {
		if p.move != join || len(v.reading.MembersOf(v.idsIn(p.slot.ordinal, p.pod.Lane))) > 0 {
			continue
		}
		other := otherLanes(*state)
		hold(v, &other, slot{ordinal: p.slot.ordinal, ids: v.idsIn(p.slot.ordinal, p.pod.Lane)}, p.pod)
		state.Beside = other.Slots
		actions = append(actions, activation(p.pod))
	}
	return actions
}

// giveWay makes the successors of a batch the holders of their slots when all of them are
// settled members.
func giveWay(v seen, state *v1alpha1.GroupState) {
	batch := v.successors(*state)
	if v.reading == nil || v.groupUnsettled(v.reading, true, true) != "" {
		return
	}
	if slices.ContainsFunc(batch, func(s slot) bool { return !v.isMember(*s.beside) }) {
		return
	}
	if v.untilBeat(batch) > 0 {
		return
	}
	for _, s := range batch {
		changeLanes(state, s)
	}
}

// isMember: a successor consumes, and all of its consumers are members by a reading of a
// Stable group: it owns what is its share beside its predecessor.
func (v seen) isMember(b slot) bool {
	return b.holder.consuming() && v.joined(b, v.reading)
}

// leavers are the members of pods that have left the other lane of their slot, all together
// if they end at about the same time.
func (v seen) leavers(state v1alpha1.GroupState, starting bool) []lag.Member {
	var gone, lost []lag.Member
	pending, first := false, v.Now
	for _, b := range v.besides() {
		switch {
		case b.lost():
			if !starting && v.reading.At.After(b.state.LostSince.Time) && !v.awaitsPerson(b) {
				lost = append(lost, b.stayed(v.reading)...)
			}
		case b.state.Holder != "":
			pending = pending || b.state.Leaving
		case len(b.members(v.reading)) > 0:
			gone = append(gone, b.members(v.reading)...)
			if b.state.Since.Time.Before(first) {
				first = b.state.Since.Time
			}
		}
	}
	waits := pending && v.Now.Sub(first) < v.Group.Heartbeat
	if waits || slices.ContainsFunc(v.inSize(state), func(s slot) bool { return s.absent(v.reading) || v.starting(s) }) && !v.barred() {
		return lost
	}
	return append(lost, gone...)
}

// twoLanes is what waits since slots have two pods; "" if none does.
func twoLanes(state v1alpha1.GroupState) string {
	switch n := len(state.Beside); n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("slot %d has a second pod until it is handed over", state.Beside[0].Ordinal)
	default:
		return fmt.Sprintf("%d slots have a second pod until they are handed over", n)
	}
}

// doubled is an id that a reading shows beside the other id of its slot; "" if none is.
func (v seen) doubled(state v1alpha1.GroupState, r *lag.Reading) string {
	if len(state.Beside) == 0 && (state.Rollout == nil || state.Rollout.Handover != v1alpha1.HandoverOverlap) {
		return ""
	}
	for _, s := range v.inSize(state) {
		for _, m := range r.MembersOf(v.idsIn(s.ordinal, membership.OtherLane(s.state.Lane))) {
			return m.InstanceID
		}
	}
	return ""
}

// gateBeside judges a slot that has two pods.
func gateBeside(v seen, state v1alpha1.GroupState, s slot) verdict {
	b := *s.beside
	if b.state.Leaving || b.holder == nil {
		return waits("slot %d: the pod before (%s) has yet to leave the group", s.ordinal, b.name())
	}
	n := b.holder.Restarts - b.state.Refused
	if n >= crashes && !state.Rollout.Full {
		return fails("slot %d: its successor restarted %d times under revision %s before it took over: %s", s.ordinal, n, state.Rollout.To, b.holder.Problem)
	}
	if !b.holder.Running {
		return waits("slot %d: its successor is about to start%s", s.ordinal, problemOf(b.holder))
	}
	why := v.notJoined(b, v.reading)
	took := v.Now.Sub(b.runsSince())
	switch {
	case why == "":
		return waits("slot %d: its successor has joined, and takes over when the group is settled", s.ordinal)
	case took > v.joinsWithin(state) && !state.Rollout.Full:
		return fails("%s, although its consumer runs for %d s", why, int(took.Seconds()))
	}
	return verdict{wait, why}
}

// beginBatch begins as many slots as may be in handover at once, together, when all that
// were begun before have come through the gate.
func beginBatch(v seen, state *v1alpha1.GroupState) string {
	r := state.Rollout
	if len(r.Begun) > len(r.Passed) {
		return ""
	}
	next := queue(v, *state)
	return beginTogether(v, state, next[:min(len(next), v.Group.Budget)])
}

// keepToSameID: where there is no room for two pods of a slot, a rollout goes on by SameId.
func keepToSameID(v seen, state *v1alpha1.GroupState) {
	r := state.Rollout
	if !overlapsNow(r) {
		return
	}
	for _, s := range v.inSize(*state) {
		stays := s.holder == nil || s.holder.Revision == r.To || s.beside != nil
		if first := goesFirst(v, *state, s, r.To); first != "" && !stays {
			r.Handover, r.HandoverReason = "", fmt.Sprintf("slot %d cannot have two pods: %s", s.ordinal, first)
			return
		}
	}
}
