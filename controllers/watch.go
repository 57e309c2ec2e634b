package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
)

// watcher reads the groups of a cluster that no ConsumerGroup runs, on a connection of its
// own: there may be very many, and nothing that is run shall wait for them.
type watcher struct {
	spec      *v1alpha1.Watch
	client    *kafka.Client
	collector *kafka.Collector
	stop      context.CancelFunc
}

func (w *watcher) close() {
	if w != nil {
		w.stop()
		w.client.Close()
	}
}

// Watch reads the groups of a cluster that a spec names, beside those of ConsumerGroups;
// nil names none. It can be repeated at will.
func (c *Clusters) Watch(cluster types.NamespacedName, spec *v1alpha1.Watch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	connected := c.connections[cluster]
	if connected == nil || connected.watcher.is(spec) {
		return nil
	}
	connected.watcher.close()
	connected.watcher = nil
	connected.reads.Store(&kafka.Collectors{connected.collector})
	if spec == nil {
		return nil
	}
	client, err := kafka.Open(connected.config, clientID)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	options := c.Options
	options.ToldUntil = func() time.Time { return connected.tail.Load().known() }
	made := &watcher{spec: spec.DeepCopy(), client: client, collector: kafka.NewCollector(client, options), stop: stop}
	made.collector.Watch(func(group string) bool {
		allowed := len(made.spec.Allow) == 0 || named(made.spec.Allow, group)
		return allowed && !named(made.spec.Deny, group) && !connected.collector.Tracks(group)
	})
	connected.watcher = made
	connected.reads.Store(&kafka.Collectors{connected.collector, made.collector})
	go made.collector.Run(ctx)
	return nil
}

// is says whether it is that of a spec.
func (w *watcher) is(spec *v1alpha1.Watch) bool {
	if w == nil {
		return spec == nil
	}
	return equality.Semantic.DeepEqual(w.spec, spec)
}

// Watched is how many groups are read since the cluster's spec names them, nil while that
// is not known, and why they could not be listed the last time.
func (c *Clusters) Watched(cluster types.NamespacedName) (*int32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	connected := c.connections[cluster]
	if connected == nil || connected.watcher == nil {
		return nil, nil
	}
	n, err := connected.watcher.collector.Watched()
	if n == nil {
		return nil, err
	}
	return ptr.To(int32(*n)), err
}
