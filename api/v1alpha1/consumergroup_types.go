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
//
// +kubebuilder:validation:XValidation:rule="has(self.variables) == (has(self.inject) && self.inject == 'Custom')",message="consumer.variables goes with consumer.inject Custom, and Custom needs it"
type Consumer struct {
	// container is the name of the container that consumes: identity is
	// injected there, and its end is the end of the consumer. Default: the
	// first of the template.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container,omitempty"`
	// consumersPerPod is how many consumers of the group the program runs in each
	// pod, as with concurrency: 3 in Spring. Each is a member of its own: it appends
	// -0, -1 and so on to the instance id that the pod is given (Kafka Streams, whose
	// num.stream.threads it is: -1, -2 and so on). It cannot be changed. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	ConsumersPerPod *int32 `json:"consumersPerPod,omitempty"`
	// inject says by which variables the program is told its brokers, group,
	// instance id and timeouts. Env: KAFKA_GROUP_ID, KAFKA_GROUP_INSTANCE_ID and so
	// on, which it has to use. SpringBoot, Quarkus: those of the framework, which uses
	// them by itself. KafkaStreams: as Env, with KAFKA_APPLICATION_ID for the group.
	// Custom: those of variables. A change is a new revision. Default: Env.
	// +optional
	// +kubebuilder:validation:Enum=Env;SpringBoot;Quarkus;KafkaStreams;Custom
	Inject Inject `json:"inject,omitempty"`
	// variables are what inject Custom sets, each with the value of a property. One
	// has to carry group.id, and one group.instance.id.
	// +optional
	// +kubebuilder:validation:MinItems=2
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.exists(v, v.property == 'group.id') && self.exists(v, v.property == 'group.instance.id')",message="consumer.variables must have one variable for group.id and one for group.instance.id: without them the program is in no group that Kohort knows"
	// +listType=map
	// +listMapKey=name
	Variables []Variable `json:"variables,omitempty"`
	// propertiesFile is where the consumer's container finds the properties as a file
	// in the format of Java, for a client that reads files: an absolute path, as in
	// /etc/kohort/consumer.properties. Its folder is a volume of its own, which hides
	// what the image has there. The variables are set as well. A change is a new
	// revision. Default: no file.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*){2,}$`
	PropertiesFile string `json:"propertiesFile,omitempty"`
}

// Inject is by which variables a program is told who it is.
type Inject string

// The presets.
const (
	InjectEnv          Inject = "Env"
	InjectSpringBoot   Inject = "SpringBoot"
	InjectQuarkus      Inject = "Quarkus"
	InjectKafkaStreams Inject = "KafkaStreams"
	InjectCustom       Inject = "Custom"
)

// Variable carries a property of the consumer into its container.
type Variable struct {
	// name of the variable. Names that begin with KOHORT_ are Kohort's own.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[A-Za-z_.-][A-Za-z0-9_.-]*$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('KOHORT_')",message="names of variables that begin with KOHORT_ are Kohort's own"
	Name string `json:"name"`
	// property whose value it has, by Kafka's name. One that Kohort does not set with the
	// membership's protocol is left out.
	// +kubebuilder:validation:Enum=bootstrap.servers;group.id;group.instance.id;session.timeout.ms;heartbeat.interval.ms;group.protocol
	Property Property `json:"property"`
}

// Property of a consumer that Kohort sets, by Kafka's name.
type Property string

// What Kohort sets.
const (
	PropertyBootstrapServers  Property = "bootstrap.servers"
	PropertyGroupID           Property = "group.id"
	PropertyGroupInstanceID   Property = "group.instance.id"
	PropertySessionTimeout    Property = "session.timeout.ms"
	PropertyHeartbeatInterval Property = "heartbeat.interval.ms"
	PropertyGroupProtocol     Property = "group.protocol"
)

