package kafka

import (
	"context"
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

// logTable are the logs that are read, by topic and partition. Those of a topic are asked for
// one after the other: the last topic is at hand.
type logTable struct {
	topics map[string][]*readLog
	topic  string
	logs   []*readLog
}

// at is the log of a partition; nil if it is not read.
func (t *logTable) at(tp lag.TopicPartition) *readLog {
	if tp.Topic != t.topic {
		t.topic, t.logs = tp.Topic, t.topics[tp.Topic]
	}
	if int(tp.Partition) >= len(t.logs) {
		return nil
	}
	return t.logs[tp.Partition]
}

// put has a log in the place of another one.
func (t *logTable) put(tp lag.TopicPartition, log *readLog) {
	logs := t.topics[tp.Topic]
	if more := int(tp.Partition) + 1 - len(logs); more > 0 {
		logs = append(logs, make([]*readLog, more)...)
	}
	logs[tp.Partition] = log
	if t.topics == nil {
		t.topics = map[string][]*readLog{}
	}
	t.topics[tp.Topic], t.topic, t.logs = logs, tp.Topic, logs
}

// forget drops the logs that were not read since a time.
func (t *logTable) forget(since time.Time) {
	for topic, logs := range t.topics {
		left := 0
		for i, log := range logs {
			switch {
			case log == nil:
			case log.readAt.Before(since):
				logs[i] = nil
			default:
				left++
			}
		}
		if left == 0 {
			delete(t.topics, topic)
		}
	}
	t.topic, t.logs = "", nil
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
		names := union(groups, func(t Target) bool { return t.isolation() == level })
		if d.ends[level] = d.partitions; len(names) < len(topics) {
			d.ends[level] = partitionsOf(names, topics)
		}
	}
	return d
}

// readLogs reads where logs begin and end, and remembers it.
func (c *Collector) readLogs(ctx context.Context, at time.Time, wanted demand, topics map[string]topic) {
	for _, tp := range wanted.partitions {
		log, id := c.logs.at(tp), topics[tp.Topic].id
		if log == nil || log.topic != id {
			log = &readLog{topic: id}
			c.logs.put(tp, log)
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
		log := c.logs.at(tp)
		if log == nil {
			return
		}
		if log.ends[level] == nil {
			log.ends[level] = &readEnd{}
		}
		log.ends[level].offset = end(o)
	})
	for _, tp := range partitions {
		if end := c.logs.at(tp).ends[level]; end.err == "" {
			end.past.Add(at, end.at)
		}
	}
}

// readStarts reads where logs begin, of all of them if for one that is long ago or never
// was. Starts and ends cannot share a request: a partition may be in it once only.
func (c *Collector) readStarts(ctx context.Context, at time.Time, partitions []lag.TopicPartition) {
	due := false
	for _, tp := range partitions {
		log := c.logs.at(tp)
		due = due || log.beginAt.IsZero() || at.Sub(log.beginAt) >= c.opts.StartsInterval
	}
	if !due {
		return
	}
	c.client.offsets(ctx, listing{timestamp: endOfLog(logStart)}, partitions, func(tp lag.TopicPartition, o offset) {
		if log := c.logs.at(tp); log != nil {
			log.begin = end(o)
		}
	})
	for _, tp := range partitions {
		if log := c.logs.at(tp); log.begin.err == "" {
			log.beginAt = at
			log.starts.Add(at, log.begin.at)
		} else {
			log.beginAt = time.Time{}
		}
	}
	c.logs.forget(at.Add(-2 * c.opts.StartsInterval)) // of groups that are not read any more
}

// logsFor are what is remembered of logs, for consumers of a level.
func (c *Collector) logsFor(level isolation) func(lag.TopicPartition) lag.Log {
	return func(tp lag.TopicPartition) lag.Log {
		if log := c.logs.at(tp); log != nil && log.ends[level] != nil {
			return lag.Log{Ends: &log.ends[level].past, Starts: &log.starts}
		}
		return lag.Log{}
	}
}
