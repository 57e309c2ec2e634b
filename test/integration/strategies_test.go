package integration

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// TestRecreate: all pods end before one of the release consumes.
func TestRecreate(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) { g.Spec.Rollout.Strategy = v1alpha1.StrategyRecreate })
	w.comesUp("orders")
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	mixed, ran := false, map[string]bool{}
	w.until("all slots run the release", func() bool {
		revisions := map[string]bool{}
		for _, pod := range w.pods() {
			if w.node.runs(pod.UID) {
				revisions[pod.Labels[v1alpha1.LabelRevision]] = true
			}
		}
		maps.Copy(ran, revisions)
		mixed = mixed || len(revisions) > 1
		s := w.read("orders").Status
		return s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == 2 && s.ReadyReplicas == 2
	})
	if mixed || len(ran) != 2 {
		t.Errorf("revisions %v consumed, at the same time: %v", ran, mixed)
	}
}

// TestPromotion: a release by BlueGreen waits warm for the annotation, and goes to all slots.
func TestPromotion(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen
		g.Spec.Rollout.BlueGreen = &v1alpha1.BlueGreen{AutoPromote: ptr.To(false), KeepBlueSeconds: ptr.To[int32](0)}
	})
	w.comesUp("orders")
	before := w.consuming()
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("the release waits for a person", func() bool {
		s := w.read("orders").Status
		return strings.Contains(s.Message, "waiting to be promoted: set the annotation "+v1alpha1.AnnotationPromote+"="+s.UpdateRevision)
	})
	update := w.read("orders").Status.UpdateRevision
	if n := len(w.pods()); n != 4 {
		t.Errorf("%d pods stand, want 4", n)
	}
	for id, uid := range w.consuming() {
		if before[id] != uid {
			t.Errorf("%s was handed over before the release was promoted", id)
		}
	}
	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		metav1.SetMetaDataAnnotation(&g.ObjectMeta, v1alpha1.AnnotationPromote, update)
	})
	w.until("all slots run the release", func() bool {
		s := w.read("orders").Status
		return s.StableRevision == update && s.UpdatedReplicas == 2 && s.ReadyReplicas == 2
	})
	w.until("nothing is left of the revision before", func() bool { return len(w.pods()) == 2 })
}

// TestHoldersStopTogether: a handover of all slots does not wait for one request after another.
func TestHoldersStopTogether(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	const slots = 3
	w.group(slots, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Rollout.Strategy = v1alpha1.StrategyBlueGreen
		g.Spec.Rollout.BlueGreen = &v1alpha1.BlueGreen{KeepBlueSeconds: ptr.To[int32](0)}
	})
	w.comesUp("orders")
	holders := map[string]bool{}
	for _, pod := range w.pods() {
		holders[pod.Name] = true
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	w.must(err)
	var mu sync.Mutex
	stopped, all := map[string]bool{}, make(chan struct{})
	w.operator.groups.Client = interceptor.NewClient(c, interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.DeleteOption) error {
			if name := object.GetName(); holders[name] {
				mu.Lock()
				if !stopped[name] {
					stopped[name] = true
					if len(stopped) == slots {
						close(all)
					}
				}
				mu.Unlock()
				select {
				case <-all:
				case <-time.After(patience):
					t.Errorf("the other holders are stopped after %s has been", name)
				}
			}
			return c.Delete(ctx, object, opts...)
		},
	})
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("all slots run the release", func() bool {
		s := w.read("orders").Status
		return s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == slots && s.ReadyReplicas == slots
	})
}
