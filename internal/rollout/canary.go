package rollout

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// Canary: each step chooses slots, by number or by the partitions that they own when it
// begins. They are handed over as in Rolling, and when all have come through the gate the
// step pauses, while they are watched. After the last step the other slots follow, by
// Rolling or BlueGreen.

// inSteps says whether a canary has steps to go.
func inSteps(r *v1alpha1.RolloutState) bool {
	return r != nil && r.Strategy == v1alpha1.StrategyCanary && int(r.Step) < len(r.Steps)
}

// chosen keeps of some slots those that a rollout may begin now.
func chosen(r *v1alpha1.RolloutState, slots []slot) []slot {
	if !inSteps(r) {
		return slots
	}
	return slices.DeleteFunc(slots, func(s slot) bool { return !slices.Contains(r.Chosen, s.ordinal) })
}

// advanceSteps chooses a step's slots when it begins, and goes to the next one when its pause
// is over and nothing is the matter with what was begun. It returns what the step waits for;
// "" if its slots can be begun.
func advanceSteps(v seen, state *v1alpha1.GroupState, matter string) string {
	r := state.Rollout
	for inSteps(r) {
		if r.ChosenFor <= r.Step {
			if why := choose(v, *state, r.Steps[r.Step]); why != "" {
				return why
			}
			r.ChosenFor, r.CanaryHas = r.Step+1, ""
			renewBaseline(v, *state, r)
		}
		if slices.ContainsFunc(r.Chosen, func(o int32) bool { return !slices.Contains(r.Passed, o) }) {
			return ""
		}
		if r.StepDone == nil {
			r.StepDone, r.StepOffsets = micro(v.Now), v.committedBy(*state, r.Chosen)
		}
		if why := v.pauses(*state); why != "" {
			return why
		}
		if matter != "" {
			return fmt.Sprintf("step %d of the canary is not left: %s", r.Step+1, matter)
		}
		r.Step, r.StepDone, r.StepOffsets, r.ProgressAt = r.Step+1, nil, nil, *micro(v.Now)
		renewBaseline(v, *state, r)
	}
	return ""
}

// choose adds the slots of a step to those that a canary has.
func choose(v seen, state v1alpha1.GroupState, step v1alpha1.CanaryStep) string {
	r := state.Rollout
	all := slices.Clone(r.Chosen)
	for _, named := range step.Partitions {
		for _, n := range named.Numbers() {
			tp := lag.TopicPartition{Topic: named.Topic, Partition: n}
			at := slices.IndexFunc(v.inSize(state), func(s slot) bool { return slices.Contains(lag.Owned(s.members(v.reading)), tp) })
			if at < 0 {
				return fmt.Sprintf("step %d of the canary waits: no slot owns partition %s", r.Step+1, tp)
			}
			all = insert(all, int32(at))
		}
	}
	most := max(ptr.Deref(step.Slots, 0), (sizeOf(state)*ptr.Deref(step.SharePercent, 0)+99)/100)
	for _, s := range queue(v, state) {
		if len(all) < int(most) {
			all = insert(all, s.ordinal)
		}
	}
	if len(all) == 0 {
		return fmt.Sprintf("step %d of the canary waits: it names no partition that there is", r.Step+1)
	}
	r.Chosen = all
	return ""
}

// renewBaseline measures the slots anew that are not begun: a canary's pauses may be long.
func renewBaseline(v seen, state v1alpha1.GroupState, r *v1alpha1.RolloutState) {
	fresh := baselineOf(v, state)
	fresh.Restarts = max(fresh.Restarts, r.Baseline.Restarts)
	for i, b := range fresh.Slots {
		before := baselineSlot(r.Baseline, b.Ordinal)
		v.renewBounds(&fresh.Slots[i], before)
		if slices.Contains(r.Begun, b.Ordinal) || v.slots[b.Ordinal].state.Revision != state.Stable {
			fresh.Slots[i] = before
		}
	}
	fresh.Checks = renewedChecks(v, r)
	r.Baseline = fresh
}

