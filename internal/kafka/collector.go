package kafka

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// tickTimeout bounds everything that one tick asks for.
const tickTimeout = 8 * time.Second

// Options of a Collector. The zero value has the defaults.
type Options struct {
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Interval between two readings of a group. Default: 5 s.
	Interval time.Duration
	// FastInterval is the same for a group that was hurried. Default: 1 s.
	FastInterval time.Duration
	// StartsInterval between two readings of where logs begin. Default: 60 s.
	StartsInterval time.Duration
	// WatchInterval between two lists of the groups that are there. Default: 60 s.
	WatchInterval time.Duration
	// ToldUntil is when all commits were told of by Tell. Nil: none are.
	ToldUntil func() time.Time
	// OnReading is told of each new reading. It must return at once.
	OnReading func(group string)
}

// Collector reads all groups of one Kafka cluster together: the number of
// requests per tick grows with the brokers, not with the groups.
type Collector struct {
	client *Client
	opts   Options
	wake   chan struct{}
	logs   logTable // of the goroutine that ticks

	mu      sync.Mutex
	groups  map[string]*tracked
	watched watched
	info    Info
	infoErr error
}

// Target is what is read of a group.
type Target struct {
	// Topics whose lag is read.
	Topics []string
	// Consumer: the group is of type consumer (KIP-848), else a classic one.
	Consumer bool
	// Reset and ReadCommitted are how its consumers read.
	Reset         lag.Reset
	ReadCommitted bool
	// Rules by which it is judged. Samples and Window of 0 are those of lag.DefaultRules.
	Rules lag.Rules
	// Watched: nobody but the cluster's Watch asks for it. The last reading is kept of it,
	// and of the partitions to which it has committed.
	Watched bool
}

func (t Target) equal(other Target) bool {
	return slices.Equal(t.Topics, other.Topics) && t.Consumer == other.Consumer && t.Reset == other.Reset &&
		t.ReadCommitted == other.ReadCommitted && t.Rules == other.Rules && t.Watched == other.Watched
}

func (t Target) isolation() isolation { return levelOf(t.ReadCommitted) }

// tracked is a group that is read.
type tracked struct {
	target     Target // its topics are sorted
	since      time.Time
	window     lag.Window
	history    lag.History
	rebalances lag.Rebalances
	readAt     time.Time  // when the last tick that read it began
	told       []lag.Told // since it was read last
	hurryUntil time.Time
	atOnce     bool
	// commitsFirst: the next reading is one of Reading.CommitsFirst.
	commitsFirst bool
}

// NewCollector makes a collector that reads nothing before Run.
func NewCollector(client *Client, opts Options) *Collector {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.OnReading == nil {
		opts.OnReading = func(string) {}
	}
	setDefault(&opts.Interval, 5*time.Second)
	setDefault(&opts.FastInterval, time.Second)
	setDefault(&opts.StartsInterval, time.Minute)
	setDefault(&opts.WatchInterval, time.Minute)
	return &Collector{
		client:  client,
		opts:    opts,
		wake:    make(chan struct{}, 1),
		groups:  map[string]*tracked{},
		infoErr: errors.New("the cluster has not been asked yet"),
	}
}

func setDefault[N int | time.Duration](n *N, def N) {
	if *n <= 0 {
		*n = def
	}
}

