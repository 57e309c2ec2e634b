package main

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

const (
	// laneFull is from how many polled records on a partition is fetched no more,
	// and laneLow from how few on it is fetched again.
	laneFull = 1000
	laneLow  = 200
)

// partition names a partition.
type partition struct {
	topic  string
	number int32
}

// offsets are next offsets to be consumed.
type offsets map[string]map[int32]kgo.EpochOffset

// lane holds what was polled of one partition and not processed, and what was
// processed and not reported.
type lane struct {
	waiting []polled
	paused  bool
	// run is the open "processed" entry; its Count is 0 when there is none.
	run journal.Entry
	// next is one past the last processed record, committed what the group was
	// told of it.
	next      kgo.EpochOffset
	committed int64
}

// polled is what of a record matters here: this program's work is to wait.
type polled struct {
	offset int64
	epoch  int32
	// ends marks the last record of a poll's batch.
	ends bool
}

// backlog is the work of all partitions that this member owns. It is fair: each
// has its turn, one record at a time. A partition's records are processed, and
// reported, only between its assign and its release.
//
// Its functions are called while it is locked: a pause and the resumption that
// follows it must not overtake one another.
type backlog struct {
	report func(journal.Entry)
	// fetch says whether to go on fetching a partition.
	fetch func(p partition, on bool)
	// everyRecord reports each record by itself, too.
	everyRecord bool
	// arrived says that there may be work.
	arrived chan struct{}

	mu    sync.Mutex
	lanes map[partition]*lane
	turns []partition // the keys of lanes, in the order of their turns
}

func newBacklog(report func(journal.Entry), fetch func(partition, bool)) *backlog {
	return &backlog{report: report, fetch: fetch, arrived: make(chan struct{}, 1), lanes: map[partition]*lane{}}
}

// assign begins with partitions.
func (b *backlog) assign(assigned map[string][]int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic, numbers := range assigned {
		for _, number := range numbers {
			b.lanes[partition{topic, number}] = &lane{committed: -1}
		}
	}
	b.orderTurns()
}

// release ends with partitions: it drops what waits, and gives back what was
// processed and is not committed yet.
func (b *backlog) release(revoked map[string][]int32) offsets {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := offsets{}
	for topic, numbers := range revoked {
		for _, number := range numbers {
			p := partition{topic, number}
			l := b.lanes[p]
			if l == nil {
				continue
			}
			if l.paused {
				b.fetch(p, true)
			}
			b.endRun(l)
			l.addUncommitted(p, left)
			delete(b.lanes, p)
		}
	}
	b.orderTurns()
	return left
}

func (b *backlog) orderTurns() {
	b.turns = slices.SortedFunc(maps.Keys(b.lanes), func(a, c partition) int {
		return cmp.Or(cmp.Compare(a.topic, c.topic), cmp.Compare(a.number, c.number))
	})
}

// add takes a poll's batch of one partition.
func (b *backlog) add(p partition, records []*kgo.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lanes[p]
	if l == nil || len(records) == 0 {
		return
	}
	for _, r := range records {
		l.waiting = append(l.waiting, polled{offset: r.Offset, epoch: r.LeaderEpoch})
	}
	l.waiting[len(l.waiting)-1].ends = true
	select {
	case b.arrived <- struct{}{}:
	default:
	}
	if !l.paused && len(l.waiting) >= laneFull {
		l.paused = true
		b.fetch(p, false)
	}
}

// process does one record of the partition whose turn it is, if there is any.
func (b *backlog) process(now time.Time) (done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range b.turns {
		l := b.lanes[p]
		if len(l.waiting) == 0 {
			continue
		}
		b.turns = slices.Concat(b.turns[i+1:], b.turns[:i+1])
		record := l.waiting[0]
		l.waiting = l.waiting[1:]
		b.enter(p, l, record, now.UnixMilli())
		if l.paused && len(l.waiting) <= laneLow {
			l.paused = false
			b.fetch(p, true)
		}
		return true
	}
	return false
}

// enter books a record as processed.
func (b *backlog) enter(p partition, l *lane, record polled, at int64) {
	if b.everyRecord {
		b.report(journal.Entry{
			Event: journal.Record, Topic: p.topic, Partition: p.number,
			First: record.offset, Last: record.offset, Count: 1, FirstMS: at, LastMS: at,
		})
	}
	if l.run.Count == 0 {
		l.run = journal.Entry{Event: journal.Processed, Topic: p.topic, Partition: p.number, First: record.offset, FirstMS: at}
	}
	l.run.Last, l.run.LastMS = record.offset, at
	l.run.Count++
	l.next = kgo.EpochOffset{Epoch: record.epoch, Offset: record.offset + 1}
	if record.ends {
		b.endRun(l)
	}
}

func (b *backlog) endRun(l *lane) {
	if l.run.Count > 0 {
		b.report(l.run)
		l.run = journal.Entry{}
	}
}

// uncommitted is what was processed and is not committed. All of it has been
// reported before it is returned: a commit never covers more than the journal.
func (b *backlog) uncommitted() offsets {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := offsets{}
	for _, p := range b.turns {
		b.endRun(b.lanes[p])
		b.lanes[p].addUncommitted(p, all)
	}
	return all
}

func (l *lane) addUncommitted(p partition, to offsets) {
	if l.next.Offset == 0 || l.next.Offset == l.committed {
		return
	}
	if to[p.topic] == nil {
		to[p.topic] = map[int32]kgo.EpochOffset{}
	}
	to[p.topic][p.number] = l.next
}

// commit books offsets as committed.
func (b *backlog) commit(done offsets) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic, numbers := range done {
		for number, offset := range numbers {
			if l := b.lanes[partition{topic, number}]; l != nil {
				l.committed = offset.Offset
			}
		}
	}
}

// pace spreads records evenly over time.
type pace struct {
	interval time.Duration // 0 for no limit
	due      time.Time
}

// catchUp is how much lost time a pace makes good for, so that timers that fire
// late do not lower the rate and an idle spell does not end in a flood.
const catchUp = 50 * time.Millisecond

func newPace(perSecond float64) pace {
	if perSecond == 0 {
		return pace{}
	}
	return pace{interval: time.Duration(float64(time.Second) / perSecond)}
}

// next books one record and says when the one after it is due.
func (p *pace) next(now time.Time) time.Time {
	if p.interval == 0 {
		return now
	}
	if earliest := now.Add(-catchUp); p.due.Before(earliest) {
		p.due = earliest
	}
	p.due = p.due.Add(p.interval)
	return p.due
}
