package kafka

import "encoding/binary"

const (
	// streams is what Kafka Streams calls its assignor (StreamsPartitionAssignor.name).
	streams = "stream"
	// firstCommonVersion and firstTopologyVersion are those of the assignment's format
	// from which on it says which version all members know, and which topology a task
	// is of (StreamsAssignmentProtocolVersions).
	firstCommonVersion   = 3
	firstTopologyVersion = 10
	lastVersion          = 11
)

// task of Kafka Streams: a partition of each source topic of a part of the topology.
type task struct {
	subtopology, partition int32
	topology               string
}

// addTasks adds a member's active tasks, with which the user data of its assignment
// begins (AssignmentInfo.encode), and says whether they could be read.
func addTasks(all map[task]bool, userData []byte) bool {
	in := words{left: userData}
	version := in.number()
	if version < 1 || version > lastVersion {
		return false
	}
	if version >= firstCommonVersion {
		in.number()
	}
	// A task is listed once for each of its partitions.
	for range in.number() {
		t := task{subtopology: in.number(), partition: in.number()}
		if version >= firstTopologyVersion {
			t.topology = in.text()
		}
		if in.short {
			return false
		}
		all[t] = true
	}
	return !in.short
}

// words reads what a DataOutputStream of Java wrote.
type words struct {
	left  []byte
	short bool
}

func (w *words) number() int32 {
	if len(w.left) < 4 {
		w.short, w.left = true, nil
		return 0
	}
	n := binary.BigEndian.Uint32(w.left)
	w.left = w.left[4:]
	return int32(n)
}

// text is a number of characters of two bytes each.
func (w *words) text() string {
	size := 2 * int(w.number())
	if size < 0 || size > len(w.left) {
		w.short, w.left = true, nil
		return ""
	}
	text := string(w.left[:size])
	w.left = w.left[size:]
	return text
}
