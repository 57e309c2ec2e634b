package rollout

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// keepPhases is how many of them are kept of a rollout: a canary may have many steps.
const keepPhases = 60

// Phases of a rollout, as its record has them.
const (
	PhaseWarming     = "Warming"     // successors are made, or the group is not fit to change
	PhaseHandingOver = "HandingOver" // slots are handed over, and come through the gate
	PhaseRollingBack = "RollingBack"
	PhaseStopped     = "Stopped" // it waits for a person, after a failure
)

// notePhase notes when a rollout has come to another phase.
func notePhase(v seen, state *v1alpha1.GroupState) {
	r := state.Rollout
	if r == nil || r.Stage == v1alpha1.RolloutRolledBack {
		return
	}
	name := phaseName(r)
	if last := len(r.Phases) - 1; last >= 0 && r.Phases[last].Name == name {
		return
	}
	r.Phases = append(r.Phases, v1alpha1.RolloutPhase{Name: name, StartedAt: metav1.NewMicroTime(v.Now)})
	r.Phases = r.Phases[max(0, len(r.Phases)-keepPhases):]
}

func phaseName(r *v1alpha1.RolloutState) string {
	switch {
	case r.Stage == v1alpha1.RolloutRollingBack:
		return PhaseRollingBack
	case r.Stage == v1alpha1.RolloutPaused:
		return PhaseStopped
	case inSteps(r) && r.StepDone != nil:
		return fmt.Sprintf("WatchingStep%d", r.Step+1)
	case len(r.Begun) == 0:
		return PhaseWarming
	default:
		return PhaseHandingOver
	}
}

// notePause notes for how long a slot had no consumer in the group, on its way to the update
// or back.
func notePause(r *v1alpha1.RolloutState, kind v1alpha1.RestartKind, seconds int32) {
	if underWay(r) && kind == v1alpha1.RestartStop {
		r.LongestPauseSeconds = max(r.LongestPauseSeconds, seconds)
	}
}

// rebalancesSoFar is how many were counted; nil if that was not begun yet.
func (v seen) rebalancesSoFar() *int64 {
	if v.Rebalances.Since.IsZero() {
		return nil
	}
	n := v.Rebalances.Count
	return &n
}
