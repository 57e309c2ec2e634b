package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
// +kubebuilder:printcolumn:name="OLDEST",type=integer,JSONPath=`.status.lag.maxAgeSeconds`
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
// +kubebuilder:validation:XValidation:rule="(has(self.consumer) && has(self.consumer.consumersPerPod) ? self.consumer.consumersPerPod : 1) == (has(oldSelf.consumer) && has(oldSelf.consumer.consumersPerPod) ? oldSelf.consumer.consumersPerPod : 1)",message="consumer.consumersPerPod cannot be changed, since every instance id would be another one: delete the ConsumerGroup and create it anew (offsets are kept)"
// +kubebuilder:validation:XValidation:rule="(has(self.consumer) && has(self.consumer.inject) && self.consumer.inject == 'KafkaStreams') == (has(oldSelf.consumer) && has(oldSelf.consumer.inject) && oldSelf.consumer.inject == 'KafkaStreams') && ((has(self.consumer) && has(self.consumer.consumersPerPod) && self.consumer.consumersPerPod > 1) || (has(self.consumer) && has(self.consumer.inject) && self.consumer.inject == 'SpringBoot') == (has(oldSelf.consumer) && has(oldSelf.consumer.inject) && oldSelf.consumer.inject == 'SpringBoot'))",message="consumer.inject cannot be changed so, since every instance id would be another one (SpringBoot appends -0 also to a pod's only one, KafkaStreams counts from -1): delete the ConsumerGroup and create it anew (offsets are kept)"
// +kubebuilder:validation:XValidation:rule="!((has(self.consumer) && has(self.consumer.inject) && self.consumer.inject == 'KafkaStreams') && has(self.membership) && has(self.membership.protocol) && self.membership.protocol == 'Consumer')",message="membership.protocol must be Classic with consumer.inject KafkaStreams: Kafka Streams does not use the other one"
// +kubebuilder:validation:XValidation:rule="!((has(self.consumer) && has(self.consumer.inject) && self.consumer.inject == 'KafkaStreams') && has(self.membership) && has(self.membership.assignor))",message="membership.assignor cannot be set with consumer.inject KafkaStreams: Kafka Streams has an assignor of its own"
// +kubebuilder:validation:XValidation:rule="!(has(self.rollout) && has(self.rollout.handover) && self.rollout.handover == 'Overlap' && has(self.membership) && has(self.membership.protocol) && self.membership.protocol == 'Consumer')",message="rollout.handover cannot be Overlap with membership.protocol Consumer, where each partition that changes hands waits for a heartbeat of both of its members: leave it out, or set SameId"
// +kubebuilder:validation:XValidation:rule="has(self.groupId) == has(oldSelf.groupId) && (!has(self.groupId) || self.groupId == oldSelf.groupId)",message="groupId cannot be changed: make a new ConsumerGroup"
// +kubebuilder:validation:XValidation:rule="(has(self.membership) && has(self.membership.instanceIdPrefix)) == (has(oldSelf.membership) && has(oldSelf.membership.instanceIdPrefix)) && (!has(self.membership) || !has(self.membership.instanceIdPrefix) || self.membership.instanceIdPrefix == oldSelf.membership.instanceIdPrefix)",message="membership.instanceIdPrefix cannot be changed: every member would be a stranger to the group"
// +kubebuilder:validation:XValidation:rule="(has(self.membership) && has(self.membership.protocol) ? self.membership.protocol : 'Classic') == (has(oldSelf.membership) && has(oldSelf.membership.protocol) ? oldSelf.membership.protocol : 'Classic')",message="membership.protocol cannot be changed: delete the ConsumerGroup and create it anew (offsets are kept)"
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
	// lag says how the group's lag is read and judged.
	// +optional
	Lag Lag `json:"lag,omitzero"`
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
	// window, shrinking the greatest, when that was the same for half of it.
	// Default: 0 for growing, 300 for shrinking.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	StabilizationWindowSeconds *int32 `json:"stabilizationWindowSeconds,omitempty"`
}
