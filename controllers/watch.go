package controllers

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// Watch reads the groups of a cluster that a spec names, beside those of ConsumerGroups;
// nil names none. It can be repeated at will.
func (c *Clusters) Watch(cluster types.NamespacedName, watch *v1alpha1.Watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	connected := c.connections[cluster]
	if connected == nil || equality.Semantic.DeepEqual(connected.watch, watch) {
		return
	}
	connected.watch = watch.DeepCopy()
	if watch == nil {
		connected.collector.Watch(nil)
		return
	}
	connected.collector.Watch(func(group string) bool {
		return (len(watch.Allow) == 0 || named(watch.Allow, group)) && !named(watch.Deny, group)
	})
}

// Watched is how many groups are read since the cluster's spec names them, nil while that
// is not known, and why they could not be listed the last time.
func (c *Clusters) Watched(cluster types.NamespacedName) (*int32, error) {
	c.mu.Lock()
	connected := c.connections[cluster]
	c.mu.Unlock()
	if connected == nil {
		return nil, nil
	}
	n, err := connected.collector.Watched()
	if n == nil {
		return nil, err
	}
	return ptr.To(int32(*n)), err
}
