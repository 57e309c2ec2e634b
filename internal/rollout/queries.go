package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// queryFreshFor is how long the answer to a query can be acted on.
const queryFreshFor = 30 * time.Second

// measureWithin is for how long a rollout waits for what the queries were before it.
const measureWithin = 2 * queryFreshFor

// Query is a check of the gate that asks Prometheus, with what was answered.
type Query struct {
	Name string
	Max  float64
	// OfRevision: it is about the update revision, and finds nothing before a slot has it.
	OfRevision bool
	// Answers of the last minutes, oldest first.
	Answers []Answer
}

// Answer to a query.
type Answer struct {
	// At is when it was asked.
	At    time.Time
	Value float64
	// Unknown is why there is no value; "" if there is one.
	Unknown string
}

// now is the newest value, or why there is none. An answer from before a time says
// nothing.
func (q Query) now(v seen, since time.Time) (value float64, unknown string) {
	if len(q.Answers) == 0 {
		return 0, "it has not been answered yet"
	}
	last := q.Answers[len(q.Answers)-1]
	age := v.Now.Sub(last.At)
	switch {
	case age > queryFreshFor:
		return 0, fmt.Sprintf("it was last answered %d s ago: does the operator's log say why?", int(age.Seconds()))
	case last.Unknown != "":
		return 0, last.Unknown
	case !last.At.After(since):
		return 0, "it has not been answered since the slot was taken over"
	}
	return last.Value, ""
}

// most is the greatest value that a query may have: its bound, or what it was before the
// rollout and a little more, if that was above.
func (q Query) most(r *v1alpha1.RolloutState) float64 {
	if before, known := q.before(r); known {
		return noWorse(before, q.Max)
	}
	return q.Max
}

// before is what a query was before the rollout; false if that is not known.
func (q Query) before(r *v1alpha1.RolloutState) (float64, bool) {
	for _, c := range r.Baseline.Checks {
		if c.Name == q.Name {
			value, err := strconv.ParseFloat(c.Value, 64)
			return value, err == nil
		}
	}
	return 0, false
}

func (q Query) tell(value float64, r *v1alpha1.RolloutState) string {
	text := fmt.Sprintf("check %s is %.4g, limit %.4g", q.Name, value, q.Max)
	if before, known := q.before(r); known && before > q.Max {
		text += fmt.Sprintf(" (before the rollout: %.4g)", before)
	}
	return text
}

// above is since when a query has been above its bound without a break, as far as answers
// since a time say; zero if it is not.
func (q Query) above(r *v1alpha1.RolloutState, since time.Time) (from time.Time) {
	for i := len(q.Answers) - 1; i >= 0; i-- {
		a := q.Answers[i]
		gap := i < len(q.Answers)-1 && q.Answers[i+1].At.Sub(a.At) > queryFreshFor
		if gap || !a.At.After(since) || a.Unknown != "" || a.Value <= q.most(r) {
			break
		}
		from = a.At
	}
	return from
}

// lacks is why a query does not let anything go on, by answers since a time: it is unknown
// or above its bound, or was within settledSeconds; "" if it lets.
func (q Query) lacks(v seen, r *v1alpha1.RolloutState, since time.Time) string {
	value, unknown := q.now(v, since)
	switch {
	case unknown != "":
		return fmt.Sprintf("check %s is not known: %s", q.Name, unknown)
	case value > q.most(r):
		return q.tell(value, r)
	}
	for _, a := range slices.Backward(q.Answers) {
		ago := v.Now.Sub(a.At)
		if !a.At.After(since) || ago >= v.Group.SettledFor {
			return ""
		}
		must := fmt.Sprintf("%d s ago; it must hold for %d s", int(ago.Seconds()), int(v.Group.SettledFor.Seconds()))
		switch {
		case a.Unknown != "":
			return fmt.Sprintf("check %s was not known %s: %s", q.Name, must, a.Unknown)
		case a.Value > q.most(r):
			return fmt.Sprintf("check %s was %.4g, limit %.4g, %s", q.Name, a.Value, q.Max, must)
		}
	}
	return ""
}

// asked are the queries that can say something: one that is about the update revision
// cannot before a slot has it.
func (v seen) asked(r *v1alpha1.RolloutState) []Query {
	return slices.DeleteFunc(slices.Clone(v.Queries), func(q Query) bool { return q.OfRevision && len(r.Begun) == 0 })
}

// exceeds: a query has been above its bound for as long as a judgement takes, since the
// slot on trial has joined. With whom the fault is cannot be told by one number.
func exceeds(e evidence) verdict {
	if !onTrial(e.state, e.slot) || len(e.joined) == 0 {
		return verdict{result: pass}
	}
	r, since := e.state.Rollout, e.memberSince()
	for _, s := range e.v.inSize(e.state) { // what another release left behind may be the cause
		switch {
		case s.holder != nil && isOther(e.state, s.holder.Revision):
			return verdict{result: pass}
		case s.state.RevisionBefore != "" && isOther(e.state, s.state.RevisionBefore) && s.state.Since.After(since):
			since = s.state.Since.Time
		}
	}
	for _, q := range e.v.Queries {
		value, unknown := q.now(e.v, since)
		from := q.above(r, since)
		if unknown != "" || from.IsZero() {
			continue
		}
		if lasts := q.Answers[len(q.Answers)-1].At.Sub(from); lasts >= e.v.judgeFor() {
			return fails("slot %d is on trial, and %s, for %d s", e.slot.ordinal, q.tell(value, r), int(lasts.Seconds()))
		}
	}
	return verdict{result: pass}
}

