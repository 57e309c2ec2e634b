package v1alpha1

// Condition types of a ConsumerGroup. Ready, Reconciling and Stalled mean what
// kstatus means by them: the last two are absent when they are false.
const (
	// ConditionReady: every slot runs the revision of the present template,
	// consumes, and nothing is under way. Also of a KafkaCluster: it answers.
	ConditionReady = "Ready"
	// ConditionReconciling: a rollout, a scaling or a repair is under way.
	ConditionReconciling = "Reconciling"
	// ConditionStalled: nothing will happen until a person changes something.
	ConditionStalled = "Stalled"
	// ConditionAvailable: at least slots less rollout.maxUnavailable consume.
	ConditionAvailable = "Available"
	// ConditionSettled: the group is Stable, each partition has an owner and
	// each active slot is a member. Unknown without a fresh reading.
	ConditionSettled = "Settled"
	// ConditionLagHealthy: commits move wherever there is lag, and forward. Unknown without
	// a fresh reading.
	ConditionLagHealthy = "LagHealthy"
	// ConditionRetentionSafe: retention deletes nothing that the group has yet to process,
	// and is not about to. Unknown without a fresh reading.
	ConditionRetentionSafe = "RetentionSafe"
	// ConditionClientsConform: the consumers behave as the spec says that they do. Unknown
	// without a fresh reading.
	ConditionClientsConform = "ClientsConform"
	// ConditionScalingActive: lag decides how many slots there are. False when
	// it cannot; absent without spec.scaling.
	ConditionScalingActive = "ScalingActive"
)

