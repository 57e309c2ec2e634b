package kafka

import (
	"context"
	"maps"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// readLog is a partition's log, as it was read last.
type readLog struct {
	topic [16]byte // the topic's id: one that was deleted and made again has another log
	// begin is where it begins. That changes with retention only, so it is asked for at
	// longer intervals: beginAt is when, zero if it is not known.
	begin   offset
	beginAt time.Time
	starts  lag.Ends
	ends    [isolations]*readEnd // nil: nobody reads so
	readAt  time.Time
}

// readEnd is where a log ends for consumers of an isolation level.
type readEnd struct {
	offset
	past lag.Ends
	tail tail
}

// end is an end of a log as it was answered.
func end(answer offset) offset {
	if answer.err == "" && answer.at < 0 {
		return impossible(answer.at)
	}
	return answer
}

// demand is the partitions that are read, in order, and those of them whose stable end is
// wanted, or the other one.
type demand struct {
	partitions []lag.TopicPartition
	ends       [isolations][]lag.TopicPartition
}

// demanded is what some groups want to have read of topics.
func demanded(groups map[string]Target, topics map[string]topic) demand {
	var d demand
	d.partitions = partitionsOf(union(groups, func(Target) bool { return true }), topics)
	for level := range isolations {
		d.ends[level] = partitionsOf(union(groups, func(t Target) bool { return t.isolation() == level }), topics)
	}
	return d
}

// readLogs reads where logs begin and end, and remembers it.
func (c *Collector) readLogs(ctx context.Context, at time.Time, wanted demand, topics map[string]topic) {
	for _, tp := range wanted.partitions {
		log, id := c.logs[tp], topics[tp.Topic].id
		if log == nil || log.topic != id {
			log = &readLog{topic: id}
			c.logs[tp] = log
		}
		log.readAt = at
	}
	for level, partitions := range wanted.ends {
		c.readEnds(ctx, at, isolation(level), partitions)
	}
	c.readStarts(ctx, at, wanted.partitions)
}

func (c *Collector) readEnds(ctx context.Context, at time.Time, level isolation, partitions []lag.TopicPartition) {
	ask := listing{timestamp: endOfLog(logEnd), isolation: level}
	c.client.offsets(ctx, ask, partitions, func(tp lag.TopicPartition, o offset) {
		log := c.logs[tp]
		if log == nil {
			return
		}
		if log.ends[level] == nil {
			log.ends[level] = &readEnd{}
		}
		log.ends[level].offset = end(o)
	})
	for _, tp := range partitions {
		if end := c.logs[tp].ends[level]; end.err == "" {
			end.past.Add(at, end.at)
		}
	}
}

// readStarts reads where logs begin, of all of them if for one that is long ago or never
// was. Starts and ends cannot share a request: a partition may be in it once only.
func (c *Collector) readStarts(ctx context.Context, at time.Time, partitions []lag.TopicPartition) {
	due := false
	for _, tp := range partitions {
		log := c.logs[tp]
		due = due || log.beginAt.IsZero() || at.Sub(log.beginAt) >= c.opts.StartsInterval
	}
	if !due {
		return
	}
	c.client.offsets(ctx, listing{timestamp: endOfLog(logStart)}, partitions, func(tp lag.TopicPartition, o offset) {
		if log := c.logs[tp]; log != nil {
			log.begin = end(o)
		}
	})
	for _, tp := range partitions {
		if log := c.logs[tp]; log.begin.err == "" {
			log.beginAt = at
			log.starts.Add(at, log.begin.at)
		} else {
			log.beginAt = time.Time{}
		}
	}
	maps.DeleteFunc(c.logs, func(_ lag.TopicPartition, log *readLog) bool {
		return at.Sub(log.readAt) > 2*c.opts.StartsInterval // of groups that are not read any more
	})
}

// logsFor are what is remembered of logs, for consumers of a level.
func (c *Collector) logsFor(level isolation) func(lag.TopicPartition) lag.Log {
	return func(tp lag.TopicPartition) lag.Log {
		if log := c.logs[tp]; log != nil && log.ends[level] != nil {
			return lag.Log{Ends: &log.ends[level].past, Starts: &log.starts}
		}
		return lag.Log{}
	}
}
