package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// reportOf says what is going on, from the state that was decided.
func reportOf(v seen, state v1alpha1.GroupState, rolling, resizing string) Report {
	r := Report{Desired: v.Desired, Unknown: v.unknown}
	slots := v.inSize(state)
	r.count(v, slots)
	r.Problems = problems(v, state)
	r.Handover, r.Why = HandoverOf(v.Group, state)
	if v.reading != nil {
		r.Settled = unsettled(v, state, v.reading)
		r.Findings = v.findings(state)
		if r.Settled == "" && len(r.Findings) == 0 {
			r.Differs = v.differs()
		}
		r.Standing = standingNow(v, slots)
	}
	available := len(slots) - len(unavailable(v, state))
	r.Available = len(slots) > 0 && available >= max(1, len(slots)-v.Group.Budget) || state.Size != nil && len(slots) == 0
	restarts, step := restarting(v, state)
	if r.Phase, r.Step = phaseOf(v, state, r); step != "" && (r.Phase == v1alpha1.PhaseRunning || r.Phase == v1alpha1.PhasePending) {
		r.Phase, r.Step = v1alpha1.PhaseRestarting, step
	}
	if r.Phase == v1alpha1.PhaseRunning && state.Override != nil {
		r.Phase = v1alpha1.PhaseDegraded // it does not run what the template asks for
	}
	r.Message = messageOf(state, r, rolling, []string{resizing, restarts, wentBack(state)})
	r.Message = strings.Join(append([]string{r.Message}, ofCommands(v, state)...), "; ")
	rolledBack := state.Rollout != nil && state.Rollout.Stage == v1alpha1.RolloutRolledBack
	waits := v.awaitsPromotion(state) || v.holdsStep(state)
	r.Hurry = r.Phase != v1alpha1.PhaseRunning && r.Phase != v1alpha1.PhasePaused && !rolledBack && !waits || len(state.Beside) > 0
	return r
}

// count counts slots.
func (r *Report) count(v seen, slots []slot) {
	for _, s := range slots {
		if s.holder.active() {
			r.Active++
		}
		if s.holder.consuming() && (v.reading == nil || v.joined(s, v.reading)) {
			r.Consuming++
			if s.holder.Ready {
				r.Ready++
			}
		}
		if s.holder != nil && s.holder.Revision == v.Group.Revision {
			r.Updated++
		}
	}
}

// standingNow names a partition that a slot has had, with lag and without a commit, for
// as long as the gate would need to call it a standstill.
func standingNow(v seen, slots []slot) string {
	recent := v.Window.Since(v.reading.At.Add(-judgeFor - pollEvery))
	for _, s := range slots {
		joined := recent.Tail(func(r *lag.Reading) bool { return r.Err == "" && v.joined(s, r) })
		if joined.Span() < judgeFor-pollEvery {
			continue
		}
		had := lag.Owned(s.members(&joined[0]))
		has := slices.DeleteFunc(slices.Clone(lag.Owned(s.members(v.reading))), func(tp lag.TopicPartition) bool { return !slices.Contains(had, tp) })
		p, stands := joined.Standing(has)
		if !stands {
			continue
		}
		seconds := int(joined.Span().Seconds())
		if behind, known := p.Lag(); known {
			return fmt.Sprintf("slot %d (%s) commits nothing on %s: lag %d, for %d s", s.ordinal, s.name(), p.TopicPartition, behind, seconds)
		}
		return fmt.Sprintf("slot %d (%s) has never committed on %s, and %d records came in %d s",
			s.ordinal, s.name(), p.TopicPartition, p.End-joined[0].Partition(p.TopicPartition).End, seconds)
	}
	return ""
}

func problems(v seen, state v1alpha1.GroupState) []string {
	var all []string
	for _, s := range append(slices.Clone(v.slots), v.besides()...) {
		pods := s.others
		if s.holder != nil {
			pods = append([]*Pod{s.holder}, pods...)
		}
		for _, p := range pods {
			if p.Problem != "" && !p.Ended && !standsAsBlue(state, p) {
				all = append(all, fmt.Sprintf("pod %s: %s", p.Name, p.Problem))
			}
		}
		if v.leftOut(s) {
			all = append(all, s.tellLeftOut())
		}
		switch {
		case s.lost() && v.awaitsPerson(s):
			all = append(all, fmt.Sprintf("pod %s of slot %d is gone and nobody saw it end, and membership.lostNode is Wait: when its process is dead for certain, set the annotation %s=%s",
				s.state.Pod, s.ordinal, v1alpha1.AnnotationReplaceLost, s.state.Pod))
		case s.lost():
			all = append(all, fmt.Sprintf("pod %s of slot %d is gone and nobody saw it end: its id is used again when it stayed away from the group", s.state.Pod, s.ordinal))
		}
	}
	return all
}

