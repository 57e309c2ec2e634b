package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KafkaCluster is a connection to a Kafka cluster, shared by the
// ConsumerGroups of its namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=kfc
// +kubebuilder:printcolumn:name="READY",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="BROKERS",type=integer,JSONPath=`.status.brokers`
// +kubebuilder:printcolumn:name="CLUSTER ID",type=string,priority=1,JSONPath=`.status.clusterId`
// +kubebuilder:printcolumn:name="MESSAGE",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
type KafkaCluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says how to reach the cluster.
	Spec KafkaClusterSpec `json:"spec"`
	// status says what was found there.
	// +optional
	Status KafkaClusterStatus `json:"status,omitzero"`
}

// KafkaClusterList is a list of KafkaClusters.
//
// +kubebuilder:object:root=true
type KafkaClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []KafkaCluster `json:"items"`
}

// KafkaClusterSpec says how to reach a Kafka cluster.
type KafkaClusterSpec struct {
	// bootstrapServers are the first brokers to ask, each as host:port. The
	// pods of the groups get the same list.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=300
	// +kubebuilder:validation:items:Pattern=`^.+:[0-9]{1,5}$`
	// +listType=set
	BootstrapServers []string `json:"bootstrapServers"`
	// tls encrypts the operator's connections. Default: plain text.
	// +optional
	TLS *KafkaTLS `json:"tls,omitempty"`
	// sasl authenticates the operator's connections. Default: none. Credentials
	// are never handed to the pods: the template brings its own.
	// +optional
	SASL *KafkaSASL `json:"sasl,omitempty"`
	// allowedGroups limits which group ids a ConsumerGroup may name through
	// this connection; a "*" at the end matches any ending. Default: all.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[^*]*\*?$`
	// +listType=set
	AllowedGroups []string `json:"allowedGroups,omitempty"`
	// commits says where the groups' commits are read that their status is judged by.
	// Polling: from what is committed whenever the groups are read. OffsetsTopic: from the
	// topic __consumer_offsets, each with its own time, so that a consumer that commits the
	// same offset again is told from one that is gone, and windows are full when the operator
	// begins. All of that topic's traffic goes to the operator then, whose user needs READ on
	// it; while it cannot be read commits are polled. Default: Polling.
	// +optional
	// +kubebuilder:validation:Enum=Polling;OffsetsTopic
	Commits CommitSource `json:"commits,omitempty"`
	// watch makes groups visible that no ConsumerGroup runs: their lag is in the metrics and
	// in Burrow's HTTP API. An empty one is about all of them. Default: none.
	// +optional
	Watch *Watch `json:"watch,omitempty"`
}

// CommitSource is where commits are read.
type CommitSource string

// Where commits can be read.
const (
	CommitsPolled CommitSource = "Polling"
	CommitsTailed CommitSource = "OffsetsTopic"
)

// KafkaTLS says how connections are encrypted. An empty one trusts the
// system's certificate authorities.
type KafkaTLS struct {
	// ca names the key of a Secret that holds the PEM certificates to trust.
	// Default: the system's.
	// +optional
	CA *SecretKey `json:"ca,omitempty"`
	// clientCertificate names a Secret of type kubernetes.io/tls (keys tls.crt
	// and tls.key) that the operator shows to the brokers. Default: none.
	// +optional
	ClientCertificate *SecretName `json:"clientCertificate,omitempty"`
}

// KafkaSASL says who the operator is to the brokers.
type KafkaSASL struct {
	// mechanism is how the password is shown to the broker.
	// +kubebuilder:validation:Enum=PLAIN;SCRAM-SHA-256;SCRAM-SHA-512
	Mechanism string `json:"mechanism"`
	// credentials names a Secret with the keys username and password. A changed
	// Secret is followed without a restart.
	Credentials SecretName `json:"credentials"`
}

// SecretName names a Secret of the same namespace.
type SecretName struct {
	// name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// SecretKey names one key of a Secret of the same namespace.
type SecretKey struct {
	// name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// key within the Secret. Default: ca.crt.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// KafkaClusterStatus says what was found at the other end.
type KafkaClusterStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready says whether the operator reaches the cluster.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// clusterId is the cluster's own id.
	// +optional
	ClusterID string `json:"clusterId,omitempty"`
	// brokers is how many brokers are there.
	// +optional
	Brokers int32 `json:"brokers,omitempty"`
	// commits is where commits are read now: Polling also while the topic __consumer_offsets
	// cannot be read. Absent: it is not known yet.
	// +optional
	Commits CommitSource `json:"commits,omitempty"`
	// watchedGroups is how many groups are read since spec.watch names them. Absent: it
	// names none, or they could not be listed yet.
	// +optional
	WatchedGroups *int32 `json:"watchedGroups,omitempty"`
	// sessionTimeout is what the brokers allow as the session timeout of classic members
	// (group.min.session.timeout.ms, group.max.session.timeout.ms). Absent: not known; the
	// operator's user needs DESCRIBE_CONFIGS on the Kafka cluster.
	// +optional
	SessionTimeout *SessionBounds `json:"sessionTimeout,omitempty"`
}

// SessionBounds bound a session timeout.
type SessionBounds struct {
	// minSeconds is the shortest one. Absent: not known.
	// +optional
	MinSeconds int32 `json:"minSeconds,omitempty"`
	// maxSeconds is the longest one. Absent: not known.
	// +optional
	MaxSeconds int32 `json:"maxSeconds,omitempty"`
}
