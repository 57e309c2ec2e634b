package kafka

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// readLog is a partition's log, as it was read last.
type readLog struct {
	topic [16]byte // the topic's id: one that was deleted and made again has another log
	// begin is where it begins. That changes with retention only, so it is asked for at
	// longer intervals: beginAt is when, zero if it is not known.
	begin   int64
	beginAt time.Time
	ends    lag.Ends
	readAt  time.Time
}

// read asks for everything about some groups, given by their topics. The order
// matters: who owns what is never younger than the offsets, and a commit never
// younger than the end of its log, so that lag is never negative.
func (c *Collector) read(ctx context.Context, at time.Time, groups map[string]Target) (Info, map[string]lag.Reading, error) {
	readings := make(map[string]lag.Reading, len(groups))
	info, topics, err := c.client.topics(ctx, union(groups))
	if err != nil {
		for name := range groups {
			readings[name] = lag.Reading{At: at, Err: err.Error()}
		}
		return Info{}, readings, err
	}
	partitions := make(map[string][]lag.TopicPartition, len(groups))
	var all []lag.TopicPartition
	var classic, consumer []string
	for _, name := range sortedKeys(groups) {
		partitions[name] = partitionsOf(groups[name].Topics, topics)
		if groups[name].Consumer {
			consumer = append(consumer, name)
		} else {
			classic = append(classic, name)
		}
		all = append(all, partitions[name]...)
	}
	slices.SortFunc(all, lag.TopicPartition.Compare)
	all = slices.Compact(all)

	described := c.client.describe(ctx, classic)
	maps.Copy(described, c.client.describeConsumer(ctx, consumer))
	committed := c.client.committed(ctx, partitions)
	begins, ends := c.readLogs(ctx, at, all, topics)

	for name, target := range groups {
		reading := lag.Reading{At: at, Brokers: info.Brokers}
		for _, t := range target.Topics {
			switch {
			case topics[t].err != "":
				reading.Err = topics[t].err
			case topics[t].missing:
				reading.MissingTopics = append(reading.MissingTopics, t)
			}
		}
		if d := described[name]; d.err != "" {
			reading.Err = d.err
		} else {
			reading.State, reading.Assignor, reading.Epoch = d.state, d.assignor, d.epoch
			reading.Coordinator, reading.Members, reading.Tasks = d.coordinator, d.members, d.tasks
		}
		if reading.Err != "" {
			readings[name] = lag.Reading{At: at, Err: reading.Err}
			continue
		}
		for _, tp := range partitions[name] {
			p := partition(tp, committed[name][tp], begins[tp], ends[tp])
			p.Leader = topics[tp.Topic].leaders[tp.Partition]
			reading.Partitions = append(reading.Partitions, p)
		}
		readings[name] = reading
	}
	return info, readings, nil
}

// partition puts together what was read about one; what is not known of it
// makes all of it unknown.
func partition(tp lag.TopicPartition, committed, start, end offset) lag.Partition {
	p := lag.Partition{TopicPartition: tp}
	for _, o := range []offset{committed, start, end} {
		if o.err != "" {
			p.Err = o.err
			return p
		}
	}
	p.Start, p.End = start.at, end.at
	if committed.at != noCommit {
		p.Committed = &committed.at
	}
	return p
}

// readLogs reads where logs begin and end, and remembers the ends.
func (c *Collector) readLogs(
	ctx context.Context, at time.Time, partitions []lag.TopicPartition, topics map[string]topic,
) (begins, ends map[lag.TopicPartition]offset) {
	ends = c.client.offsets(ctx, logEnd, partitions)
	c.openLogs(at, partitions, topics)
	for tp, end := range ends {
		if end.err == "" {
			c.logs[tp].ends.Add(at, end.at)
		}
	}
	return c.logStarts(ctx, at, partitions), ends
}

// openLogs makes those known that are read.
func (c *Collector) openLogs(at time.Time, partitions []lag.TopicPartition, topics map[string]topic) {
	for _, tp := range partitions {
		log, id := c.logs[tp], topics[tp.Topic].id
		if log == nil || log.topic != id {
			log = &readLog{topic: id}
			c.logs[tp] = log
		}
		log.readAt = at
	}
}

// endsOf a log that was read; nil for others.
func (c *Collector) endsOf(tp lag.TopicPartition) *lag.Ends {
	if log := c.logs[tp]; log != nil {
		return &log.ends
	}
	return nil
}

// logStarts is where logs begin: as it was read last, or read again for all of
// them if for one that is long ago or never was. Starts and ends cannot share a
// request: a partition may be in it once only.
func (c *Collector) logStarts(ctx context.Context, at time.Time, partitions []lag.TopicPartition) map[lag.TopicPartition]offset {
	all := make(map[lag.TopicPartition]offset, len(partitions))
	for _, tp := range partitions {
		log := c.logs[tp]
		if log.beginAt.IsZero() || at.Sub(log.beginAt) >= c.opts.StartsInterval {
			return c.readStarts(ctx, at, partitions)
		}
		all[tp] = offset{at: log.begin}
	}
	return all
}

func (c *Collector) readStarts(ctx context.Context, at time.Time, partitions []lag.TopicPartition) map[lag.TopicPartition]offset {
	all := c.client.offsets(ctx, logStart, partitions)
	for tp, o := range all {
		log := c.logs[tp]
		log.begin, log.beginAt = o.at, at
		if o.err != "" {
			log.beginAt = time.Time{}
		}
	}
	maps.DeleteFunc(c.logs, func(_ lag.TopicPartition, log *readLog) bool {
		return at.Sub(log.readAt) > 2*c.opts.StartsInterval // of groups that are not read any more
	})
	return all
}

// union of the groups' topics, in order.
func union(groups map[string]Target) []string {
	var all []string
	for _, target := range groups {
		all = append(all, target.Topics...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// partitionsOf topics that exist, in order.
func partitionsOf(names []string, topics map[string]topic) []lag.TopicPartition {
	var all []lag.TopicPartition
	for _, name := range names {
		for _, p := range topics[name].partitions {
			all = append(all, lag.TopicPartition{Topic: name, Partition: p})
		}
	}
	return all
}