func phaseOf(v seen, state v1alpha1.GroupState, r Report) (v1alpha1.Phase, string) {
	size := sizeOf(state)
	if state.Move != nil {
		return v1alpha1.PhaseMovingOffsets, ""
	}
	if ro := state.Rollout; ro != nil {
		step := fmt.Sprintf("%d/%d", len(ro.Passed), size)
		switch ro.Stage {
		case v1alpha1.RolloutProgressing:
			if v.paused != "" {
				return v1alpha1.PhasePaused, step
			}
			return v1alpha1.PhaseRollingOut, step
		case v1alpha1.RolloutRollingBack:
			return v1alpha1.PhaseRollingBack, ""
		case v1alpha1.RolloutPaused:
			return v1alpha1.PhasePaused, step
		case v1alpha1.RolloutRolledBack:
			return v1alpha1.PhaseDegraded, ""
		}
	}
	switch {
	case state.Size == nil:
		return v1alpha1.PhasePending, ""
	case v.paused != "":
		return v1alpha1.PhasePaused, ""
	case size != v.Desired:
		return v1alpha1.PhaseScaling, fmt.Sprintf("%d/%d", size, v.Desired)
	case len(state.Slots) > int(size):
		return v1alpha1.PhaseScaling, ""
	case r.Ready == size && len(r.Problems) == 0:
		return v1alpha1.PhaseRunning, ""
	case r.Ready < size && len(r.Problems) > 0:
		return v1alpha1.PhaseDegraded, ""
	case r.Ready < size:
		return v1alpha1.PhasePending, ""
	default:
		return v1alpha1.PhaseRunning, ""
	}
}

// messageOf names what is waited for, the most pressing first.
func messageOf(state v1alpha1.GroupState, r Report, rolling string, others []string) string {
	var parts []string
	if state.Rollout != nil && state.Move == nil {
		parts = ofRollout(state, rolling)
	} else if rolling != "" {
		parts = append(parts, rolling)
	}
	for _, other := range others {
		if other != "" {
			parts = append(parts, other)
		}
	}
	if len(r.Problems) > 0 {
		parts = append(parts, r.Problems[0])
		if more := len(r.Problems) - 1; more > 0 {
			parts = append(parts, fmt.Sprintf("and %d more pods with problems", more))
		}
	}
	if len(parts) == 0 {
		switch {
		case r.Unknown != "":
			parts = append(parts, "waiting for a reading of the group: "+r.Unknown)
		case r.Settled != "":
			parts = append(parts, r.Settled)
		case r.Standing != "":
			parts = append(parts, r.Standing)
		default:
			parts = append(parts, fmt.Sprintf("%d of %d slots consume", r.Consuming, sizeOf(state)))
			if r.Ready < r.Consuming {
				parts = append(parts, fmt.Sprintf("the readiness probes of %d of them fail", r.Consuming-r.Ready))
			}
		}
	}
	for _, f := range r.Findings {
		if f.Reason != v1alpha1.ReasonNeverJoins { // that is said already, in short
			parts = append(parts, f.Text)
			break
		}
	}
	return strings.Join(parts, "; ")
}

// told says what became of a rollout that was rolled back, and how it is tried again.
func told(state v1alpha1.GroupState, rolling string) string {
	r := state.Rollout
	if r.Failure == "" { // it is about to be
		return rolling
	}
	return fmt.Sprintf("revision %s was rolled back: %s; change the template, or set the annotation %s to try it again", r.To, r.Failure,
		toSet(state, v1alpha1.AnnotationRetry, nextAttempt(r)))
}

// wentBack says that the template's revision is not run, since a person has gone back from it.
func wentBack(state v1alpha1.GroupState) string {
	o := state.Override
	if o == nil || state.Rollout != nil || state.Move != nil {
		return ""
	}
	return fmt.Sprintf("revision %s runs and not %s, which the template asks for: %s; change the template to go on", o.Revision, o.For, o.Command)
}

// ofRollout tells of a rollout.
func ofRollout(state v1alpha1.GroupState, rolling string) []string {
	ro := state.Rollout
	switch ro.Stage {
	case v1alpha1.RolloutRolledBack:
		return []string{told(state, rolling)}
	case v1alpha1.RolloutPaused:
		return []string{fmt.Sprintf("the rollout to %s stopped: %s; change the template, or go on by the annotation %s, without the gate by %s, or back by %s", ro.To, ro.Failure,
			toSet(state, v1alpha1.AnnotationRetry, nextAttempt(ro)), toSet(state, v1alpha1.AnnotationPromoteFull, ro.To), toSet(state, v1alpha1.AnnotationAbort, ro.To))}
	case v1alpha1.RolloutRollingBack:
		parts := []string{"rolling back: " + rolling}
		if ro.Failure != "" {
			parts = append(parts, "because "+ro.Failure)
		}
		return parts
	default:
		return []string{rolling}
	}
}
