// Package membership holds what follows from how a group's members are named
// and how partitions are shared among them. It is pure: values in, values out.
package membership

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// maxInstanceID is how long Kafka's clients allow a group.instance.id to be, in
// characters (Java: Topic.MAX_NAME_LENGTH; the broker checks classic ids not at
// all).
const maxInstanceID = 249

// assignorRange is the one assignor that shares each topic on its own.
const assignorRange = "Range"

// InstanceID is the group.instance.id of the slot with an ordinal.
//
// Brokers and assignors sort ids as text: the padding keeps text order and
// numeric order the same for up to 10,000 slots.
func InstanceID(prefix string, ordinal int32) string {
	digits := strconv.Itoa(int(ordinal))
	return prefix + "-" + "0000"[min(len(digits), 4):] + digits
}

// Ordinal is the ordinal of the slot whose instance id this is; false if the id
// belongs to no slot with the prefix.
func Ordinal(prefix, id string) (int32, bool) {
	digits, ok := strings.CutPrefix(id, prefix+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 0 || InstanceID(prefix, int32(n)) != id {
		return 0, false
	}
	return int32(n), true
}

// DefaultPrefix is the prefix of the instance ids of a ConsumerGroup that names
// none: its name and five hex digits of cluster, namespace and name, so that two
// clusters or namespaces that consume as one group cannot fence each other.
func DefaultPrefix(clusterUID, namespace, name string) string {
	// A newline is in no UID and no name, so no two triples are hashed alike.
	sum := sha256.Sum256([]byte(clusterUID + "\n" + namespace + "\n" + name))
	suffix := "-" + hex.EncodeToString(sum[:])[:5]
	room := maxInstanceID - len(suffix) - len(InstanceID("", 0))
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
