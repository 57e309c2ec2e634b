// Package lag holds what was read about a consumer group and what follows from
// it: who owns what, how far behind it is, whether it is settled and moves.
//
// Everything here is pure: readings go in, values come out, time is an
// argument. Unknown is a value of its own (an absent number, an error text) and
// never zero.
package lag

import (
	"cmp"
	"fmt"
	"time"
)

// The states of a group as the broker names them (ConsumerGroupState).
const (
	StateStable              = "Stable"
	StatePreparingRebalance  = "PreparingRebalance"
	StateCompletingRebalance = "CompletingRebalance"
	StateAssigning           = "Assigning"   // KIP-848
	StateReconciling         = "Reconciling" // KIP-848
	StateEmpty               = "Empty"
	StateDead                = "Dead"
)

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Compare orders by topic, then by number.
func (tp TopicPartition) Compare(other TopicPartition) int {
	return cmp.Or(cmp.Compare(tp.Topic, other.Topic), cmp.Compare(tp.Partition, other.Partition))
}

func (tp TopicPartition) String() string { return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition) }

// Reading is what was read about one group in one tick. Whatever could not be
// read is missing or carries an error; a Reading with Err set says nothing else.
type Reading struct {
	// At is when the first request of the tick was sent: everything in the
	// reading was true at this time or later.
	At time.Time
	// Err says why there is no reading, in one line. Empty if there is one.
	Err string
	// Brokers is how many there are, Coordinator the id of the one that answered for the
	// group.
	Brokers, Coordinator int32
	// State of the group; StateDead for a group that the broker does not know.
	State string
	// Epoch of a group of type consumer (KIP-848), which grows by one with each rebalance;
	// 0 for a classic group.
	Epoch int32
	// Assignor by which the group shares its partitions, in Kafka's name. Known only
	// while the group is Stable.
	Assignor string
	// Tasks is how many active tasks the members of a Kafka Streams application share.
	// Known only while the group is Stable; nil: not known, or no such application.
	Tasks *int32
	// Members by instance id, then member id. Assignments are known only while
	// the group is Stable.
	Members []Member
	// Partitions of all topics of the group that exist, by topic and number.
	Partitions []Partition
	// CommitsFirst: what was committed was read before the group was described, so that no
	// member that is not listed had committed anything.
	CommitsFirst bool
	// MissingTopics are topics of the group that the broker does not know, sorted.
	MissingTopics []string
}

// Member is one member of the group as the broker lists it.
type Member struct {
	InstanceID string // empty: a dynamic member
	MemberID   string
	ClientID   string
	// Host is where the client was when its instance id first joined: the broker keeps
	// that through a takeover.
	Host     string
	Assigned []TopicPartition // by topic and number
	// Left: it has closed in order, and its place is kept (KIP-848 only: a classic member
	// looks the same when it is gone).
	Left bool
	// Topics that it subscribes to, sorted, and the Rack that it says it is in. Known only
	// while the group is Stable; nil: not known.
	Topics []string
	Rack   string
}

// Age is that of the oldest record that waits for the group; unknown if it is on one
// partition, or if there are no partitions.
func (r *Reading) Age(now time.Time) (time.Duration, bool) {
	var oldest time.Duration
	for _, p := range r.Partitions {
		age, known := p.Age(now)
		if !known {
			return 0, false
		}
		oldest = max(oldest, age)
	}
	return oldest, len(r.Partitions) > 0
}