// pauses is what keeps a canary at its step, whose slots have come through the gate; "" if
// nothing does. They must have been watched in the end, whoever did so before.
func (v seen) pauses(state v1alpha1.GroupState) string {
	r := state.Rollout
	pause := r.Steps[r.Step].Pause
	if pause == nil || r.Promoted > r.Step {
		return ""
	}
	has := fmt.Sprintf("the canary has %s, at step %d of %d", v.owns(state, r.Chosen), r.Step+1, len(r.Steps))
	if pause.Records != nil {
		return v.recordsLeft(r, has, *pause.Records)
	}
	lasts := pause.Lasts()
	if lasts == 0 {
		return has + "; " + toPromote(state)
	}
	until := r.StepDone.Add(lasts)
	watched := v.Window.Tail(func(r *lag.Reading) bool { return r.Err == "" })
	if !v.Now.Before(until) && watched.Span() >= min(lasts, v.Group.SettledFor+judgeFor) {
		return ""
	}
	watch := slices.DeleteFunc(slices.Clone(v.inSize(state)), func(s slot) bool { return !slices.Contains(r.Chosen, s.ordinal) })
	return fmt.Sprintf("%s; it is watched until %s%s", has, until.UTC().Format(time.TimeOnly), v.tellChecks(state, watch))
}

// holdsStep: nothing but time or a person keeps a canary from going on.
func (v seen) holdsStep(state v1alpha1.GroupState) bool {
	r := state.Rollout
	return v.reading != nil && inSteps(r) && r.Stage == v1alpha1.RolloutProgressing && r.StepDone != nil && v.pauses(state) != ""
}

// recordsLeft is what a pause of records waits for; "" if nothing.
func (v seen) recordsLeft(r *v1alpha1.RolloutState, has string, wanted int64) string {
	before, err := v1alpha1.ReadTopicOffsets(r.StepOffsets)
	if err != nil || v.reading == nil {
		return has + "; what it has committed is not known"
	}
	done := int64(0)
	for _, tp := range partitionsOf(before) {
		p := v.reading.Partition(tp)
		if p.Committed == nil {
			return fmt.Sprintf("%s; what it has committed on %s is not known%s", has, tp, because(p.Err))
		}
		done += max(0, *p.Committed-before[tp.Topic][tp.Partition].To)
	}
	if done >= wanted {
		return ""
	}
	return fmt.Sprintf("%s; it has committed %d of %d records", has, done, wanted)
}

// committedBy is what is committed on the partitions of some slots; from the beginning where
// nothing is.
func (v seen) committedBy(state v1alpha1.GroupState, ordinals []int32) []v1alpha1.TopicOffsets {
	offsets := map[lag.TopicPartition]int64{}
	for _, tp := range v.ownedBy(state, ordinals) {
		p := v.reading.Partition(tp)
		offsets[tp] = ptr.Deref(p.Committed, p.Start)
	}
	return ExactOffsets(offsets)
}

// otherPartitions is said when a rebalance has given a canary others than those that its
// slots had when they were chosen; "" if none has. Those are noted as soon as they are known.
func otherPartitions(v seen, state v1alpha1.GroupState) string {
	r := state.Rollout
	if !inSteps(r) || r.ChosenFor <= r.Step || v.reading.State != lag.StateStable {
		return ""
	}
	for _, s := range v.inSize(state) {
		if slices.Contains(r.Chosen, s.ordinal) && len(s.members(v.reading)) < len(s.ids) {
			return "" // it is about to be known
		}
	}
	has := lag.Compact(v.ownedBy(state, r.Chosen))
	switch r.CanaryHas {
	case has:
		return ""
	case "":
		r.CanaryHas = has
		return ""
	}
	if !slices.ContainsFunc(r.Chosen, func(o int32) bool { return slices.Contains(r.Begun, o) }) {
		r.CanaryHas = "" // nothing of it has the update yet
		r.ChosenFor = r.Step
		return ""
	}
	return fmt.Sprintf("a rebalance has given the canary %s, and it was given %s", shortened(has), shortened(r.CanaryHas))
}

func (v seen) ownedBy(state v1alpha1.GroupState, ordinals []int32) []lag.TopicPartition {
	var all []lag.TopicPartition
	for _, s := range v.inSize(state) {
		if slices.Contains(ordinals, s.ordinal) {
			all = append(all, lag.Owned(s.members(v.reading))...)
		}
	}
	return all
}

// owns are the partitions of some slots, as the reading shows them.
func (v seen) owns(state v1alpha1.GroupState, ordinals []int32) string {
	return shortened(lag.Compact(v.ownedBy(state, ordinals)))
}

// shortened partitions, for people.
func shortened(partitions string) string {
	const most = 300
	switch {
	case partitions == "":
		return "no partition"
	case len(partitions) > most:
		return partitions[:most] + "..."
	}
	return partitions
}
