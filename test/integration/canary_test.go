package integration

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// oneSlotFirst is a canary of one slot that waits for a person.
func oneSlotFirst(g *v1alpha1.ConsumerGroup) {
	one := int32(1)
	g.Spec.Rollout.Strategy = v1alpha1.StrategyCanary
	g.Spec.Rollout.Canary = &v1alpha1.Canary{Steps: []v1alpha1.CanaryStep{{Slots: &one, Pause: &v1alpha1.CanaryPause{}}}}
}

// TestCanary: one slot has the release until the annotation promotes its step.
func TestCanary(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(3, oneSlotFirst)
	w.comesUp("orders")
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("the canary waits for a person", func() bool {
		s := w.read("orders").Status
		return strings.Contains(s.Message, "the canary has orders:") &&
			strings.Contains(s.Message, "set the annotation "+v1alpha1.AnnotationPromote+"="+s.UpdateRevision+"-1")
	})
	s := w.read("orders").Status
	if s.UpdatedReplicas != 1 || s.ReadyReplicas != 3 {
		t.Errorf("%d slots run the release, %d are ready; want 1 and 3", s.UpdatedReplicas, s.ReadyReplicas)
	}
	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		metav1.SetMetaDataAnnotation(&g.ObjectMeta, v1alpha1.AnnotationPromote, s.UpdateRevision+"-1")
	})
	w.until("all slots run the release", func() bool {
		now := w.read("orders").Status
		return now.StableRevision == s.UpdateRevision && now.UpdatedReplicas == 3 && now.ReadyReplicas == 3
	})
}
