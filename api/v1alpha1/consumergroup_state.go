package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// GroupState is what Kohort must remember, because nobody else knows it. It is
// written before it is acted on.
type GroupState struct {
	// size is how many slots there are. Absent before the first start.
	// +optional
	Size *int32 `json:"size,omitempty"`
	// stable is the revision that the slots run, or go back to.
	// +optional
	Stable string `json:"stable,omitempty"`
	// slots that have or had a holder.
	// +optional
	// +listType=map
	// +listMapKey=ordinal
	Slots []SlotState `json:"slots,omitempty"`
	// beside are the second pods of slots that are handed over by Overlap, each under the
	// ids of its slot's other lane: the one that shall follow, or the one that leaves.
	// +optional
	// +listType=map
	// +listMapKey=ordinal
	Beside []SlotState `json:"beside,omitempty"`
	// rollout that runs, or the last one if it did not succeed.
	// +optional
	Rollout *RolloutState `json:"rollout,omitempty"`
	// commands that were answered, while their annotations stand: none is obeyed twice.
	// +optional
	// +listType=map
	// +listMapKey=name
	Commands []CommandState `json:"commands,omitempty"`
	// rollouts that have begun so far.
	// +optional
	Rollouts int64 `json:"rollouts,omitempty"`
	// blue is the revision before the last release, while its pods stand warm.
	// +optional
	Blue *BlueState `json:"blue,omitempty"`
	// override is the revision that is worked towards instead of the template's, since a
	// person has gone back to it. Absent as soon as the template changes.
	// +optional
	Override *OverrideState `json:"override,omitempty"`
	// move of the offsets that is under way: all pods are stopped for it.
	// +optional
	Move *MoveState `json:"move,omitempty"`
	// restarts are the last ones that were measured, the newest last: what the session
	// timeout is derived from.
	// +optional
	// +listType=atomic
	Restarts []RestartState `json:"restarts,omitempty"`
	// sessionSeconds is the session timeout that pods are given when they are made.
	// +optional
	SessionSeconds int32 `json:"sessionSeconds,omitempty"`
	// forced are the rebalances that were forced, since partitions have no owner. Absent
	// when all have one.
	// +optional
	Forced *ForcedState `json:"forced,omitempty"`
}

// Held are all slots and second pods that have or had a holder.
func (s *GroupState) Held() []SlotState { return slices.Concat(s.Slots, s.Beside) }

// CommandState is a command that was answered.
type CommandState struct {
	// name of the annotation.
	Name string `json:"name"`
	// value that it had.
	Value string `json:"value"`
	// refused is why it was not obeyed. Absent if it was.
	// +optional
	Refused string `json:"refused,omitempty"`
}

// OverrideState is a revision that is worked towards instead of the template's.
type OverrideState struct {
	// for is the template's revision.
	For string `json:"for"`
	// revision that is worked towards.
	Revision string `json:"revision"`
	// command that asked for it.
	Command string `json:"command"`
}

// MoveState is a move of what the group has committed.
type MoveState struct {
	// command that asked for it.
	Command string `json:"command"`
	// number of its RolloutRecord.
	Number int64 `json:"number"`
	// from is the revision that was stable when it began.
	// +optional
	From string `json:"from,omitempty"`
	// startedAt is when it began.
	StartedAt metav1.MicroTime `json:"startedAt"`
	// offsets that are set. Absent while they are not known.
	// +optional
	// +listType=map
	// +listMapKey=topic
	Offsets []TopicOffsets `json:"offsets,omitempty"`
	// noted: nobody consumed any more, and before has what was committed.
	// +optional
	Noted bool `json:"noted,omitempty"`
	// before is what was committed.
	// +optional
	// +listType=map
	// +listMapKey=topic
	Before []TopicOffsets `json:"before,omitempty"`
}

// BlueState is a revision that can be gone back to at once.
type BlueState struct {
	// revision of the pods that stand warm.
	Revision string `json:"revision"`
	// until when they do.
	Until metav1.MicroTime `json:"until"`
}

// ForcedState are rebalances that were forced.
type ForcedState struct {
	// at is when the last one was.
	At metav1.MicroTime `json:"at"`
	// times that it was tried.
	Times int32 `json:"times"`
}

// RestartKind is what a restart began with.
type RestartKind string

