package kafka

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// boundRounds is how many different bounds a partition is asked about in a tick.
const boundRounds = 8

// checkBounds finds out where the oldest record that waits is older than its group allows,
// by the records' timestamps: the first record of the log that is not older comes after it,
// or there is none. A request has a partition once only: groups with other bounds are asked about
// in another one.
func (c *Collector) checkBounds(ctx context.Context, at time.Time, groups map[string]Target, readings map[string]lag.Reading) {
	left := map[lag.TopicPartition][]time.Duration{} // bounds by partition
	waits := func(check func(p *lag.Partition, bound time.Duration)) {
		for _, name := range sortedKeys(readings) {
			bound := groups[name].Rules.MaxAge
			for i := range readings[name].Partitions {
				p := &readings[name].Partitions[i]
				if behind, _ := p.Lag(); bound > 0 && behind > 0 {
					check(p, bound)
				}
			}
		}
	}
	waits(func(p *lag.Partition, bound time.Duration) {
		left[p.TopicPartition] = append(left[p.TopicPartition], bound)
	})
	type question struct {
		lag.TopicPartition
		bound time.Duration
	}
	answers := map[question]offset{}
	for range boundRounds {
		maps.DeleteFunc(left, func(_ lag.TopicPartition, bounds []time.Duration) bool { return len(bounds) == 0 })
		if len(left) == 0 {
			break
		}
		round := map[lag.TopicPartition]time.Duration{}
		for tp, bounds := range left {
			round[tp] = bounds[0]
			left[tp] = slices.DeleteFunc(bounds, func(b time.Duration) bool { return b == round[tp] })
		}
		ask := listing{timestamp: func(tp lag.TopicPartition) int64 { return at.Add(-round[tp]).UnixMilli() }}
		c.client.offsets(ctx, ask, slices.SortedFunc(maps.Keys(round), lag.TopicPartition.Compare), func(tp lag.TopicPartition, o offset) {
			answers[question{tp, round[tp]}] = o
		})
	}
	waits(func(p *lag.Partition, bound time.Duration) {
		young, asked := answers[question{p.TopicPartition, bound}]
		switch first := p.Position() + p.Skip; {
		case !asked || young.err != "":
		case young.at < 0 || young.at > first:
			p.Bound = lag.BoundBroken
		case young.at == first:
			p.Bound = lag.BoundKept
		default: // one before it is young enough
			p.Bound = lag.BoundSeemsKept
		}
	})
}
