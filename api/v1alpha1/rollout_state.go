package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RolloutStage is where a rollout stands.
type RolloutStage string

// The stages of a rollout. A rollout that succeeded is forgotten.
const (
	RolloutProgressing RolloutStage = "Progressing"
	RolloutRollingBack RolloutStage = "RollingBack"
	RolloutRolledBack  RolloutStage = "RolledBack"
	RolloutPaused      RolloutStage = "Paused"
)

// RolloutState is what must be remembered about a rollout.
type RolloutState struct {
	// from and to are the revisions.
	From string `json:"from"`
	// +optional
	To string `json:"to"`
	// stage is where it stands.
	Stage RolloutStage `json:"stage"`
	// strategy by which it goes. Absent: Rolling.
	// +optional
	Strategy Strategy `json:"strategy,omitempty"`
	// handover by which slots go over, as it was decided when it began, or since. Absent:
	// SameId.
	// +optional
	Handover Handover `json:"handover,omitempty"`
	// handoverReason is why it is that one.
	// +optional
	HandoverReason string `json:"handoverReason,omitempty"`
	// startedAt is when it began.
	StartedAt metav1.MicroTime `json:"startedAt"`
	// progressAt is when a slot last came through the gate; moved on by the
	// time without a reading.
	ProgressAt metav1.MicroTime `json:"progressAt"`
	// attempt is which one it is at this revision. Absent: the first.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`
	// retriedAt is when a person let it go on: what was before is not held against it.
	// +optional
	RetriedAt *metav1.MicroTime `json:"retriedAt,omitempty"`
	// awaits: it hands nothing over by BlueGreen before a person promotes it.
	// +optional
	Awaits bool `json:"awaits,omitempty"`
	// promoted is the step of a canary that a person has promoted last, from 1 on; 1 for a
	// rollout by BlueGreen.
	// +optional
	Promoted int32 `json:"promoted,omitempty"`
	// full: a person has promoted it to its end, without the judgement of the gate.
	// +optional
	Full bool `json:"full,omitempty"`
	// aborted: a person has taken it back, which needs no reading.
	// +optional
	Aborted bool `json:"aborted,omitempty"`
	// asks: its gate asked Prometheus when it began, whose answers are about all slots: what
	// another release has left behind goes back first.
	// +optional
	Asks bool `json:"asks,omitempty"`
	// back: it goes to the revision whose pods stood warm when it began.
	// +optional
	Back bool `json:"back,omitempty"`
	// then is the strategy by which a canary's other slots follow.
	// +optional
	Then Strategy `json:"then,omitempty"`
	// steps of a canary, as they were when it began.
	// +optional
	// +listType=atomic
	Steps []CanaryStep `json:"steps,omitempty"`
	// step of a canary that it is at, from 0 on; as many as there are when the others follow.
	// +optional
	Step int32 `json:"step,omitempty"`
	// chosen are the ordinals that a canary has by now.
	// +optional
	// +listType=set
	Chosen []int32 `json:"chosen,omitempty"`
	// chosenFor is for how many steps they were chosen.
	// +optional
	ChosenFor int32 `json:"chosenFor,omitempty"`
	// stepDone is when all of them had come through the gate, moved on by the time in which
	// nobody could watch them. Absent: they have not yet.
	// +optional
	StepDone *metav1.MicroTime `json:"stepDone,omitempty"`
	// canaryHas are the partitions of the canary since its last slots were chosen, as
	// orders:0-3. Absent: not known yet.
	// +optional
	CanaryHas string `json:"canaryHas,omitempty"`
	// stepOffsets are what was committed on them at stepDone.
	// +optional
	// +listType=map
	// +listMapKey=topic
	StepOffsets []TopicOffsets `json:"stepOffsets,omitempty"`
	// begun are the ordinals that are being or were handed to the revision to.
	// +optional
	// +listType=set
	Begun []int32 `json:"begun,omitempty"`
	// passed are those of them that came through the gate.
	// +optional
	// +listType=set
	Passed []int32 `json:"passed,omitempty"`
	// number of the rollout, from 1 on: its RolloutRecord is called by it.
	// +optional
	Number int64 `json:"number,omitempty"`
	// phases that it has gone through, with when they began; the last ones.
	// +optional
	// +listType=atomic
	Phases []RolloutPhase `json:"phases,omitempty"`
	// bounded are the ordinals whose boundaries were noted.
	// +optional
	// +listType=set
	Bounded []int32 `json:"bounded,omitempty"`
	// boundaries are, for each partition, the first offset that the revision to processed.
	// +optional
	// +listType=map
	// +listMapKey=topic
	Boundaries []TopicOffsets `json:"boundaries,omitempty"`
	// longestPauseSeconds is for how long a slot had no consumer in the group, at most.
	// +optional
	LongestPauseSeconds int32 `json:"longestPauseSeconds,omitempty"`
	// rebalancesBefore is how many were counted when it began. Absent: not known.
	// +optional
	RebalancesBefore *int64 `json:"rebalancesBefore,omitempty"`
	// unknownSince: since when the deadline does not run: there is no fresh reading, or a
	// check of the gate is not known, or a pause, or a slot waits for a person.
	// +optional
	UnknownSince *metav1.MicroTime `json:"unknownSince,omitempty"`
	// blindSince: since when there is no fresh reading, or a check of the gate is not known, or
	// a pause, in which nothing goes on.
	// +optional
	BlindSince *metav1.MicroTime `json:"blindSince,omitempty"`
	// baseline is what the group was like before.
	Baseline Baseline `json:"baseline"`
	// failure is why the gate failed.
	// +optional
	Failure string `json:"failure,omitempty"`
}

// Baseline is what a group was like before a rollout.
type Baseline struct {
	// restarts of the consumer container that restarted most.
	Restarts int32 `json:"restarts"`
	// slots with what they were like.
	// +optional
	// +listType=map
	// +listMapKey=ordinal
	Slots []BaselineSlot `json:"slots,omitempty"`
	// checks of the gate that ask Prometheus, with what they were before a slot was begun.
	// +optional
	// +listType=map
	// +listMapKey=name
	Checks []BaselineCheck `json:"checks,omitempty"`
}

// BaselineCheck is what a query was before a rollout.
type BaselineCheck struct {
	// name of the check.
	Name string `json:"name"`
	// value of its query, as a decimal number.
	Value string `json:"value"`
}

// BaselineSlot is what a slot was like before a rollout.
type BaselineSlot struct {
	// ordinal of the slot.
	Ordinal int32 `json:"ordinal"`
	// broken: it did not consume.
	// +optional
	Broken bool `json:"broken,omitempty"`
	// lag in records. Absent if unknown.
	// +optional
	Lag *int64 `json:"lag,omitempty"`
	// keepsUpPercent: of what was produced, how much was consumed, at most 100.
	// Absent if unknown.
	// +optional
	KeepsUpPercent *int32 `json:"keepsUpPercent,omitempty"`
	// unmeasured: what the gate bounds was not known yet when the rollout began; it is noted
	// when it is.
	// +optional
	Unmeasured bool `json:"unmeasured,omitempty"`
	// ageSeconds is for how long its oldest record had waited, if that was above
	// gate.maxAgeSeconds. Absent if it was not, or is unknown.
	// +optional
	AgeSeconds *int64 `json:"ageSeconds,omitempty"`
	// lagGrowthPerSecond is by how many records a second its lag grew, if that was above
	// gate.maxLagGrowthPerSecond. Absent if it was not, or is unknown.
	// +optional
	LagGrowthPerSecond *int64 `json:"lagGrowthPerSecond,omitempty"`
}
