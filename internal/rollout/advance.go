package rollout

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// advance moves the steps of a rollout: it begins one when the template changed,
// passes slots through the gate, begins the next, fails, finishes, goes back. It
// returns what the rollout waits for.
func advance(v seen, state *v1alpha1.GroupState) string {
	if state.Size == nil {
		return ""
	}
	forgetBlue(v, state)
	if state.Stable == v.Group.Revision {
		return goBackByWish(v, state)
	}
	r := state.Rollout
	takenBack := r != nil && r.Stage != v1alpha1.RolloutProgressing && r.Failure == ""
	if r == nil || r.To != v.Group.Revision || takenBack {
		return begin(v, state)
	}
	switch r.Stage {
	case v1alpha1.RolloutProgressing:
		return progress(v, state)
	case v1alpha1.RolloutRollingBack:
		if waits := goingBack(v, *state); waits != "" {
			return waits
		}
		r.Stage = v1alpha1.RolloutRolledBack
	}
	return r.Failure
}

// goBackByWish: the template is the stable one. A rollout that has changed
// something is undone, without a gate.
func goBackByWish(v seen, state *v1alpha1.GroupState) string {
	if state.Rollout == nil {
		return ""
	}
	waits := goingBack(v, *state)
	if waits == "" {
		state.Rollout = nil
		return ""
	}
	state.Rollout.Stage, state.Rollout.Failure = v1alpha1.RolloutRollingBack, ""
	return waits
}

// goingBack is what is not on the stable revision yet, and what keeps it.
func goingBack(v seen, state v1alpha1.GroupState) string {
	left := 0
	for _, s := range v.inSize(state) {
		if s.state.Holder == "" && !v.leftOut(s) || s.state.Revision != state.Stable {
			left++
		}
	}
	if left == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d slots have yet to go back to revision %s", left, sizeOf(state), state.Stable)
	if why := heldBack(v, state); why != "" {
		text += ", which waits: " + why
	}
	return text
}

// begin starts a rollout to the revision of the present template. If no slot ever
// had a holder, the revision is simply taken.
func begin(v seen, state *v1alpha1.GroupState) string {
	if !anyHeld(v, *state) {
		state.Stable, state.Rollout, state.Blue = v.Group.Revision, nil, nil
		return ""
	}
	if v.paused != "" {
		return "paused: revision " + v.Group.Revision + " waits"
	}
	if leaving := resizeLeaves(*state); leaving != "" {
		return "the rollout waits: " + leaving
	}
	if v.reading == nil {
		return fmt.Sprintf("revision %s waits for a reading of the group: %s", v.Group.Revision, v.unknown)
	}
	attempt := int32(0)
	if r := state.Rollout; r != nil && r.To == v.Group.Revision {
		attempt = r.Attempt
	}
	// A rollout that takes the place of one that is under way is measured by what
	// was before that one.
	baseline := baselineOf(v, *state)
	if r := state.Rollout; r != nil && r.Stage != v1alpha1.RolloutRolledBack {
		baseline = r.Baseline
	}
	now := metav1.NewMicroTime(v.Now)
	strategy, steps, byCommand := v.Group.Strategy, v.Group.Steps, state.Override != nil
	if byCommand && strategy == v1alpha1.StrategyCanary {
		strategy, steps = v1alpha1.StrategyRolling, nil
	}
	handover, why := chooseHandover(v.Group, *state)
	back := byCommand || state.Blue != nil && state.Blue.Revision == v.Group.Revision
	if back && handover != "" {
		handover, why = "", "what is gone back to takes the slots over under their ids"
	}
	state.Rollout = &v1alpha1.RolloutState{
		Handover: handover, HandoverReason: why,
		From: state.Stable, To: v.Group.Revision, Stage: v1alpha1.RolloutProgressing,
		Strategy: strategy, Steps: steps, Then: v.Group.Then,
		Awaits: v.Group.AwaitsPromotion && v.Group.Strategy == v1alpha1.StrategyBlueGreen,
		Asks:   len(v.Queries) > 0,
		// What a person goes back to is not judged: what it is gone back from may be worse.
		Back:    back,
		Full:    byCommand,
		Attempt: attempt, Number: state.Rollouts + 1, RebalancesBefore: v.rebalancesSoFar(),
		StartedAt: now, ProgressAt: now, Baseline: baseline,
	}
	state.Rollouts++
	return "the rollout begins"
}

