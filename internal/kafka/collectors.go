package kafka

import (
	"maps"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// Collectors read one cluster, for different ends: a group counts as the first of them has
// it that reads it. So what is watched, and may be very much, never holds up what is run.
type Collectors []*Collector

// Tracks says whether one reads a group.
func (c Collectors) Tracks(group string) bool { return c.of(group) != nil }

// Tell adds a commit to what is known of its group.
func (c Collectors) Tell(commit Commit) {
	for _, collector := range c {
		collector.Tell(commit)
	}
}

// of a group; nil if none reads it.
func (c Collectors) of(group string) *Collector {
	for _, collector := range c {
		if collector.Tracks(group) {
			return collector
		}
	}
	return nil
}

// Servers at which the cluster is reached first, as host:port.
func (c Collectors) Servers() []string { return c[0].Servers() }

// Ready says whether all groups of the first one were read.
func (c Collectors) Ready() bool {
	return !slices.ContainsFunc(c[0].Groups(), func(group string) bool { return c[0].Said(group) == nil })
}

// Groups that are read, in order.
func (c Collectors) Groups() []string {
	var all []string
	for _, collector := range c {
		all = append(all, collector.Groups()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Said is a group's last reading that says something; nil if there is none.
func (c Collectors) Said(group string) *lag.Reading {
	if collector := c.of(group); collector != nil {
		return collector.Said(group)
	}
	return nil
}

// SaidAt is when that was; if there is none, since when it is tried. Zero: nobody reads it.
func (c Collectors) SaidAt(group string) time.Time {
	if collector := c.of(group); collector != nil {
		return collector.SaidAt(group)
	}
	return time.Time{}
}

// Judged is that reading with the commits behind it; false if there is none.
func (c Collectors) Judged(group string) (lag.Judged, bool) {
	if collector := c.of(group); collector != nil {
		return collector.Judged(group)
	}
	return lag.Judged{}, false
}

// Topics of the groups, in order.
func (c Collectors) Topics() []string {
	var all []string
	for _, collector := range c {
		all = append(all, collector.Topics()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TopicEnds are the ends of a topic's logs as they were read last, by partition; those that
// could not be read are left out. Nil: it is not a topic of the groups, or was not found.
func (c Collectors) TopicEnds(topic string) []int64 {
	read := map[int32]endSeen{}
	for _, collector := range c {
		collector.seeEnds(topic, read)
	}
	if len(read) == 0 {
		return nil
	}
	ends := make([]int64, 0, len(read))
	for _, p := range slices.Sorted(maps.Keys(read)) {
		if read[p].err == "" {
			ends = append(ends, read[p].offset)
		}
	}
	return ends
}

// endSeen is where a log ended, as it was seen last: of several ends that were seen then, the
// one that is furthest, since some groups read what is stable only.
type endSeen struct {
	at     time.Time
	offset int64
	err    string
}
