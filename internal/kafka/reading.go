package kafka

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// read asks for everything about some groups, given by their topics. The order
// matters: who owns what is never younger than the offsets, but in some groups whose commits
// are asked for first, and a commit never younger than the end of its log, so that lag is
// never negative.
func (c *Collector) read(ctx context.Context, at time.Time, groups map[string]Target, commitsFirst map[string]bool) (Info, map[string]lag.Reading, error) {
	readings := make(map[string]lag.Reading, len(groups))
	info, topics, err := c.client.topics(ctx, union(groups, func(Target) bool { return true }))
	if err != nil {
		for name := range groups {
			readings[name] = lag.Reading{At: at, Err: err.Error()}
		}
		return Info{}, readings, err
	}
	partitions := make(map[string][]lag.TopicPartition, len(groups))
	var classic, consumer []string
	for _, name := range sortedKeys(groups) {
		partitions[name] = partitionsOf(groups[name].Topics, topics)
		if groups[name].Consumer {
			consumer = append(consumer, name)
		} else {
			classic = append(classic, name)
		}
	}

	first, later := maps.Clone(partitions), maps.Clone(partitions)
	maps.DeleteFunc(first, func(name string, _ []lag.TopicPartition) bool { return !commitsFirst[name] })
	maps.DeleteFunc(later, func(name string, _ []lag.TopicPartition) bool { return commitsFirst[name] })
	committed := c.client.committed(ctx, first)
	described := c.client.describe(ctx, classic)
	maps.Copy(described, c.client.describeConsumer(ctx, consumer))
	maps.Copy(committed, c.client.committed(ctx, later))
	c.readLogs(ctx, at, demanded(groups, topics), topics)

	for name, target := range groups {
		reading := lag.Reading{At: at, Brokers: info.Brokers, CommitsFirst: commitsFirst[name]}
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
		reading.Partitions = c.partitions(target, committed[name], topics)
		readings[name] = reading
	}
	c.findBlanks(ctx, at, readings, topics)
	c.checkBounds(ctx, at, groups, readings)
	return info, readings, nil
}

// partitions puts together what was read about a group's; what is not known of one makes
// all of it unknown. Of a group that is watched those count to which it has committed.
func (c *Collector) partitions(target Target, committed *commits, topics map[string]topic) []lag.Partition {
	all := make([]lag.Partition, 0, len(committed.partitions))
	values := make([]int64, len(committed.partitions)) // together, since they are kept for long
	level := target.isolation()
	for i, tp := range committed.partitions {
		log, commit := c.logs.at(tp), &committed.offsets[i]
		if target.Watched && commit.err == "" && commit.at == noCommit {
			continue
		}
		p := lag.Partition{
			TopicPartition: tp, Leader: topics[tp.Topic].leaders[tp.Partition],
			Reset: target.Reset, ReadCommitted: target.ReadCommitted,
		}
		for _, o := range []*offset{commit, &log.begin, &log.ends[level].offset} {
			if o.err != "" {
				p.Err = o.err
				break
			}
		}
		if p.Err == "" {
			p.Start, p.End = log.begin.at, log.ends[level].at
			if commit.at != noCommit {
				values[i] = commit.at
				p.Committed = &values[i]
			}
		}
		all = append(all, p)
	}
	return all
}

// union of some groups' topics, in order.
func union(groups map[string]Target, of func(Target) bool) []string {
	var all []string
	for _, target := range groups {
		if of(target) {
			all = append(all, target.Topics...)
		}
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
