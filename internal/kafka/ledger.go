package kafka

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// The last versions of keys and values that are commits (OffsetCommitKey and
// OffsetCommitValue of Kafka's group coordinator). Keys of higher ones are about groups and
// members: classic ones, those of KIP-848, of share groups and of Kafka Streams.
const (
	lastCommitKey   = 1
	lastCommitValue = 4
)

// Commit is one as the group's coordinator wrote it down.
type Commit struct {
	Group          string
	TopicPartition lag.TopicPartition
	// Offset that was committed; it says nothing of one that was Deleted.
	Offset int64
	// At is when the coordinator took it, to a ms: in a transaction before it counted.
	At time.Time
	// Deleted: there is no commit any more. It was deleted, or expired, or its topic was
	// deleted.
	Deleted bool
}

// TailCounts is what a Tail has read.
type TailCounts struct {
	Records int64 // of any kind
	Commits int64 // that were told
	Junk    int64 // could not be read
}

// ledger makes commits of the topic's records.
type ledger struct {
	asked func(group string) bool
	told  func(Commit)
	// places is what the groups that are asked for commit to, by a record's key.
	places map[string]*place
	// open are commits of transactions that have not ended.
	open map[producer][]entry

	records, commits, junk atomic.Int64
}

// place is where a group commits to. There is one of each, so that a commit costs no
// memory.
type place struct {
	group string
	lag.TopicPartition
	last, lastAt int64 // position and time of the last commit that counted
}

// producer of transactions, in one partition of the topic.
type producer struct {
	partition int32
	id        int64
}

// entry is a commit in the topic.
type entry struct {
	place    *place
	position int64 // in the topic
	offset   int64
	at       int64 // ms since 1970
	deleted  bool
}

func newLedger(asked func(string) bool, told func(Commit)) *ledger {
	return &ledger{asked: asked, told: told, places: map[string]*place{}, open: map[producer][]entry{}}
}

// read takes the next record of a partition. Most of a large cluster's are of groups that
// nobody asks for: those cost no memory.
func (l *ledger) read(r *kgo.Record) {
	l.records.Add(1)
	if r.Attrs.IsControl() {
		l.end(r)
		return
	}
	e, wanted := l.entry(r)
	switch {
	case !wanted:
	case r.Attrs.IsTransactional():
		of := producer{r.Partition, r.ProducerID}
		l.open[of] = append(l.open[of], e)
	default:
		l.tell(e)
	}
}

// entry reads a commit of a group that is asked for.
func (l *ledger) entry(r *kgo.Record) (e entry, wanted bool) {
	if len(r.Key) >= 2 && int16(binary.BigEndian.Uint16(r.Key)) > lastCommitKey {
		return entry{}, false
	}
	var key kmsg.OffsetCommitKey
	if err := key.UnsafeReadFrom(r.Key); err != nil || key.Version < 0 || key.Partition < 0 {
		l.junk.Add(1)
		return entry{}, false
	}
	if !l.asked(key.Group) {
		return entry{}, false
	}
	if r.Value == nil {
		return entry{place: l.place(r.Key), position: r.Offset, at: r.Timestamp.UnixMilli(), deleted: true}, true
	}
	var value kmsg.OffsetCommitValue
	if err := value.UnsafeReadFrom(r.Value); err != nil || value.Version < 0 || value.Version > lastCommitValue || value.Offset < 0 {
		l.junk.Add(1)
		return entry{}, false
	}
	return entry{place: l.place(r.Key), position: r.Offset, offset: value.Offset, at: value.CommitTimestamp}, true
}

// place is what a key, which can be read, is about.
func (l *ledger) place(raw []byte) *place {
	if known := l.places[string(raw)]; known != nil {
		return known
	}
	var key kmsg.OffsetCommitKey
	_ = key.ReadFrom(raw)
	added := &place{group: key.Group, TopicPartition: lag.TopicPartition{Topic: key.Topic, Partition: key.Partition}, last: -1}
	l.places[string(raw)] = added
	return added
}

// end takes the record that ends a transaction. If that is committed, its commits count from
// now on.
func (l *ledger) end(r *kgo.Record) {
	var marker kmsg.ControlRecordKey
	if err := marker.ReadFrom(r.Key); err != nil {
		l.junk.Add(1)
		return
	}
	of := producer{r.Partition, r.ProducerID}
	ended := l.open[of]
	delete(l.open, of)
	if marker.Type != kmsg.ControlRecordKeyTypeCommit {
		return
	}
	for _, e := range slices.Backward(ended) {
		l.tell(e)
	}
}

// tell tells of a commit that counts. One that is before the last is not told: in a
// transaction it does not count if another one to the same partition, or its deletion, has
// followed (OffsetMetadataManager.replayEndTransactionMarker); others are read again after a
// failure. Of a log that was cut off the new end has lower positions and later times.
func (l *ledger) tell(e entry) {
	if e.position <= e.place.last && e.at <= e.place.lastAt {
		return
	}
	e.place.last, e.place.lastAt = e.position, e.at
	l.commits.Add(1)
	l.told(Commit{
		Group: e.place.group, TopicPartition: e.place.TopicPartition,
		Offset: e.offset, At: time.UnixMilli(e.at), Deleted: e.deleted,
	})
}

// forget drops what is kept of groups that are not asked for any more.
func (l *ledger) forget() {
	maps.DeleteFunc(l.places, func(_ string, p *place) bool { return !l.asked(p.group) })
}

// clear is for another topic.
func (l *ledger) clear() {
	clear(l.places)
	clear(l.open)
}

func (l *ledger) counts() TailCounts {
	return TailCounts{Records: l.records.Load(), Commits: l.commits.Load(), Junk: l.junk.Load()}
}
