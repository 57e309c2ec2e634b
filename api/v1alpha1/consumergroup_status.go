package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Phase is one word for what a group is doing.
type Phase string

// The phases. They are a report; nothing is decided by them.
const (
	// PhasePending: not every slot has consumed yet.
	PhasePending Phase = "Pending"
	// PhaseRunning: every slot runs the stable revision.
	PhaseRunning Phase = "Running"
	// PhaseScaling: slots are added or removed.
	PhaseScaling Phase = "Scaling"
	// PhaseRestarting: pods are replaced by others of their revision, since a person asked
	// for it.
	PhaseRestarting Phase = "Restarting"
	// PhaseMovingOffsets: all pods are stopped, to move what the group has committed.
	PhaseMovingOffsets Phase = "MovingOffsets"
	// PhaseRollingOut: slots are handed to the update revision.
	PhaseRollingOut Phase = "RollingOut"
	// PhaseRollingBack: slots are handed back to the stable revision.
	PhaseRollingBack Phase = "RollingBack"
	// PhasePaused: spec.paused, or a failed rollout with onFailure Pause.
	PhasePaused Phase = "Paused"
	// PhaseDegraded: slots are lost or broken, or the last rollout failed.
	PhaseDegraded Phase = "Degraded"
	// PhaseDeleting: the pods are ending.
	PhaseDeleting Phase = "Deleting"
)

// ConsumerGroupStatus says what runs. Everything but state is a report.
type ConsumerGroupStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// phase is one word for what the group is doing.
	// +optional
	Phase Phase `json:"phase,omitempty"`
	// step is how far a rollout or scaling is, as 2/6.
	// +optional
	Step string `json:"step,omitempty"`
	// message names what is waited for, with numbers.
	// +optional
	Message string `json:"message,omitempty"`
	// replicas is how many slots have a pod that was activated.
	// +optional
	Replicas int32 `json:"replicas"`
	// readyReplicas is how many of them are ready and members of the group.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`
	// updatedReplicas is how many of them run the update revision.
	// +optional
	UpdatedReplicas int32 `json:"updatedReplicas"`
	// desiredReplicas is how many slots there shall be.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas"`
	// selector finds the pods, for the scale subresource.
	// +optional
	Selector string `json:"selector,omitempty"`
	// stableRevision is what the slots run, or go back to.
	// +optional
	StableRevision string `json:"stableRevision,omitempty"`
	// updateRevision is the revision of the present template.
	// +optional
	UpdateRevision string `json:"updateRevision,omitempty"`
	// groupState is the group's state at the broker.
	// +optional
	GroupState string `json:"groupState,omitempty"`
	// partitions is how many partitions the topics have.
	// +optional
	Partitions int32 `json:"partitions,omitempty"`
	// lag is how far behind the group is. Absent while unknown.
	// +optional
	Lag *LagStatus `json:"lag,omitempty"`
	// rebalances of the group that were seen. Absent while it was not read.
	// +optional
	Rebalances *RebalanceStatus `json:"rebalances,omitempty"`
	// sessionTimeout is what pods are given when they are made (membership.protocol
	// Consumer: what the broker is told for the group).
	// +optional
	SessionTimeout *SessionStatus `json:"sessionTimeout,omitempty"`
	// handover is how slots go from one pod to the next in the rollout that is under way, or
	// would in one that begins now. Absent with rollout.strategy Recreate.
	// +optional
	Handover *HandoverStatus `json:"handover,omitempty"`
	// scaling says what was decided about the number of slots, and why.
	// +optional
	Scaling *ScalingStatus `json:"scaling,omitempty"`
	// slots are the slots with what they own.
	// +optional
	// +listType=map
	// +listMapKey=ordinal
	Slots []SlotStatus `json:"slots,omitempty"`
	// state is what Kohort must remember to go on after a restart. It is the
	// only part of the status that is ever read back.
	// +optional
	State GroupState `json:"state,omitzero"`
	// conditions: Ready, Reconciling and Stalled as kstatus knows them;
	// Available, Settled, LagHealthy, RetentionSafe, ClientsConform and ScalingActive.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// LagStatus is how far behind a group is. It is written at most every 30 seconds, with
