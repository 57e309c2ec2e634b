package kafka

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// logBegin is where a log begins, as read last. That changes with retention
// only, so it is asked for at longer intervals.
type logBegin struct {
	offset int64
	topic  [16]byte // the topic's id: one that was deleted and made again begins anew
	readAt time.Time
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
	ends := c.client.offsets(ctx, logEnd, all)
	begins := c.logStarts(ctx, at, all, topics)

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

// logStarts is where logs begin: as it was read last, or read again for all of
// them if for one that is long ago or never was. Starts and ends cannot share a
// request: a partition may be in it once only.
func (c *Collector) logStarts(ctx context.Context, at time.Time, partitions []lag.TopicPartition, topics map[string]topic) map[lag.TopicPartition]offset {
	all := make(map[lag.TopicPartition]offset, len(partitions))
	for _, tp := range partitions {
		begin, ok := c.begins[tp]
		if !ok || begin.topic != topics[tp.Topic].id || at.Sub(begin.readAt) >= c.opts.StartsInterval {
			break
		}
		all[tp] = offset{at: begin.offset}
	}
	if len(all) == len(partitions) {
		return all
	}
	all = c.client.offsets(ctx, logStart, partitions)
	for tp, o := range all {
		delete(c.begins, tp)
		if o.err == "" {
			c.begins[tp] = logBegin{offset: o.at, topic: topics[tp.Topic].id, readAt: at}
		}
	}
	maps.DeleteFunc(c.begins, func(_ lag.TopicPartition, b logBegin) bool {
		return at.Sub(b.readAt) > 2*c.opts.StartsInterval // of groups that are not read any more
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
