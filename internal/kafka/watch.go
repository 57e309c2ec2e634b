package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// watched are the groups that are read since somebody wants to see them.
type watched struct {
	wants func(group string) bool // nil: nobody does
	at    time.Time               // of the last list; zero: there is to be one at once
	count *int                    // of them; nil: not known
	err   error                   // of the last list
	asked int                     // how often somebody said what it wants
}

func (w *watched) due(now time.Time, interval time.Duration) bool {
	return w.wants != nil && now.Sub(w.at) >= interval
}

// wait is how long it is until the next list.
func (w *watched) wait(now time.Time, interval time.Duration) time.Duration {
	if w.wants == nil {
		return interval
	}
	return w.at.Add(interval).Sub(now)
}

// Watch reads all groups of the cluster that somebody wants to see, beside those that are
// tracked: nil ends that. It can be changed at will.
func (c *Collector) Watch(wants func(group string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched = watched{wants: wants, asked: c.watched.asked + 1}
	if wants == nil {
		c.keepWatched(func(string) bool { return false })
	}
	c.poke()
}

// Watched is how many groups are read since somebody wants to see them, nil while that is
// not known, and why the groups could not be listed the last time.
func (c *Collector) Watched() (*int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watched.count, c.watched.err
}

// keepWatched forgets the others. It is called with the lock held.
func (c *Collector) keepWatched(keeps func(group string) bool) {
	for _, name := range sortedKeys(c.groups) {
		if c.groups[name].target.Watched && !keeps(name) {
			delete(c.groups, name)
		}
	}
}

// findWatched lists the groups, if it is time to, and has those read that are wanted.
func (c *Collector) findWatched(ctx context.Context, now time.Time) {
	c.mu.Lock()
	if !c.watched.due(now, c.opts.WatchInterval) {
		c.mu.Unlock()
		return
	}
	wants, asked := c.watched.wants, c.watched.asked
	tracked := make(map[string]bool, len(c.groups))
	for name, t := range c.groups {
		tracked[name] = !t.target.Watched
	}
	c.mu.Unlock()
	found, unknown, err := c.client.groups(ctx, func(group string) bool { return wants(group) && !tracked[group] })
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched.asked != asked {
		return // meanwhile others are wanted
	}
	c.watched.at, c.watched.err = now, err
	for _, name := range sortedKeys(found) {
		if t := c.groups[name]; t == nil || t.target.Watched {
			c.track(name, found[name])
		}
	}
	if err == nil {
		c.keepWatched(func(group string) bool { _, is := found[group]; return is || unknown[group] })
	}
	n := 0
	for _, t := range c.groups {
		if t.target.Watched {
			n++
		}
	}
	c.watched.count = &n
}

// groups of consumers that are wanted, with the topics to which they have committed. Of those
// that are there and in neither result nothing is committed. With an error some may be
// missing, or stand in unknown: those of which the topics could not be found out.
func (c *Client) groups(ctx context.Context, wanted func(group string) bool) (found map[string]Target, unknown map[string]bool, err error) {
	listed, err := c.listGroups(ctx, wanted)
	found, unknown = map[string]Target{}, map[string]bool{}
	asked := make([]kmsg.OffsetFetchRequestGroup, 0, len(listed))
	for _, name := range sortedKeys(listed) {
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group, g.Topics = name, nil // all
		asked = append(asked, g)
		unknown[name] = true
	}
	c.fetchOffsets(ctx, asked,
		func(_, why string) { err = firstOf(err, errors.New(why)) },
		func(g kmsg.OffsetFetchResponseGroup) {
			target, known := listed[g.Group]
			switch {
			case !known:
				return
			case g.ErrorCode != 0:
				err = firstOf(err, fmt.Errorf("committed offsets of group %s: %s", g.Group, says(g.ErrorCode, "DESCRIBE on the group")))
				return
			}
			delete(unknown, g.Group)
			for _, t := range g.Topics {
				if t.Topic != "" && utf8.ValidString(t.Topic) {
					target.Topics = append(target.Topics, t.Topic)
				}
			}
			if len(target.Topics) > 0 {
				found[g.Group] = target
			}
		})
	return found, unknown, err
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// listGroups asks all brokers for the groups of consumers that are wanted. A broker that
// does not answer is the error; the others' are there.
func (c *Client) listGroups(ctx context.Context, wanted func(group string) bool) (listed map[string]Target, err error) {
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	listed = map[string]Target{}
	for _, shard := range c.kgo.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err == nil {
			shard.Err = kerr.ErrorForCode(shard.Resp.(*kmsg.ListGroupsResponse).ErrorCode)
		}
		if shard.Err != nil {
			err = c.explain("listing the groups"+of(shard.Meta), shard.Err)
			continue
		}
		for _, g := range shard.Resp.(*kmsg.ListGroupsResponse).Groups {
			consumer := strings.EqualFold(g.GroupType, "consumer")
			classic := g.GroupType == "" || strings.EqualFold(g.GroupType, "classic")
			// One that was never joined has no protocol type.
			if (consumer || classic && (g.ProtocolType == "" || g.ProtocolType == "consumer")) && utf8.ValidString(g.Group) && wanted(g.Group) {
				listed[g.Group] = Target{Consumer: consumer, Watched: true}
			}
		}
	}
	return listed, err
}
