package rollout

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

const (
	// judgeFor is the least time over which a slot is judged to be worse than
	// before: clients commit every 5 s by default (auto.commit.interval.ms), so
	// less would take the wait for a commit for a standstill.
	judgeFor = 15 * time.Second
	// unrestBefore is how long before a time in which a slot suffers a change of the brokers
	// may be the cause.
	unrestBefore = 10 * time.Second
	// commitsWithin is how long no slot of a group needs to have committed anything to be
	// taken for an outage: one client does so every 5 s by default, and they do not all
	// wait for the same moment.
	commitsWithin = 6 * time.Second
	// keepsUpMargin: a slot is slower than before if it consumes less than this
	// part of what it did, in percent of what was produced.
	keepsUpMargin = 90
	// crashes of a new pod that are too many, if there were fewer before. The
	// first may be bad luck.
	crashes = 2
)

type result int

const (
	pass result = iota
	wait
	fail
)

// verdict is what a check says, and why.
type verdict struct {
	result result
	reason string
}

func waits(format string, args ...any) verdict {
	return verdict{wait, fmt.Sprintf(format, args...)}
}

func fails(format string, args ...any) verdict {
	return verdict{fail, fmt.Sprintf(format, args...)}
}

// judge judges the begun slots of a rollout. What a reading says of the whole group is found
// out once for all of them: it is asked of each reading that the window has.
type judge struct {
	v                  seen
	state              v1alpha1.GroupState
	unsettled, doubled func(*lag.Reading) string
}

func judgeOf(v seen, state v1alpha1.GroupState) judge {
	aside := exempt{fresh: true, slots: func(s slot) bool { return leftAside(state, s) }}
	return judge{
		v: v, state: state,
		unsettled: once(func(r *lag.Reading) string { return unsettledBut(v, state, r, aside) }),
		doubled:   once(func(r *lag.Reading) string { return v.doubled(state, r) }),
	}
}

// once asks a question of a reading the first time.
func once(ask func(*lag.Reading) string) func(*lag.Reading) string {
	answers := map[time.Time]string{}
	return func(r *lag.Reading) string {
		answer, known := answers[r.At]
		if !known {
			answer = ask(r)
			answers[r.At] = answer
		}
		return answer
	}
}

// evidence is what the checks of the gate look at: one slot that was begun.
type evidence struct {
	judge
	slot     slot
	baseline v1alpha1.BaselineSlot
	joined   lag.Window // the readings at the end for which the holder is a member
	settled  lag.Window // those of them for which the whole group is settled
	owned    []lag.TopicPartition
}

// gate judges a begun slot: the first check that does not pass decides.
func (j judge) gate(s slot) verdict {
	v, state := j.v, j.state
	if s.beside != nil {
		return gateBeside(v, state, s)
	}
	if s.holder != nil && s.holder.Deleting {
		return waits("slot %d: pod %s has yet to end%s", s.ordinal, s.holder.Name, problemOf(s.holder))
	}
	if !s.holder.active() || s.holder.Revision != state.Rollout.To {
		return waits("slot %d has not been taken over yet%s", s.ordinal, problemOf(s.spare(state.Rollout.To)))
	}
	e := evidence{judge: j, slot: s, baseline: baselineSlot(state.Rollout.Baseline, s.ordinal)}
	since := s.state.Since.Time
	if at := state.Rollout.RetriedAt; at != nil && at.After(since) {
		since = at.Time
	}
	e.joined = v.Window.Since(since).Tail(func(r *lag.Reading) bool {
		return r.Err == "" && r.State == lag.StateStable && v.joined(s, r) && j.doubled(r) == ""
	})
	e.settled = e.joined.Tail(func(r *lag.Reading) bool { return e.missing(r) == "" })
	e.owned = v.judged(s.members(v.reading))
	checks := []func(evidence) verdict{exceeds, restarts, joined, standing, slower, bounds, queries, settled}
	if state.Rollout.Full {
		checks = []func(evidence) verdict{joined}
	}
	for _, check := range checks {
		if verdict := check(e); verdict.result != pass {
			return verdict
		}
	}
	return verdict{result: pass}
}