// queries: all of them are known, within their bounds, and were so for settledSeconds
// since the slot on trial has joined.
func queries(e evidence) verdict {
	if !onTrial(e.state, e.slot) || len(e.joined) == 0 {
		return verdict{result: pass} // the group is not settled then
	}
	for _, q := range e.v.Queries {
		if why := q.lacks(e.v, e.state.Rollout, e.memberSince()); why != "" {
			return verdict{wait, why}
		}
	}
	return verdict{result: pass}
}

// memberSince is since when the slot has the members that it has now. One that was seen
// before may have been its predecessor's, which joined late.
func (e evidence) memberSince() time.Time {
	now := e.slot.marks(&e.joined[len(e.joined)-1])
	return e.joined.Tail(func(r *lag.Reading) bool { return e.slot.marks(r) == now })[0].At
}

// unanswered is why the queries let no slot be handed over; "" if they let.
func unanswered(v seen, r *v1alpha1.RolloutState) string {
	for _, q := range v.asked(r) {
		if why := q.lacks(v, r, time.Time{}); why != "" {
			return why
		}
	}
	return ""
}

// noteQueries notes what the queries are before a slot is handed over: the first that is
// known. What another release has left behind is no measure.
func noteQueries(v seen, state v1alpha1.GroupState) {
	r, since := state.Rollout, time.Time{}
	for _, s := range v.inSize(state) {
		switch {
		case s.holder != nil && s.holder.Revision != state.Stable:
			return
		case s.state.RevisionBefore != state.Stable && s.state.Since.After(since):
			since = s.state.Since.Time // an answer of before may be about what was left behind
		}
	}
	if len(r.Begun) > 0 {
		return
	}
	for _, q := range v.asked(r) {
		value, unknown := q.now(v, since)
		if _, noted := q.before(r); noted || unknown != "" {
			continue
		}
		r.Baseline.Checks = append(slices.Clone(r.Baseline.Checks), v1alpha1.BaselineCheck{Name: q.Name, Value: strconv.FormatFloat(value, 'g', -1, 64)})
	}
}

// unmeasured is why nothing is handed over yet, not even a slot that has nothing to lose: what
// a query was before is not noted, and cannot be once a slot has the update. That is borne for
// a while.
func unmeasured(v seen, r *v1alpha1.RolloutState) string {
	if len(r.Begun) > 0 || r.Full || r.Back || v.Now.Sub(r.StartedAt.Time) > measureWithin {
		return ""
	}
	for _, q := range v.asked(r) {
		if _, noted := q.before(r); !noted {
			return fmt.Sprintf("check %s is asked first what it was before the rollout", q.Name)
		}
	}
	return ""
}

// renewedChecks are those of before, or what they are now if that is less.
func renewedChecks(v seen, r *v1alpha1.RolloutState) []v1alpha1.BaselineCheck {
	checks := slices.Clone(r.Baseline.Checks)
	for i := range checks {
		for _, q := range v.asked(r) {
			was, _ := q.before(r)
			if value, unknown := q.now(v, time.Time{}); len(r.Begun) == 0 && q.Name == checks[i].Name && unknown == "" && value < was {
				checks[i].Value = strconv.FormatFloat(value, 'g', -1, 64)
			}
		}
	}
	return checks
}

// obscured: a check of the gate cannot say anything now, so that the deadline does not
// run. It does where a slot that was begun is no member: then that is what is waited for,
// and nobody consumes its partitions meanwhile.
func (v seen) obscured(state v1alpha1.GroupState) bool {
	r := state.Rollout
	if v.reading == nil || r == nil || r.Stage != v1alpha1.RolloutProgressing {
		return false
	}
	for _, s := range v.inSize(state) {
		if slices.Contains(r.Begun, s.ordinal) && (!s.holder.consuming() || !v.joined(s, v.reading)) {
			return false
		}
	}
	for _, q := range v.asked(r) {
		if _, unknown := q.now(v, time.Time{}); unknown != "" {
			return true
		}
	}
	return v.ageIsUnknown(state)
}

// tellQueries says how they stand: as in "; check errors is 0.01, limit 0.05".
func tellQueries(v seen, r *v1alpha1.RolloutState) string {
	text := ""
	for _, q := range v.asked(r) {
		if value, unknown := q.now(v, time.Time{}); unknown == "" {
			text += "; " + q.tell(value, r)
		} else {
			text += fmt.Sprintf("; check %s is not known: %s", q.Name, unknown)
		}
	}
	return text
}
