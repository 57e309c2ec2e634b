package lag

import "fmt"

// Status is how a group does on a partition, or on all of its partitions, in the words of
// Burrow, and in the order of their weight.
type Status uint8

const (
	// StatusUnknown says that it cannot be told, or not yet.
	StatusUnknown Status = iota
	// StatusOK is that of a group that keeps up, or did within the window, or catches up.
	StatusOK
	// StatusWarn is that of one that works, and falls behind.
	StatusWarn
	// StatusErr is a group's, of whose partitions one is stopped, stalled or rewound.
	StatusErr
	// StatusStop says that nothing is committed any more.
	StatusStop
	// StatusStall says that the same offset is committed again and again, and records wait.
	StatusStall
	// StatusRewind says that an offset was committed that is before an earlier one, and that
	// the group has not come back to that since.
	StatusRewind
)

var statusNames = [...]string{"UNKNOWN", "OK", "WARN", "ERR", "STOP", "STALL", "REWIND"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", s)
}

// GroupStatus is the status of a group with these on its partitions. One in which
// something is wrong is wrong whatever is unknown besides; of none without partitions
// anything is known.
func GroupStatus(partitions ...Status) Status {
	worst, known := StatusUnknown, len(partitions) > 0
	for _, s := range partitions {
		known = known && s != StatusUnknown
		worst = max(worst, min(s, StatusErr))
	}
	if !known && worst != StatusErr {
		return StatusUnknown
	}
	return worst
}
