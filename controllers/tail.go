package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
)

const (
	// tailBack is how far before its beginning a tail reads: the windows by which groups are
	// judged by default are full then.
	tailBack = 10 * time.Minute
	// tailAfter is when a tail begins: what is committed by groups of which nobody has asked
	// by then is not read back, and they are asked for in the first seconds.
	tailAfter = 10 * time.Second
	// tailRetry is when a tail is tried again that was of no use.
	tailRetry = time.Minute
)

// tail reads the commits of a connection's groups where they are written down.
type tail struct {
	kafka *kafka.Tail
	stop  context.CancelFunc
}

func (t *tail) close() {
	if t != nil {
		t.stop()
	}
}

// known is the time of which a tail knows everything; zero if there is none.
func (t *tail) known() time.Time {
	if t == nil {
		return time.Time{}
	}
	known, _ := t.kafka.Known()
	return known
}

// Tail reads the commits of a cluster's groups where a spec says. It can be repeated at
// will.
func (c *Clusters) Tail(cluster types.NamespacedName, source v1alpha1.CommitSource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	connected := c.connections[cluster]
	if connected == nil || (source == v1alpha1.CommitsTailed) == (connected.tail.Load() != nil) {
		return
	}
	connected.tail.Load().close()
	connected.tail.Store(nil)
	if source != v1alpha1.CommitsTailed {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	made := &tail{stop: stop, kafka: kafka.NewTail(connected.config, clientID, kafka.TailOptions{
		Asked:    func(group string) bool { return connected.reads.Load().Tracks(group) },
		OnCommit: func(commit kafka.Commit) { connected.reads.Load().Tell(commit) },
		Back:     tailBack,
	})}
	connected.tail.Store(made)
	go made.run(ctx)
}

// run goes on until the context ends: who may not read the topic today may tomorrow.
func (t *tail) run(ctx context.Context) {
	for wait := tailAfter; ; wait = tailRetry {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		_ = t.kafka.Run(ctx) // what failed is what Known says
	}
}

// Commits is where commits of a cluster's groups are read now, and why not where its spec
// says.
func (c *Clusters) Commits(cluster types.NamespacedName) (v1alpha1.CommitSource, error) {
	connected, err := c.connection(cluster)
	if err != nil {
		return "", nil
	}
	tail := connected.tail.Load()
	if tail == nil {
		return v1alpha1.CommitsPolled, nil
	}
	known, err := tail.kafka.Known()
	if time.Since(known) > kafka.ToldWithin {
		return v1alpha1.CommitsPolled, err
	}
	return v1alpha1.CommitsTailed, nil
}
