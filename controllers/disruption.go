package controllers

import (
	"context"
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete

// limitEvictions keeps the group's PodDisruptionBudget current. Where somebody else's
// selects the pods, there is none: a pod that two of them select cannot be evicted at all.
func (r *ConsumerGroupReconciler) limitEvictions(ctx context.Context, s seen, p plan) error {
	if !s.group.DeletionTimestamp.IsZero() || p.State.Size == nil || s.stall.holdsStill() {
		return nil // it goes with the group
	}
	wanted := budgetOf(s.group, p.MinAvailable)
	doing := fmt.Sprintf("keeping PodDisruptionBudget %s/%s current", wanted.Namespace, wanted.Name)
	own, foreign, err := r.budgets(ctx, s)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if foreign != "" {
		if s.recalls.foreignBudget != foreign {
			s.recalls.foreignBudget = foreign
			r.note(s.group, "ForeignBudget", "PodDisruptionBudget %s says how many pods may be evicted: Kohort keeps none of its own beside it", foreign)
		}
		if own == nil {
			return nil
		}
		if err := client.IgnoreNotFound(r.Client.Delete(ctx, own)); err != nil {
			return fmt.Errorf("deleting PodDisruptionBudget %s/%s beside %s: %w", own.Namespace, own.Name, foreign, err)
		}
		return nil
	}
	s.recalls.foreignBudget = ""
	if own == nil {
		if err := r.Client.Create(ctx, wanted); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return nil
	}
	if equality.Semantic.DeepEqual(own.Spec, wanted.Spec) {
		return nil
	}
	before := own.DeepCopy()
	own.Spec = wanted.Spec
	if err := client.IgnoreNotFound(r.Client.Patch(ctx, own, client.MergeFrom(before))); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// budgets are the one that Kohort keeps, nil if there is none, and the name of somebody
// else's that is for the same pods, or has its name; "" if there is none.
func (r *ConsumerGroupReconciler) budgets(ctx context.Context, s seen) (own *policyv1.PodDisruptionBudget, foreign string, err error) {
	var all policyv1.PodDisruptionBudgetList
	if err := r.Client.List(ctx, &all, client.InNamespace(s.group.Namespace)); err != nil {
		return nil, "", fmt.Errorf("listing those there are: %w", err)
	}
	for i := range all.Items {
		budget := &all.Items[i]
		switch {
		case metav1.IsControlledBy(budget, s.group):
			own = budget
		case budget.Name == s.group.Name || s.selectsPods(budget):
			foreign = budget.Name
		}
	}
	return own, foreign, nil
}

// selectsPods says whether a budget is for one of the group's pods.
func (s seen) selectsPods(budget *policyv1.PodDisruptionBudget) bool {
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		return false
	}
	for _, pod := range s.objects {
		if selector.Matches(labels.Set(pod.Labels)) {
			return true
		}
	}
	return false
}

// budgetOf is a group's own: of the pods that are ready so many have to stay. Those that
// are not, as the warm ones, may always go.
func budgetOf(group *v1alpha1.ConsumerGroup, minAvailable int32) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: group.Namespace, Name: group.Name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(group, v1alpha1.GroupVersion.WithKind("ConsumerGroup"))},
			Labels:          map[string]string{v1alpha1.LabelGroup: group.Name},
		},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable:               ptr.To(intstr.FromInt32(minAvailable)),
			Selector:                   &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelGroup: group.Name}},
			UnhealthyPodEvictionPolicy: ptr.To(policyv1.AlwaysAllow),
		},
	}
}
