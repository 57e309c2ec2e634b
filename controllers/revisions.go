package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/internal/rollout"
)

// keepRevisions is how many revisions are kept that nothing runs, the newest
// first.
const keepRevisions = 10

// revisionData is what a revision consists of.
type revisionData struct {
	Template   runtime.RawExtension `json:"template"`
	Consumer   v1alpha1.Consumer    `json:"consumer"`
	Activation v1alpha1.Activation  `json:"activation,omitempty"`
}

// presentData is that of the present revision.
func presentData(group *v1alpha1.ConsumerGroup) revisionData {
	return revisionData{group.Spec.Template, group.Spec.Consumer, group.Spec.Membership.Activation}
}

func (d revisionData) parse() (*corev1.PodTemplateSpec, error) {
	return pods.Parse(d.Template, d.Consumer, d.Activation)
}

func revisionName(group, revision string) string { return group + "-" + revision }

// record writes the present template down under its revision, if it is that what
// is worked towards: the state can name only what can be made again.
func (r *ConsumerGroupReconciler) record(ctx context.Context, s seen, p plan) error {
	if s.recalls.recorded[s.revision] || s.stall != nil {
		return nil
	}
	name := revisionName(s.group.Name, s.revision)
	doing := fmt.Sprintf("writing ControllerRevision %s/%s", s.group.Namespace, name)
	var existing appsv1.ControllerRevisionList
	if err := r.APIReader.List(ctx, &existing, client.InNamespace(s.group.Namespace), client.MatchingLabels{v1alpha1.LabelGroup: s.group.Name}); err != nil {
		return fmt.Errorf("%s: listing those there are: %w", doing, err)
	}
	owner := *metav1.NewControllerRef(s.group, v1alpha1.GroupVersion.WithKind("ConsumerGroup"))
	number := int64(0)
	for i := range existing.Items {
		kept := &existing.Items[i]
		number = max(number, kept.Revision)
		if kept.Name != name {
			continue
		}
		if err := r.takeOver(ctx, kept, owner); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		s.recalls.recorded[s.revision] = true
		return nil
	}
	data, err := json.Marshal(presentData(s.group))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = r.Client.Create(ctx, &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: s.group.Namespace, OwnerReferences: []metav1.OwnerReference{owner},
			Labels: map[string]string{v1alpha1.LabelGroup: s.group.Name, v1alpha1.LabelRevision: s.revision},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: number + 1,
	})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	s.recalls.recorded[s.revision] = true
	return r.prune(ctx, existing.Items, s, p)
}

// takeOver makes a revision of an object of the same name that was there before,
// as after a restore, one of this object's: else it would be collected.
func (r *ConsumerGroupReconciler) takeOver(ctx context.Context, kept *appsv1.ControllerRevision, owner metav1.OwnerReference) error {
	if metav1.IsControlledBy(kept, &v1alpha1.ConsumerGroup{ObjectMeta: metav1.ObjectMeta{UID: owner.UID}}) {
		return nil
	}
	before := kept.DeepCopy()
	kept.OwnerReferences = []metav1.OwnerReference{owner}
	return r.Client.Patch(ctx, kept, client.MergeFrom(before))
}

// prune deletes the oldest revisions that nothing needs.
func (r *ConsumerGroupReconciler) prune(ctx context.Context, existing []appsv1.ControllerRevision, s seen, p plan) error {
	needed := needed(s, p)
	unneeded := slices.DeleteFunc(existing, func(c appsv1.ControllerRevision) bool {
		return needed[c.Labels[v1alpha1.LabelRevision]]
	})
	slices.SortFunc(unneeded, func(a, b appsv1.ControllerRevision) int { return int(b.Revision - a.Revision) })
	for i := keepRevisions; i < len(unneeded); i++ {
		if err := r.Client.Delete(ctx, &unneeded[i]); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting ControllerRevision %s/%s: %w", unneeded[i].Namespace, unneeded[i].Name, err)
		}
		delete(s.recalls.recorded, unneeded[i].Labels[v1alpha1.LabelRevision])
	}
	return nil
}

// needed are the revisions that are named by the state, before and after the
// decision, by its actions, or by a pod.
func needed(s seen, p plan) map[string]bool {
	all := map[string]bool{s.revision: true}
	for _, state := range []v1alpha1.GroupState{s.group.Status.State, p.State} {
		all[state.Stable] = true
		for _, slot := range state.Held() {
			all[slot.Revision] = true
		}
		if state.Blue != nil {
			all[state.Blue.Revision] = true
		}
		if state.Override != nil {
			all[state.Override.For], all[state.Override.Revision] = true, true
		}
		if state.Rollout != nil {
			all[state.Rollout.From], all[state.Rollout.To] = true, true
		}
	}
	for _, pod := range s.pods {
		all[pod.Revision] = true
	}
	for _, a := range p.Actions {
		if a.Kind == rollout.CreatePod {
			all[a.Revision] = true
		}
	}
	return all
}

// recorded is what was written down under a revision.
func (r *ConsumerGroupReconciler) recorded(ctx context.Context, group *v1alpha1.ConsumerGroup, revision string) (revisionData, error) {
	var kept appsv1.ControllerRevision
	key := client.ObjectKey{Namespace: group.Namespace, Name: revisionName(group.Name, revision)}
	if err := r.APIReader.Get(ctx, key, &kept); err != nil {
		return revisionData{}, fmt.Errorf("reading ControllerRevision %s: %w", key, err)
	}
	var data revisionData
	if err := json.Unmarshal(kept.Data.Raw, &data); err != nil {
		return revisionData{}, fmt.Errorf("reading ControllerRevision %s: %w", key, err)
	}
	return data, nil
}