// numbers rounded to two digits above 100.
type LagStatus struct {
	// total over all partitions, in records.
	Total int64 `json:"total"`
	// max is the lag of the partition that is furthest behind, in records.
	Max int64 `json:"max"`
	// maxAgeSeconds is for how many seconds the oldest record that waits has been there,
	// estimated from how the logs were seen to grow; 0 if none waits. Absent while unknown,
	// as for records that came before the operator began to look. With spec.lag.maxAgeSeconds
	// it is on the right side of that bound, also for those.
	// +optional
	MaxAgeSeconds *int64 `json:"maxAgeSeconds,omitempty"`
	// status is how the group does, as Burrow judges it: OK (it keeps up, or catches up),
	// WARN (it falls behind), ERR (on a partition nothing is committed, or nothing new, or
	// what was before), or UNKNOWN (there is lag, and it was not watched for five minutes
	// yet).
	// +optional
	Status string `json:"status,omitempty"`
	// producedPerSecond is how many records a second came on all partitions, over the last
	// minute or two. Absent while unknown.
	// +optional
	ProducedPerSecond *int64 `json:"producedPerSecond,omitempty"`
	// consumedPerSecond is how many were committed. Absent while unknown.
	// +optional
	ConsumedPerSecond *int64 `json:"consumedPerSecond,omitempty"`
	// drainSeconds is how many seconds it takes at these rates until nothing waits. Absent:
	// the lag does not become less on each partition, or it is not known.
	// +optional
	DrainSeconds *int64 `json:"drainSeconds,omitempty"`
	// lost is how many records retention has deleted that the group had yet to process.
	// They are no lag any more.
	// +optional
	Lost int64 `json:"lost,omitempty"`
	// runwaySeconds is how many seconds it takes, at the present rates, until retention
	// deletes records that the group has yet to process. Absent: it does not come nearer, or
	// that is not known.
	// +optional
	RunwaySeconds *int64 `json:"runwaySeconds,omitempty"`
	// observedAt is when it was read.
	ObservedAt metav1.Time `json:"observedAt"`
}

// RebalanceStatus is how many rebalances were seen.
type RebalanceStatus struct {
	// count of them since then (membership.protocol Consumer: by how much the group's
	// epoch has grown).
	Count int64 `json:"count"`
	// since is when the operator that leads first read the group on its present connection:
	// another one counts from 0.
	Since metav1.Time `json:"since"`
	// exact: the broker counts them (membership.protocol Consumer). Otherwise there may
	// have been more: one that is over between two readings, and changes nothing, is not
	// seen.
	// +optional
	Exact bool `json:"exact,omitempty"`
}

// SessionStatus is the session timeout that pods are given when they are made. None is
// restarted for another one. With membership.protocol Consumer it is the group's at the
// broker.
type SessionStatus struct {
	// seconds of the session timeout.
	Seconds int32 `json:"seconds"`
	// reason is what was measured, and why it is this number.
	Reason string `json:"reason"`
}

// HandoverStatus is how slots go from one pod to the next, and why so.
type HandoverStatus struct {
	// handover is SameId or Overlap.
	Handover Handover `json:"handover"`
	// reason is why, with what was measured.
	Reason string `json:"reason"`
}

// ScalingStatus says what was decided about the number of slots, and why.
type ScalingStatus struct {
	// desired is how many slots there shall be.
	Desired int32 `json:"desired"`
	// limit is how many slots can own a partition. Absent while unknown.
	// +optional
	Limit *int32 `json:"limit,omitempty"`
	// reason is why, with numbers.
	Reason string `json:"reason"`
}

// SlotStatus is one slot with what it owns.
type SlotStatus struct {
	// ordinal of the slot.
	Ordinal int32 `json:"ordinal"`
	// instanceIds are the group.instance.id of each consumer in its pod.
	// +listType=atomic
	InstanceIDs []string `json:"instanceIds"`
	// pod that may use the ids. Empty: none at present.
	// +optional
	Pod string `json:"pod,omitempty"`
	// revision of that pod.
	// +optional
	Revision string `json:"revision,omitempty"`
	// partitions that its members own, as orders:0-3.
	// +optional
	Partitions string `json:"partitions,omitempty"`
	// lag over these partitions, rounded as in lag. Absent while unknown.
	// +optional
	Lag *int64 `json:"lag,omitempty"`
	// status in a word, and what is wrong.
	// +optional
	Status string `json:"status,omitempty"`
}
