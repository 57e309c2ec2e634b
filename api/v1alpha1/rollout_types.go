package v1alpha1

// Rollout says how a changed template replaces the running one, in each slot under
// the same identity, so that the group does not rebalance.
//
// +kubebuilder:validation:XValidation:rule="!has(self.blueGreen) || has(self.strategy) && self.strategy == 'BlueGreen'",message="rollout.blueGreen needs rollout.strategy BlueGreen"
// +kubebuilder:validation:XValidation:rule="has(self.canary) == (has(self.strategy) && self.strategy == 'Canary')",message="rollout.strategy Canary needs rollout.canary, which says in which steps; no other one has it"
// +kubebuilder:validation:XValidation:rule="!((has(self.strategy) && self.strategy == 'BlueGreen' || has(self.canary) && has(self.canary.then) && self.canary.then == 'BlueGreen') && has(self.warm) && self.warm == 'Never')",message="rollout.warm cannot be Never with rollout.strategy BlueGreen, which waits for warm successors: set Auto or Always"
// +kubebuilder:validation:XValidation:rule="!(has(self.strategy) && self.strategy == 'Recreate' && has(self.warm) && self.warm == 'Always')",message="rollout.warm cannot be Always with rollout.strategy Recreate, whose pods stop first: leave it out"
// +kubebuilder:validation:XValidation:rule="!(has(self.handover) && self.handover == 'Overlap' && has(self.strategy) && self.strategy == 'Recreate')",message="rollout.handover cannot be Overlap with rollout.strategy Recreate, whose pods stop first: leave it out"
// +kubebuilder:validation:XValidation:rule="!(has(self.handover) && self.handover == 'Overlap' && has(self.warm) && self.warm == 'Never')",message="rollout.handover cannot be Overlap with rollout.warm Never: its successors run beside their predecessors: set warm to Auto or Always"
// +kubebuilder:validation:XValidation:rule="(has(self.gate) && has(self.gate.settledSeconds) ? self.gate.settledSeconds : 20) < (has(self.progressDeadlineSeconds) ? self.progressDeadlineSeconds : 600)",message="rollout.gate.settledSeconds must be less than rollout.progressDeadlineSeconds, or no slot can pass the gate in time"
type Rollout struct {
	// strategy says how. Rolling: slot by slot, each through the gate before the next.
	// BlueGreen: when all successors stand warm, all slots at once; it needs room for
	// twice the pods. Canary: some slots or partitions first, step by step, then the rest.
	// Recreate: all pods stop before one of the new revision starts; it needs no room for
	// more pods, and never runs two versions at once. Default: Rolling.
	// +optional
	// +kubebuilder:validation:Enum=Rolling;BlueGreen;Canary;Recreate
	Strategy Strategy `json:"strategy,omitempty"`
	// canary is about the strategy Canary.
	// +optional
	Canary *Canary `json:"canary,omitempty"`
	// blueGreen is about the strategy BlueGreen.
	// +optional
	BlueGreen *BlueGreen `json:"blueGreen,omitempty"`
	// maxUnavailable is how many slots may be in handover at once; by BlueGreen and Recreate
	// all are.
	// Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxUnavailable *int32 `json:"maxUnavailable,omitempty"`
	// order in which slots are handed over that have nothing to tell them apart. Ordinal: the
	// lowest first. Node, Zone: first one of each node or zone (the node's label
	// topology.kubernetes.io/zone), so that what fails only in some of them shows early. Slots
	// that do not consume go first in any case. Default: Ordinal.
	// +optional
	// +kubebuilder:validation:Enum=Ordinal;Node;Zone
	Order Order `json:"order,omitempty"`
	// handover is how a slot goes from one pod to the next in a rollout. SameId: the
	// predecessor ends, its successor starts under the same ids; the group does not
	// rebalance, and the partitions of the slot wait for the way of the successor from its
	// activation to its membership. Overlap: each slot has a second lane of ids (with -b
	// after the plain ones), under which the successor joins beside its predecessor; when
	// all of a batch are members those before stop, and their ids are removed: two
	// rebalances for each batch of maxUnavailable slots, or for all of them by BlueGreen,
	// however long programs take to start. It needs room for both, and suits programs that
	// start slowly; the way back from a release, a canary's slots and those that do not
	// consume go by SameId. Auto: Overlap when the measured way takes longer than two
	// rebalances cost (two heartbeat intervals), and SameId as long as it was not measured,
	// with membership.protocol Consumer, Kafka Streams, warm Never, or no room for two pods.
	// status.handover says which, and why. With strategy Recreate there is none.
	// Default: Auto.
	// +optional
	// +kubebuilder:validation:Enum=Auto;SameId;Overlap
	Handover Handover `json:"handover,omitempty"`
	// warm says whether a successor waits warm before its predecessor stops.
	// Always: it does, however long it takes to find a node. Never: the predecessor
	// stops first, and the consumer is away for as long as a pod takes to start.
	// Auto: it does, unless the predecessor itself stands in its way for more than
	// five seconds (a host port, anti-affinity, a volume, a quota, the room on its
	// node): then that one stops first, and the message says why. Default: Auto.
	// +optional
	// +kubebuilder:validation:Enum=Auto;Always;Never
	Warm Warm `json:"warm,omitempty"`
	// includeConfig makes what the ConfigMaps and Secrets hold that the template names a part
	// of the revision: a change of one is a release like any other, within ten seconds. What
	// is gone back to is the template of before, with what they hold then. Default: false, and
	// pods see a change when they are next made, or the kubelet brings it.
	// +optional
	IncludeConfig bool `json:"includeConfig,omitempty"`
	// gate is what must hold before the next slot is handed over.
	// +optional
	Gate Gate `json:"gate,omitzero"`
	// progressDeadlineSeconds: a rollout that gets no slot through the gate for
	// so long has failed. Time without a reading of the group does not count,
	// nor time in which a check of the gate is not known.
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

// Order is the order in which slots are handed over.
type Order string

// The orders.
const (
	OrderOrdinal Order = "Ordinal"
	OrderNode    Order = "Node"
	OrderZone    Order = "Zone"
)

// Handover is how a slot goes from one pod to the next in a rollout.
type Handover string

// How a slot goes from one pod to the next.
const (
	HandoverAuto    Handover = "Auto"
	HandoverSameID  Handover = "SameId"
	HandoverOverlap Handover = "Overlap"
)

// Warm says whether a successor waits warm before its predecessor stops.
type Warm string

// When a successor waits warm.
const (
	WarmAuto   Warm = "Auto"
	WarmAlways Warm = "Always"
	WarmNever  Warm = "Never"
)

// Strategy is how a rollout goes from slot to slot.
type Strategy string

// The strategies.
const (
	StrategyRolling   Strategy = "Rolling"
	StrategyBlueGreen Strategy = "BlueGreen"
	StrategyCanary    Strategy = "Canary"
	StrategyRecreate  Strategy = "Recreate"
)

// Canary is about the strategy Canary.
type Canary struct {
	// steps in which slots are handed over. After the last one the others follow. A rollout
	// goes on by the steps with which it began.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	// +listType=atomic
	Steps []CanaryStep `json:"steps"`
	// onPartitionsChange is what happens when a rebalance in the middle of the steps gives the
	// canary other partitions than it was given: Pause leaves everything as it stands until a
	// person decides, by an annotation that status.message names; Rollback hands the canary
	// back. Default: Pause.
	// +optional
	// +kubebuilder:validation:Enum=Pause;Rollback
	OnPartitionsChange OnFailure `json:"onPartitionsChange,omitempty"`
	// then is how the other slots follow: Rolling or BlueGreen. Default: Rolling.
	// +optional
	// +kubebuilder:validation:Enum=Rolling;BlueGreen
	Then Strategy `json:"then,omitempty"`
}

// CanaryStep is one step of a canary: which slots, and what comes after it.
//
// +kubebuilder:validation:XValidation:rule="(has(self.slots) ? 1 : 0) + (has(self.sharePercent) ? 1 : 0) + (has(self.partitions) ? 1 : 0) == 1",message="a step names either slots, sharePercent or partitions"
type CanaryStep struct {
	// slots is how many of them run the new revision after this step, those of the steps
	// before included.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Slots *int32 `json:"slots,omitempty"`
	// sharePercent is the same as a part of all slots, rounded up.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	SharePercent *int32 `json:"sharePercent,omitempty"`
	// partitions whose slots are handed over, as they are owned when the step begins: with
	// all that these slots own besides. What they are then is in status.message.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	// +listType=map
	// +listMapKey=topic
	Partitions []CanaryPartitions `json:"partitions,omitempty"`
	// pause after the step, when its slots have come through the gate: they are watched for
	// as long. Default: none.
	// +optional
	Pause *CanaryPause `json:"pause,omitempty"`
}

// CanaryPartitions are some of a topic.
type CanaryPartitions struct {
	// topic is one of spec.topics.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	Topic string `json:"topic"`
	// partitions of it, as 0-3 or 0,2,4.
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?)*$`
	Partitions string `json:"partitions"`
}

// CanaryPause is what a step waits for.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.seconds) && has(self.records))",message="a pause lasts either seconds or records"
type CanaryPause struct {
	// seconds that it lasts. Default: until a person promotes the step, by the annotation
	// kohort.dev/promote that status.message names.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	Seconds *int32 `json:"seconds,omitempty"`
	// records that the canary has to commit before the next step.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000000
	Records *int64 `json:"records,omitempty"`
}

// BlueGreen is about the strategy BlueGreen.
type BlueGreen struct {
	// autoPromote: all slots are handed over as soon as that can be. false: when a person
	// says so, by the annotation kohort.dev/promote with the update revision as its value;
	// until then the successors stand warm, and no deadline runs. Default: true.
	// +optional
	AutoPromote *bool `json:"autoPromote,omitempty"`
	// keepBlueSeconds is for how long, after a release, pods of the revision before stand
	// warm: to apply its template again is a handover of all slots at once then. They take
	// the room of the group once more. 0: they do not. Default: 300.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	KeepBlueSeconds *int32 `json:"keepBlueSeconds,omitempty"`
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
// worse than before the rollout; and within the bounds that are set here. A bound that
// was broken before the rollout is judged by not getting worse.
type Gate struct {
	// settledSeconds is how long all of it must hold, without a break.
	// Default: 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=540
	SettledSeconds *int32 `json:"settledSeconds,omitempty"`
	// maxAgeSeconds bounds for how many seconds the oldest record may have waited on any
	// partition of a slot. Of a slot that has the new revision it is failed by a record
	// that is older for 15 seconds or settledSeconds, whichever is longer, unless it catches
	// up. Default: no bound.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2592000
	MaxAgeSeconds *int32 `json:"maxAgeSeconds,omitempty"`
	// maxLagGrowthPerSecond bounds by how many records a second the lag of a slot may grow,
	// measured over 15 seconds or settledSeconds, whichever is longer. 0: it must not grow.
	// Default: no bound.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxLagGrowthPerSecond *int64 `json:"maxLagGrowthPerSecond,omitempty"`
	// prometheus are queries whose values must not be above a bound; in order, and asked
	// while a rollout is under way, of the Prometheus that the operator's flag
	// --prometheus-url names. What is not known lets nothing go on, fails nothing, and no
	// deadline runs meanwhile. Default: none.
	// +optional
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	Prometheus []PrometheusCheck `json:"prometheus,omitempty"`
}

// PrometheusCheck is a query whose value must not be above a bound.
type PrometheusCheck struct {
	// name of the check, for messages.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// query in PromQL, of a scalar or an instant vector, of which the greatest value counts.
	// In it $namespace, $name, $groupId and $revision (the one that is rolled out: the
	// pods' label kohort.dev/revision) are replaced. Nothing found is not 0: append
	// "or vector(0)" where it is. A query with $revision is asked when the first slot
	// has it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Query string `json:"query"`
	// max is the greatest value that is allowed, as a decimal number in quotes: "0.05",
	// "1e-3". It has the unit of the query.
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^-?[0-9]{1,15}(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?$`
	Max string `json:"max"`
}
