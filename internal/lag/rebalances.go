package lag

import (
	"slices"
	"time"
)

// Rebalances is how many of them were seen from one reading of a group to the next.
type Rebalances struct {
	// Count of them since a time.
	Count int64
	Since time.Time
	// Exact: the broker counts them. Otherwise there were at least so many: one that
	// begins and ends between two readings, and changes nothing, leaves no trace (the
	// broker does not tell the generation of a classic group).
	Exact bool
}

// Add counts what happened to a group between two readings that follow each other, in
// which nothing failed.
func (n *Rebalances) Add(before, after *Reading) {
	if after.Epoch > 0 || before.Epoch > 0 {
		n.Exact = true
		if before.Epoch > 0 { // that of a group that was made anew begins anew
			n.Count += max(0, int64(after.Epoch-before.Epoch))
		}
		return
	}
	n.Exact = n.Exact && after.State == StateDead
	if rebalanced(before, after) {
		n.Count++
	}
}

// rebalanced: a rebalance began between two readings of a classic group.
func rebalanced(before, after *Reading) bool {
	switch {
	case before.Rebalancing():
		return false // it was counted when it began
	case after.Rebalancing():
		return true
	case before.State != StateStable || after.State != StateStable:
		return false
	}
	return !slices.EqualFunc(before.Members, after.Members, func(a, b Member) bool {
		// A static member keeps what it has when another process takes its place.
		same := a.InstanceID == b.InstanceID && (a.InstanceID != "" || a.MemberID == b.MemberID)
		return same && slices.Equal(a.Assigned, b.Assigned)
	})
}

// Rebalancing says whether a classic group is in the middle of a rebalance.
func (r *Reading) Rebalancing() bool {
	return r.State == StatePreparingRebalance || r.State == StateCompletingRebalance
}
