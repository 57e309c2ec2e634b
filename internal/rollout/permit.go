package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// permit turns proposals into what may happen now. Making and clearing away pods
// that hold nothing is always permitted, and so is finishing what was begun: a
// holder for an empty slot and its activation, the stop of
// slots beyond the size. What takes a consumer away, or a member, needs a fresh
// reading.
func permit(v seen, state *v1alpha1.GroupState, proposals []proposal) []Action {
	var actions []Action
	for _, p := range proposals {
		actions = append(actions, tend(p, time.Duration(state.SessionSeconds)*time.Second)...)
		switch p.move {
		case take:
			if v.disturbs(p.slot) || v.refused(p.slot) {
				continue
			}
			hold(v, state, p.slot, p.pod)
			actions = append(actions, activation(p.pod))
		case activate:
			actions = append(actions, activation(p.pod))
		case discard:
			actions = append(actions, deletion(p.pod, "its revision is not wanted any more, and it has not consumed yet"))
		case renew:
			if kept := slotState(state, p.slot.ordinal); kept.GaveUp != p.pod.UID {
				kept.GivenUp, kept.GaveUp = kept.GivenUp+1, p.pod.UID
			}
			actions = append(actions, deletion(p.pod, "its client has given up since the broker refused it"))
		case leave:
			actions = append(actions, deletion(p.pod, cmp.Or(p.halt, "its consumer crashes over and over")))
		case shrink:
			actions = append(actions, deletion(p.pod, fmt.Sprintf("slot %d is not wanted any more", p.slot.ordinal)))
		}
	}
	disruptions := removals(v, state, proposals)
	removing := len(disruptions) > 0
	disruptions = append(disruptions, handovers(v, *state, proposals, removing)...)
	actions = append(actions, overlaps(v, state, proposals, removing)...)
	if len(disruptions) == 0 && state.Move == nil {
		disruptions = force(v, state)
	}
	actions = append(actions, disruptions...)
	return append(actions, Releases(v.Pods, *state)...)
}

// Releases lets the deleted pods go of which nothing more is to be learned: the end
// of a holder is written with the state, before its object goes.
func Releases(pods []Pod, state v1alpha1.GroupState) []Action {
	var actions []Action
	holders := map[types.UID]bool{}
	for _, s := range state.Held() {
		holders[s.Holder] = true
	}
	for i := range pods {
		p := &pods[i]
		if p.Deleting && p.Kept && (p.Forsaken || !holders[p.UID] && !p.active()) {
			actions = append(actions, Action{Kind: ReleasePod, Ordinal: p.Ordinal, Pod: p.Name, UID: p.UID})
		}
	}
	return actions
}

// tend makes and deletes the pods around a slot's holder.
func tend(p proposal, session time.Duration) []Action {
	var actions []Action
	for _, c := range p.create {
		actions = append(actions, Action{
			Kind: CreatePod, Ordinal: p.slot.ordinal, Revision: c.revision, Lane: c.lane, Suffix: suffix(p.slot, c), AtOnce: c.atOnce, Session: session,
		})
	}
	for _, pod := range p.delete {
		actions = append(actions, deletion(pod, "it is of no use to its slot"))
	}
	return actions
}

// activation follows the write of the state, in which the pod is the holder.
func activation(p *Pod) Action {
	return Action{Kind: ActivatePod, Ordinal: p.Ordinal, Pod: p.Name, UID: p.UID}
}

func deletion(p *Pod, reason string) Action {
	return Action{Kind: DeletePod, Ordinal: p.Ordinal, Pod: p.Name, UID: p.UID, Version: p.Version, Reason: reason}
}

