package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// boundsEvery is how often brokers are asked for their bounds of session timeouts.
const boundsEvery = 5 * time.Minute

// clientID is how the operator's connections are called at the brokers.
const clientID = "kohort"

// Clusters holds one connection per KafkaCluster, on which all its groups are
// read together. As a source of events it wakes the reconciler of a group on each
// of its readings.
type Clusters struct {
	// Options of the collectors; OnReading is Clusters' own.
	Options kafka.Options
	// LagMetrics is how detailed the metrics of lag are.
	LagMetrics LagMetrics

	mu          sync.Mutex
	connections map[types.NamespacedName]*connection
	// trackers by Kafka group, those that came first in front: its target counts.
	trackers map[subject][]tracker
	queue    func(reconcile.Request)
}

// connection is one to a Kafka cluster, with what is read there.
type connection struct {
	version   string
	config    kafka.Config
	client    *kafka.Client
	collector *kafka.Collector
	stop      context.CancelFunc
	watcher   *watcher // nil: no other groups are read
	reads     atomic.Pointer[kafka.Collectors]
	tail      atomic.Pointer[tail] // nil: commits are polled

	// bounds were asked for at boundsAt.
	bounds   kafka.SessionBounds
	boundsAt time.Time
}

// subject is a group of a connection.
type subject struct {
	cluster types.NamespacedName
	group   string
}

// tracker is a ConsumerGroup that wants its group read.
type tracker struct {
	owner  types.NamespacedName
	target kafka.Target
}

// Start makes it a source of events.
func (c *Clusters) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = queue.Add
	lagMetrics.add(ctx, c)
	return nil
}

// Connect opens a connection, unless it is there in this version already. One of
// another version is closed, and its groups are read by the new one.
func (c *Clusters) Connect(cluster types.NamespacedName, version string, config kafka.Config) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.connections[cluster]
	if old != nil && old.version == version {
		return nil
	}
	opened, err := kafka.Open(config, clientID)
	if err != nil {
		return err
	}
	if old != nil {
		old.close()
	}
	if c.connections == nil {
		c.connections = map[types.NamespacedName]*connection{}
	}
	options := c.Options
	options.OnReading = func(group string) { c.wake(subject{cluster, group}) }
	ctx, stop := context.WithCancel(context.Background())
	made := &connection{version: version, config: config, client: opened, stop: stop}
	options.ToldUntil = func() time.Time { return made.tail.Load().known() }
	made.collector = kafka.NewCollector(opened, options)
	made.reads.Store(&kafka.Collectors{made.collector})
	c.connections[cluster] = made
	for s, trackers := range c.trackers {
		if s.cluster == cluster {
			made.collector.Track(s.group, trackers[0].target)
		}
	}
	go made.collector.Run(ctx)
	return nil
}

func (c *connection) close() {
	c.tail.Load().close()
	c.watcher.close()
	c.stop()
	c.client.Close()
}

// Disconnect closes a connection. Its groups are read again when there is another.
func (c *Clusters) Disconnect(cluster types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.connections[cluster]; old != nil {
		old.close()
		delete(c.connections, cluster)
	}
}

// Close closes all connections.
func (c *Clusters) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cluster, old := range c.connections {
		old.close()
		delete(c.connections, cluster)
	}
}

// Ping asks a cluster who it is.
func (c *Clusters) Ping(ctx context.Context, cluster types.NamespacedName) (kafka.Info, error) {
	connected, err := c.connection(cluster)
	if err != nil {
		return kafka.Info{}, err
	}
	return connected.client.Ping(ctx)
}

