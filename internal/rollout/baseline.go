package rollout

import (
	"cmp"
	"slices"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// baselineOf is what the group is like before a rollout.
func baselineOf(v seen, state v1alpha1.GroupState) v1alpha1.Baseline {
	var b v1alpha1.Baseline
	read := v.Window.Since(v.Now.Add(-2 * judgeFor)).Tail(func(r *lag.Reading) bool { return r.Err == "" })
	for _, s := range v.inSize(state) {
		kept := v1alpha1.BaselineSlot{Ordinal: s.ordinal, Broken: !s.holder.consuming() || !v.joined(s, v.reading)}
		if s.holder != nil {
			b.Restarts = max(b.Restarts, s.holder.Restarts)
		}
		if members := s.members(v.reading); len(members) > 0 {
			owned := v.judged(members)
			if behind, known := v.reading.LagOf(owned); known {
				kept.Lag = &behind
			}
			recent := read.Since(s.state.Since.Time)
			// What a slot did in which nobody consumed is no measure for who does.
			if flow, known := recent.Flow(owned); known && recent.Span() >= judgeFor && !kept.Broken {
				percent := int32(100)
				if flow.Produced > 0 {
					percent = int32(min(100, flow.Consumed*100/flow.Produced))
				}
				kept.KeepsUpPercent = &percent
			}
		}
		v.noteBounds(&kept, s)
		b.Slots = append(b.Slots, kept)
	}
	return b
}

// baselineSlot is what a slot was like, which are in their order.
func baselineSlot(b v1alpha1.Baseline, ordinal int32) v1alpha1.BaselineSlot {
	at, found := slices.BinarySearchFunc(b.Slots, ordinal, func(s v1alpha1.BaselineSlot, ordinal int32) int { return cmp.Compare(s.Ordinal, ordinal) })
	if !found {
		return v1alpha1.BaselineSlot{Ordinal: ordinal}
	}
	return b.Slots[at]
}