// handovers stops holders whose successors stand warm, the broken ones first, as
// long as no more than the budget of slots is unavailable. A slot that is
// unavailable itself, or that has failed the gate, waits for no other: it may be
// what the others wait for. The others wait while members are removed: a rebalance would
// wait for who is being handed over.
func handovers(v seen, state v1alpha1.GroupState, proposals []proposal, removing bool) []Action {
	blind := goingBackByWish(v, state)
	if v.reading == nil && !blind {
		return nil
	}
	changing := (removing || v.leavesBeside()) && !v.Group.Consumer
	unsteady := v.reading != nil && v.reading.Rebalancing() && !blind || changing
	var ready []proposal
	for _, p := range proposals {
		if p.move == handover {
			ready = append(ready, p)
		}
	}
	sort.SliceStable(ready, func(i, j int) bool {
		return !ready[i].slot.holder.consuming() && ready[j].slot.holder.consuming()
	})
	missing := unavailable(v, state)
	var actions []Action
	for _, p := range ready {
		out := missing[p.slot.ordinal] && !v.mayHaveJoined(p.slot)
		if !out && (unsteady || len(missing) >= v.budget(state)) {
			continue
		}
		if p.again != "" && unfitToRestart(v, state, p.slot) != "" {
			continue
		}
		missing[p.slot.ordinal] = true
		a := deletion(p.pod, p.why())
		if !p.slot.warm(p.run) {
			a.First = p.first
		}
		actions = append(actions, a)
	}
	return actions
}

// why a holder is stopped for its successor.
func (p proposal) why() string {
	switch {
	case p.leaves != "":
		return fmt.Sprintf("slot %d moves to another node: %s", p.slot.ordinal, p.leaves)
	case p.again != "":
		return fmt.Sprintf("another pod takes slot %d over: %s", p.slot.ordinal, p.again)
	default:
		return fmt.Sprintf("revision %s takes slot %d over", p.run, p.slot.ordinal)
	}
}

// leavesBeside: second pods are about to leave the group. Nobody can tell when their ids are
// gone while nothing is read: what a person goes back to does not wait for that, nor for a
// second pod that is lost to a person.
func (v seen) leavesBeside() bool {
	return v.reading != nil && slices.ContainsFunc(v.besides(), func(b slot) bool { return !b.lost() || !v.awaitsPerson(b) })
}

// failedGate: the slot runs what a rollout is undone for, and has not passed.
func failedGate(state v1alpha1.GroupState, s slot) bool {
	r := state.Rollout
	return r != nil && r.Stage == v1alpha1.RolloutRollingBack && r.Failure != "" && s.state.Revision == r.To &&
		slices.Contains(r.Begun, s.ordinal) && !slices.Contains(r.Passed, s.ordinal)
}

// heldBack is what a slot that runs another revision than the stable one waits for
// on its way back; "" if nothing.
func heldBack(v seen, state v1alpha1.GroupState) string {
	blind := goingBackByWish(v, state)
	switch {
	case v.reading == nil && !blind:
		return v.unknown
	case v.reading != nil && v.reading.Rebalancing() && !blind:
		return "the group is in state " + v.reading.State
	case together(state.Rollout):
		return "" // they go back together
	}
	missing := unavailable(v, state)
	for _, s := range v.inSize(state) {
		if missing[s.ordinal] && s.state.Revision == state.Stable && len(missing) >= v.Group.Budget {
			return fmt.Sprintf("slot %d does not consume, and maxUnavailable is %d%s", s.ordinal, v.Group.Budget, problemOf(s.holder))
		}
	}
	return ""
}

// goingBackByWish: the user applied the stable revision again in the middle of a
// rollout, or aborted it. That needs no reading.
func goingBackByWish(v seen, state v1alpha1.GroupState) bool {
	r := state.Rollout
	return r != nil && (v.Group.Revision == state.Stable || r.Aborted && r.Stage == v1alpha1.RolloutRollingBack)
}

// unavailable are the ordinals of slots that do not consume, or of which no
// reading has shown yet that they do.
func unavailable(v seen, state v1alpha1.GroupState) map[int32]bool {
	missing := map[int32]bool{}
	for _, s := range v.inSize(state) {
		if failedGate(state, s) || !s.holder.consuming() || v.reading != nil && !v.joined(s, v.reading) {
			missing[s.ordinal] = true
		}
	}
	return missing
}