// Run reads until the context ends.
func (c *Collector) Run(ctx context.Context) {
	var nextForAll time.Time
	for ctx.Err() == nil {
		now := c.opts.Now()
		all := !now.Before(nextForAll)
		if all {
			nextForAll = now.Add(c.opts.Interval)
		}
		c.findWatched(ctx, now)
		// Without any group the cluster is asked all the same: its status says
		// whether it answers.
		if due := c.due(now, all); all || len(due) > 0 {
			c.tick(ctx, due)
		}
		timer := time.NewTimer(c.untilNext(nextForAll))
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Track reads a group from now on, at once for the first time or when its target has
// changed. It can be repeated at will.
func (c *Collector) Track(group string, target Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.track(group, target)
}

// track is called with the lock held.
func (c *Collector) track(group string, target Target) {
	target.Topics = slices.Compact(slices.Sorted(slices.Values(target.Topics)))
	setDefault(&target.Rules.Samples, lag.DefaultRules.Samples)
	setDefault(&target.Rules.Window, lag.DefaultRules.Window)
	t := c.groups[group]
	if t == nil {
		t = &tracked{since: c.opts.Now()}
		c.groups[group] = t
	} else if t.target.equal(target) {
		return
	}
	if t.target.Rules.Samples != target.Rules.Samples {
		t.history = lag.History{} // it keeps another number of commits
	}
	t.target, t.atOnce = target, true
	c.poke()
}

// Untrack forgets a group and its readings.
func (c *Collector) Untrack(group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.groups, group)
	c.watched.at = time.Time{} // it may be one of those
}

// Hurry reads a tracked group at short intervals until a time. It is read at
// once if it was not in a hurry already; prolonging a hurry that lasts costs no
// reading, so it can be called whenever something is seen to be under way.
func (c *Collector) Hurry(group string, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.groups[group]
	if t == nil {
		return
	}
	if t.hurryUntil.Before(c.opts.Now()) {
		t.atOnce = true
		c.poke()
	}
	if until.After(t.hurryUntil) {
		t.hurryUntil = until
	}
}

// ReadNow reads a tracked group at once, its commits first: somebody waits for nothing else,
// or wants to know what was committed before a consumer is started.
func (c *Collector) ReadNow(group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.groups[group]; t != nil {
		t.atOnce, t.commitsFirst = true, true
		c.poke()
	}
}

func (c *Collector) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// due are the groups to read now, in order.
func (c *Collector) due(now time.Time, all bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var due []string
	for _, name := range sortedKeys(c.groups) {
		t := c.groups[name]
		hurried := now.Before(t.hurryUntil) && now.Sub(t.readAt) >= c.opts.FastInterval
		if all || t.atOnce || hurried {
			due = append(due, name)
		}
	}
	return due
}

func (c *Collector) untilNext(nextForAll time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opts.Now()
	wait := min(nextForAll.Sub(now), c.watched.wait(now, c.opts.WatchInterval))
	for _, t := range c.groups {
		if t.atOnce {
			return 0
		}
		if now.Before(t.hurryUntil) {
			wait = min(wait, t.readAt.Add(c.opts.FastInterval).Sub(now))
		}
	}
	return max(0, wait)
}

// tick reads some groups with one request of each kind per broker.
func (c *Collector) tick(ctx context.Context, names []string) {
	at := c.opts.Now()
	asked, commitsFirst := map[string]Target{}, map[string]bool{}
	c.mu.Lock()
	for _, name := range names {
		if t := c.groups[name]; t != nil {
			asked[name] = t.target
			commitsFirst[name] = t.commitsFirst
			t.readAt, t.atOnce, t.commitsFirst = at, false, false
		}
	}
	c.mu.Unlock()

	bounded, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	complete := c.opts.ToldUntil != nil && at.Sub(c.opts.ToldUntil()) < ToldWithin
	info, readings, err := c.read(bounded, at, asked, commitsFirst)
	if ctx.Err() != nil {
		return // stopped in the middle: that says nothing about Kafka
	}

	c.mu.Lock()
	if c.infoErr = err; err == nil {
		c.info = info
	}
	for name, reading := range readings {
		if t := c.groups[name]; t != nil && t.target.equal(asked[name]) {
			told, later := toldUntil(t.told, at)
			t.told = later
			t.history.Judge(&reading, lag.Evidence{
				Log: c.logsFor(t.target.isolation()), Rules: t.target.Rules, Told: told, Complete: complete,
			})
			t.count(&reading)
			t.keep(reading, at)
		}
	}
	c.mu.Unlock()
	for _, name := range sortedKeys(readings) {
		c.opts.OnReading(name)
	}
}

// keep adds a reading to the window.
func (t *tracked) keep(reading lag.Reading, at time.Time) {
	if !t.target.Watched {
		t.window = thinned(append(t.window, reading), at)
		return
	}
	said := t.window.Said()
	t.window = lag.Window{reading}
	if said != nil && reading.Err != "" {
		t.window = lag.Window{*said, reading}
	}
}

// count counts the rebalances from the last reading that did not fail to the next.
func (t *tracked) count(next *lag.Reading) {
	if next.Err != "" {
		return
	}
	if t.rebalances.Since.IsZero() {
		t.rebalances.Since = next.At
	}
	if before := t.window.Said(); before != nil {
		t.rebalances.Add(before, next)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
