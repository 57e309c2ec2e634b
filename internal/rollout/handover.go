package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// HandoverOf is how slots are handed over, or would be in a rollout that begins now, and why;
// "" by Recreate.
func HandoverOf(g Group, state v1alpha1.GroupState) (v1alpha1.Handover, string) {
	r := state.Rollout
	handover, why := chooseHandover(g, state)
	if underWay(r) {
		handover, why = r.Handover, r.HandoverReason
	}
	switch {
	case recreates(r) || !underWay(r) && g.Strategy == v1alpha1.StrategyRecreate:
		return "", ""
	case handover == "":
		return v1alpha1.HandoverSameID, why
	default:
		return handover, why
	}
}

// chooseHandover is how a rollout hands its slots over that begins now, "" by SameId, and why.
//
// By SameId the partitions of a slot wait for the way of its successor from its activation to
// its membership. By Overlap they do not, and all members take part in two rebalances, for
// each of which a member may wait for the last one to notice: a heartbeat interval.
func chooseHandover(g Group, state v1alpha1.GroupState) (v1alpha1.Handover, string) {
	switch {
	case g.Strategy == v1alpha1.StrategyRecreate || g.Handover == "":
		return "", ""
	case g.Handover == v1alpha1.HandoverSameID:
		return "", "rollout.handover asks for it"
	case g.Consumer:
		return "", "membership.protocol is Consumer, whose partitions wait for heartbeats of both members when they change hands"
	case g.Warm == v1alpha1.WarmNever:
		return "", "rollout.warm is Never"
	case g.Handover == v1alpha1.HandoverOverlap:
		return v1alpha1.HandoverOverlap, "rollout.handover asks for it"
	case g.Stateful:
		return "", "the consumers have state that would have to follow their partitions twice"
	}
	usual, n := usualJoin(state)
	cost := 2 * g.Heartbeat
	switch {
	case n == 0:
		return "", "it was not measured yet how long a successor takes from its activation to its membership"
	case usual > cost:
		return v1alpha1.HandoverOverlap, fmt.Sprintf("successors take %d s from their activation to their membership (%d measured), and two rebalances cost %d s at most",
			inSeconds(usual), n, inSeconds(cost))
	default:
		return "", fmt.Sprintf("successors take %d s from their activation to their membership (%d measured), and two rebalances may cost %d s",
			inSeconds(usual), n, inSeconds(cost))
	}
}

// usualJoin is the median of how long successors took from their activation to their membership,
// of so many that were measured.
func usualJoin(state v1alpha1.GroupState) (usual time.Duration, n int) {
	var all []int32
	for _, r := range state.Restarts {
		if r.JoinSeconds > 0 {
			all = append(all, r.JoinSeconds)
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return time.Duration(all[(len(all)-1)/2]) * time.Second, len(all)
}