// What a restart can begin with.
const (
	// RestartStop: the consumer before was told to stop.
	RestartStop RestartKind = "Stop"
	// RestartCrash: the consumer crashed, and its container was started again.
	RestartCrash RestartKind = "Crash"
	// RestartStart: nobody had the slot; the consumer was started.
	RestartStart RestartKind = "Start"
)

// RestartState is a restart that was measured.
type RestartState struct {
	// kind is what it began with.
	Kind RestartKind `json:"kind"`
	// seconds until the consumer was a member.
	Seconds int32 `json:"seconds"`
	// joinSeconds are those of them from its activation on. Absent: not known.
	// +optional
	JoinSeconds int32 `json:"joinSeconds,omitempty"`
}

// UnknownMember stands for a member id that is not known.
const UnknownMember = "?"

// SlotState is what must be remembered about a slot.
type SlotState struct {
	// ordinal of the slot.
	Ordinal int32 `json:"ordinal"`
	// lane of instance ids that the holder uses, or that the last one used: "b", or absent
	// for the plain ones.
	// +optional
	Lane string `json:"lane,omitempty"`
	// leaving: it is on its way out, and its lane's ids are removed from the group
	// (in beside only).
	// +optional
	Leaving bool `json:"leaving,omitempty"`
	// holder is the UID of the one pod that may use the ids of this lane.
	// +optional
	Holder types.UID `json:"holder,omitempty"`
	// pod is that pod's name.
	// +optional
	Pod string `json:"pod,omitempty"`
	// revision of that pod.
	// +optional
	Revision string `json:"revision,omitempty"`
	// since is when it became the holder, or when its end, or its last crash, was
	// noted.
	// +optional
	Since metav1.MicroTime `json:"since,omitzero"`
	// memberBefore is the member id of before the holder's process was started: another
	// one proves that it has joined. "?": not known. Of several consumers in a pod the
	// last 12 characters each, parted by commas.
	// +optional
	MemberBefore string `json:"memberBefore,omitempty"`
	// sessionBefore is the session timeout of that member, in seconds; 0: not known.
	// +optional
	SessionBefore int32 `json:"sessionBefore,omitempty"`
	// restarts of the holder's consumer that were noted.
	// +optional
	Restarts int32 `json:"restarts,omitempty"`
	// refused is how many of the restarts are no fault of the process: the broker did not
	// let it into the group, or a person has tried again since.
	// +optional
	Refused int32 `json:"refused,omitempty"`
	// barred: the broker was seen not to let the holder's process into the group
	// (membership.protocol Consumer). Absent once it is in.
	// +optional
	Barred bool `json:"barred,omitempty"`
	// ousted is when the slot's member was last seen to be another one's.
	// +optional
	Ousted *metav1.MicroTime `json:"ousted,omitempty"`
	// awaited since when its consumer is. Absent when it is a member.
	// +optional
	Awaited *AwaitedState `json:"awaited,omitempty"`
	// revisionBefore is that of the slot's last consumer, which has ended.
	// +optional
	RevisionBefore string `json:"revisionBefore,omitempty"`
	// killed: the slot's last consumer was ended by SIGKILL, by whomever.
	// +optional
	Killed bool `json:"killed,omitempty"`
	// deaf: it was, since it did not end within its grace period.
	// +optional
	Deaf bool `json:"deaf,omitempty"`
	// unclean: it ended by itself, and the group did not hear of it.
	// +optional
	Unclean bool `json:"unclean,omitempty"`
	// givenUp is how often the holder's process was replaced since it had given up.
	// +optional
	GivenUp int32 `json:"givenUp,omitempty"`
	// gaveUp is the UID of the last pod that was counted there.
	// +optional
	GaveUp types.UID `json:"gaveUp,omitempty"`
	// retryAt is when the slot is tried again, after its consumer crashed over and over:
	// until then nobody holds it and it is not in the group. Absent unless it is so.
	// +optional
	RetryAt *metav1.MicroTime `json:"retryAt,omitempty"`
	// failure is what was the matter with it.
	// +optional
	Failure string `json:"failure,omitempty"`
	// lostSince: since when nobody can say whether the holder's process runs.
	// +optional
	LostSince *metav1.MicroTime `json:"lostSince,omitempty"`
}

// AwaitedState is since when a slot's consumer is awaited in the group.
type AwaitedState struct {
	// kind of the restart that is measured.
	Kind RestartKind `json:"kind"`
	// since when.
	Since metav1.MicroTime `json:"since"`
}

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
