package rollout

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// Input is all that a decision is made from.
type Input struct {
	Now   time.Time
	Group Group
	// State as it was last persisted.
	State v1alpha1.GroupState
	// Pods of the group. A holder of State that is not among them must have been
	// looked for at the API server after State was read: what is missing here is
	// taken for gone.
	Pods []Pod
	// Window of readings of the group.
	Window lag.Window
	// Found is what was looked up for commands that are not answered yet, by their names.
	Found map[string]Found
	// Rebalances that were seen since the operator began to read the group.
	Rebalances lag.Rebalances
	// Queries of the gate to Prometheus, with what was answered.
	Queries []Query
	// Desired is how many slots there shall be.
	Desired int32
}

// Group is what the spec asks for, with its defaults.
type Group struct {
	Names    membership.Naming // of the members
	Assignor string            // as Kafka names it
	Topics   []string          // that the consumers subscribe to
	Revision string            // of the present template
	// Template is the revision of the template alone, where what it names is a part of
	// Revision. Unchecked: it is not known whether pods can be made from the template, and
	// Revision is what was begun or is stable.
	Template  string
	Unchecked bool
	Budget    int // slots that may be in handover at once
	// Strategy of the next rollout; "" is Rolling. KeepBlue is for how long the revision
	// before stands warm after one by BlueGreen.
	Strategy v1alpha1.Strategy
	KeepBlue time.Duration
	// Steps of a canary, and how the other slots follow then.
	Steps []v1alpha1.CanaryStep
	Then  v1alpha1.Strategy
	// PauseOnChange: a canary stops when a rebalance gives it other partitions; else it goes
	// back.
	PauseOnChange bool
	// Handover of slots in the next rollout; "" is SameId. Stateful: the consumers have
	// state that follows their partitions, as with Kafka Streams.
	Handover v1alpha1.Handover
	Stateful bool
	// AwaitsPromotion: a rollout by BlueGreen hands nothing over before it is promoted.
	AwaitsPromotion bool
	// Commands that stand as annotations, by their names.
	Commands   map[string]string
	SettledFor time.Duration
	// MaxAge is for how long a record may wait on a slot's partitions, MaxLagGrowth by how
	// many records a second its lag may grow; 0 and nil: there is no bound.
	MaxAge       time.Duration
	MaxLagGrowth *int64
	Deadline     time.Duration
	Heartbeat    time.Duration
	// Consumer: the group is of type consumer (KIP-848), whose broker refuses an instance
	// id as long as the member that has it has not left.
	Consumer bool
	// SessionMin and SessionMax bound the session timeout.
	SessionMin, SessionMax time.Duration
	// BrokerMin and BrokerMax are the brokers' bounds; zero: not known.
	BrokerMin, BrokerMax time.Duration
	// LostWaits: a lost pod is replaced only if it is one of LostDead, which a person says
	// are dead.
	LostWaits bool
	LostDead  []string
	// CrashBackOff is for how long a slot is left out of the group whose consumer
	// crashes over and over.
	CrashBackOff   time.Duration
	PauseOnFailure bool
	// Warm says whether a successor waits warm before its predecessor stops; ""
	// is Auto.
	Warm v1alpha1.Warm
	// NoRoom is why no further pod can be made beside those that there are, by a
	// quota; "" if one can, for all that is known.
	NoRoom    string
	Paused    bool
	DeletedAt time.Time // zero: the object is not being deleted
}

// Pod is what is known of a pod of the group.
type Pod struct {
	Name     string
	UID      types.UID
	Version  string // resourceVersion
	Ordinal  int32
	Lane     string // of instance ids that it was made for
	Revision string
	Created  time.Time
	// Warm: the pod waits for its activation.
	Warm bool
	// Crowded is why no node has room for the pod while its predecessor is there;
	// "" if there is room, or something else is the matter.
	Crowded string
	// NoRoom: no node has room for it now, and what frees some may just be going.
	NoRoom bool
	// Domain is the node or zone of which one slot is handed over before the second of any
	// other; "": it does not matter.
	Domain string
	// Draining is why the pod has to leave its node, as in "node a is cordoned"; "" if it
	// can stay.
	Draining string
	// Activated: the pod may run its consumer.
	Activated bool
	// Running: the consumer's container runs, since StartedAt.
	Running   bool
	StartedAt time.Time
	Ready     bool
	// Down: the consumer's container has ended by itself, and was not started again yet.
	Down bool
	// BackingOff: the consumer's container crashed again and again, and the kubelet waits
	// before it starts it again.
	BackingOff bool
	// Deleting: the pod is being deleted, since DeletedAt.
	Deleting  bool
	DeletedAt time.Time
	// Kept: its object stays after the deletion until it is let go, so that no end is
	// missed.
	Kept bool
	// Forsaken: nobody will ever say that it has ended: its node is gone, or was given up
	// by who deleted it by force.
	Forsaken bool
	// Ended: its consumer cannot run any more (product.md: ended).
	Ended bool
	// Killed: its consumer was ended by SIGKILL. Deaf: it was, since it did not end within
	// its grace period.
	Killed, Deaf bool
	// Restarts of the consumer's container since the activation, the last one after
	// an end at CrashedAt.
	Restarts  int32
	CrashedAt time.Time
	// Session timeout that its consumers were given; 0: not known.
	Session time.Duration
	// Unstartable: the kubelet could not start the consumer's program, which has never run.
	Unstartable bool
	// Problem is why the pod does not get on, for people. Empty: nothing.
	Problem string
}