// Membership says how the pods are members of the group.
//
// +kubebuilder:validation:XValidation:rule="!has(self.assignor) || (has(self.protocol) && self.protocol == 'Consumer' ? self.assignor in ['Range', 'Uniform'] : self.assignor != 'Uniform')",message="membership.assignor must be Range or Uniform with protocol Consumer, and cannot be Uniform with Classic"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'Consumer' || ((has(self.sessionTimeout) && has(self.sessionTimeout.minSeconds) ? self.sessionTimeout.minSeconds : 45) >= 45 && (has(self.sessionTimeout) && has(self.sessionTimeout.minSeconds) ? self.sessionTimeout.minSeconds : 45) <= 60 && (has(self.sessionTimeout) && has(self.sessionTimeout.maxSeconds) ? self.sessionTimeout.maxSeconds : 60) <= 60)",message="membership.sessionTimeout must be within 45 to 60 seconds with protocol Consumer: brokers allow no other"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'Consumer' || !has(self.heartbeatSeconds) || (self.heartbeatSeconds >= 5 && self.heartbeatSeconds <= 15)",message="membership.heartbeatSeconds must be from 5 to 15 with protocol Consumer: brokers allow no other"
// +kubebuilder:validation:XValidation:rule="(has(self.heartbeatSeconds) ? self.heartbeatSeconds : 3) * 3 <= (has(self.sessionTimeout) && has(self.sessionTimeout.minSeconds) ? self.sessionTimeout.minSeconds : 45)",message="membership.heartbeatSeconds must be at most a third of the session timeout"
type Membership struct {
	// protocol by which the consumers are members of the group. Classic: the one that all
	// clients have. Consumer: that of KIP-848 (group.protocol=consumer), by which the broker
	// shares the partitions; needs brokers from 4.0. It cannot be changed. Default: Classic.
	// +optional
	// +kubebuilder:validation:Enum=Classic;Consumer
	Protocol Protocol `json:"protocol,omitempty"`
	// assignor is the partition assignor that the consumers are configured
	// with; how many slots can own a partition depends on it. It configures nothing. With
	// protocol Consumer it is the broker's: Range or Uniform. With inject KafkaStreams it is
	// that one's own and not set. Default: Range (Consumer: Uniform).
	// +optional
	// +kubebuilder:validation:Enum=Range;RoundRobin;Sticky;CooperativeSticky;Uniform
	Assignor Assignor `json:"assignor,omitempty"`
	// instanceIdPrefix is what the group.instance.id of every slot begins with;
	// the slot's ordinal follows, as in orders-3f9a2-0003, and the consumer's number
	// if there are several in a pod or with inject SpringBoot or KafkaStreams. It
	// cannot be changed.
	// Default: the name and five hex digits of cluster, namespace and name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	InstanceIDPrefix string `json:"instanceIdPrefix,omitempty"`
	// sessionTimeout bounds for how many seconds the group waits for a silent member. Within
	// the bounds it follows from how long restarts were measured to take.
	// +optional
	SessionTimeout SessionTimeout `json:"sessionTimeout,omitzero"`
	// heartbeatSeconds is after how many seconds a member shows again that it is there, and
	// bounds how soon the others notice a rebalance. At most a third of
	// sessionTimeout.minSeconds; with protocol Consumer from 5 to 15. Default: 3 (protocol
	// Consumer: the broker's, 5 unless it is configured otherwise).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	HeartbeatSeconds *int32 `json:"heartbeatSeconds,omitempty"`
	// lostNode is what becomes of a slot whose pod is lost: its object is gone and nobody
	// saw its process end, as when its node was removed or it was deleted by force.
	// Replace: its members are removed from the group, and another pod is given its ids
	// when they stayed away for two heartbeats. Wait: nothing, until a person names the pod
	// in the annotation kohort.dev/replace-lost of this object. Default: Replace.
	// +optional
	// +kubebuilder:validation:Enum=Replace;Wait
	LostNode LostNode `json:"lostNode,omitempty"`
	// activation is where a warm pod waits. Sidecar: in a container of Kohort's
	// own, before yours start; with any image. Process: in the consumer's
	// container, in place of its program, which then starts in milliseconds;
	// needs command in the template. Containers beside it run while it waits. A
	// change is a new revision. Default: Sidecar.
	// +optional
	// +kubebuilder:validation:Enum=Sidecar;Process
	Activation Activation `json:"activation,omitempty"`
}

