package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// A restart replaces every pod that was made before some time by another one of its
// revision, as many at once as may be in handover, and the next when the group has been
// settled for settledSeconds with the last. It needs no record of its own: what is left to
// do is seen by when the pods were made. A rollout goes before it.

// restartsFrom is the time before which a pod must not have been made; zero: any may stay.
func restartsFrom(state v1alpha1.GroupState) time.Time {
	c := answered(state, v1alpha1.AnnotationRestart)
	if c == nil || c.Refused != "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, c.Value)
	if err != nil {
		return time.Time{}
	}
	return at.Truncate(time.Second) // as the API server notes when a pod was made
}

// outdated are the slots whose pods were made before a restart, those that do not consume
// first.
func outdated(v seen, state v1alpha1.GroupState) []slot {
	from := restartsFrom(state)
	if from.IsZero() {
		return nil
	}
	missing := unavailable(v, state)
	var old []slot
	for _, s := range v.inSize(state) {
		if s.holder.active() && s.holder.Created.Before(from) {
			old = append(old, s)
		}
	}
	slices.SortStableFunc(old, func(a, b slot) int { return btoi(missing[b.ordinal]) - btoi(missing[a.ordinal]) })
	return old
}

// restartsNow are the slots whose pods are replaced by others of their revision now.
func restartsNow(v seen, state v1alpha1.GroupState) []int32 {
	if v.paused != "" || underWay(state.Rollout) {
		return nil
	}
	old := outdated(v, state)
	// To make another pod while a slot is between its holders would take time from it.
	between := len(old) > 0 && slices.ContainsFunc(v.inSize(state), func(o slot) bool { return o.holder == nil })
	var now []int32
	for _, s := range old[:min(len(old), v.Group.Budget)] {
		if s.spare(s.state.Revision) != nil || !between {
			now = append(now, s.ordinal)
		}
	}
	return now
}

// unfitToRestart is why a slot cannot be handed over now; "" if it can. One that does not
// consume loses nothing.
func unfitToRestart(v seen, state v1alpha1.GroupState, s slot) string {
	missing, from := unavailable(v, state), restartsFrom(state)
	switch {
	case v.reading == nil:
		return "waiting for a reading of the group: " + v.unknown
	case missing[s.ordinal]:
		return ""
	case v.Desired != sizeOf(state):
		return "the group is being scaled"
	case len(state.Beside) > 0:
		return twoLanes(state)
	}
	for _, other := range v.inSize(state) {
		if missing[other.ordinal] {
			return fmt.Sprintf("slot %d does not consume%s", other.ordinal, problemOf(other.holder))
		}
		if since := v.Now.Sub(other.state.Since.Time); since < v.Group.SettledFor && !other.holder.Created.Before(from) {
			return fmt.Sprintf("slot %d consumes for %d s of %d s", other.ordinal, int(since.Seconds()), int(v.Group.SettledFor.Seconds()))
		}
	}
	if why := unsettledBut(v, state, v.reading, exempt{fresh: true}); why != "" {
		return why
	}
	return standstill(v, state)
}

// restartIsDue tells people of a restart that is to come; "" if there is none.
func restartIsDue(v seen, state v1alpha1.GroupState) string {
	asked := v.Group.Commands[v1alpha1.AnnotationRestart]
	if asked == "" || answered(state, v1alpha1.AnnotationRestart) != nil {
		return ""
	}
	return "a restart of all pods is due at " + asked
}

// restarting tells people how far a restart is; "" if there is none, or it does not go on.
func restarting(v seen, state v1alpha1.GroupState) (text, step string) {
	old, size := outdated(v, state), int(sizeOf(state))
	if len(old) == 0 {
		return "", ""
	}
	text = fmt.Sprintf("%d of %d pods are yet to be replaced since a restart is asked for", len(old), size)
	switch s := old[0]; {
	case v.paused != "":
		return text + ", which waits: " + v.paused, ""
	case underWay(state.Rollout):
		return text + ", which waits for the rollout", ""
	case s.holder.Deleting:
	case goesFirst(v, state, s, s.state.Revision) == "" && !s.warm(s.state.Revision):
		text += fmt.Sprintf("; waiting for that of slot %d to be warm%s", s.ordinal, problemOf(s.spare(s.state.Revision)))
	default:
		if why := unfitToRestart(v, state, s); why != "" {
			text += fmt.Sprintf("; slot %d is next: %s", s.ordinal, why)
		}
	}
	return text, fmt.Sprintf("%d/%d", size-len(old), size)
}
