package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// What ends a transaction takes an offset, and so does what was aborted. A group that has
// read everything is some offsets behind then, and stays so until the next record comes.
// Whether a few offsets hold a record is seen by looking at them, where a log stands.

const (
	// blanksWithin is how many offsets at the end of a log are looked at, at most.
	blanksWithin = 200
	// blankBytes of a partition are asked for, and blankBytesInAll of a broker.
	blankBytes, blankBytesInAll = 16 << 10, 1 << 20
	// looksAtOnce is how many partitions are looked at in a tick.
	looksAtOnce = 1000
)

// tail is what is known of the offsets before an end.
type tail struct {
	end int64
	// from this one on there is no record.
	from int64
	// record is an offset that holds one, or would not be shown; or nothing.
	record int64
	// gapFrom, and what follows it up to gapTo, is what was found before an earlier end.
	gapFrom, gapTo int64
	// askAgain is when it may be looked at again after somebody said no.
	askAgain time.Time
}

const nothing = -1

// endsAt begins anew at another end: the log stands if it is the same the next time.
func (t *tail) endsAt(end int64) {
	if t.end == end {
		return
	}
	switch {
	case end < t.end: // the broker has lost what was there
		t.gapFrom, t.gapTo = 0, 0
	case t.from < t.end:
		t.gapFrom, t.gapTo = t.from, t.end
	}
	t.end, t.from, t.record = end, end, nothing
}

// skip is how many offsets from a position on are known to hold no record, before others
// that may.
func (t *tail) skip(position int64) int64 {
	if position < t.gapFrom || position >= t.gapTo {
		return 0
	}
	return t.gapTo - position
}

// look is where a log is looked at, and what for.
type look struct {
	tail *tail
	id   [16]byte
	at   int64 // the first offset
}

// findBlanks looks at the ends of logs that stand, with less than blanksWithin offsets that
// a group has not committed, and says in the readings which of them hold no record.
func (c *Collector) findBlanks(ctx context.Context, at time.Time, readings map[string]lag.Reading, topics map[string]topic) {
	looks := [isolations]map[lag.TopicPartition]look{{}, {}}
	tails := func(visit func(p *lag.Partition, level isolation, t *tail)) {
		for _, reading := range readings {
			for i := range reading.Partitions {
				if p := &reading.Partitions[i]; p.Err == "" {
					level := levelOf(p.ReadCommitted)
					visit(p, level, &c.logs.at(p.TopicPartition).ends[level].tail)
				}
			}
		}
	}
	tails(func(p *lag.Partition, level isolation, t *tail) {
		behind, known := p.Lag()
		at, may := p.Position(), at.After(t.askAgain)
		if !known || behind == 0 || !may || t.end != p.End || p.End-at > blanksWithin || at >= t.from || at <= t.record {
			return
		}
		other, asked := looks[level][p.TopicPartition]
		if enough := len(looks[level]) >= looksAtOnce; !asked && !enough || asked && at < other.at {
			looks[level][p.TopicPartition] = look{tail: t, id: topics[p.Topic].id, at: at}
		}
	})
	for level, of := range looks {
		c.look(ctx, at, isolation(level), of, topics)
	}
	tails(func(p *lag.Partition, _ isolation, t *tail) {
		t.endsAt(p.End)
		p.Blank, p.Skip = p.End-t.from, t.skip(p.Position())
	})
}

func levelOf(readsCommitted bool) isolation {
	if readsCommitted {
		return readCommitted
	}
	return readUncommitted
}

// look asks the partitions' leaders for what is there. What is not answered is asked again
// in the next tick.
func (c *Collector) look(ctx context.Context, now time.Time, level isolation, looks map[lag.TopicPartition]look, topics map[string]topic) {
	leaders := map[int32][]lag.TopicPartition{}
	for _, tp := range slices.SortedFunc(maps.Keys(looks), lag.TopicPartition.Compare) {
		leader := topics[tp.Topic].leaders[tp.Partition]
		leaders[leader] = append(leaders[leader], tp)
	}
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	var asking sync.WaitGroup
	for leader, partitions := range leaders {
		asking.Go(func() {
			resp, err := c.client.kgo.Broker(int(leader)).RetriableRequest(ctx, peek(level, partitions, looks))
			if err == nil {
				readLooks(resp.(*kmsg.FetchResponse), now.Add(c.opts.StartsInterval), partitions, looks)
			}
		})
	}
	asking.Wait()
}

