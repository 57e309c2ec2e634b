package rollout

import (
	"fmt"
	"math"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// worseMargin is by how much, in percent, what was above its bound before a rollout may
// differ from that and be no worse.
const worseMargin = 10

// yardstick is a bound that the spec sets on what is read of each slot.
type yardstick struct {
	limit int64
	unit  string
	// of measures some partitions over readings, of which only the last one may be needed.
	of func(w lag.Window, owned []lag.TopicPartition) measured
	// kept is where it is noted what a slot had before the rollout, if that was above the
	// limit.
	kept func(*v1alpha1.BaselineSlot) **int64
	// lasts says whether what is above a limit at the end of some readings was so all the
	// time, and does not become less.
	lasts func(w lag.Window, owned []lag.TopicPartition, limit float64) bool
}

// measured is a value, in words as well, or why there is none.
type measured struct {
	value   float64
	text    string // with the value and its unit
	unknown string // "": it is known
}

// yardsticks are those that the spec sets.
func (v seen) yardsticks() []yardstick {
	var all []yardstick
	if most := v.Group.MaxAge; most > 0 {
		all = append(all, yardstick{
			limit: int64(most.Seconds()), unit: " s", of: ageOf, lasts: staysOld,
			kept: func(b *v1alpha1.BaselineSlot) **int64 { return &b.AgeSeconds },
		})
	}
	if most := v.Group.MaxLagGrowth; most != nil {
		all = append(all, yardstick{
			limit: *most, of: v.growthOf, // which is measured over all of the time
			lasts: func(lag.Window, []lag.TopicPartition, float64) bool { return true },
			kept:  func(b *v1alpha1.BaselineSlot) **int64 { return &b.LagGrowthPerSecond },
		})
	}
	return all
}

// before is what a slot had before the rollout, if that was above the limit; else nil.
func (y yardstick) before(b v1alpha1.BaselineSlot) *int64 { return *y.kept(&b) }

// most is the greatest value that a slot may have: the limit, or what it had before and a
// little more, if that was above. Who did not consume then cannot get worse: its lag grew by
// all that came, and the checks of its commits remain.
func (y yardstick) most(before v1alpha1.BaselineSlot) float64 {
	if before.Broken {
		return math.Inf(1)
	}
	if was := y.before(before); was != nil {
		return noWorse(float64(*was), float64(y.limit))
	}
	return float64(y.limit)
}

// noWorse is the greatest value that is within a limit, or no worse than before.
func noWorse(before, limit float64) float64 {
	if before <= limit {
		return limit
	}
	return before + math.Abs(before)*worseMargin/100
}

// tell says of a slot what it has, and what it may have.
func (y yardstick) tell(s slot, has measured, before v1alpha1.BaselineSlot) string {
	text := fmt.Sprintf("slot %d: %s, limit %d%s", s.ordinal, has.text, y.limit, y.unit)
	if was := y.before(before); was != nil {
		text += fmt.Sprintf(" (before the rollout: %d%s)", *was, y.unit)
	}
	return text
}

// ageOf is that of the oldest record that waits on some partitions.
func ageOf(w lag.Window, owned []lag.TopicPartition) measured {
	if len(w) == 0 {
		return measured{unknown: "the age of its oldest record is not known yet"}
	}
	last := &w[len(w)-1]
	oldest := measured{text: "no record waits"}
	for _, tp := range owned {
		p := last.Partition(tp)
		age, known := p.Age(last.At)
		if !known {
			return measured{unknown: unknownAge(tp, p)}
		}
		if age.Seconds() > oldest.value {
			oldest = measured{value: age.Seconds(), text: fmt.Sprintf("age %d s on %s", int(age.Seconds()), tp)}
		}
	}
	return oldest
}

func unknownAge(tp lag.TopicPartition, p lag.Partition) string {
	if behind, known := p.Lag(); known {
		return fmt.Sprintf("the age of the oldest record on %s is not known: %d wait there, and it came before the operator looked; it is known when the group has processed what came then", tp, behind)
	}
	if p.Err != "" {
		return fmt.Sprintf("the age of the oldest record on %s is not known: it was not read: %s", tp, p.Err)
	}
	return fmt.Sprintf("the age of the oldest record on %s is not known", tp)
}

// staysOld: at each reading a record was too old, and the group does not catch up: that
// takes longer than a pause if a program was slow to start.
func staysOld(w lag.Window, owned []lag.TopicPartition, limit float64) bool {
	for n := range w {
		if has := ageOf(w[:n+1], owned); has.unknown != "" || has.value <= limit {
			return false
		}
	}
	younger := ageOf(w[:1], owned).value - ageOf(w, owned).value
	return younger < w.Span().Seconds()/10
}

// growthOf is by how many records a second the lag of some partitions grows.
func (v seen) growthOf(w lag.Window, owned []lag.TopicPartition) measured {
	over := v.judgeFor()
	if len(w) == 0 || w.Span() < over {
		return measured{unknown: fmt.Sprintf("by how much its lag grows is measured over %d s, %d s so far", int(over.Seconds()), int(w.Span().Seconds()))}
	}
	was, known := w[0].LagOf(owned)
	is, still := w[len(w)-1].LagOf(owned)
	if !known || !still {
		return measured{unknown: "by how much its lag grows is not known: " + w.Unread(owned)}
	}
	growth := float64(is-was) / w.Span().Seconds()
	return measured{value: growth, text: fmt.Sprintf("lag grows by %.3g records a second over %d s, to %d", growth, int(w.Span().Seconds()), is)}
}

// bounds: what the spec allows of each slot. What was not so before the rollout is no
// worse.
func bounds(e evidence) verdict {
	if len(e.owned) == 0 {
		return verdict{result: pass}
	}
	recent := e.recent()
	for _, y := range e.v.yardsticks() {
		has := y.of(recent, e.owned)
		if has.unknown != "" {
			return waits("slot %d: %s", e.slot.ordinal, has.unknown)
		}
		most := y.most(e.baseline)
		if has.value <= most {
			continue
		}
		return e.blame(trouble{
			text:   y.tell(e.slot, has, e.baseline),
			worse:  y.lasts(recent, e.owned, most),
			others: y.fares,
		})
	}
	return verdict{result: pass}
}

// fares says how a slot does that is compared with: one that suffers alike need not be
// beyond its bound, but it is far from thriving.
func (y yardstick) fares(w lag.Window, owned []lag.TopicPartition, before v1alpha1.BaselineSlot) (fare, string) {
	if flow, known := w.Flow(owned); known && flow.Produced == 0 {
		return idle, ""
	}
	has := y.of(w, owned)
	switch {
	case has.unknown != "":
		return obscure, has.unknown
	case has.value <= float64(y.limit)/2, y.before(before) != nil && has.value <= y.most(before):
		return thrives, ""
	}
	return suffers, ""
}

// outOfBounds is the first slot that keeps the others from being handed over, since it is
// beyond a bound, or nobody knows; "" if there is none. Where one was so before, those that
// wait for the release keep nobody: that gets worse by itself, and a rebalance may hand it on.
func outOfBounds(v seen, state v1alpha1.GroupState, aside func(slot) bool) string {
	for _, y := range v.yardsticks() {
		wasSo := slices.ContainsFunc(state.Rollout.Baseline.Slots, func(b v1alpha1.BaselineSlot) bool { return y.before(b) != nil })
		for _, s := range v.inSize(state) {
			owned := v.judged(s.members(v.reading))
			if aside(s) || len(owned) == 0 || wasSo && s.state.Revision != state.Rollout.To {
				continue
			}
			before := baselineSlot(state.Rollout.Baseline, s.ordinal)
			has := y.of(v.readings(s).Last(v.judgeFor()), owned)
			switch {
			case has.unknown != "":
				return fmt.Sprintf("slot %d: %s", s.ordinal, has.unknown)
			case has.value > y.most(before):
				return y.tell(s, has, before)
			}
		}
	}
	return ""
}

// readings are those at the end for which a slot's holder is a member.
func (v seen) readings(s slot) lag.Window {
	return v.Window.Since(s.state.Since.Time).Tail(func(r *lag.Reading) bool { return r.Err == "" && v.joined(s, r) })
}

// tellChecks says how the checks stand that the spec sets, for people who wait: of some
// slots the one that comes nearest to its bound. "" if there are none.
func (v seen) tellChecks(state v1alpha1.GroupState, slots []slot) string {
	text := ""
	for _, y := range v.yardsticks() {
		worst, near := "", math.Inf(-1)
		for _, s := range slots {
			has := y.of(v.readings(s).Last(v.judgeFor()), v.judged(s.members(v.reading)))
			if has.unknown == "" && has.value > near {
				worst, near = "; "+y.tell(s, has, baselineSlot(state.Rollout.Baseline, s.ordinal)), has.value
			}
		}
		text += worst
	}
	return text + tellQueries(v, state.Rollout)
}

// noteBounds notes what a slot has that is above a bound before a rollout, and whether
// something is not known.
func (v seen) noteBounds(kept *v1alpha1.BaselineSlot, s slot) {
	w, owned := v.readings(s).Last(v.judgeFor()), v.judged(s.members(v.reading))
	kept.Unmeasured = false
	for _, y := range v.yardsticks() {
		has := y.of(w, owned)
		switch {
		case has.unknown != "" || len(owned) == 0:
			kept.Unmeasured = true
		case has.value > float64(y.limit):
			*y.kept(kept) = ptr.To(int64(math.Ceil(has.value)))
		default:
			*y.kept(kept) = nil
		}
	}
}

// noteLate notes what was not known when the rollout began, of slots that it has left alone.
func noteLate(v seen, state v1alpha1.GroupState) {
	r := state.Rollout
	r.Baseline.Slots = slices.Clone(r.Baseline.Slots)
	for i := range r.Baseline.Slots {
		b := &r.Baseline.Slots[i]
		if !b.Unmeasured || b.Ordinal >= sizeOf(state) || slices.Contains(r.Begun, b.Ordinal) {
			continue
		}
		if s := v.slots[b.Ordinal]; s.state.Revision == state.Stable {
			v.noteBounds(b, s)
		}
	}
}

// renewBounds has a slot judged by what it has now where it was above a bound before: as
// long as it waits for the release, it gets worse by itself. What was within its bound when
// the rollout began is not excused later.
func (v seen) renewBounds(fresh *v1alpha1.BaselineSlot, before v1alpha1.BaselineSlot) {
	now := before
	v.noteBounds(&now, v.slots[fresh.Ordinal])
	fresh.Unmeasured = before.Unmeasured
	for _, y := range v.yardsticks() {
		*y.kept(fresh) = y.before(now)
		if y.before(before) == nil && !before.Unmeasured {
			*y.kept(fresh) = nil
		}
	}
}

// renewSlot does so in a baseline, when the slot is begun.
func (v seen) renewSlot(r *v1alpha1.RolloutState, ordinal int32) {
	r.Baseline.Slots = slices.Clone(r.Baseline.Slots)
	for i := range r.Baseline.Slots {
		if b := &r.Baseline.Slots[i]; b.Ordinal == ordinal {
			v.renewBounds(b, *b)
		}
	}
}

// ageIsUnknown: of a slot that consumes the lag is known and its age is not: the operator
// has not watched for long enough.
func (v seen) ageIsUnknown(state v1alpha1.GroupState) bool {
	for _, s := range v.inSize(state) {
		if v.Group.MaxAge == 0 || !s.holder.consuming() {
			continue
		}
		for _, tp := range v.judged(s.members(v.reading)) {
			p := v.reading.Partition(tp)
			_, lagKnown := p.Lag()
			if _, known := p.Age(v.reading.At); lagKnown && !known {
				return true
			}
		}
	}
	return false
}

// judgeFor is the time over which a slot is judged to be worse than before.
func (v seen) judgeFor() time.Duration { return max(v.Group.SettledFor, judgeFor) }
