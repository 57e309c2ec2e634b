package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// Commands are annotations of the ConsumerGroup. Each is answered once: obeyed, or refused
// with a reason. What was answered is remembered as long as the annotation stands as it is,
// so that neither a restart of the operator nor a later rollout obeys it again. One that
// asks for something that is still to come is answered then.

// commands by which people interfere, in the order in which they are answered. Each says
// whether it is answered now, and why it is refused; "" if it is obeyed.
var commands = []struct {
	name string
	obey func(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string)
}{
	{v1alpha1.AnnotationPause, pause},
	{v1alpha1.AnnotationAbort, abort},
	{v1alpha1.AnnotationRetry, retry},
	{v1alpha1.AnnotationPromoteFull, promoteFull},
	{v1alpha1.AnnotationPromote, promote},
	{v1alpha1.AnnotationRestart, restart},
	{v1alpha1.AnnotationRollback, rollback},
	{v1alpha1.AnnotationResetOffsets, resetOffsets},
}

// CommandNames are the annotations that are commands.
func CommandNames() []string {
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
	}
	return names
}

// answer answers the commands that were not yet.
func answer(v seen, state *v1alpha1.GroupState) {
	state.Commands = slices.DeleteFunc(state.Commands, func(c v1alpha1.CommandState) bool { return v.Group.Commands[c.Name] != c.Value })
	for _, c := range commands {
		value := v.Group.Commands[c.name]
		if value == "" || answered(*state, c.name) != nil {
			continue
		}
		if now, refused := c.obey(v, state, value); now {
			state.Commands = append(state.Commands, v1alpha1.CommandState{Name: c.name, Value: value, Refused: refused})
		}
	}
	slices.SortFunc(state.Commands, func(a, b v1alpha1.CommandState) int { return cmp.Compare(a.Name, b.Name) })
}

// answered is a command that was; nil if it was not.
func answered(state v1alpha1.GroupState, name string) *v1alpha1.CommandState {
	for i := range state.Commands {
		if state.Commands[i].Name == name {
			return &state.Commands[i]
		}
	}
	return nil
}

// ofCommands tells people which were refused, and what is to come.
func ofCommands(v seen, state v1alpha1.GroupState) []string {
	var all []string
	for _, c := range state.Commands {
		if c.Refused != "" {
			all = append(all, fmt.Sprintf("the annotation %s=%s is refused: %s", c.Name, c.Value, c.Refused))
		}
	}
	if due := restartIsDue(v, state); due != "" {
		all = append(all, due)
	}
	return all
}

// target is the rollout that a command names, and the number after its revision (0: none). If
// there is none the command is refused, or later if the rollout has yet to begin.
func (v seen) target(state *v1alpha1.GroupState, value string) (r *v1alpha1.RolloutState, n int32, later bool, refused string) {
	if r = state.Rollout; r != nil {
		if n, named := numbered(value, r.To); named {
			return r, n, false, ""
		}
	}
	if _, named := numbered(value, v.Group.Revision); named && state.Stable != v.Group.Revision {
		return nil, 0, true, ""
	}
	if _, named := numbered(value, state.Stable); named {
		return nil, 0, false, "no rollout to it is under way: it is the stable revision"
	}
	if r == nil {
		return nil, 0, false, "no rollout is under way"
	}
	return nil, 0, false, "the rollout is to revision " + r.To
}

// whole is the rollout that a command names without a number; nil, and whether and why the
// command is refused, if there is none.
func (v seen) whole(state *v1alpha1.GroupState, value string) (r *v1alpha1.RolloutState, now bool, refused string) {
	r, n, later, why := v.target(state, value)
	if r != nil && n > 0 {
		return nil, true, "the value has to be " + r.To
	}
	return r, !later, why
}

// numbered says whether a value is a revision, or one and a number, as in 5d8f7c-2.
func numbered(value, revision string) (n int32, named bool) {
	if value == revision {
		return 0, true
	}
	text, found := strings.CutPrefix(value, revision+"-")
	parsed, err := strconv.ParseInt(text, 10, 32)
	return int32(parsed), found && err == nil && parsed > 0
}

// hasEnded is why nothing can be done to a rollout that has failed; "" if it has not.
func hasEnded(r *v1alpha1.RolloutState) string {
	switch r.Stage {
	case v1alpha1.RolloutRollingBack:
		return "the rollout is on its way back"
	case v1alpha1.RolloutRolledBack:
		return "the rollout was rolled back"
	}
	return ""
}

func pause(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string) {
	r, now, why := v.whole(state, value)
	if r == nil {
		return now, why
	}
	if r.Stage != v1alpha1.RolloutProgressing {
		return true, cmp.Or(hasEnded(r), "the rollout has stopped by itself")
	}
	return true, ""
}

// pausedBy is why nothing new begins; "" if it may.
func pausedBy(v seen, state v1alpha1.GroupState) string {
	r := state.Rollout
	switch {
	case v.Group.Paused:
		return "spec.paused is set"
	case rolling(state) && v.Group.Commands[v1alpha1.AnnotationPause] == r.To:
		return fmt.Sprintf("the annotation %s=%s is set", v1alpha1.AnnotationPause, r.To)
	}
	return ""
}

