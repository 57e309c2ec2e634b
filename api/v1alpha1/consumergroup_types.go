package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// ConsumerGroup is a Kafka consumer group that Kohort runs: its pods, their
// Kafka identities, how many there are, and how a new version replaces an old.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=cg
// +kubebuilder:printcolumn:name="PHASE",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="STEP",type=string,JSONPath=`.status.step`
// +kubebuilder:printcolumn:name="READY",type=integer,JSONPath=`.status.readyReplicas`
// +kubebuilder:printcolumn:name="DESIRED",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="LAG",type=integer,JSONPath=`.status.lag.total`
// +kubebuilder:printcolumn:name="MESSAGE",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="GROUP",type=string,priority=1,JSONPath=`.spec.groupId`
// +kubebuilder:printcolumn:name="STATE",type=string,priority=1,JSONPath=`.status.groupState`
// +kubebuilder:printcolumn:name="PARTITIONS",type=integer,priority=1,JSONPath=`.status.partitions`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters: it becomes a label of the pods"
type ConsumerGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says what shall run.
	Spec ConsumerGroupSpec `json:"spec"`
	// status says what runs. Everything but status.state is a report.
	// +optional
	Status ConsumerGroupStatus `json:"status,omitzero"`
}

// ConsumerGroupList is a list of ConsumerGroups.
//
// +kubebuilder:object:root=true
type ConsumerGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []ConsumerGroup `json:"items"`
}

// ConsumerGroupSpec says what shall run.
//
// +kubebuilder:validation:XValidation:rule="has(self.groupId) == has(oldSelf.groupId) && (!has(self.groupId) || self.groupId == oldSelf.groupId)",message="groupId cannot be changed: make a new ConsumerGroup"
// +kubebuilder:validation:XValidation:rule="(has(self.membership) && has(self.membership.instanceIdPrefix)) == (has(oldSelf.membership) && has(oldSelf.membership.instanceIdPrefix)) && (!has(self.membership) || !has(self.membership.instanceIdPrefix) || self.membership.instanceIdPrefix == oldSelf.membership.instanceIdPrefix)",message="membership.instanceIdPrefix cannot be changed: every member would be a stranger to the group"
type ConsumerGroupSpec struct {
	// kafka says where the group lives. It cannot be changed.
	Kafka KafkaRef `json:"kafka"`
	// groupId is the group.id of the consumers. It cannot be changed.
	// Default: metadata.name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	GroupID string `json:"groupId,omitempty"`
	// topics are what the consumers subscribe to. Kohort reads their lag, and
	// checks that each partition has an owner.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=249
	// +kubebuilder:validation:items:Pattern=`^[a-zA-Z0-9._-]+$`
	// +listType=set
	Topics []string `json:"topics"`
	// replicas is how many slots there are, one pod each; with scaling set, it
	// is how many to start with. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`
	// scaling lets Kohort decide how many slots there are. Default: off.
	// +optional
	Scaling *Scaling `json:"scaling,omitempty"`
	// consumer says which container consumes and how it is configured.
	// +optional
	Consumer Consumer `json:"consumer,omitzero"`
	// membership says how the pods are members of the group.
	// +optional
	Membership Membership `json:"membership,omitzero"`
	// rollout says how a changed template replaces the running one.
	// +optional
	Rollout Rollout `json:"rollout,omitzero"`
	// paused: nothing new begins, neither scaling nor the next step of a
	// rollout. Handovers that have begun are finished and lost pods refilled.
	// Default: false.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// template is the PodTemplateSpec of the pods. It is kept as it is written
	// and checked by a dry run against the API server. Annotations and labels
	// that begin with kohort.dev/ are Kohort's own and left out of the pods.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	Template runtime.RawExtension `json:"template"`
}

// KafkaRef says where a group lives.
type KafkaRef struct {
	// clusterRef names the KafkaCluster, in the same namespace.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="kafka.clusterRef cannot be changed: make a new ConsumerGroup"
	ClusterRef ClusterRef `json:"clusterRef"`
}

