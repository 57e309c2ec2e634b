package rollout

import (
	"slices"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// When holders give way to successors that have joined, their partitions wait until the
// other members notice that they have gone, which these do by their next heartbeat. A
// rebalance has all members heartbeat at the same moments from its end on (measured with
// Java, librdkafka and franz-go): so the moment to stop somebody is shortly before one of
// them. What the successors' joining costs tells when that is, if it is read closely.

const (
	// closely is how often the group is read while successors are about to join.
	closely = 250 * time.Millisecond
	// givesWayIn is how long before a heartbeat of the others a holder is stopped: for so
	// long it usually ends, and its id is removed (measured: 0.3 s with some to spare).
	givesWayIn = 600 * time.Millisecond
	// thisBeat is how much later it may be, to be still in time for it.
	thisBeat = 250 * time.Millisecond
)

// successors are the slots whose second pods are to follow.
func (v seen) successors(state v1alpha1.GroupState) []slot {
	var all []slot
	for _, s := range v.slots {
		if s.beside != nil && follows(v, state, *s.beside) {
			all = append(all, s)
		}
	}
	return all
}

// untilBeat is for how long the holders of some slots whose successors have joined do not
// give way yet. Where it is not known when the others heartbeat, nobody waits.
func (v seen) untilBeat(batch []slot) time.Duration {
	settled := v.Window.Tail(func(r *lag.Reading) bool { return v.allBeside(batch, r) })
	before := len(v.Window) - len(settled) - 1
	if len(settled) == 0 || before < 0 {
		return 0
	}
	beat, from := v.Group.Heartbeat, v.Window[before].At
	if beat <= 0 || settled[0].At.Sub(from) > beat/3 || v.Now.Sub(from) > 2*beat {
		return 0
	}
	late := (v.Now.Sub(from) + givesWayIn) % beat
	if late < thisBeat {
		return 0
	}
	return beat - late
}

// allBeside: the group is Stable by a reading, and all successors are members.
func (v seen) allBeside(batch []slot, r *lag.Reading) bool {
	return r.Err == "" && r.State == lag.StateStable && !slices.ContainsFunc(batch, func(s slot) bool { return !v.joined(*s.beside, r) })
}

// readClosely says whether the group is to be read now since successors are about to join,
// and when to decide again.
func readClosely(v seen, state v1alpha1.GroupState) (now bool, after time.Duration) {
	batch := v.successors(state)
	runs := slices.ContainsFunc(batch, func(s slot) bool { return s.beside.holder.consuming() })
	switch {
	case !runs || v.reading == nil:
		return false, pollEvery
	case v.allBeside(batch, v.reading):
		if wait := v.untilBeat(batch); wait > 0 {
			return false, min(wait, pollEvery)
		}
		return false, pollEvery
	default:
		return v.Now.Sub(v.reading.At) >= closely, closely
	}
}