// restarts: the new pod crashes, and more often than any did before. That it ended since
// the broker refused it does not count.
func restarts(e evidence) verdict {
	n := e.slot.holder.Restarts - e.slot.state.Refused
	// Where all slots are on trial there is no time to crash as often as another pod did in
	// its whole life, and a canary is for finding out.
	inNoTime := (together(e.state.Rollout) && !e.passed() || inSteps(e.state.Rollout)) && !e.baseline.Broken
	if n >= crashes && (n > e.state.Rollout.Baseline.Restarts || inNoTime) {
		return fails("slot %d restarted %d times under revision %s (before: at most %d): %s",
			e.slot.ordinal, n, e.state.Rollout.To, e.state.Rollout.Baseline.Restarts, e.slot.holder.Problem)
	}
	if !e.slot.holder.Running {
		return waits("the consumer of slot %d is about to start%s", e.slot.ordinal, problemOf(e.slot.holder))
	}
	return verdict{result: pass}
}

// joined: the new pod is the slot's member.
func joined(e evidence) verdict {
	why := e.v.notJoined(e.slot, e.v.reading)
	if why == "" {
		return verdict{result: pass}
	}
	took := e.v.Now.Sub(e.slot.runsSince())
	excused := e.state.Rollout.Full || e.slot.state.Barred || e.passed() // one that was refused is replaced
	if together(e.state.Rollout) && !excused && !e.baseline.Broken && took > e.v.joinsWithin(e.state) && e.neverJoined() {
		return fails("%s, although its consumer runs for %d s", why, int(took.Seconds()))
	}
	return verdict{wait, why}
}

func (e evidence) passed() bool { return slices.Contains(e.state.Rollout.Passed, e.slot.ordinal) }

// neverJoined: no reading shows the holder as a member, and it is known who it would be.
func (e evidence) neverJoined() bool {
	ever := slices.ContainsFunc(e.v.Window.Since(e.slot.state.Since.Time), func(r lag.Reading) bool { return r.Err == "" && e.v.joined(e.slot, &r) })
	return !ever && e.slot.state.MemberBefore != v1alpha1.UnknownMember
}

// joinsWithin is how long a consumer may take to join where every slot waits for one: the
// session timeout, which is derived from how long restarts take, or twice what they take.
func (v seen) joinsWithin(state v1alpha1.GroupState) time.Duration {
	return max(judgeFor, v.Group.SessionMin, time.Duration(state.SessionSeconds)*time.Second, 2*sessionOf(v.Group, state).Usual())
}

// standing: there is lag and no commit. Where it was so before, it is no worse.
func standing(e evidence) verdict {
	if e.baseline.KeepsUpPercent != nil && *e.baseline.KeepsUpPercent == 0 {
		return verdict{result: pass}
	}
	recent := e.recent()
	p, stands := recent.Standing(e.owned)
	if !stands {
		return verdict{result: pass}
	}
	if recent.Span() == 0 {
		return waits("slot %d has joined, and is given time to commit", e.slot.ordinal)
	}
	behind, _ := p.Lag()
	text := fmt.Sprintf("slot %d commits nothing on %s: lag %d, for %d s", e.slot.ordinal, p.TopicPartition, behind, int(recent.Span().Seconds()))
	return e.blame(trouble{text: text, worse: true, others: byFlow})
}

// slower: the slot falls behind and did not do so before. It passes when it has
// nearly caught up (less lag than half of what was produced meanwhile) or consumes
// as much of what is produced as before; it fails when its lag is also higher than
// before.
func slower(e evidence) verdict {
	recent := e.recent()
	flow, known := recent.Flow(e.owned)
	if !known {
		if len(e.owned) == 0 {
			return verdict{result: pass}
		}
		return waits("the lag of slot %d is not known yet", e.slot.ordinal)
	}
	if keepsUp(flow, e.baseline) {
		return verdict{result: pass}
	}
	before := ptr.Deref(e.baseline.Lag, 0)
	text := fmt.Sprintf("slot %d falls behind: lag %d (before: %d), consumed %d of %d records in %d s",
		e.slot.ordinal, flow.Lag, before, flow.Consumed, flow.Produced, int(recent.Span().Seconds()))
	return e.blame(trouble{text: text, worse: flow.Lag > before+flow.Produced/2, others: byFlow})
}

// keepsUp: a slot has nearly caught up, or consumes as much of what is produced as
// before.
func keepsUp(flow lag.Flow, before v1alpha1.BaselineSlot) bool {
	return flow.Lag <= flow.Produced/2 || asBefore(flow, before)
}

