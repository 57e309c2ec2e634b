package rollout

import (
	"fmt"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// removeFor is how long after the end of the last pod the removal of members may
// hold up a deletion: a broker that is away must wedge nothing.
const removeFor = 60 * time.Second

// wind winds a group up whose object is being deleted: all pods are stopped
// together, then the members are removed in one request, as far as Kafka allows
// within a minute after the last one's end.
func wind(v seen, state v1alpha1.GroupState) Decision {
	d := Decision{State: state, After: pollEvery}
	d.Report = Report{Phase: v1alpha1.PhaseDeleting, Hurry: true}
	if d.Actions, d.Report.Message = clearAway(v, state); d.Report.Message != "" {
		return d
	}
	members, known := remaining(v)
	ended := v.Group.DeletedAt
	for _, s := range state.Held() {
		if s.Since.After(ended) {
			ended = s.Since.Time
		}
	}
	switch {
	case len(state.Slots) == 0 && len(v.Pods) == 0:
		d.Done = true // nothing of it was ever a member, or all of it has left
	case known && len(members) == 0:
		d.Done = true
	case v.Now.Sub(ended) > removeFor:
		d.Done = true
		d.Report.Message = fmt.Sprintf("the members were not removed within %d s: the broker removes them after their session timeout", int(removeFor.Seconds()))
	case known:
		d.Actions = append(d.Actions, Action{Kind: RemoveMembers, Members: members, Reason: "the ConsumerGroup is being deleted"})
		d.Report.Message = fmt.Sprintf("removing %d members from the group", len(members))
	default:
		d.Report.Message = "waiting for a reading of the group to remove its members: " + v.unknown
	}
	return d
}

// clearAway deletes all pods and lets them go, and says what has yet to end or to go.
func clearAway(v seen, state v1alpha1.GroupState) (actions []Action, waits string) {
	actions = Releases(v.Pods, state)
	var left []string
	for i := range v.Pods {
		p := &v.Pods[i]
		if !p.Ended {
			left = append(left, p.Name)
		} else if p.Deleting && p.Kept {
			waits = "the pods have ended, and have yet to go"
		}
		if !p.Deleting {
			actions = append(actions, deletion(p, "the ConsumerGroup is being deleted"))
		}
	}
	if len(left) > 0 {
		waits = fmt.Sprintf("%d pods have yet to end, %s among them", len(left), left[0])
	}
	return actions, waits
}

// remaining are the members that are the group's own, and whether that is known.
func remaining(v seen) ([]MemberRef, bool) {
	if v.reading == nil {
		return nil, false
	}
	var members []MemberRef
	for _, s := range v.slots {
		members = append(members, refs(s.members(v.reading))...)
		if s.beside != nil {
			members = append(members, refs(s.beside.members(v.reading))...)
		}
	}
	return members, true
}