// anyHeld: in the middle of a handover nothing may run, and what ran before is
// still what to go back to.
func anyHeld(v seen, state v1alpha1.GroupState) bool {
	return slices.ContainsFunc(v.inSize(state), func(s slot) bool { return !s.state.Since.IsZero() })
}

// progress is one look at a rollout in progress.
func progress(v seen, state *v1alpha1.GroupState) string {
	r := state.Rollout
	if holdClock(v, *state, r) {
		if v.paused != "" {
			return "paused: " + v.paused
		}
		return "waiting for a reading of the group: " + v.unknown
	}
	noteLate(v, *state)
	noteQueries(v, *state)
	if changed := otherPartitions(v, *state); changed != "" {
		return stopped(r, changed, v.Group.PauseOnChange)
	}
	waits, matter, judge := "", "", judgeOf(v, *state)
	for _, s := range v.inSize(*state) {
		if !slices.Contains(r.Begun, s.ordinal) {
			continue
		}
		passed := slices.Contains(r.Passed, s.ordinal)
		verdict := judge.gate(s)
		if verdict.result != pass {
			matter = verdict.reason
		}
		switch {
		case verdict.result == fail: // also one that has passed: it may get worse later
			r.Passed = slices.DeleteFunc(slices.Clone(r.Passed), func(o int32) bool { return o == s.ordinal })
			return failed(v, r, verdict.reason)
		case passed:
		case verdict.result == pass:
			r.Passed = insert(r.Passed, s.ordinal)
			r.ProgressAt = metav1.NewMicroTime(v.Now)
		default:
			waits = "waiting for gate: " + verdict.reason
		}
	}
	if size := int(sizeOf(*state)); len(r.Passed) >= size && (size == 0 || !inSteps(r)) {
		state.Stable, state.Rollout = r.To, nil
		keepBlue(v, state, r)
		return ""
	}
	withdraw(v, *state, r)
	if why := beginSlots(v, state, matter); waits == "" {
		waits = why
	}
	if idle := v.Now.Sub(r.ProgressAt.Time); r.UnknownSince == nil && !r.Full && idle > v.Group.Deadline && watched(v, r) {
		return failed(v, r, fmt.Sprintf("no slot came through the gate for %d s: %s", int(idle.Seconds()), waits))
	}
	return waits
}

// watched: since the last progress the group was read for long enough to pass a
// slot. An operator that was away does not count that time against a release.
func watched(v seen, r *v1alpha1.RolloutState) bool {
	return v.Window.Since(r.ProgressAt.Time).Span() >= min(v.Group.Deadline, v.Group.SettledFor+judgeFor)
}

// holdClock stops the deadline while there is no reading, or a pause, in which nothing
// goes on, while a check of the gate can say nothing, and while a slot waits for a person.
func holdClock(v seen, state v1alpha1.GroupState, r *v1alpha1.RolloutState) (holdsAll bool) {
	holdsAll = v.reading == nil || v.paused != ""
	obscured := v.obscured(state)
	holdStep(v, r, holdsAll || obscured)
	if holdsAll || obscured || v.lostToAPerson(state) != "" || v.awaitsPromotion(state) || v.holdsStep(state) {
		if r.UnknownSince == nil {
			r.UnknownSince = micro(v.Now)
		}
		return holdsAll
	}
	if r.UnknownSince != nil {
		r.ProgressAt = metav1.NewMicroTime(r.ProgressAt.Add(v.Now.Sub(r.UnknownSince.Time)))
		r.UnknownSince = nil
	}
	return false
}