func abort(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string) {
	r, now, why := v.whole(state, value)
	if r == nil {
		return now, why
	}
	if r.Stage == v1alpha1.RolloutRollingBack || r.Stage == v1alpha1.RolloutRolledBack {
		return true, "it has been taken back already"
	}
	r.Stage, r.Aborted, r.UnknownSince = v1alpha1.RolloutRollingBack, true, nil
	r.Failure = "it was aborted by the annotation " + v1alpha1.AnnotationAbort
	return true, ""
}

// retry tries a rollout again: from its beginning if it was rolled back, else from where it
// stands.
func retry(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string) {
	r, n, later, why := v.target(state, value)
	switch {
	case r == nil:
		return !later, why
	case n != attemptOf(r)+1:
		return true, fmt.Sprintf("attempt %d is the last one that was made, the next is %s", attemptOf(r), nextAttempt(r))
	case r.Stage == v1alpha1.RolloutProgressing:
		return true, "the rollout is under way"
	case r.Stage == v1alpha1.RolloutRollingBack:
		return false, ""
	}
	r.Attempt = n
	if r.Stage == v1alpha1.RolloutPaused {
		goOn(v, state, r)
	}
	r.Failure = ""
	return true, ""
}

// goOn lets a rollout go on that has stopped; nothing that was seen before is held against
// its slots.
func goOn(v seen, state *v1alpha1.GroupState, r *v1alpha1.RolloutState) {
	r.Stage, r.Failure, r.UnknownSince = v1alpha1.RolloutProgressing, "", nil
	// What a canary has now is what it goes on with, and slots that are gone since are nobody's.
	r.CanaryHas, r.ChosenFor = "", min(r.ChosenFor, r.Step)
	r.StepDone, r.StepOffsets, r.BlindSince = nil, nil, nil // it is watched anew
	for _, ordinals := range []*[]int32{&r.Chosen, &r.Begun, &r.Passed} {
		*ordinals = slices.DeleteFunc(slices.Clone(*ordinals), func(o int32) bool { return o >= sizeOf(*state) })
	}
	r.ProgressAt, r.RetriedAt = metav1.NewMicroTime(v.Now), micro(v.Now)
	for _, s := range v.inSize(*state) {
		if slices.Contains(r.Begun, s.ordinal) && s.holder != nil {
			slotState(state, s.ordinal).Refused = s.holder.Restarts
		}
	}
}

func attemptOf(r *v1alpha1.RolloutState) int32 { return max(1, r.Attempt) }

// nextAttempt is what the annotation has to say to try a rollout again.
func nextAttempt(r *v1alpha1.RolloutState) string { return fmt.Sprintf("%s-%d", r.To, attemptOf(r)+1) }

func promoteFull(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string) {
	r, now, why := v.whole(state, value)
	if r == nil {
		return now, why
	}
	if why := hasEnded(r); why != "" {
		return true, why
	}
	if r.Stage == v1alpha1.RolloutPaused {
		goOn(v, state, r)
	}
	r.Full, r.Step, r.StepDone = true, int32(len(r.Steps)), nil
	return true, ""
}

func promote(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string) {
	r, n, later, why := v.target(state, value)
	if r == nil {
		return !later, why
	}
	switch why := hasEnded(r); {
	case why != "":
		return true, why
	case r.Strategy == v1alpha1.StrategyCanary:
		return promoteStep(r, n)
	case !r.Awaits:
		return true, "the rollout waits for nobody"
	case n > 0:
		return true, "the value has to be " + r.To
	}
	r.Promoted = 1
	return true, ""
}

// promoteStep promotes a canary's step: it belongs to the word, or one would promote all of
// them.
func promoteStep(r *v1alpha1.RolloutState, step int32) (now bool, refused string) {
	switch is := r.Step + 1; {
	case !inSteps(r):
		return true, "the canary has no step to go"
	case step < is || step > int32(len(r.Steps)):
		return true, fmt.Sprintf("the canary is at step %d of %d, and %s promotes that", is, len(r.Steps), promotionOf(r))
	case step > is:
		return false, ""
	}
	r.Promoted = step
	return true, ""
}

// promotionOf is what the annotation has to say for a rollout to go on.
func promotionOf(r *v1alpha1.RolloutState) string {
	if r.Strategy != v1alpha1.StrategyCanary {
		return r.To
	}
	return r.To + "-" + strconv.Itoa(int(r.Step)+1)
}

// toPromote tells people how.
func toPromote(state v1alpha1.GroupState) string {
	return "waiting to be promoted: set the annotation " + toSet(state, v1alpha1.AnnotationPromote, promotionOf(state.Rollout))
}

// toSet is how an annotation has to be set: one that has been answered is first removed.
func toSet(state v1alpha1.GroupState, name, value string) string {
	if c := answered(state, name); c != nil && c.Value == value {
		return fmt.Sprintf("%s=%s anew: remove it first, it was answered before", name, value)
	}
	return name + "=" + value
}

// restart is answered when its time has come.
func restart(v seen, _ *v1alpha1.GroupState, value string) (now bool, refused string) {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return true, "it is no time such as 2026-11-26T18:00:00Z"
	}
	return !v.Now.Before(at), ""
}