// SessionBounds are what a cluster's brokers allow as session timeout, as they said
// within boundsEvery. Zero: they do not say. An error is asked again the next time.
func (c *Clusters) SessionBounds(ctx context.Context, cluster types.NamespacedName) (kafka.SessionBounds, error) {
	connected, err := c.connection(cluster)
	if err != nil {
		return kafka.SessionBounds{}, err
	}
	c.mu.Lock()
	known, due := connected.bounds, time.Since(connected.boundsAt) >= boundsEvery
	c.mu.Unlock()
	if !due {
		return known, nil
	}
	bounds, err := connected.client.SessionBounds(ctx)
	if err != nil && !errors.Is(err, kafka.ErrDenied) {
		return kafka.SessionBounds{}, err
	}
	if err != nil {
		logf.FromContext(ctx).Info("Left the session timeouts without the brokers' bounds", "reason", err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	connected.bounds, connected.boundsAt = bounds, time.Now()
	return bounds, nil
}

// RemoveMembers removes members from a group.
func (c *Clusters) RemoveMembers(ctx context.Context, cluster types.NamespacedName, group string, members []kafka.MemberRef, reason string) ([]kafka.Removal, error) {
	connected, err := c.connection(cluster)
	if err != nil {
		return nil, fmt.Errorf("removing %d members of group %s: %w", len(members), group, err)
	}
	return connected.client.RemoveMembers(ctx, group, members, reason)
}

func (c *Clusters) connection(cluster types.NamespacedName) (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if connected := c.connections[cluster]; connected != nil {
		return connected, nil
	}
	return nil, fmt.Errorf("there is no connection for KafkaCluster %s", cluster)
}

// Track has a group read for a ConsumerGroup. It can be repeated at will.
func (c *Clusters) Track(cluster, owner types.NamespacedName, group string, target kafka.Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trackers == nil {
		c.trackers = map[subject][]tracker{}
	}
	s := subject{cluster, group}
	all := c.trackers[s]
	if i := slices.IndexFunc(all, func(t tracker) bool { return t.owner == owner }); i >= 0 {
		all[i].target = target
	} else {
		all = append(all, tracker{owner, target})
	}
	c.trackers[s] = all
	if connected := c.connections[cluster]; connected != nil {
		connected.collector.Track(group, all[0].target)
	}
}

// Untrack ends the reading for a ConsumerGroup.
func (c *Clusters) Untrack(owner types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s, all := range c.trackers {
		left := slices.DeleteFunc(all, func(t tracker) bool { return t.owner == owner })
		connected := c.connections[s.cluster]
		switch {
		case len(left) == len(all):
			continue
		case len(left) == 0:
			delete(c.trackers, s)
			if connected != nil {
				connected.collector.Untrack(s.group)
			}
			continue
		}
		c.trackers[s] = left
		if connected != nil {
			connected.collector.Track(s.group, left[0].target)
		}
	}
}

// Window is what was read about a group, and how many rebalances were seen; false
// without a connection.
func (c *Clusters) Window(cluster types.NamespacedName, group string) (lag.Window, lag.Rebalances, bool) {
	connected, err := c.connection(cluster)
	if err != nil {
		return nil, lag.Rebalances{}, false
	}
	return connected.collector.Window(group), connected.collector.Rebalances(group), true
}

// Hurry has a group read often until a time.
func (c *Clusters) Hurry(cluster types.NamespacedName, group string, until time.Time) {
	if connected, err := c.connection(cluster); err == nil {
		connected.collector.Hurry(group, until)
	}
}

// ReadNow has a group read at once.
func (c *Clusters) ReadNow(cluster types.NamespacedName, group string) {
	if connected, err := c.connection(cluster); err == nil {
		connected.collector.ReadNow(group)
	}
}

// SetGroupConfig sets configuration of a group of type consumer; nil removes it.
func (c *Clusters) SetGroupConfig(ctx context.Context, cluster types.NamespacedName, group string, config map[string]string) error {
	connected, err := c.connection(cluster)
	if err != nil {
		return fmt.Errorf("configuring group %s: %w", group, err)
	}
	return connected.client.SetGroupConfig(ctx, group, config)
}

// SetOffsets sets what a group has committed, which has no members.
func (c *Clusters) SetOffsets(ctx context.Context, cluster types.NamespacedName, group string, to map[lag.TopicPartition]int64) error {
	connected, err := c.connection(cluster)
	if err != nil {
		return fmt.Errorf("setting the offsets of group %s: %w", group, err)
	}
	return connected.client.SetOffsets(ctx, group, to)
}

// OffsetsAt are the offsets of the first records of topics that are not older than a time.
func (c *Clusters) OffsetsAt(ctx context.Context, cluster types.NamespacedName, at time.Time, topics []string) (map[lag.TopicPartition]int64, error) {
	connected, err := c.connection(cluster)
	if err != nil {
		return nil, err
	}
	return connected.client.OffsetsAt(ctx, at, topics)
}

// wake has the reconciler look at those that track a group.
func (c *Clusters) wake(s subject) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue == nil {
		return
	}
	for _, t := range c.trackers[s] {
		c.queue(reconcile.Request{NamespacedName: t.owner})
	}
}
