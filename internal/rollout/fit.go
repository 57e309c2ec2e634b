package rollout

import (
	"fmt"
	"slices"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// Whether a group is fit to change, before a slot is handed over.

// leftAside are slots that were broken before the rollout and are still as they
// were: the group cannot be asked to be settled with them.
func leftAside(state v1alpha1.GroupState, s slot) bool {
	return broken(state, s) && s.state.Revision != state.Rollout.To
}

// broken slots did not consume when the rollout began, or run a revision that an
// earlier rollout left behind.
func broken(state v1alpha1.GroupState, s slot) bool {
	left := s.holder != nil && isOther(state, s.holder.Revision)
	return left || baselineSlot(state.Rollout.Baseline, s.ordinal).Broken
}

// isOther: a revision is neither of those between which the rollout is.
func isOther(state v1alpha1.GroupState, revision string) bool {
	return revision != state.Stable && revision != state.Rollout.To
}

// unfit is why a slot cannot be handed over now; "" if it can. A slot that does
// not consume loses nothing.
func unfit(v seen, state v1alpha1.GroupState, s slot) string {
	return unfitBut(v, state, []slot{s}, func(s slot) bool { return leftAside(state, s) })
}

// unfitBut is the same of some slots together, and leaves some aside: nothing is asked of
// them.
func unfitBut(v seen, state v1alpha1.GroupState, slots []slot, aside func(slot) bool) string {
	missing := unavailable(v, state)
	if !slices.ContainsFunc(slots, func(s slot) bool { return !missing[s.ordinal] && !broken(state, s) }) {
		return ""
	}
	for _, other := range v.inSize(state) {
		if !aside(other) && !other.holder.consuming() {
			return fmt.Sprintf("slot %d does not consume%s", other.ordinal, problemOf(other.holder))
		}
	}
	if why := unsettledBut(v, state, v.reading, exempt{fresh: true, slots: aside}); why != "" {
		return why
	}
	if why := standstill(v, state); why != "" {
		return why
	}
	if why := outOfBounds(v, state, aside); why != "" {
		return why
	}
	return unanswered(v, state.Rollout)
}

// standstill is said when no commit of any slot moves, although there is lag and they
// did move before: a consumer that is stopped now cannot commit what it has
// processed. "" if there is none.
func standstill(v seen, state v1alpha1.GroupState) string {
	recent := v.Window.Tail(func(r *lag.Reading) bool { return r.Err == "" }).Last(commitsWithin)
	stands := 0
	for _, s := range v.inSize(state) {
		if !s.holder.consuming() || !v.joined(s, v.reading) {
			continue
		}
		owned := v.judged(s.members(v.reading))
		if flow, known := recent.Flow(owned); known && flow.Consumed > 0 {
			return ""
		}
		ever, known := v.Window.Since(s.state.Since.Time).Tail(func(r *lag.Reading) bool { return r.Err == "" && v.joined(s, r) }).Flow(owned)
		if !known || ever.Consumed == 0 {
			continue // it never committed anything since it runs
		}
		if _, standing := recent.Standing(owned); standing {
			stands++
		}
	}
	if stands == 0 || recent.Span() < commitsWithin {
		return ""
	}
	return fmt.Sprintf("no slot has committed anything for %d s, although there is lag", int(recent.Span().Seconds()))
}
