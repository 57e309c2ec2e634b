// Package controllers is where Kohort meets the Kubernetes API: what is there is
// observed, what internal/rollout decides is applied and reported. It decides
// nothing itself.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/prometheus"
)

// conflictRetry is when to try again after an object was changed by others
// between reading and writing it. Mostly its watch event is quicker.
const conflictRetry = 100 * time.Millisecond

// ConsumerGroupReconciler runs the pods of ConsumerGroups.
type ConsumerGroupReconciler struct {
	Client client.Client
	// APIReader reads past the cache.
	APIReader client.Reader
	Recorder  events.EventRecorder
	Clusters  *Clusters
	Witness   *Witness
	// Endpoint activates pods quicker than their annotation; nil: there is none.
	Endpoint *Endpoint
	// Prometheus answers the gate's queries; nil: there is none.
	Prometheus *prometheus.Reader
	// LauncherImage is the image of Kohort's own containers in the pods.
	LauncherImage string
	// ClusterUID tells this Kubernetes cluster from others: the UID of its
	// namespace kube-system.
	ClusterUID string
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	memory memory
}

// +kubebuilder:rbac:groups=kohort.dev,resources=consumergroups,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=kohort.dev,resources=consumergroups/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=kohort.dev,resources=consumergroups/finalizers,verbs=update
// +kubebuilder:rbac:groups=kohort.dev,resources=kafkaclusters,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,resourceNames=kube-system,verbs=get
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes a pass over a ConsumerGroup. An object that was changed since it
// was read, by others or by a pass that the cache does not show yet, is no error, and
// neither is the end of the operator in the middle of it.
func (r *ConsumerGroupReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	result, err := r.pass(ctx, req)
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	case ctx.Err() != nil:
		return ctrl.Result{}, nil
	}
	return result, err
}

// pass takes one look at a ConsumerGroup and does what is to be done next.
func (r *ConsumerGroupReconciler) pass(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	group := &v1alpha1.ConsumerGroup{}
	if err := r.Client.Get(ctx, req.NamespacedName, group); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req.NamespacedName)
			return ctrl.Result{}, r.releaseOrphans(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, fmt.Errorf("reading ConsumerGroup %s: %w", req, err)
	}
	if !controllerutil.ContainsFinalizer(group, v1alpha1.Finalizer) {
		if !group.DeletionTimestamp.IsZero() {
			r.forget(req.NamespacedName)
			return ctrl.Result{}, r.releaseOrphans(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, r.addFinalizer(ctx, group)
	}

	s, err := r.observe(ctx, group)
	if err != nil {
		return ctrl.Result{}, err
	}
	p := decide(s)
	if p.Done {
		return ctrl.Result{}, r.finish(ctx, group)
	}
	measure(s, p)
	status := report(s, p)
	if !sameState(p.State, group.Status.State) {
		// What is decided is written before it is acted on.
		err = r.persist(ctx, s, p, status)
		if err == nil {
			err = r.execute(ctx, s, p)
		}
	} else {
		err = r.execute(ctx, s, p)
		err = errors.Join(err, r.publish(ctx, s, p, withFailure(status, s, err)))
	}
	return ctrl.Result{RequeueAfter: p.again()}, errors.Join(err, s.uncertain)
}

func (r *ConsumerGroupReconciler) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *ConsumerGroupReconciler) addFinalizer(ctx context.Context, group *v1alpha1.ConsumerGroup) error {
	before := group.DeepCopy()
	controllerutil.AddFinalizer(group, v1alpha1.Finalizer)
	if err := r.patchMetadata(ctx, group, before); err != nil {
		return fmt.Errorf("adding the finalizer to ConsumerGroup %s/%s: %w", group.Namespace, group.Name, err)
	}
	return nil
}

// finish lets a ConsumerGroup go of which nothing is left.
func (r *ConsumerGroupReconciler) finish(ctx context.Context, group *v1alpha1.ConsumerGroup) error {
	r.unconfigureGroup(ctx, group)
	before := group.DeepCopy()
	controllerutil.RemoveFinalizer(group, v1alpha1.Finalizer)
	if err := r.patchMetadata(ctx, group, before); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing the finalizer from ConsumerGroup %s/%s: %w", group.Namespace, group.Name, err)
	}
	r.forget(client.ObjectKeyFromObject(group))
	return nil
}

// releaseOrphans lets the deleted pods of a ConsumerGroup go that is not there any
// more: nobody asks when they ended.
func (r *ConsumerGroupReconciler) releaseOrphans(ctx context.Context, group types.NamespacedName) error {
	var all corev1.PodList
	err := r.Client.List(ctx, &all, client.InNamespace(group.Namespace), client.MatchingLabels{v1alpha1.LabelGroup: group.Name})
	if err != nil {
		return fmt.Errorf("listing the pods that ConsumerGroup %s has left: %w", group, err)
	}
	for i := range all.Items {
		pod := &all.Items[i]
		if pod.DeletionTimestamp != nil && letsGo(group.Name, pod) && controllerutil.ContainsFinalizer(pod, v1alpha1.FinalizerPod) {
			if err := r.release(ctx, pod); err != nil {
				return err
			}
		}
	}
	return nil
}

// patchMetadata writes what differs, which is never the spec.
func (r *ConsumerGroupReconciler) patchMetadata(ctx context.Context, group, before *v1alpha1.ConsumerGroup) error {
	return r.Client.Patch(ctx, group, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func (r *ConsumerGroupReconciler) forget(key client.ObjectKey) {
	r.Clusters.Untrack(key)
	if r.Prometheus != nil {
		r.Prometheus.Forget(key)
	}
	r.memory.forget(key)
	forgetMetrics(key)
}