// active pods may have a consumer that runs.
func (p *Pod) active() bool { return p != nil && p.Activated && !p.Ended }

// consuming pods have one, and it is not about to stop.
func (p *Pod) consuming() bool { return p.active() && p.Running && !p.Deleting }

// spare pods wait and can take a slot over.
func (p *Pod) spare() bool { return !p.Activated && !p.Deleting && !p.Ended }

// ActionKind is what an action does.
type ActionKind string

// The actions, each of which can be repeated.
const (
	// CreatePod makes the pod Pod for a slot and a revision; that it exists
	// already is success.
	CreatePod ActionKind = "CreatePod"
	// ActivatePod lets a pod's consumer start, by name and UID.
	ActivatePod ActionKind = "ActivatePod"
	// DeletePod deletes a pod with its own grace period, by name, UID and version:
	// one that was activated since it was seen is not hit.
	DeletePod ActionKind = "DeletePod"
	// ReleasePod lets the object of a deleted pod go, by name and UID.
	ReleasePod ActionKind = "ReleasePod"
	// RemoveMembers removes members from the group in one request.
	RemoveMembers ActionKind = "RemoveMembers"
	// SetOffsets sets what the group has committed, which is empty.
	SetOffsets ActionKind = "SetOffsets"
	// ForceRebalance removes a member that lives from the group: it joins again at once,
	// and the group shares its partitions anew.
	ForceRebalance ActionKind = "ForceRebalance"
)

// Action is something to do, after the state was written.
type Action struct {
	Kind     ActionKind
	Ordinal  int32
	Revision string        // CreatePod
	Lane     string        // CreatePod: of instance ids that it is told
	Suffix   string        // CreatePod: ends the pod's name
	AtOnce   bool          // CreatePod: nobody holds the slot, so nothing is to be proven first
	Session  time.Duration // CreatePod: the session timeout of its consumers
	Pod      string        // ActivatePod, DeletePod, ReleasePod
	UID      types.UID
	Version  string                       // DeletePod
	First    string                       // DeletePod: why the pod goes before its successor is warm; "" if it does not
	Members  []MemberRef                  // RemoveMembers, ForceRebalance
	Offsets  map[lag.TopicPartition]int64 // SetOffsets
	Reason   string
}

// Found is what was looked up for a command.
type Found struct {
	// Value of the annotation for which it was.
	Value string
	// Refused is why the command cannot be obeyed; "" if it can, for all that was found.
	Refused string
	// Revision to go back to, of the rollout with a number.
	Revision string
	Number   int64
	// Offsets to move to; none: those of the ends of the logs, or it is no move. Rewind: they
	// are a record's boundary, before which the group must not be.
	Offsets []v1alpha1.TopicOffsets
	Rewind  bool
}

// MemberRef names a member by both of its ids, so that whoever has taken the
// instance id since is not hit.
type MemberRef struct {
	InstanceID string
	MemberID   string
}

// Decision is what shall be done, and what to tell people.
type Decision struct {
	// State to persist before anything of Actions is done.
	State   v1alpha1.GroupState
	Actions []Action
	// Ended is the rollout that is not the state's any more, as it was at its end; nil if none
	// has ended.
	Ended *v1alpha1.RolloutState
	// MinAvailable is how many pods an eviction must leave ready.
	MinAvailable int32
	// ReadNow: something waits for nothing but the next reading.
	ReadNow bool
	// Restarts that were measured now.
	Restarts []v1alpha1.RestartState
	Report   Report
	// Done: the object is being deleted and nothing is left to do.
	Done bool
	// After is when to decide again if nothing happens; zero: no need.
	After time.Duration
}

// Report is what to tell people.
type Report struct {
	Phase   v1alpha1.Phase
	Step    string
	Message string
	// Active, Consuming, Ready and Updated count slots: with an activated pod, with
	// one whose consumers are all members, with one that is ready as well, with the
	// update revision.
	Active, Consuming, Ready, Updated int32
	// Desired is how many slots there shall be.
	Desired int32
	// Settled is "" if the group is settled, else what is missing.
	Settled string
	// Findings are about clients that are not what the spec says, the gravest first.
	Findings []Finding
	// Handover by which slots go over, or would, and why.
	Handover v1alpha1.Handover
	Why      string
	// Differs is how the partitions are shared otherwise than the spec lets expect; ""
	// if they are not, or nothing can be said.
	Differs string
	// Unknown is why there is no fresh reading; "" if there is one.
	Unknown string
	// Standing names a partition with lag and no commit; "" if there is none.
	Standing string
	// Available: at least size less budget slots consume.
	Available bool
	// Problems of pods, for people.
	Problems []string
	// Hurry: something waits for a reading, so read the group often.
	Hurry bool
}
