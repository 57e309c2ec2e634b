package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RolloutRecord is what Kohort has written down about one rollout of a ConsumerGroup. The last
// ten are kept of each.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=rr
// +kubebuilder:printcolumn:name="GROUP",type=string,JSONPath=`.spec.group`
// +kubebuilder:printcolumn:name="FROM",type=string,JSONPath=`.spec.from`
// +kubebuilder:printcolumn:name="TO",type=string,JSONPath=`.spec.to`
// +kubebuilder:printcolumn:name="STRATEGY",type=string,JSONPath=`.spec.strategy`
// +kubebuilder:printcolumn:name="RESULT",type=string,JSONPath=`.status.result`
// +kubebuilder:printcolumn:name="REBALANCES",type=integer,JSONPath=`.status.rebalances`
// +kubebuilder:printcolumn:name="PAUSE",type=integer,JSONPath=`.status.longestPauseSeconds`
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.spec.startedAt`
// +kubebuilder:printcolumn:name="BY",type=string,priority=1,JSONPath=`.spec.requestedBy`
// +kubebuilder:printcolumn:name="MESSAGE",type=string,priority=1,JSONPath=`.status.message`
type RolloutRecord struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what was begun.
	Spec RolloutRecordSpec `json:"spec"`
	// status is what became of it.
	// +optional
	Status RolloutRecordStatus `json:"status,omitzero"`
}

// RolloutRecordList is a list of RolloutRecords.
//
// +kubebuilder:object:root=true
type RolloutRecordList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []RolloutRecord `json:"items"`
}

// RolloutRecordSpec is what was begun.
type RolloutRecordSpec struct {
	// group is the name of the ConsumerGroup.
	Group string `json:"group"`
	// from is the revision that the slots ran before: a ControllerRevision of the group has
	// its template, under the name GROUP-REVISION.
	From string `json:"from"`
	// to is the revision that was rolled out.
	To string `json:"to"`
	// strategy by which it was.
	Strategy Strategy `json:"strategy"`
	// attempt is which one it was at this revision.
	Attempt int32 `json:"attempt"`
	// requestedBy is who changed the template, as the API server knows them (the field
	// manager), or the annotation that asked for it.
	// +optional
	RequestedBy string `json:"requestedBy,omitempty"`
	// startedAt is when it began.
	StartedAt metav1.MicroTime `json:"startedAt"`
}

// RolloutResult is what became of a rollout.
type RolloutResult string

// What can become of a rollout.
const (
	// RolloutUnderWay: it has not ended.
	RolloutUnderWay RolloutResult = "UnderWay"
	// RolloutSucceeded: all slots run the revision.
	RolloutSucceeded RolloutResult = "Succeeded"
	// RolloutWasRolledBack: all slots run the revision before; message says why.
	RolloutWasRolledBack RolloutResult = "RolledBack"
	// RolloutStopped: the gate failed, and rollout.onFailure is Pause.
	RolloutStopped RolloutResult = "Stopped"
	// RolloutSuperseded: another one has begun before it ended.
	RolloutSuperseded RolloutResult = "Superseded"
)

// RolloutRecordStatus is what became of a rollout.
type RolloutRecordStatus struct {
	// result of it.
	Result RolloutResult `json:"result"`
	// message says why it did not succeed.
	// +optional
	Message string `json:"message,omitempty"`
	// finishedAt is when it had ended. Absent: it has not.
	// +optional
	FinishedAt *metav1.MicroTime `json:"finishedAt,omitempty"`
	// phases that it has gone through, with when they began.
	// +optional
	// +listType=atomic
	Phases []RolloutPhase `json:"phases,omitempty"`
	// rebalances of the group that were seen meanwhile. Absent: not known, since the operator
	// began anew. A rebalance of a classic group that changes nothing may go unseen.
	// +optional
	Rebalances *int64 `json:"rebalances,omitempty"`
	// longestPauseSeconds is for how long a slot had no consumer in the group, at most, in
	// whole seconds and rounded up. Absent: no slot was handed over, or it was not seen.
	// +optional
	LongestPauseSeconds int32 `json:"longestPauseSeconds,omitempty"`
	// offsets that were set on request, as in a rollback that goes back in time.
	// +optional
	// +listType=map
	// +listMapKey=topic
	Offsets []TopicOffsets `json:"offsets,omitempty"`
	// offsetsBefore is what was committed before they were set. A partition is missing that
	// had no commit.
	// +optional
	// +listType=map
	// +listMapKey=topic
	OffsetsBefore []TopicOffsets `json:"offsetsBefore,omitempty"`
	// boundaries are, for each partition, the first offset that the new revision processed:
	// what was committed when its slot was handed over. A range where that could not be read
	// in time. A partition is missing that was not handed over, or to which nothing had been
	// committed.
	// +optional
	// +listType=map
	// +listMapKey=topic
	Boundaries []TopicOffsets `json:"boundaries,omitempty"`
}

// RolloutPhase is a part of a rollout.
type RolloutPhase struct {
	// name is Warming, HandingOver, WatchingStep1 and so on, RollingBack, or Stopped.
	Name string `json:"name"`
	// startedAt is when it began.
	StartedAt metav1.MicroTime `json:"startedAt"`
}
