package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/internal/prometheus"
)

const (
	// setupTimeout bounds what is asked of the API server before the start.
	setupTimeout = 30 * time.Second
	// groupsAtOnce is how many groups are reconciled at the same time: a pass that
	// waits for Kafka must not hold up the others.
	groupsAtOnce = 8
	// clustersAtOnce: the same for KafkaClusters, of which some may be dead.
	clustersAtOnce = 4
	// firstRetry and lastRetry bound the wait after a pass that failed.
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Options of the controllers.
type Options struct {
	// LauncherImage is the image of Kohort's own containers in the pods.
	LauncherImage string
	// Endpoint is where pods ask and tell; none without an address.
	Endpoint EndpointOptions
	// Burrow is where Burrow's clients ask; nowhere without an address.
	Burrow BurrowOptions
	// Prometheus is whom the gates of rollouts ask; nobody without a URL.
	Prometheus prometheus.Options
	// LagMetrics is how detailed the metrics of lag are. Default: LagMetricsPartition.
	LagMetrics LagMetrics
}

// CacheOptions limit what a manager's cache holds: of all pods, only those of
// ConsumerGroups, and of the nodes, whether pods have to leave them.
func CacheOptions() (cache.Options, error) {
	ours, err := labels.NewRequirement(v1alpha1.LabelGroup, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("selecting pods by label %s: %w", v1alpha1.LabelGroup, err)
	}
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		&corev1.Pod{}:  {Label: labels.NewSelector().Add(*ours)},
		&corev1.Node{}: {Transform: nodeInShort},
	}}, nil
}

// nodeInShort is what Kohort asks of a node.
func nodeInShort(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion},
		Spec:       corev1.NodeSpec{Unschedulable: node.Spec.Unschedulable, Taints: node.Spec.Taints},
	}, nil
}

// Setup adds the controllers to a manager whose cache was made with CacheOptions.
func Setup(mgr ctrl.Manager, options Options) error {
	if options.LauncherImage == "" {
		return errors.New("setting up the controllers: the launcher's image is not given")
	}
	if options.LagMetrics == "" {
		options.LagMetrics = LagMetricsPartition
	}
	if all := []LagMetrics{LagMetricsGroup, LagMetricsTopic, LagMetricsPartition, LagMetricsAll}; !slices.Contains(all, options.LagMetrics) {
		return fmt.Errorf("setting up the controllers: metrics of lag can be by %v, and not by %q", all, options.LagMetrics)
	}
	server, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("setting up the controllers: %w", err)
	}
	if err := checkVersion(server); err != nil {
		return fmt.Errorf("setting up the controllers: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	uid, err := ClusterUID(ctx, mgr.GetAPIReader())
	if err != nil {
		return err
	}
	witness := NewWitness()
	clusters := &Clusters{LagMetrics: options.LagMetrics}
	if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		clusters.Close()
		return nil
	})); err != nil {
		return fmt.Errorf("setting up the connections: %w", err)
	}
	endpoint, err := addServers(ctx, mgr, options, clusters, witness)
	if err != nil {
		return err
	}
	groups := &ConsumerGroupReconciler{
		Client:        mgr.GetClient(),
		APIReader:     mgr.GetAPIReader(),
		Recorder:      mgr.GetEventRecorder("kohort"),
		Clusters:      clusters,
		Witness:       witness,
		Endpoint:      endpoint,
		LauncherImage: options.LauncherImage,
		ClusterUID:    uid,
	}
	if groups.Prometheus, err = addPrometheus(mgr, options.Prometheus); err != nil {
		return err
	}
	if err := groups.setup(mgr); err != nil {
		return fmt.Errorf("setting up the controller of ConsumerGroups: %w", err)
	}
	err = ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.KafkaCluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controllerOptions(clustersAtOnce)).
		Complete(&KafkaClusterReconciler{Client: mgr.GetClient(), APIReader: mgr.GetAPIReader(), Clusters: clusters})
	if err != nil {
		return fmt.Errorf("setting up the controller of KafkaClusters: %w", err)
	}
	return nil
}

// addServers adds what others ask of the operator that leads. Without an activation
// endpoint there is none.
func addServers(ctx context.Context, mgr ctrl.Manager, options Options, clusters *Clusters, witness *Witness) (endpoint *Endpoint, err error) {
	if options.Endpoint.Address != "" {
		if endpoint, err = NewEndpoint(ctx, mgr.GetClient(), mgr.GetAPIReader(), witness, options.Endpoint); err != nil {
			return nil, fmt.Errorf("setting up the activation endpoint: %w", err)
		}
		if err := mgr.Add(endpoint); err != nil {
			return nil, fmt.Errorf("setting up the activation endpoint: %w", err)
		}
	}
	if options.Burrow.Listen != "" {
		if err := mgr.Add(&burrowServer{options: options.Burrow, client: mgr.GetClient(), source: clusters}); err != nil {
			return nil, fmt.Errorf("setting up the answers to Burrow's clients: %w", err)
		}
	}
	return endpoint, nil
}

