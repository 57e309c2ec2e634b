package v1alpha1

// Membership says how the pods are members of the group.
//
// +kubebuilder:validation:XValidation:rule="!has(self.assignor) || (has(self.protocol) && self.protocol == 'Consumer' ? self.assignor in ['Range', 'Uniform'] : self.assignor != 'Uniform')",message="membership.assignor must be Range or Uniform with protocol Consumer, and cannot be Uniform with Classic"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'Consumer' || ((has(self.sessionTimeout) && has(self.sessionTimeout.minSeconds) ? self.sessionTimeout.minSeconds : 45) >= 45 && (has(self.sessionTimeout) && has(self.sessionTimeout.minSeconds) ? self.sessionTimeout.minSeconds : 45) <= 60 && (has(self.sessionTimeout) && has(self.sessionTimeout.maxSeconds) ? self.sessionTimeout.maxSeconds : 60) <= 60)",message="membership.sessionTimeout must be within 45 to 60 seconds with protocol Consumer: brokers allow no other"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'Consumer' || !has(self.heartbeatSeconds) || (self.heartbeatSeconds >= 5 && self.heartbeatSeconds <= 15)",message="membership.heartbeatSeconds must be from 5 to 15 with protocol Consumer: brokers allow no other"
// +kubebuilder:validation:XValidation:rule="(has(self.heartbeatSeconds) ? self.heartbeatSeconds : 2) * 3 <= (has(self.sessionTimeout) && has(self.sessionTimeout.minSeconds) ? self.sessionTimeout.minSeconds : 45)",message="membership.heartbeatSeconds must be at most a third of the session timeout"
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
	// sessionTimeout.minSeconds; with protocol Consumer from 5 to 15. Default: 2 (protocol
	// Consumer: 5).
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