// keepsUpEasily: the same, and far from what would be a failure. Slots that suffer alike
// are not all on one side of that.
func keepsUpEasily(flow lag.Flow, before v1alpha1.BaselineSlot) bool {
	return flow.Lag <= flow.Produced/5 || asBefore(flow, before)
}

func asBefore(flow lag.Flow, before v1alpha1.BaselineSlot) bool {
	keeps := int64(ptr.Deref(before.KeepsUpPercent, 100))
	return flow.Consumed*100*100 >= flow.Produced*keeps*keepsUpMargin
}

// fare is how a slot does that another one is compared with.
type fare int

const (
	idle fare = iota // it has nothing to do, and says nothing
	thrives
	suffers
	obscure // nobody knows
)

// trouble is what a slot has.
type trouble struct {
	text string
	// worse: it is worse than before, and grave enough to fail the slot.
	worse bool
	// others says how another slot fares by the same measure, and if that is not known why.
	others func(lag.Window, []lag.TopicPartition, v1alpha1.BaselineSlot) (fare, string)
}

// blame fails the slot for what it suffers, if that was so for long enough and no
// outage explains it.
func (e evidence) blame(has trouble) verdict {
	if !has.worse || e.recent().Span() < e.v.judgeFor() {
		return verdict{wait, has.text}
	}
	alike, unknown := e.others(has)
	unrest := e.v.Window.Unrest(e.recent()[0].At.Add(-unrestBefore))
	switch {
	case unrest != "":
		return waits("%s; the brokers are at unrest, and no fault is put down to revision %s: %s", has.text, e.state.Rollout.To, unrest)
	case alike:
		return waits("%s; so it is with every other slot, and no fault of revision %s", has.text, e.state.Rollout.To)
	case unknown != "":
		return waits("%s; how the others fare is not known, so that it is put down to nobody: %s", has.text, unknown)
	default:
		return verdict{fail, has.text}
	}
}

// others compares with the other slots in the same time: whether all of which it can be
// said suffer as well, which is an outage, or, where nobody thrives, why of one it cannot
// be said. A slot that has not passed is compared with those that are not on trial beside
// it.
func (e evidence) others(has trouble) (suffer bool, unknown string) {
	r := e.state.Rollout
	passed := slices.Contains(r.Passed, e.slot.ordinal)
	for _, s := range e.v.inSize(e.state) {
		before := baselineSlot(r.Baseline, s.ordinal)
		if s.ordinal == e.slot.ordinal || onTrial(e.state, s) && !passed || before.Broken || !s.holder.consuming() || !e.v.joined(s, e.v.reading) {
			continue
		}
		switch does, why := has.others(e.recent(), e.v.judged(s.members(e.v.reading)), before); does {
		case obscure:
			unknown = why
		case thrives:
			return false, ""
		case suffers:
			suffer = true
		}
	}
	return suffer, unknown
}

// byFlow is how a slot fares by what it consumes of what is produced.
func byFlow(w lag.Window, owned []lag.TopicPartition, before v1alpha1.BaselineSlot) (fare, string) {
	flow, known := w.Flow(owned)
	switch {
	case !known:
		return obscure, w.Unread(owned)
	case flow.Produced == 0:
		return idle, ""
	case keepsUpEasily(flow, before):
		return thrives, ""
	}
	return suffers, ""
}

// settled: the group is, and was for long enough.
func settled(e evidence) verdict {
	if why := e.missing(e.v.reading); why != "" {
		return verdict{wait, why}
	}
	if span := e.settled.Span(); span < e.v.Group.SettledFor {
		return waits("settled for %d s of %d s%s", int(span.Seconds()), int(e.v.Group.SettledFor.Seconds()), e.v.tellChecks(e.state, []slot{e.slot}))
	}
	return verdict{result: pass}
}

// recent is the end of the joined readings, as long as a judgement needs.
func (e evidence) recent() lag.Window { return e.joined.Last(e.v.judgeFor()) }

// missing is what keeps the slot, or the group, from being settled.
func (e evidence) missing(r *lag.Reading) string {
	if r.Err != "" {
		return r.Err
	}
	if !e.v.joined(e.slot, r) {
		return e.v.notJoined(e.slot, r)
	}
	return e.unsettled(r)
}
