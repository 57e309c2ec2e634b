package rollout

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// awayHeartbeats is for how many heartbeats the id of a lost pod must stay away
// from the group before it is used again: a process that still runs would have
// come back by then.
const awayHeartbeats = 2

// lostRetry is when the member of a lost pod is removed again. One that came back
// has a process that still consumes: each removal costs a rebalance.
const lostRetry = 60 * time.Second

// mend brings the state in line with what became of the holders: it takes an
// active pod without a state for the holder it is, notes the end of a holder
// before its object goes, or its crash, notes that one is lost, and frees the slot of
// a lost one whose id stayed away.
func mend(v seen, state *v1alpha1.GroupState) {
	mendSlots(v, state, v.slots)
	other := otherLanes(*state)
	mendSlots(v, &other, v.besides())
	state.Beside = other.Slots
	for _, s := range v.under(*state).slots {
		if s.state.Holder == "" {
			adopt(v, state, s)
		}
	}
	if state.Size == nil {
		adoptSize(state)
	}
}

func mendSlots(v seen, state *v1alpha1.GroupState, slots []slot) {
	for _, s := range slots {
		switch {
		case s.lost():
			mendLost(v, slotState(state, s.ordinal), s)
		case s.holder != nil && s.holder.Ended:
			noteEnd(v, state, s)
		case s.holder != nil && s.state.LostSince != nil:
			slotState(state, s.ordinal).LostSince = nil
		case s.holder != nil && s.holder.Restarts > s.state.Restarts:
			noteCrash(v, state, s)
		case s.holder == nil && s.state.RetryAt != nil:
			if at, another := v.intruded(s); another {
				slotState(state, s.ordinal).Ousted = micro(at)
			}
		}
	}
}

// mendLost notes that a holder is lost, and frees its slot when its ids stayed away.
func mendLost(v seen, kept *v1alpha1.SlotState, s slot) {
	member := s.memberBefore(v.Window)
	learned := kept.MemberBefore == v1alpha1.UnknownMember && member != v1alpha1.UnknownMember
	waits := v.awaitsPerson(s)
	switch {
	case kept.LostSince == nil || learned || !waits && v.Now.Sub(kept.LostSince.Time) > lostRetry:
		kept.LostSince, kept.MemberBefore = micro(v.Now), member
	case !waits && stayedAway(v, s):
		kept.Holder, kept.Pod, kept.LostSince, kept.Awaited = "", "", nil, nil
	}
}

// awaitsPerson: a lost slot stays as it is until a person says that its process is dead.
func (v seen) awaitsPerson(s slot) bool {
	return v.Group.LostWaits && !slices.Contains(v.Group.LostDead, s.state.Pod)
}

// lostToAPerson is what a rollout waits for, since a slot awaits a person; "" if none does.
func (v seen) lostToAPerson(state v1alpha1.GroupState) string {
	for _, s := range append(v.besides(), v.inSize(state)...) {
		if s.lost() && v.awaitsPerson(s) {
			return fmt.Sprintf("slot %d is lost, and membership.lostNode is Wait: pod %s", s.ordinal, s.state.Pod)
		}
	}
	return ""
}

// noteEnd frees the slot of a holder that has ended.
func noteEnd(v seen, state *v1alpha1.GroupState, s slot) {
	kept := slotState(state, s.ordinal)
	kept.Holder, kept.Pod, kept.LostSince = "", "", nil
	replaced(v, state, s, v.Window)
	kept.Killed, kept.Deaf, kept.RevisionBefore = s.holder.Killed, s.holder.Deaf, s.holder.Revision
	if s.holder.Deleting && s.state.RetryAt == nil {
		kept.Awaited = &v1alpha1.AwaitedState{Kind: v1alpha1.RestartStop, Since: metav1.NewMicroTime(s.holder.DeletedAt)}
	}
}