// holdStep moves the beginning of a canary's pause on by the time in which nobody watches.
func holdStep(v seen, r *v1alpha1.RolloutState, blind bool) {
	switch {
	case blind && r.BlindSince == nil && r.StepDone != nil:
		r.BlindSince = micro(v.Now)
	case !blind && r.BlindSince != nil:
		if r.StepDone != nil {
			r.StepDone = micro(r.StepDone.Add(v.Now.Sub(r.BlindSince.Time)))
		}
		r.BlindSince = nil
	}
}

// withdraw takes back what was begun and has not been stopped yet, when a slot
// that does not consume waits: that one goes first, it has nothing to lose.
func withdraw(v seen, state v1alpha1.GroupState, r *v1alpha1.RolloutState) {
	next := chosen(r, queue(v, state))
	missing := unavailable(v, state)
	if len(next) == 0 || !missing[next[0].ordinal] {
		return
	}
	for _, s := range v.inSize(state) {
		untouched := s.holder.consuming() && s.holder.Revision != r.To && !missing[s.ordinal] && s.beside == nil
		if i, begun := slices.BinarySearch(r.Begun, s.ordinal); begun && untouched {
			r.Begun = slices.Delete(slices.Clone(r.Begun), i, i+1)
		}
	}
}

// beginSlots begins the next slots if the group is fit to change.
func beginSlots(v seen, state *v1alpha1.GroupState, matter string) string {
	r := state.Rollout
	if why := v.lostToAPerson(*state); why != "" {
		return why
	}
	if why := unmeasured(v, r); why != "" {
		return why
	}
	if why := advanceSteps(v, state, matter); why != "" {
		return why
	}
	keepToSameID(v, state)
	if why := twoLanes(*state); why != "" {
		return why
	}
	if together(r) {
		return beginTogether(v, state, queue(v, *state))
	}
	if overlapsNow(r) {
		return beginBatch(v, state)
	}
	started := ""
	for _, s := range chosen(r, queue(v, *state)) {
		if len(r.Begun)-len(r.Passed) >= v.Group.Budget {
			return started
		}
		if s.holder != nil && s.holder.Revision == r.To {
			r.Begun = insert(r.Begun, s.ordinal) // an earlier rollout has left it there
			continue
		}
		first := goesFirst(v, *state, s, r.To)
		if first == "" && !s.warm(r.To) {
			return fmt.Sprintf("waiting for the successor of slot %d to be warm%s", s.ordinal, problemOf(s.spare(r.To)))
		}
		if why := unfit(v, *state, s); why != "" && !r.Full {
			return fmt.Sprintf("waiting for gate: slot %d is next: %s", s.ordinal, why)
		}
		v.renewSlot(r, s.ordinal)
		r.Begun = insert(r.Begun, s.ordinal)
		started = fmt.Sprintf("slot %d is being handed over to revision %s", s.ordinal, r.To)
		if first != "" {
			started += ", its pod goes first: " + first
		}
	}
	return started
}

func problemOf(p *Pod) string {
	if p == nil || p.Problem == "" {
		return ""
	}
	return ": " + p.Problem
}

func failed(v seen, r *v1alpha1.RolloutState, reason string) string {
	return stopped(r, reason, v.Group.PauseOnFailure)
}

func stopped(r *v1alpha1.RolloutState, reason string, pauses bool) string {
	r.Failure = reason
	r.Stage = v1alpha1.RolloutRollingBack
	if pauses {
		r.Stage = v1alpha1.RolloutPaused
	}
	return "the gate has failed"
}

func insert(ordinals []int32, o int32) []int32 {
	i, found := slices.BinarySearch(ordinals, o)
	if found {
		return ordinals
	}
	return slices.Insert(slices.Clone(ordinals), i, o)
}
