// Package membership holds what follows from how a group's members are named
// and how partitions are shared among them. It is pure: values in, values out.
package membership

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// maxInstanceID is how long Kafka's clients allow a group.instance.id to be, in
// characters (Java: Topic.MAX_NAME_LENGTH; the broker checks classic ids not at
// all).
const maxInstanceID = 249

// assignorRange is the one assignor that shares each topic on its own.
const assignorRange = "Range"

// Naming is how the members of a group are named: a slot has one instance id for
// each consumer in its pod.
type Naming struct {
	// Prefix of all instance ids.
	Prefix string
	// PerPod is how many consumers run in each pod; 0 means 1.
	PerPod int32
	// Numbered: the clients append a number to the id that they are given even where
	// there is one consumer in a pod, as spring-kafka does.
	Numbered bool
	// FirstNumber is the one of the first consumer in a pod: 1 with Kafka Streams, else
	// 0.
	FirstNumber int32
	// Lane of ids: Plain, or Second for those beside them.
	Lane string
}

// Every slot has two lanes of ids, so that two pods of it can be members side by side
// while one hands over to the other (handover Overlap). The plain ids are one of them:
// a group that never overlaps keeps them, and one that begins to needs no third lane and
// no step in between. The other one is the plain id with -b after it. Of two texts the
// shorter comes first, and a letter after every digit, so that all ids of a slot stay
// between those of its neighbours, whatever lane those use: by Range a slot keeps its
// place.
const (
	Plain  = ""
	Second = "b"
)

// OtherLane is the one beside a lane.
func OtherLane(lane string) string {
	if lane == Plain {
		return Second
	}
	return Plain
}

// In is the same naming in one of the lanes.
func (n Naming) In(lane string) Naming {
	n.Lane = lane
	return n
}

// Base is what the pod of the slot with an ordinal is given as its instance id.
//
// Brokers and assignors sort ids as text: the padding keeps text order and
// numeric order the same for up to 10,000 slots.
func (n Naming) Base(ordinal int32) string {
	digits := strconv.Itoa(int(ordinal))
	base := n.Prefix + "-" + "0000"[min(len(digits), 4):] + digits
	if n.Lane != Plain {
		base += "-" + n.Lane
	}
	return base
}

// IDs are the instance ids of the members of a slot: the base if there is one that
// appends nothing, else the base and a number for each consumer. The ids of a slot
// are neighbours in text order, whatever theirs is among themselves.
func (n Naming) IDs(ordinal int32) []string {
	base := n.Base(ordinal)
	if n.consumers() == 1 && !n.Numbered {
		return []string{base}
	}
	ids := make([]string, n.consumers())
	for i := range ids {
		ids[i] = base + "-" + strconv.Itoa(int(n.FirstNumber)+i)
	}
	return ids
}

// Stray says whether an id begins as those of a slot do and is none of them, in either
// lane, and which slot that is: the slot's program runs other consumers than it should,
// or names them otherwise.
func (n Naming) Stray(id string) (ordinal int32, stray bool) {
	rest, ok := strings.CutPrefix(id, n.Prefix+"-")
	digits, _, _ := strings.Cut(rest, "-")
	number, err := strconv.ParseInt(digits, 10, 32)
	slot, plain := int32(number), n.In(Plain)
	if !ok || err != nil || plain.Base(slot) != n.Prefix+"-"+digits {
		return 0, false
	}
	return slot, !slices.Contains(plain.IDs(slot), id) && !slices.Contains(n.In(Second).IDs(slot), id)
}

// Slots is how many slots so many members are in.
func (n Naming) Slots(members int32) int32 {
	return (members + n.consumers() - 1) / n.consumers()
}

func (n Naming) consumers() int32 { return max(1, n.PerPod) }

// DefaultPrefix is the prefix of the instance ids of a ConsumerGroup that names
// none: its name and five hex digits of cluster, namespace and name, so that two
// clusters or namespaces that consume as one group cannot fence each other.
func DefaultPrefix(clusterUID, namespace, name string) string {
	// A newline is in no UID and no name, so no two triples are hashed alike.
	sum := sha256.Sum256([]byte(clusterUID + "\n" + namespace + "\n" + name))
	suffix := "-" + hex.EncodeToString(sum[:])[:5]
	room := maxInstanceID - len(suffix) - len(Naming{}.Base(0))
	if len(name) > room {
		name = name[:room]
	}
	return name + suffix
}

// CanOwn is how many members can own a partition, given how many partitions
// each subscribed topic has. Any further member is idle.
//
// Range shares each topic on its own, always beginning with the first member, so
// the topic with the most partitions decides; the others share all partitions
// together.
func CanOwn(assignor string, partitions map[string]int32) int32 {
	var most, sum int32
	for _, n := range partitions {
		most = max(most, n)
		sum += n
	}
	if assignor == assignorRange {
		return most
	}
	return sum
}
