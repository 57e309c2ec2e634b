package lag

import (
	"fmt"
	"strings"
	"time"
)

// Reset is what consumers do where there is no commit that they can go on from: their
// auto.offset.reset.
type Reset uint8

const (
	// ResetUnknown says that nobody has said.
	ResetUnknown Reset = iota
	// ResetEarliest says that they begin with the oldest record.
	ResetEarliest
	// ResetLatest says that they begin with the next record that comes, also where retention has
	// deleted what they would go on from.
	ResetLatest
)

// Partition is what was read about one partition.
type Partition struct {
	TopicPartition
	// Leader is the id of its broker; -1: none.
	Leader int32
	// Err says why the numbers are unknown. Empty: they are known.
	Err string
	// Committed is the group's committed offset; nil: none was ever committed.
	Committed *int64
	// Start and End of the log; Start may be from an earlier tick. With ReadCommitted, End
	// is that of what is stable: nothing behind it belongs to a transaction that is open.
	Start, End int64
	// Blank is how many offsets before the End are known to hold no record, and Skip how many
	// from the position on: the markers that end transactions, and with ReadCommitted what
	// was aborted.
	Blank, Skip int64
	// Reset and ReadCommitted are how the group's consumers read, as far as it was said.
	Reset         Reset
	ReadCommitted bool
	// Bound says whether the oldest record that waits is older than Rules.MaxAge.
	Bound Bound
	// Status is how the group does here, by this reading and those before.
	Status Status
	// Oldest is when the oldest record that waits was appended, estimated from the ends that
	// were seen. Zero: it is not known, or none waits.
	Oldest time.Time
	Rates  Rates
}

// Bound says whether a bound of age is kept.
type Bound uint8

const (
	// BoundUnknown says that there is none, or that nobody knows.
	BoundUnknown Bound = iota
	// BoundSeemsKept says that it is, if the records' timestamps are in order.
	BoundSeemsKept
	// BoundKept says that the oldest record that waits is not older.
	BoundKept
	// BoundBroken says that one is.
	BoundBroken
)

// Rates are in records per second, over the last minute or two.
type Rates struct {
	Produced, Consumed float32
	// Deleted is how quickly retention takes records away, over a day at most.
	Deleted float32
	// Known: the partition was watched for long enough.
	Known bool
}

// Lag is how many records wait on the partition: those that the group would process before
// it has nothing to do, if none came meanwhile. It is unknown where the numbers could not
// be read, and where records wait, there is no commit to go on from, and nobody has said
// what the consumers do then.
func (p Partition) Lag() (int64, bool) {
	if p.Err != "" || p.Topic == "" {
		return 0, false
	}
	at, known := p.place()
	if !known {
		return 0, false
	}
	return max(0, p.End-p.Blank-p.Skip-at), true
}

// Position is where the group stands: its commit, or the log's start if its commit was
// deleted by retention, or where it begins without one. If that is not known, it is the
// log's start.
func (p Partition) Position() int64 {
	at, _ := p.place()
	return at
}

func (p Partition) place() (at int64, known bool) {
	switch {
	case p.Committed != nil && *p.Committed < p.Start && p.Reset == ResetLatest:
		return p.End, true
	case p.Committed != nil && !p.outOfRange():
		return max(*p.Committed, p.Start), true
	case p.End == p.Start, p.Reset == ResetLatest:
		return p.End, true
	default:
		return p.Start, p.Reset == ResetEarliest
	}
}

// outOfRange: what is committed is beyond the log's end: the broker has lost what was
// there, or somebody set the offset. What is not stable is no sign of that: whoever said
// that the consumers read only what is may be wrong.
func (p Partition) outOfRange() bool {
	return p.Committed != nil && *p.Committed > p.End && !p.ReadCommitted
}

// Unplaced is why the lag is not known although everything was read; "" if that is not so.
func (p Partition) Unplaced() string {
	if _, known := p.place(); known || p.Err != "" || p.Topic == "" {
		return ""
	}
	if p.Committed != nil {
		return fmt.Sprintf("offset %d is committed on %s, and its log ends at %d", *p.Committed, p.TopicPartition, p.End)
	}
	return fmt.Sprintf("nothing was ever committed on %s, and %d records wait", p.TopicPartition, p.End-p.Start)
}

// Lost is how many records retention has deleted before the group had processed them. They
// are no lag any more.
func (p Partition) Lost() int64 {
	if p.Err != "" || p.Committed == nil {
		return 0
	}
	return max(0, min(p.Start, p.End-p.Blank)-*p.Committed)
}

// Runway is how long it takes, at the present rates, until retention deletes what the group
// has yet to process; 0 if it has begun to. There is none (false) where nothing waits, where
// retention does not come nearer, and where it is not known.
func (p Partition) Runway() (time.Duration, bool) {
	if p.Lost() > 0 {
		return 0, true
	}
	if strings.HasSuffix(p.Topic, purged) {
		return 0, false
	}
	behind, known := p.Lag()
	nearer := p.Rates.Deleted - p.Rates.Consumed
	if !known || behind == 0 || p.Committed == nil || !p.Rates.Known || nearer <= 0 {
		return 0, false
	}
	return inTime(p.Position()-p.Start, nearer), true
}

// purged is how the names of topics end from which Kafka Streams deletes what it has
// processed, up to its commit.
const purged = "-repartition"

// Drain is how long it takes, at the present rates, until nothing waits. There is no such
// time (false) if the lag does not become less, or is not known.
func (p Partition) Drain() (time.Duration, bool) {
	behind, known := p.Lag()
	less := p.Rates.Consumed - p.Rates.Produced
	switch {
	case !known || behind > 0 && (!p.Rates.Known || less <= 0):
		return 0, false
	case behind == 0:
		return 0, true
	}
	return inTime(behind, less), true
}

// longest is the longest time that is told: one that is longer is as good as never.
const longest = 10 * 365 * 24 * time.Hour

func inTime(records int64, perSecond float32) time.Duration {
	return time.Duration(min(float64(records)/float64(perSecond), longest.Seconds()) * float64(time.Second))
}

// Age is for how long the oldest record that waits has been there; 0 if none waits. It is
// unknown (false) if the lag is, and of records that came before anybody looked.
func (p Partition) Age(now time.Time) (time.Duration, bool) {
	if behind, known := p.Lag(); !known || behind == 0 {
		return 0, known
	}
	return max(0, now.Sub(p.Oldest)), !p.Oldest.IsZero()
}

// untouched: it was read, and nothing was ever committed.
func (p Partition) untouched() bool { return p.Err == "" && p.Topic != "" && p.Committed == nil }
