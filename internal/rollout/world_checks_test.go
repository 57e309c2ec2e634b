package rollout

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// The checks of the gate that a spec may set, and what Prometheus would answer.

// erring consumes as it should, and the one query of the world says that it does harm.
const erring kind = "erring"

const (
	simCheck    = "errors"
	simMax      = 1
	askEvery    = 8 * time.Second // longer than settledSeconds, or its own answer is all that is looked at
	keepAnswers = 10 * time.Minute
)

// simChecks have lots of their own, so that what else is drawn stays as it was.
type simChecks struct {
	rng *rand.Rand
	// on: a query is among the checks, about the update revision alone or not.
	on, ofRevision bool
	maxAge         time.Duration
	maxGrowth      *int64
	// Until then the query has no answer, or is above its bound for no fault of a
	// release; and the age of records is not known.
	awayUntil, highUntil, blindUntil time.Time
	// value of the query besides; nil: none.
	value func() float64
}

// drawChecks is what a spec sets.
func (w *world) drawChecks(seed int64) {
	c := &w.checks
	c.rng = rand.New(rand.NewSource(seed ^ 0x6a7e))
	c.on, c.ofRevision = c.rng.Intn(2) == 0, c.rng.Intn(4) == 0
	if c.rng.Intn(3) == 0 {
		c.maxAge = []time.Duration{30 * time.Second, time.Minute}[c.rng.Intn(2)]
	}
	if c.rng.Intn(3) == 0 {
		c.maxGrowth = ptr.To([]int64{20, 100}[c.rng.Intn(2)])
	}
}

// drawKind has some of the revisions that a user applies be erring ones.
func (w *world) drawKind(k kind) kind {
	if w.checks.on && w.checks.rng.Intn(4) == 0 {
		return erring
	}
	return k
}

// ask is what Prometheus answers at this moment.
func (w *world) ask() Answer {
	c := &w.checks
	a := Answer{At: w.now}
	update := w.object.spec.Revision
	runs := slices.ContainsFunc(w.pods, func(p *simPod) bool { return p.proc && p.Revision == update })
	switch {
	case w.now.Before(c.awayUntil):
		a.Unknown = "no answer from prometheus:9090"
	case c.ofRevision && !runs:
		a.Unknown = "it finds nothing"
	case slices.ContainsFunc(w.pods, func(p *simPod) bool {
		return kindOf(p.Revision) == erring && w.memberOf(p) && w.owns(p.Ordinal) && (!c.ofRevision || p.Revision == update)
	}):
		a.Value = 4 // also worse than what bad luck makes of it
	case w.now.Before(c.highUntil):
		a.Value = 3
	case c.value != nil:
		a.Value = c.value()
	}
	return a
}

// listenToPrometheus takes the newest answer, and forgets old ones.
func (o *simOperator) listenToPrometheus() {
	w := o.w
	if !w.checks.on || len(o.answers) > 0 && w.now.Sub(o.answers[len(o.answers)-1].At) < askEvery {
		return
	}
	o.answers = slices.DeleteFunc(append(o.answers, w.ask()), func(a Answer) bool { return w.now.Sub(a.At) > keepAnswers })
}

// checksOf are the checks as the controller hands them on.
func (o *simOperator) checksOf(in *Input) {
	c := &o.w.checks
	in.Group.MaxAge, in.Group.MaxLagGrowth = c.maxAge, c.maxGrowth
	if c.on {
		in.Queries = []Query{{Name: simCheck, Max: simMax, OfRevision: c.ofRevision, Answers: slices.Clone(o.answers)}}
	}
}

// dated says when the oldest records came: at a steady rate.
func (w *world) dated(r *lag.Reading) {
	for i := range r.Partitions {
		p := &r.Partitions[i]
		if behind, known := p.Lag(); known && behind > 0 && !w.now.Before(w.checks.blindUntil) {
			p.Oldest = r.At.Add(-time.Duration(behind) * time.Second / simRate)
		}
	}
}

// interfereWithChecks is what bad luck does to them.
func (s *simulation) interfereWithChecks() {
	w, c := s.w, &s.w.checks
	until := func(least, most time.Duration) time.Time {
		return w.now.Add(least + time.Duration(c.rng.Int63n(int64(most-least))))
	}
	switch drawn := c.rng.Intn(250); {
	case drawn == 0 && c.on:
		c.awayUntil = until(time.Second, 60*time.Second)
		w.logf("Prometheus does not answer until %.1fs", c.awayUntil.Sub(simEpoch).Seconds())
	case drawn == 1 && c.on:
		c.highUntil = until(time.Second, 40*time.Second)
		w.logf("the query is above its bound until %.1fs", c.highUntil.Sub(simEpoch).Seconds())
	case drawn == 2 && c.maxAge > 0:
		c.blindUntil = until(time.Second, 60*time.Second)
		w.logf("the age of records is not known until %.1fs", c.blindUntil.Sub(simEpoch).Seconds())
	}
}