// ClusterRef names a KafkaCluster of the same namespace.
type ClusterRef struct {
	// name of the KafkaCluster.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// Scaling lets Kohort decide how many slots there are.
//
// +kubebuilder:validation:XValidation:rule="(has(self.minReplicas) ? self.minReplicas : 1) <= self.maxReplicas",message="minReplicas must not be above maxReplicas"
type Scaling struct {
	// minReplicas is the least number of slots. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// maxReplicas is the greatest number of slots. Never more run than can own
	// a partition.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxReplicas int32 `json:"maxReplicas"`
	// targets say when more slots are needed.
	Targets ScalingTargets `json:"targets"`
	// behavior says how quickly a need is followed.
	// +optional
	Behavior ScalingBehavior `json:"behavior,omitzero"`
}

// ScalingTargets say when more slots are needed.
type ScalingTargets struct {
	// lagPerReplica is how many records of lag one slot is good for.
	// +kubebuilder:validation:Minimum=1
	LagPerReplica int64 `json:"lagPerReplica"`
}

// ScalingBehavior says how quickly a need is followed, in the words of
// autoscaling/v2.
type ScalingBehavior struct {
	// scaleUp is about growing. Default: at once, in one step.
	// +optional
	ScaleUp ScalingRules `json:"scaleUp,omitzero"`
	// scaleDown is about shrinking. Default: when the need was less for 300
	// seconds, in one step.
	// +optional
	ScaleDown ScalingRules `json:"scaleDown,omitzero"`
}

// ScalingRules are about one direction.
type ScalingRules struct {
	// stabilizationWindowSeconds: growing follows the least need of this
	// window, shrinking the greatest. Default: 0 for growing, 300 for
	// shrinking.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	StabilizationWindowSeconds *int32 `json:"stabilizationWindowSeconds,omitempty"`
}

// Consumer says which container consumes and how it is configured.
type Consumer struct {
	// container is the name of the container that consumes: identity is
	// injected there, and its end is the end of the consumer. Default: the
	// first of the template.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container,omitempty"`
}

// Membership says how the pods are members of the group.
//
// +kubebuilder:validation:XValidation:rule="(has(self.heartbeatSeconds) ? self.heartbeatSeconds : 3) * 3 <= (has(self.sessionTimeout) && has(self.sessionTimeout.minSeconds) ? self.sessionTimeout.minSeconds : 45)",message="membership.heartbeatSeconds must be at most a third of the session timeout"
type Membership struct {
	// assignor is the partition assignor that the consumers are configured
	// with; how many slots can own a partition depends on it. Default: Range.
	// +optional
	// +kubebuilder:validation:Enum=Range;RoundRobin;Sticky;CooperativeSticky
	Assignor Assignor `json:"assignor,omitempty"`
	// instanceIdPrefix is what the group.instance.id of every slot begins with;
	// the slot's ordinal follows, as in orders-3f9a2-0003. It cannot be changed.
	// Default: the name and five hex digits of cluster, namespace and name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	InstanceIDPrefix string `json:"instanceIdPrefix,omitempty"`
	// sessionTimeout is how long the group waits for a silent member.
	// +optional
	SessionTimeout SessionTimeout `json:"sessionTimeout,omitzero"`
	// heartbeatSeconds is how often a member shows that it is there, and bounds
	// how soon the others notice a rebalance. Default: 3.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	HeartbeatSeconds *int32 `json:"heartbeatSeconds,omitempty"`
}

// SessionTimeout bounds session.timeout.ms.
type SessionTimeout struct {
	// minSeconds is what the consumers are given. Default: 45.
	// +optional
	// +kubebuilder:validation:Minimum=6
	// +kubebuilder:validation:Maximum=1800
	MinSeconds *int32 `json:"minSeconds,omitempty"`
}

// Assignor is how a group shares its partitions.
type Assignor string

// The assignors of Kafka's clients.
const (
	AssignorRange             Assignor = "Range"
	AssignorRoundRobin        Assignor = "RoundRobin"
	AssignorSticky            Assignor = "Sticky"
	AssignorCooperativeSticky Assignor = "CooperativeSticky"
)

// Rollout says how a changed template replaces the running one: slot by slot,
// each under the same identity, so that the group does not rebalance.
//
// +kubebuilder:validation:XValidation:rule="(has(self.gate) && has(self.gate.settledSeconds) ? self.gate.settledSeconds : 20) < (has(self.progressDeadlineSeconds) ? self.progressDeadlineSeconds : 600)",message="rollout.gate.settledSeconds must be less than rollout.progressDeadlineSeconds, or no slot can pass the gate in time"
type Rollout struct {
	// maxUnavailable is how many slots may be in handover at once. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxUnavailable *int32 `json:"maxUnavailable,omitempty"`
	// gate is what must hold before the next slot is handed over.
	// +optional
	Gate Gate `json:"gate,omitzero"`
	// progressDeadlineSeconds: a rollout that gets no slot through the gate for
	// so long has failed. Time without a reading of the group does not count.
	// Default: 600.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=86400
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// onFailure is what happens when the gate fails: Rollback hands the changed
	// slots back to the revision before, Pause leaves everything as it stands.
	// Default: Rollback.
	// +optional
	// +kubebuilder:validation:Enum=Rollback;Pause
	OnFailure OnFailure `json:"onFailure,omitempty"`
}

// OnFailure is what happens when the gate fails.
type OnFailure string

// What can happen when the gate fails.
const (
	OnFailureRollback OnFailure = "Rollback"
	OnFailurePause    OnFailure = "Pause"
)

// Gate is what must hold before the next slot is handed over: the group is
// settled, commits move where there is lag, and neither lag nor restarts are
// worse than before the rollout.
type Gate struct {
	// settledSeconds is how long all of it must hold, without a break.
	// Default: 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	SettledSeconds *int32 `json:"settledSeconds,omitempty"`
}

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
	// Available, Settled, LagHealthy and ScalingActive.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// LagStatus is how far behind a group is, in records. It is written at most
// every 30 seconds and rounded to two digits above 100.
type LagStatus struct {
	// total over all partitions.
	Total int64 `json:"total"`
	// max is the lag of the partition that is furthest behind.
	Max int64 `json:"max"`
	// observedAt is when it was read.
	ObservedAt metav1.Time `json:"observedAt"`
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
	// instanceId is its group.instance.id.
	InstanceID string `json:"instanceId"`
	// pod that may use the id. Empty: none at present.
	// +optional
	Pod string `json:"pod,omitempty"`
	// revision of that pod.
	// +optional
	Revision string `json:"revision,omitempty"`
	// partitions that the member owns, as orders:0-3.
	// +optional
	Partitions string `json:"partitions,omitempty"`
	// lag over these partitions, rounded as in lag. Absent while unknown.
	// +optional
	Lag *int64 `json:"lag,omitempty"`
	// status in a word, and what is wrong.
	// +optional
	Status string `json:"status,omitempty"`
}

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
	// rollout that runs, or the last one if it did not succeed.
	// +optional
	Rollout *RolloutState `json:"rollout,omitempty"`
}