// LostNode is what becomes of a slot whose pod is lost.
type LostNode string

// What can become of a slot whose pod is lost.
const (
	LostNodeReplace LostNode = "Replace"
	LostNodeWait    LostNode = "Wait"
)

// Activation is where a warm pod waits until its consumer may start.
type Activation string

// Where a warm pod can wait.
const (
	// ActivationSidecar: in a native sidecar, before the containers of the template.
	ActivationSidecar Activation = "Sidecar"
	// ActivationProcess: in the consumer's container, whose program is started by
	// Kohort's launcher.
	ActivationProcess Activation = "Process"
)

// SessionTimeout bounds session.timeout.ms, which follows from how long restarts were
// measured to take. A pod is given the timeout of the time when it is made; none is
// restarted for another one. With protocol Consumer it is configuration of the group at the
// broker, which all members follow from their next heartbeat on.
//
// +kubebuilder:validation:XValidation:rule="!has(self.maxSeconds) || (has(self.minSeconds) ? self.minSeconds : 45) <= self.maxSeconds",message="membership.sessionTimeout.minSeconds (default 45) must not be above maxSeconds"
type SessionTimeout struct {
	// minSeconds is the shortest session timeout, and the first, in seconds. Default: 45.
	// +optional
	// +kubebuilder:validation:Minimum=6
	// +kubebuilder:validation:Maximum=1800
	MinSeconds *int32 `json:"minSeconds,omitempty"`
	// maxSeconds is the longest session timeout, in seconds. Equal bounds fix it. Above 300
	// the consumers need a max.poll.interval.ms as long: librdkafka refuses to start
	// otherwise. Default: 300 (protocol Consumer: 60), or minSeconds if that is more.
	// +optional
	// +kubebuilder:validation:Minimum=6
	// +kubebuilder:validation:Maximum=1800
	MaxSeconds *int32 `json:"maxSeconds,omitempty"`
}

// Assignor is how a group shares its partitions.
type Assignor string

// The assignors of Kafka's clients, and the broker's (Range and Uniform).
const (
	AssignorRange             Assignor = "Range"
	AssignorRoundRobin        Assignor = "RoundRobin"
	AssignorSticky            Assignor = "Sticky"
	AssignorCooperativeSticky Assignor = "CooperativeSticky"
	AssignorUniform           Assignor = "Uniform"
	// AssignorStreams is Kafka Streams' own. It comes with consumer.inject
	// KafkaStreams and cannot be chosen.
	AssignorStreams Assignor = "Streams"
)

// Protocol by which consumers are members of a group.
type Protocol string

// The protocols.
const (
	ProtocolClassic  Protocol = "Classic"
	ProtocolConsumer Protocol = "Consumer"
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
	// warm says whether a successor waits warm before its predecessor stops.
	// Always: it does, however long it takes to find a node. Never: the predecessor
	// stops first, and the consumer is away for as long as a pod takes to start.
	// Auto: it does, unless the predecessor itself stands in its way for more than
	// five seconds (a host port, anti-affinity, a volume, a quota, the room on its
	// node): then that one stops first, and the message says why. Default: Auto.
	// +optional
	// +kubebuilder:validation:Enum=Auto;Always;Never
	Warm Warm `json:"warm,omitempty"`
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

// Warm says whether a successor waits warm before its predecessor stops.
type Warm string

// When a successor waits warm.
const (
	WarmAuto   Warm = "Auto"
	WarmAlways Warm = "Always"
	WarmNever  Warm = "Never"
)

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
	// +kubebuilder:validation:Maximum=540
	SettledSeconds *int32 `json:"settledSeconds,omitempty"`
}