// noteCrash: the holder's consumer was started again, and has to join again.
func noteCrash(v seen, state *v1alpha1.GroupState, s slot) {
	kept := slotState(state, s.ordinal)
	if v.wasRefused(s, s.holder.CrashedAt) {
		kept.Refused += s.holder.Restarts - s.state.Restarts
	}
	noteOusted(v, state, s)
	kept.Restarts = s.holder.Restarts
	since := s.holder.StartedAt
	if !s.holder.Running {
		since = s.holder.CrashedAt // it has crashed again by now
	}
	replaced(v, state, s, v.Window.Before(since))
	kept.Awaited = &v1alpha1.AwaitedState{Kind: v1alpha1.RestartCrash, Since: metav1.NewMicroTime(s.holder.CrashedAt)}
}

// replaced notes that the members that some readings show last are those of a process
// that is gone.
func replaced(v seen, state *v1alpha1.GroupState, s slot, read lag.Window) {
	kept := slotState(state, s.ordinal)
	kept.Barred = false
	if kept.MemberBefore = s.memberBefore(read); kept.MemberBefore == "" && v.reading == nil {
		kept.MemberBefore = v1alpha1.UnknownMember // it may have joined since that was read
	}
	kept.SessionBefore = int32(s.holder.Session / time.Second)
	if v.Group.Consumer { // the broker has one for the whole group
		kept.SessionBefore = max(kept.SessionBefore, state.SessionSeconds)
	}
	kept.Since = metav1.NewMicroTime(v.Now)
}

// Hold is all that is done for a group that must stay as it is: ends are noted, so
// that the pods can go.
func Hold(in Input) (v1alpha1.GroupState, []Action) {
	state := *in.State.DeepCopy()
	v := viewOf(in)
	noteEnds := func(state *v1alpha1.GroupState, slots []slot) {
		for _, s := range slots {
			if s.holder != nil && s.holder.Ended {
				noteEnd(v, state, s)
			}
		}
	}
	other := otherLanes(state)
	noteEnds(&state, v.slots)
	noteEnds(&other, v.besides())
	state.Beside = other.Slots
	return state, Releases(in.Pods, state)
}

// stayedAway says whether a lost slot's ids were missing from the group for long
// enough, by readings that were all taken after the loss was noted.
func stayedAway(v seen, s slot) bool {
	if v.reading == nil {
		return false
	}
	away := v.Window.Since(s.state.LostSince.Time)
	for i := len(away) - 1; i >= 0; i-- {
		if away[i].Err != "" {
			away = away[i+1:]
			break
		}
		if len(s.members(&away[i])) > 0 {
			away = away[i+1:]
			break
		}
	}
	return len(away) > 1 && away.Span() >= awayHeartbeats*v.Group.Heartbeat
}

// adopt makes an active pod that no state knows the holder that it is: after a
// restore, or when the object was replaced by another of its name. One that was there
// when the end of the slot's last holder was noted is that one, as it was seen before.
func adopt(v seen, state *v1alpha1.GroupState, s slot) {
	for _, p := range s.others {
		if p.active() && p.Created.After(s.state.Since.Time) && (p.Lane == s.state.Lane || s.state.Since.IsZero()) {
			kept := slotState(state, s.ordinal)
			kept.Holder, kept.Pod, kept.Revision, kept.Lane = p.UID, p.Name, p.Revision, p.Lane
			kept.Since = metav1.NewMicroTime(v.Now)
			if s.state.Since.IsZero() {
				adoptBeside(v, state, s, p.Lane)
			}
			return
		}
	}
}

// adoptSize finds size and stable revision again when pods were adopted: the
// revision that most of them run.
func adoptSize(state *v1alpha1.GroupState) {
	count := map[string]int{}
	var size int32
	for _, s := range state.Slots {
		if s.Holder == "" {
			continue
		}
		size = max(size, s.Ordinal+1)
		count[s.Revision]++
		if c, best := count[s.Revision], count[state.Stable]; c > best || c == best && s.Revision < state.Stable {
			state.Stable = s.Revision
		}
	}
	if size > 0 {
		state.Size = &size
	}
}
