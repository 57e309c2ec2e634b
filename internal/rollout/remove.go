package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

const (
	// barrierMargin is how much longer than a heartbeat a rebalance lasts for whose
	// end somebody is missing: all who are there join again within a heartbeat.
	barrierMargin = time.Second
	// hopelessAfter is how long a slot must have been without a consumer before its
	// member is removed because none is to be had.
	hopelessAfter = 2 * time.Second
	// passesWithin is the same where what is in the way may pass: the room that a
	// predecessor had is free when its object has gone, 1 to 2 s after the process, and the
	// scheduler takes as long to try again (measured); a kubelet that could not start a
	// program tries again as well.
	passesWithin = 5 * time.Second
)

// removals removes the members for which nobody answers any more, all in one request,
// so that it costs one rebalance: those of lost pods, of slots beyond the size, and the
// ghosts. It forgets slots beyond the size of which nothing is left.
func removals(v seen, state *v1alpha1.GroupState, proposals []proposal) []Action {
	if v.reading == nil {
		return nil
	}
	var members []MemberRef
	var reasons []string
	add := func(found []lag.Member, reason string) {
		if len(found) > 0 && !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
		members = append(members, refs(found)...)
	}
	starting := slices.ContainsFunc(v.inSize(*state), v.starting)
	for _, p := range proposals {
		if p.slot.lost() {
			if !starting && v.reading.At.After(p.slot.state.LostSince.Time) && !v.awaitsPerson(p.slot) {
				add(p.slot.stayed(v.reading), "their pods are lost")
			}
			continue
		}
		if why := v.ghost(*state, p, starting); why != "" {
			add(v.ghosts(p.slot), why)
			slotState(state, p.slot.ordinal).Awaited = nil // no restart that a session has to last for
		}
	}
	add(leaving(v, state, proposals), "their slots are not wanted any more")
	add(v.leavers(*state, starting), "their slots are held under other ids")
	if len(members) == 0 {
		return nil
	}
	return []Action{{Kind: RemoveMembers, Members: members, Reason: strings.Join(reasons, "; ")}}
}

// ghost is why a slot's members are removed although the slot shall stay: nobody
// answers for them, and nobody is about to. "" if they are not. A planned restart never
// comes here: it has a successor that starts, and the session lasts for it. While another
// slot's consumer is starting, a rebalance would wait for that one.
func (v seen) ghost(state v1alpha1.GroupState, p proposal, starting bool) string {
	s := p.slot
	if s.ordinal >= sizeOf(state) {
		return ""
	}
	if v.holdsID(s) {
		return "the broker would refuse their ids until their sessions are over"
	}
	if !s.absent(v.reading) || p.move == take {
		return ""
	}
	if _, another := v.intruded(s); v.leftOut(s) && !another && !starting {
		return "their consumers crash over and over"
	}
	ends := s.holder != nil && s.holder.Deleting // it may commit yet, and its grace period bounds that
	if v.barred() && !ends && v.Now.Sub(s.state.Since.Time) > v.Group.Heartbeat {
		return "the group waits for them and nobody consumes under their ids"
	}
	why, patience := hopeless(v, s, p.run)
	if onTrial(state, s) {
		patience = time.Duration(s.state.SessionBefore) * time.Second / 2 // it was stopped for its successor
	}
	if why != "" && !starting && v.Now.Sub(s.state.Since.Time) > patience && v.othersCan(state, s) {
		return why
	}
	return ""
}

// ghosts are the members of a slot for which nobody answers. Where it has a holder that
// may have come by now and is not seen to run yet, they are those of before, and those
// that were there when it crashed.
func (v seen) ghosts(s slot) []lag.Member {
	members := s.members(v.reading)
	if v.holdsID(s) {
		members = v.stuck(s)
	}
	if s.holder == nil || s.state.MemberBefore == v1alpha1.UnknownMember {
		return members
	}
	dead := s.stayed(v.reading)
	if r := v.Window.Before(s.holder.CrashedAt).Said(); s.holder.Down && r != nil {
		dead = append(dead, s.members(r)...)
	}
	return slices.DeleteFunc(members, func(m lag.Member) bool {
		return !slices.ContainsFunc(dead, func(d lag.Member) bool { return d.MemberID == m.MemberID })
	})
}

// hopeless is why no consumer of a slot is to be had, and for how long that is borne; ""
// if one may be.
func hopeless(v seen, s slot, run string) (why string, patience time.Duration) {
	spare := s.spare(run)
	switch h := s.holder; {
	case h != nil && h.Unstartable && !h.Deleting:
		return fmt.Sprintf("pod %s, which holds the slot, does not get on: %s", h.Name, h.Problem), passesWithin
	case h != nil:
		return "", 0
	case spare == nil && v.Group.NoRoom != "":
		return "no pod can be made for them: " + v.Group.NoRoom, passesWithin
	case spare == nil || spare.Warm || spare.Problem == "":
		return "", 0
	case spare.NoRoom:
		patience = passesWithin
	default:
		patience = hopelessAfter
	}
	return fmt.Sprintf("pod %s, which shall follow, does not get on: %s", spare.Name, spare.Problem), patience
}

// barred: the group waits, for longer than a heartbeat, for members that do not come.
func (v seen) barred() bool {
	waits := v.Window.Tail(func(r *lag.Reading) bool { return r.Err == "" && r.State == lag.StatePreparingRebalance })
	return len(waits) > 0 && waits.Span() >= v.Group.Heartbeat+barrierMargin
}

// leaving are the members of slots beyond the size, when all of their pods have ended.
func leaving(v seen, state *v1alpha1.GroupState, proposals []proposal) []lag.Member {
	var gone []lag.Member
	pending := false
	for _, p := range proposals {
		if p.move == shrink || p.slot.ordinal >= sizeOf(*state) && p.slot.holder != nil {
			pending = true
		}
		if p.move != remove || p.slot.lost() {
			continue
		}
		members := p.slot.members(v.reading)
		if len(members) == 0 && v.reading.At.After(p.slot.state.Since.Time) {
			forget(state, p.slot.ordinal)
		}
		gone = append(gone, members...)
	}
	if pending || v.anyAbsent(v.inSize(*state)) && !v.barred() {
		return nil
	}
	return gone
}

// anyAbsent: one of some slots is in the group and does not answer, or not yet. A
// rebalance of a classic group would wait for it now.
func (v seen) anyAbsent(slots []slot) bool {
	return slices.ContainsFunc(slots, func(s slot) bool {
		beside := s.beside != nil && s.beside.absent(v.reading)
		return !v.Group.Consumer && (s.absent(v.reading) || beside) || v.starting(s)
	})
}

// starting slots have a consumer that runs, and has not joined yet in the place of the
// member before, for whom a rebalance of a classic group would wait.
func (v seen) starting(s slot) bool {
	return !v.Group.Consumer && s.holder.consuming() && !v.joined(s, v.reading) && len(s.stayed(v.reading)) > 0
}

// disturbs: a slot's consumer would come to the group anew, while the group would wait
// for another one that is absent.
func (v seen) disturbs(s slot) bool {
	return v.reading != nil && len(s.members(v.reading)) == 0 && v.anyAbsent(v.slots)
}
