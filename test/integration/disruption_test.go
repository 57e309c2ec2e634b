package integration

import (
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// budget of the group; nil if there is none.
func (w *world) budget() *policyv1.PodDisruptionBudget {
	w.t.Helper()
	budget := &policyv1.PodDisruptionBudget{}
	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "orders"}, budget)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return budget
}

func (w *world) budgetAllows(missing int) func() bool {
	return func() bool {
		b := w.budget()
		return b != nil && b.Spec.MinAvailable.IntValue() == int(w.read("orders").Status.DesiredReplicas)-missing
	}
}

// The group's PodDisruptionBudget follows its size, and gives way to somebody else's.
func TestDisruptionBudget(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(3)
	w.comesUp("orders")
	w.until("the budget is there", w.budgetAllows(1))
	if owner := metav1.GetControllerOf(w.budget()); owner == nil || owner.Name != "orders" {
		t.Errorf("its owner is %+v", owner)
	}
	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Replicas, g.Spec.Rollout.MaxUnavailable = ptr.To[int32](4), ptr.To[int32](2)
	})
	w.until("the budget has followed", func() bool {
		return w.read("orders").Status.ReadyReplicas == 4 && w.budgetAllows(2)()
	})

	foreign := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "by-hand"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr.To(intstr.FromInt32(1)),
			Selector:       &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: v1alpha1.LabelSlot, Operator: metav1.LabelSelectorOpExists}}},
		},
	}
	w.must(w.client.Create(t.Context(), foreign))
	w.until("it has given way", func() bool { return w.budget() == nil })
	if n := w.operator.told.count("ForeignBudget"); n != 1 {
		t.Errorf("event ForeignBudget was told %d times: %q", n, w.operator.told.notes())
	}
	w.must(w.client.Delete(t.Context(), foreign))
	w.until("the budget is there again", w.budgetAllows(2))
}

// The slots of a cordoned node are handed over to pods on other nodes; meanwhile nothing
// may be evicted.
func TestCordonedNode(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	node := w.newNode(1)
	w.group(2)
	w.comesUp("orders")
	before := w.consuming()
	w.newNode(2)
	cordoned := node.DeepCopy()
	cordoned.Spec.Unschedulable = true
	w.must(w.client.Patch(t.Context(), cordoned, client.MergeFrom(node)))
	held := false
	w.until("the node is left", func() bool {
		held = held || w.budgetAllows(0)()
		for _, pod := range w.pods() {
			if pod.Spec.NodeName == node.Name {
				return false
			}
		}
		return true
	})
	if !held {
		t.Error("pods could have been evicted before their successors were warm")
	}
	w.comesUp("orders")
	for id, uid := range w.consuming() {
		if before[id] == uid {
			t.Errorf("%s has not moved", id)
		}
	}
	w.until("evictions are allowed again", w.budgetAllows(1))
}