// SlotState is what must be remembered about a slot.
type SlotState struct {
	// ordinal of the slot.
	Ordinal int32 `json:"ordinal"`
	// holder is the UID of the one pod that may use the slot's id.
	// +optional
	Holder types.UID `json:"holder,omitempty"`
	// pod is that pod's name.
	// +optional
	Pod string `json:"pod,omitempty"`
	// revision of that pod.
	// +optional
	Revision string `json:"revision,omitempty"`
	// since is when it became the holder.
	// +optional
	Since metav1.MicroTime `json:"since,omitzero"`
	// memberBefore is the member id that the broker had for the slot before the
	// holder was activated: another one proves that the holder has joined.
	// +optional
	MemberBefore string `json:"memberBefore,omitempty"`
	// lostSince: since when nobody can say whether the holder's process runs.
	// +optional
	LostSince *metav1.MicroTime `json:"lostSince,omitempty"`
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
	// startedAt is when it began.
	StartedAt metav1.MicroTime `json:"startedAt"`
	// progressAt is when a slot last came through the gate; moved on by the
	// time without a reading.
	ProgressAt metav1.MicroTime `json:"progressAt"`
	// begun are the ordinals that are being or were handed to the revision to.
	// +optional
	// +listType=set
	Begun []int32 `json:"begun,omitempty"`
	// passed are those of them that came through the gate.
	// +optional
	// +listType=set
	Passed []int32 `json:"passed,omitempty"`
	// unknownSince: since when there is no fresh reading.
	// +optional
	UnknownSince *metav1.MicroTime `json:"unknownSince,omitempty"`
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
}