// queryOf is what the newest answer to the query says to a decision: above its bound, or
// nothing.
func queryOf(in Input, r *v1alpha1.RolloutState) (above, unknown bool) {
	if len(in.Queries) == 0 {
		return false, false
	}
	q := in.Queries[0]
	if len(q.Answers) == 0 {
		return false, true
	}
	last := q.Answers[len(q.Answers)-1]
	if last.Unknown != "" || in.Now.Sub(last.At) > 30*time.Second {
		return false, true
	}
	return last.Value > allowedOf(in, r), false
}

// allowedOf is the query's bound, or what it was before the rollout and a tenth, if that was
// above.
func allowedOf(in Input, r *v1alpha1.RolloutState) float64 {
	most := in.Queries[0].Max
	for _, c := range r.Baseline.Checks {
		var was float64
		if _, err := fmt.Sscan(c.Value, &was); err == nil && was > most {
			most = was * 1.1
		}
	}
	return most
}

// goesByAnswers is a part of invariants 3 and 4: while a query is unknown or above its
// bound no slot passes, none is begun that has anything to lose, no step of a canary is
// left; and what is unknown fails nothing.
func goesByAnswers(in Input, d Decision) string {
	before, after := in.State.Rollout, d.State.Rollout
	if before == nil || after == nil || before.Number != after.Number || after.Full || after.Aborted || before.Stage != v1alpha1.RolloutProgressing || in.State.Stable == in.Group.Revision {
		return ""
	}
	if len(before.Begun) > 0 && len(after.Baseline.Checks) > len(before.Baseline.Checks) {
		return "invariant 4: what the query is after a slot was begun is noted as what it was before"
	}
	above, unknown := queryOf(in, after)
	invariant := "invariant 4: the query is above its bound"
	if unknown {
		invariant = "invariant 3: the query is unknown"
	}
	if failed := after.Stage != before.Stage && after.Failure != ""; failed {
		return failsByAnswers(in, after, unknown)
	}
	notYet := in.Queries != nil && in.Queries[0].OfRevision && len(before.Begun) == 0
	if !above && !unknown {
		return ""
	}
	trial := inSteps(before)
	for _, ordinal := range after.Passed {
		if !slices.Contains(before.Passed, ordinal) {
			return fmt.Sprintf("%s, and slot %d passes", invariant, ordinal)
		}
	}
	if trial && after.Step > before.Step && len(before.Passed) > 0 {
		return fmt.Sprintf("%s, and step %d is left", invariant, before.Step+1)
	}
	for _, ordinal := range after.Begun {
		if slices.Contains(before.Begun, ordinal) || notYet || before.Back {
			continue
		}
		holder := slices.IndexFunc(in.Pods, func(p Pod) bool { return p.UID == holderIn(in.State, ordinal) })
		left := holder >= 0 && in.Pods[holder].Revision != in.State.Stable
		noted := in
		noted.State = d.State // a crash that was noticed just now
		// Nor has one to lose anything that nobody knows to be a member.
		doubtful := slices.ContainsFunc(d.State.Slots, func(s v1alpha1.SlotState) bool {
			return s.Ordinal == ordinal && s.MemberBefore == v1alpha1.UnknownMember
		})
		if availableIn(noted, ordinal) && !doubtful && !left && !baselineSlot(before.Baseline, ordinal).Broken {
			return fmt.Sprintf("%s, and slot %d is begun", invariant, ordinal)
		}
	}
	return ""
}

// failsByAnswers: a query fails a rollout when it was above its bound for 15 seconds, and
// the deadline does not while it is unknown.
func failsByAnswers(in Input, r *v1alpha1.RolloutState, unknown bool) string {
	failure := r.Failure
	if strings.HasPrefix(failure, "no slot came through") {
		missing := slices.ContainsFunc(in.State.Rollout.Begun, func(o int32) bool { return !availableIn(in, o) })
		notYet := in.Queries != nil && in.Queries[0].OfRevision && len(in.State.Rollout.Begun) == 0
		if unknown && !missing && !notYet {
			return "invariant 3: the deadline is over while the query is unknown: " + failure
		}
		return ""
	}
	if !strings.Contains(failure, "check "+simCheck) {
		return ""
	}
	answers := in.Queries[0].Answers
	for i := len(answers) - 1; i >= 0; i-- {
		a := answers[i]
		if a.Unknown != "" || a.Value <= allowedOf(in, r) {
			return "invariant 4: the query fails a rollout, and was above its bound for less than 15 s: " + failure
		}
		if answers[len(answers)-1].At.Sub(a.At) >= 15*time.Second {
			return ""
		}
	}
	return "invariant 4: the query fails a rollout, and was not asked for 15 s: " + failure
}
