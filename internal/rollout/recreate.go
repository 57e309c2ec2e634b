package rollout

import (
	"slices"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// Recreate: all pods stop, and when the last of them has ended all pods of the new revision
// start under the same ids. No two revisions consume at the same time, and a successor is
// made only when its predecessor is on its way out, so that the room is enough for one pod
// per slot.
// The way back is the same. As long as this takes less than the session timeout the group
// does not rebalance.

func recreates(r *v1alpha1.RolloutState) bool {
	return r != nil && r.Strategy == v1alpha1.StrategyRecreate && underWay(r)
}

// isMixed: a pod of another revision than the one that shall run may consume, in any slot.
func (v seen) isMixed(revision string) bool {
	return slices.ContainsFunc(v.slots, func(s slot) bool {
		return s.state.Holder != "" && s.state.Revision != revision ||
			s.beside != nil && s.beside.state.Holder != "" && s.beside.state.Revision != revision ||
			slices.ContainsFunc(s.others, func(p *Pod) bool { return p.active() && p.Revision != revision })
	})
}
