package kafka

import (
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// What a collector has read.

// Window is a copy of a group's readings of the last ten minutes, oldest first:
// all of the last three minutes, before that one in ten seconds.
func (c *Collector) Window(group string) lag.Window {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.groups[group]; t != nil {
		return slices.Clone(t.window)
	}
	return nil
}

// Servers at which the cluster is reached first, as host:port.
func (c *Collector) Servers() []string { return slices.Clone(c.client.config.BootstrapServers) }

// Tracks says whether a group is tracked.
func (c *Collector) Tracks(group string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.groups[group] != nil
}

// Groups are those that are tracked, in order.
func (c *Collector) Groups() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sortedKeys(c.groups)
}

// Said is the last reading of a group that says something; nil if there is none. Nobody
// may change it.
func (c *Collector) Said(group string) *lag.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.groups[group]; t != nil {
		return t.window.Said()
	}
	return nil
}

// SaidAt is when a group's last reading was that says something; if there is none, since
// when it is tried.
func (c *Collector) SaidAt(group string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.groups[group]
	if t == nil {
		return time.Time{}
	}
	if last := t.window.Said(); last != nil {
		return last.At
	}
	return t.since
}

// Judged is that reading with the commits by which its partitions were judged; false if
// there is none.
func (c *Collector) Judged(group string) (lag.Judged, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.groups[group]; t != nil {
		if last := t.window.Said(); last != nil {
			return t.history.Judged(*last, t.target.Rules), true
		}
	}
	return lag.Judged{}, false
}

// Topics are those of the groups that were found, in order.
func (c *Collector) Topics() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]bool{}
	for _, t := range c.groups {
		if last := t.window.Said(); last != nil {
			for i := range last.Partitions {
				found[last.Partitions[i].Topic] = true
			}
		}
	}
	return sortedKeys(found)
}

// seeEnds adds what the groups' last readings say of a topic's logs.
func (c *Collector) seeEnds(topic string, read map[int32]endSeen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.groups {
		last := t.window.Said()
		if _, reads := slices.BinarySearch(t.target.Topics, topic); !reads || last == nil {
			continue
		}
		for _, p := range last.Of(topic) {
			before, seen := read[p.Partition]
			if !seen || before.err != "" || last.At.After(before.at) || last.At.Equal(before.at) && p.End > before.offset {
				read[p.Partition] = endSeen{last.At, p.End, p.Err}
			}
		}
	}
}

// Rebalances of a group since it is tracked.
func (c *Collector) Rebalances(group string) lag.Rebalances {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.groups[group]; t != nil {
		return t.rebalances
	}
	return lag.Rebalances{}
}

// Ping is what the last tick learned about the cluster: what it said last, and
// an error if it does not answer now.
func (c *Collector) Ping() (Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info, c.infoErr
}
