package integration

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// rolls applies another template and waits until it runs everywhere. It calls look
// meanwhile.
func (w *world) rolls(look func()) {
	w.t.Helper()
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:2") })
	w.until("the release is done", func() bool {
		look()
		s := w.read("orders").Status
		return s.ObservedGeneration == 2 && s.StableRevision == s.UpdateRevision && s.Phase == v1alpha1.PhaseRunning
	})
}

// standing is how many pods of each slot are not about to go.
func (w *world) standing() map[string]int {
	n := map[string]int{}
	for _, pod := range w.pods() {
		if pod.DeletionTimestamp == nil {
			n[pod.Labels[v1alpha1.LabelSlot]]++
		}
	}
	return n
}

func TestWarmNever(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) { g.Spec.Rollout.Warm = v1alpha1.WarmNever })
	w.comesUp("orders")
	w.rolls(func() {
		for slot, n := range w.standing() {
			if n > 1 {
				t.Errorf("slot %s has %d pods at once", slot, n)
			}
		}
	})
}

// A quota that is just enough for the pods that run: the predecessor makes room.
func TestWarmAutoWithinAQuota(t *testing.T) {
	w := newWorld(t)
	w.must(w.client.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "pods"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("2")}},
	}))
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	w.rolls(func() {})
	told := slices.DeleteFunc(w.operator.told.notes(), func(note string) bool {
		return !strings.Contains(note, "StoppedFirst") || !strings.Contains(note, "exceeded quota")
	})
	if len(told) != 2 {
		t.Errorf("%d events tell why the pods went first, want one for each of 2: %q", len(told), w.operator.told.notes())
	}
}