// readLooks reads what was asked of one broker. It may be done for several at a time: each
// has other partitions. What may not be read is not asked again before a time.
func readLooks(resp *kmsg.FetchResponse, askAgain time.Time, partitions []lag.TopicPartition, looks map[lag.TopicPartition]look) {
	names := map[[16]byte]string{}
	for _, tp := range partitions {
		names[looks[tp].id] = tp.Topic
	}
	for _, t := range resp.Topics {
		name := t.Topic
		if name == "" { // since version 13 there is its id
			name = names[t.TopicID]
		}
		for i := range t.Partitions {
			p := &t.Partitions[i]
			tp := lag.TopicPartition{Topic: name, Partition: p.Partition}
			if _, asked := slices.BinarySearchFunc(partitions, tp, lag.TopicPartition.Compare); !asked {
				continue
			}
			switch l := looks[tp]; {
			case kerr.IsRetriable(kerr.ErrorForCode(p.ErrorCode)): // its leader has changed
			case p.ErrorCode != 0:
				l.tail.askAgain = askAgain
			case len(p.RecordBatches) > 0:
				l.tail.read(l.at, p)
			}
		}
	}
}

// peek asks for the records at some offsets, without waiting for any.
func peek(level isolation, partitions []lag.TopicPartition, looks map[lag.TopicPartition]look) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.IsolationLevel, req.MaxBytes = int8(level), blankBytesInAll
	for _, t := range byTopic(partitions) {
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic = t.name
		for _, p := range t.partitions {
			at := looks[lag.TopicPartition{Topic: t.name, Partition: p}]
			rp := kmsg.NewFetchRequestTopicPartition()
			rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = p, at.at, blankBytes
			rt.TopicID, rt.Partitions = at.id, append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	return req
}

// read finds the last record from an offset on. If not everything up to the end was
// answered nothing is said about what follows it.
func (t *tail) read(from int64, answer *kmsg.FetchResponseTopicPartition) {
	aborted := slices.Clone(answer.AbortedTransactions)
	slices.SortFunc(aborted, func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	open := map[int64]bool{} // producers whose transaction goes on, and will be aborted
	next, last := from, int64(nothing)
	for batch := range batches(answer.RecordBatches) {
		if batch.first >= t.end {
			break // it came meanwhile
		}
		for len(aborted) > 0 && aborted[0].FirstOffset <= batch.last {
			open[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		switch {
		case batch.control:
			delete(open, batch.producer)
		case !batch.transactional || !open[batch.producer]:
			last = batch.last
		}
		next = batch.last + 1
	}
	switch {
	case next >= t.end:
		t.from, t.record = min(max(from, last+1), t.end), last
	case last != nothing:
		t.record = last
	default:
		t.record = from // more than that is not looked at
	}
}

// batch is what the head of one says (RecordBatch, since magic 2).
type batch struct {
	first, last            int64 // offsets
	producer               int64
	transactional, control bool
}

const (
	batchHead       = 61 // bytes
	magicAt         = 16
	magic           = 2
	isTransactional = 1 << 4
	isControl       = 1 << 5
)

// batches are those that are there from their head on, whole or not.
func batches(raw []byte) func(yield func(batch) bool) {
	return func(yield func(batch) bool) {
		for len(raw) >= batchHead {
			first, length := int64(binary.BigEndian.Uint64(raw)), int64(binary.BigEndian.Uint32(raw[8:]))
			b := batch{first: first, last: first}
			if raw[magicAt] >= magic {
				attributes := binary.BigEndian.Uint16(raw[21:])
				b.last += int64(binary.BigEndian.Uint32(raw[23:]))
				b.producer = int64(binary.BigEndian.Uint64(raw[43:]))
				b.transactional, b.control = attributes&isTransactional != 0, attributes&isControl != 0
			}
			if !yield(b) {
				return
			}
			raw = raw[min(int64(len(raw)), 12+max(length, batchHead-12)):]
		}
	}
}