// addPrometheus adds what asks Prometheus, in the operator that leads; nil without a URL.
func addPrometheus(mgr ctrl.Manager, options prometheus.Options) (*prometheus.Reader, error) {
	if options.URL == "" {
		if options.ConfigFile != "" {
			return nil, errors.New("setting up the questions to Prometheus: --prometheus-http-config says how to connect, and --prometheus-url not where to")
		}
		return nil, nil
	}
	reader, err := prometheus.New(options)
	if err != nil {
		return nil, fmt.Errorf("setting up the questions to Prometheus: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		reader.Run(ctx)
		return nil
	})); err != nil {
		return nil, fmt.Errorf("setting up the questions to Prometheus: %w", err)
	}
	return reader, nil
}

// ClusterUID tells a Kubernetes cluster from others: it is the UID of its
// namespace kube-system.
func ClusterUID(ctx context.Context, reader client.Reader) (string, error) {
	var namespace corev1.Namespace
	if err := reader.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, &namespace); err != nil {
		return "", fmt.Errorf("reading the UID of namespace %s, which tells this cluster from others: %w", metav1.NamespaceSystem, err)
	}
	return string(namespace.UID), nil
}

func controllerOptions(atOnce int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: atOnce,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
	}
}

func (r *ConsumerGroupReconciler) setup(mgr ctrl.Manager) error {
	// Whether another group has the same group id changes when one comes or goes.
	comesOrGoes := predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}
	// Whether pods have to leave a node; what else changes of it, each few seconds, says
	// nothing.
	drains := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Node)
		after, also := e.ObjectNew.(*corev1.Node)
		return ok && also && pods.Draining(before) != pods.Draining(after)
	}}
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ConsumerGroup{}).
		Watches(&v1alpha1.ConsumerGroup{}, handler.EnqueueRequestsFromMapFunc(r.rivals), builder.WithPredicates(comesOrGoes)).
		// By label and not by owner: pods of another owner may hold a slot.
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(groupOfPod)).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(r.groupsOnNode), builder.WithPredicates(drains)).
		// Somebody else's as well: no pod can be evicted that is also in one of Kohort's. Of
		// their status, which changes with each pod, nothing is asked.
		Watches(&policyv1.PodDisruptionBudget{}, handler.EnqueueRequestsFromMapFunc(r.groupsIn), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.KafkaCluster{}, handler.EnqueueRequestsFromMapFunc(r.groupsOn)).
		WatchesRawSource(r.Clusters).
		WithOptions(controllerOptions(groupsAtOnce))
	if r.Endpoint != nil {
		b = b.WatchesRawSource(r.Endpoint.events(r.Client))
	}
	return b.Complete(r)
}

// groupsOnNode are the ConsumerGroups with pods on a node.
func (r *ConsumerGroupReconciler) groupsOnNode(ctx context.Context, node client.Object) []reconcile.Request {
	var all corev1.PodList
	if err := r.Client.List(ctx, &all, client.HasLabels{v1alpha1.LabelGroup}, client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache is stopped, and with it everything else
	}
	requests := map[reconcile.Request]bool{}
	for i := range all.Items {
		if all.Items[i].Spec.NodeName == node.GetName() {
			requests[groupOfPod(ctx, &all.Items[i])[0]] = true
		}
	}
	return slices.Collect(maps.Keys(requests))
}

func groupOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{
		Namespace: pod.GetNamespace(), Name: pod.GetLabels()[v1alpha1.LabelGroup],
	}}}
}

// rivals are the other ConsumerGroups with the group id of one.
func (r *ConsumerGroupReconciler) rivals(ctx context.Context, object client.Object) []reconcile.Request {
	group, ok := object.(*v1alpha1.ConsumerGroup)
	if !ok {
		return nil
	}
	return r.requests(ctx, func(other *v1alpha1.ConsumerGroup) bool {
		return other.UID != group.UID && other.GroupID() == group.GroupID()
	})
}

// groupsOn are the ConsumerGroups on a KafkaCluster.
func (r *ConsumerGroupReconciler) groupsOn(ctx context.Context, cluster client.Object) []reconcile.Request {
	return r.requests(ctx, func(group *v1alpha1.ConsumerGroup) bool {
		return clusterKey(group) == client.ObjectKeyFromObject(cluster)
	})
}

// groupsIn are the ConsumerGroups in the namespace of an object.
func (r *ConsumerGroupReconciler) groupsIn(ctx context.Context, object client.Object) []reconcile.Request {
	return r.requests(ctx, func(group *v1alpha1.ConsumerGroup) bool { return group.Namespace == object.GetNamespace() })
}

func (r *ConsumerGroupReconciler) requests(ctx context.Context, wanted func(*v1alpha1.ConsumerGroup) bool) []reconcile.Request {
	var groups v1alpha1.ConsumerGroupList
	if err := r.Client.List(ctx, &groups, client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache is stopped, and with it everything else
	}
	var requests []reconcile.Request
	for i := range groups.Items {
		if wanted(&groups.Items[i]) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&groups.Items[i])})
		}
	}
	return requests
}
