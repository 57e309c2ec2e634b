package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
)

const (
	// checkEvery is how often a Kafka cluster and the Secrets of its connection are
	// looked at.
	checkEvery = 10 * time.Second
	// checkTimeout bounds the wait for its answer.
	checkTimeout = 8 * time.Second
)

// KafkaClusterReconciler keeps the connections that KafkaClusters describe.
type KafkaClusterReconciler struct {
	Client client.Client
	// APIReader reads the Secrets, past the cache: nobody wants all Secrets of a
	// cluster in an operator's memory.
	APIReader client.Reader
	Clusters  *Clusters
}

// +kubebuilder:rbac:groups=kohort.dev,resources=kafkaclusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=kohort.dev,resources=kafkaclusters/status,verbs=get;update;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get

// Reconcile opens the connection of a KafkaCluster, or another when its spec or
// its Secrets have changed, and reports whether the cluster answers.
func (r *KafkaClusterReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cluster := &v1alpha1.KafkaCluster{}
	if err := r.Client.Get(ctx, req.NamespacedName, cluster); err != nil {
		if apierrors.IsNotFound(err) {
			r.Clusters.Disconnect(req.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("reading KafkaCluster %s: %w", req, err)
	}
	info, err := r.connect(ctx, cluster)
	if err != nil && ctx.Err() != nil {
		return ctrl.Result{}, nil // the operator ends, which says nothing about Kafka
	}
	if err := r.report(ctx, cluster, info, err); err != nil {
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: conflictRetry}, nil
		}
		return ctrl.Result{}, fmt.Errorf("writing the status of KafkaCluster %s: %w", req, err)
	}
	return ctrl.Result{RequeueAfter: checkEvery}, nil
}

// connect sees to the connection and asks the cluster who it is. A Secret that
// cannot be used leaves a connection that is there as it is.
func (r *KafkaClusterReconciler) connect(ctx context.Context, cluster *v1alpha1.KafkaCluster) (kafka.Info, error) {
	config, version, err := r.configOf(ctx, cluster)
	if err != nil {
		return kafka.Info{}, err
	}
	key := client.ObjectKeyFromObject(cluster)
	if err := r.Clusters.Connect(key, version, config); err != nil {
		return kafka.Info{}, err
	}
	if err := r.Clusters.Watch(key, cluster.Spec.Watch); err != nil {
		return kafka.Info{}, err
	}
	r.Clusters.Tail(key, cluster.Spec.Commits)
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return r.Clusters.Ping(ctx, key)
}

// boundsOf is what the brokers allow as session timeout, in whole seconds that they do;
// what they said last if they do not answer now.
func (r *KafkaClusterReconciler) boundsOf(ctx context.Context, cluster *v1alpha1.KafkaCluster) *v1alpha1.SessionBounds {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	b, err := r.Clusters.SessionBounds(ctx, client.ObjectKeyFromObject(cluster))
	switch {
	case err != nil:
		logf.FromContext(ctx).Info("Left the brokers' bounds of session timeouts as they were", "reason", err.Error())
		return cluster.Status.SessionTimeout
	case b == kafka.SessionBounds{}:
		return nil
	}
	return &v1alpha1.SessionBounds{
		MinSeconds: int32((b.Min + time.Second - 1) / time.Second), MaxSeconds: int32(b.Max / time.Second),
	}
}

func (r *KafkaClusterReconciler) report(ctx context.Context, cluster *v1alpha1.KafkaCluster, info kafka.Info, err error) error {
	before := cluster.Status.DeepCopy()
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: cluster.Generation,
	}
	switch {
	case err == nil:
		ready.Status, ready.Reason = metav1.ConditionTrue, v1alpha1.ReasonConnected
		ready.Message = fmt.Sprintf("%d brokers answer", info.Brokers)
		cluster.Status.ClusterID, cluster.Status.Brokers = info.ClusterID, info.Brokers
		cluster.Status.SessionTimeout = r.boundsOf(ctx, cluster)
		source, untold := r.Clusters.Commits(client.ObjectKeyFromObject(cluster))
		if cluster.Status.Commits = source; untold != nil {
			ready.Message += "; spec.commits: commits are polled: " + untold.Error()
		}
		watched, unlisted := r.Clusters.Watched(client.ObjectKeyFromObject(cluster))
		if cluster.Status.WatchedGroups = watched; unlisted != nil {
			ready.Message += "; spec.watch: the groups that are read are as they were: " + unlisted.Error()
		}
	case errors.As(err, new(secretError)):
		ready.Reason, ready.Message = v1alpha1.ReasonSecretInvalid, err.Error()
	case errors.Is(err, kafka.ErrRefused), errors.Is(err, kafka.ErrDenied):
		ready.Reason, ready.Message = v1alpha1.ReasonRefused, err.Error()
	default:
		ready.Reason, ready.Message = v1alpha1.ReasonUnreachable, err.Error()
	}
	meta.SetStatusCondition(&cluster.Status.Conditions, ready)
	cluster.Status.ObservedGeneration = cluster.Generation
	if equality.Semantic.DeepEqual(before, &cluster.Status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, cluster); err != nil {
		return err
	}
	logf.FromContext(ctx).Info("Checked the Kafka cluster", "ready", ready.Status, "reason", ready.Reason, "message", ready.Message)
	return nil
}