// Reasons of conditions, and of the events of the same name.
const (
	// ReasonRunning: Ready is True.
	ReasonRunning = "Running"
	// ReasonStarting: Ready is False, slots have not consumed yet.
	ReasonStarting = "Starting"
	// ReasonScaling: Reconciling, slots are added or removed.
	ReasonScaling = "Scaling"
	// ReasonRestarting: Reconciling, pods are replaced since a person asked for a restart.
	ReasonRestarting = "Restarting"
	// ReasonMovingOffsets: Reconciling, all pods are stopped to move what the group has
	// committed.
	ReasonMovingOffsets = "MovingOffsets"
	// ReasonRollingOut: Reconciling, slots are handed to the update revision.
	ReasonRollingOut = "RollingOut"
	// ReasonRollingBack: Reconciling, slots are handed back.
	ReasonRollingBack = "RollingBack"
	// ReasonRepairing: Reconciling, a lost or broken slot is refilled.
	ReasonRepairing = "Repairing"
	// ReasonDeleting: Reconciling, the object is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonRolledBack: Stalled and not Ready, the gate failed, or a person has gone back,
	// and the slots run the revision before. Change the template to go on.
	ReasonRolledBack = "RolledBack"
	// ReasonRolloutPaused: Stalled and not Ready, the gate failed and
	// rollout.onFailure is Pause.
	ReasonRolloutPaused = "RolloutPaused"
	// ReasonPaused: Ready says so while spec.paused, or the annotation kohort.dev/pause, holds work back.
	ReasonPaused = "Paused"

	// ReasonInvalidTemplate: Stalled, the API server or Kohort refuses the pod.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonClusterNotFound: Stalled, no such KafkaCluster.
	ReasonClusterNotFound = "KafkaClusterNotFound"
	// ReasonGroupNotAllowed: Stalled, the KafkaCluster does not allow the id.
	ReasonGroupNotAllowed = "GroupNotAllowed"
	// ReasonGroupTaken: Stalled, an older ConsumerGroup runs the same group.
	ReasonGroupTaken = "GroupTaken"
	// ReasonPodsNotStarting: Ready is False, pods do not get warm or crash.
	ReasonPodsNotStarting = "PodsNotStarting"
	// ReasonPodNotEnding: Ready is False, a pod ignores its end.
	ReasonPodNotEnding = "PodNotEnding"

	// ReasonUnknownTopic: Settled is False, the broker has no such topic.
	ReasonUnknownTopic = "UnknownTopic"
	// ReasonSettled: Settled is True.
	ReasonSettled = "Settled"
	// ReasonNotSettled: Settled is False; the message names what is missing.
	ReasonNotSettled = "NotSettled"
	// ReasonNoReading: Unknown, there is no fresh reading of the group.
	ReasonNoReading = "NoReading"
	// ReasonCommitsMove: LagHealthy is True.
	ReasonCommitsMove = "CommitsMove"
	// ReasonNoSlots: LagHealthy is True, nobody is to consume.
	ReasonNoSlots = "NoSlots"
	// ReasonFallsBehind: LagHealthy is True, commits move and lag grows (WARN in Burrow's
	// words).
	ReasonFallsBehind = "FallsBehind"
	// ReasonCommitsStand: LagHealthy is False, a slot has lag and commits nothing.
	ReasonCommitsStand = "CommitsStand"
	// ReasonCommitsStopped: LagHealthy is False, there is lag on a partition to which
	// nobody commits (STOP).
	ReasonCommitsStopped = "CommitsStopped"
	// ReasonCommitsStalled: LagHealthy is False, there is lag on a partition whose owner
	// commits nothing new (STALL).
	ReasonCommitsStalled = "CommitsStalled"
	// ReasonCommitsRewound: LagHealthy is False, a commit went back, and none since has come
	// as far (REWIND).
	ReasonCommitsRewound = "CommitsRewound"
	// ReasonTooOld: LagHealthy is False, a record waits for longer than lag.maxAgeSeconds.
	ReasonTooOld = "TooOld"
	// ReasonFarFromRetention: RetentionSafe is True.
	ReasonFarFromRetention = "FarFromRetention"
	// ReasonRunwayShort: RetentionSafe is False, in less than lag.minRunwaySeconds records
	// are lost.
	ReasonRunwayShort = "RunwayShort"
	// ReasonRecordsLost: RetentionSafe is False, retention has deleted records that the
	// group had yet to process.
	ReasonRecordsLost = "RecordsLost"
	// ReasonEnough: Available is True.
	ReasonEnough = "EnoughSlots"
	// ReasonTooFew: Available is False.
	ReasonTooFew = "TooFewSlots"
	// ReasonLagDecides: ScalingActive is True.
	ReasonLagDecides = "LagDecides"
	// ReasonIdleSlots: more fixed replicas than can own a partition.
	ReasonIdleSlots = "IdleSlots"

	// ReasonConform: ClientsConform is True.
	ReasonConform = "Conform"
	// ReasonOwnershipDiffers: ClientsConform is True, and the partitions are shared
	// otherwise than membership.assignor lets expect.
	ReasonOwnershipDiffers = "OwnershipDiffers"
	// ReasonNeverJoins: ClientsConform is False, a pod is ready and no member.
	ReasonNeverJoins = "NeverJoins"
	// ReasonSharedInstanceID: ClientsConform is False, the member of a slot changes although
	// its pod is not restarted.
	ReasonSharedInstanceID = "SharedInstanceID"
	// ReasonStranger: ClientsConform is False, the group has members of somebody else.
	ReasonStranger = "Stranger"
	// ReasonSurplusMembers: ClientsConform is False, slots have more members than
	// consumer.consumersPerPod says.
	ReasonSurplusMembers = "SurplusMembers"
	// ReasonWrongAssignor: ClientsConform is False, the group shares its partitions by
	// another assignor than membership.assignor.
	ReasonWrongAssignor = "WrongAssignor"
	// ReasonWrongTopics: ClientsConform is False, a consumer subscribes to other topics
	// than spec.topics.
	ReasonWrongTopics = "WrongTopics"
	// ReasonIgnoresSIGTERM: ClientsConform is False, consumers did not end in their grace
	// period and were killed.
	ReasonIgnoresSIGTERM = "IgnoresSIGTERM"

	// ReasonUncleanClose: ClientsConform is False, consumers of a group of type consumer end
	// and the group does not hear of it.
	ReasonUncleanClose = "UncleanClose"

	// ReasonConnected: a KafkaCluster is Ready.
	ReasonConnected = "Connected"
	// ReasonUnreachable: a KafkaCluster is not Ready, no broker answers.
	ReasonUnreachable = "Unreachable"
	// ReasonRefused: a KafkaCluster is not Ready, it refuses the credentials.
	ReasonRefused = "AuthenticationFailed"
	// ReasonSecretInvalid: a KafkaCluster is not Ready, a Secret is missing or
	// lacks a key.
	ReasonSecretInvalid = "SecretInvalid"
)
