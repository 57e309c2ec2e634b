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
