package v1alpha1

// Labels of the pods that Kohort makes.
const (
	// LabelGroup names the ConsumerGroup.
	LabelGroup = "kohort.dev/group"
	// LabelSlot is the slot's ordinal, in decimal.
	LabelSlot = "kohort.dev/slot"
	// LabelRevision is the revision that the pod was made from.
	LabelRevision = "kohort.dev/revision"
)

// Annotations of the pods that Kohort makes.
const (
	// AnnotationActivate lets a warm pod start its consumer. Its value must be
	// the pod's own UID: a copied manifest activates nothing.
	AnnotationActivate = "kohort.dev/activate"
	// AnnotationWaitRestarts is how often the consumer's container was restarted
	// before the activation: no crashes of the consumer. None if it is missing.
	AnnotationWaitRestarts = "kohort.dev/wait-restarts"
	// AnnotationSessionTimeout is the session timeout that the pod is given, in
	// seconds.
	AnnotationSessionTimeout = "kohort.dev/session-timeout-seconds"
	// AnnotationInstanceID is what the pod is given as its group.instance.id.
	AnnotationInstanceID = "kohort.dev/instance-id"
	// AnnotationConsumer names the container that consumes.
	AnnotationConsumer = "kohort.dev/consumer"
	// AnnotationProperties is the content of consumer.propertiesFile.
	AnnotationProperties = "kohort.dev/consumer-properties"
)

// AnnotationReplaceLost of a ConsumerGroup names lost pods, separated by commas, whose
// processes are dead for certain: with membership.lostNode Wait they are replaced then.
const AnnotationReplaceLost = "kohort.dev/replace-lost"

// Commands: annotations of a ConsumerGroup that a person sets. Each is answered once, and as
// long as it stands with the same value it is not obeyed another time. status.message says
// which value one has to have, and why one was refused.
const (
	// AnnotationPromote lets a release go on that waits for a person. Its value is the update
	// revision, and for a canary that and the number of the step: 5d8f7c-2.
	AnnotationPromote = "kohort.dev/promote"
	// AnnotationPromoteFull lets a release go on to its end without steps, pauses and the
	// judgement of the gate. Its value is the update revision.
	AnnotationPromoteFull = "kohort.dev/promote-full"
	// AnnotationAbort takes a release back. Its value is the update revision.
	AnnotationAbort = "kohort.dev/abort"
	// AnnotationRetry tries a release once more that was rolled back or has stopped. Its value
	// is the update revision and the number of the attempt: 5d8f7c-2.
	AnnotationRetry = "kohort.dev/retry"
	// AnnotationPause keeps a release as it stands, for as long as the annotation is there.
	// Its value is the update revision.
	AnnotationPause = "kohort.dev/pause"
	// AnnotationRestart replaces every pod that was made before a time, one after the other
	// and under the same ids, when it has come. Its value is the time, as
	// 2026-11-26T18:00:00Z.
	AnnotationRestart = "kohort.dev/restart"
	// AnnotationRollback goes back to the revision before a rollout. Its value is the name of
	// the RolloutRecord, and orders-8,offsets=boundary stops all pods and also goes back to
	// the offsets with which that rollout's revision began.
	AnnotationRollback = "kohort.dev/rollback"
	// AnnotationResetOffsets stops all pods, moves what the group has committed, and starts
	// them again. Its value is earliest, latest, a time as 2026-11-26T18:00:00Z, or the name of
	// a RolloutRecord, for its boundary.
	AnnotationResetOffsets = "kohort.dev/reset-offsets"
)

// Prefix is what all of Kohort's labels and annotations begin with. A user's
// template cannot set them.
const Prefix = "kohort.dev/"

// TokenAudience is whom the tokens are made out to with which pods show the
// operator who they are.
const TokenAudience = "kohort.dev"

// Finalizer keeps a ConsumerGroup until its pods have ended and its ids are
// removed from the group.
const Finalizer = "kohort.dev/members"

// FinalizerPod keeps the object of a deleted pod until Kohort has seen that its
// consumer has ended, whenever that is.
const FinalizerPod = "kohort.dev/end"

// Names of the containers that Kohort puts into a pod, in their order. A
// template must not use a name that begins with ContainerPrefix.
const (
	ContainerPrefix = "kohort-"
	// ContainerInstall copies the launcher into the pod's volume.
	ContainerInstall = "kohort-install"
	// ContainerCheckPrefix begins the name of the init containers that prove,
	// one per user container, that its image is on the node.
	ContainerCheckPrefix = "kohort-check-"
	// ContainerGate is the native sidecar that waits for the activation.
	ContainerGate = "kohort-gate"
)

// Variables that Kohort sets in the consumer's container with the preset Env. With
// KafkaStreams EnvApplicationID stands for EnvGroupID.
const (
	EnvBootstrapServers  = "KAFKA_BOOTSTRAP_SERVERS"
	EnvGroupID           = "KAFKA_GROUP_ID"
	EnvApplicationID     = "KAFKA_APPLICATION_ID"
	EnvGroupInstanceID   = "KAFKA_GROUP_INSTANCE_ID"
	EnvSessionTimeoutMS  = "KAFKA_SESSION_TIMEOUT_MS"
	EnvHeartbeatInterval = "KAFKA_HEARTBEAT_INTERVAL_MS"
	// EnvGroupProtocol is set with membership.protocol Consumer, in place of the timeouts.
	EnvGroupProtocol = "KAFKA_GROUP_PROTOCOL"
)
