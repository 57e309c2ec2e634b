package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/controllers"
	"github.com/kohort-dev/kohort/internal/kafka"
)

const (
	topic      = "orders"
	partitions = 6
	image      = "registry.invalid/consumer:1"
)

// world is a namespace with a broker, an operator that acts when it is told to,
// and nodes.
type world struct {
	t         *testing.T
	namespace string
	client    client.Client
	broker    *kfake.Cluster
	operator  *operator
	node      *node
}

// operator is one run of the operator.
type operator struct {
	groups   *controllers.ConsumerGroupReconciler
	kafkas   *controllers.KafkaClusterReconciler
	clusters *controllers.Clusters
	told     *record
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: c, namespace: newNamespace(t, c)}
	w.node = newNode(w) // ends after the broker: a consumer that closes waits for members who will never come
	w.broker = w.newBroker()
	w.startOperator(c)
	return w
}

func newNamespace(t *testing.T, c client.Client) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A broker of a later test may get the port of this one's.
		if err := c.DeleteAllOf(context.Background(), &v1alpha1.KafkaCluster{}, client.InNamespace(namespace.Name)); err != nil {
			t.Error(err)
		}
	})
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "default"}}
	if err := client.IgnoreAlreadyExists(c.Create(t.Context(), account)); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// newBroker starts a broker that, by its id, is another one than those of all
// other worlds.
func (w *world) newBroker(opts ...kfake.Opt) *kfake.Cluster {
	w.t.Helper()
	broker, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic), kfake.ClusterID(w.namespace))...)
	w.must(err)
	w.t.Cleanup(broker.Close)
	return broker
}

// startOperator starts the operator anew, knowing nothing, in the place of the one
// that there was.
func (w *world) startOperator(c client.Client) {
	w.t.Helper()
	uid, err := controllers.ClusterUID(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.operator != nil {
		w.operator.clusters.Close()
	}
	const often = 200 * time.Millisecond
	clusters := &controllers.Clusters{Options: kafka.Options{
		Interval: often, FastInterval: often / 2, StartsInterval: often, WatchInterval: often,
	}}
	w.t.Cleanup(clusters.Close)
	told := newRecord()
	w.operator = &operator{
		clusters: clusters,
		told:     told,
		kafkas:   &controllers.KafkaClusterReconciler{Client: c, APIReader: c, Clusters: clusters},
		groups: &controllers.ConsumerGroupReconciler{
			Client: c, APIReader: c, Recorder: told, Clusters: clusters, Witness: controllers.NewWitness(),
			LauncherImage: "registry.invalid/launcher:1", ClusterUID: uid,
		},
	}
}

// step is one look of the operator at everything in the namespace.
func (w *world) step() error {
	w.t.Helper()
	var kafkas v1alpha1.KafkaClusterList
	w.must(w.client.List(w.t.Context(), &kafkas, client.InNamespace(w.namespace)))
	for i := range kafkas.Items {
		if _, err := w.operator.kafkas.Reconcile(w.t.Context(), requestFor(&kafkas.Items[i])); err != nil {
			return err
		}
	}
	var groups v1alpha1.ConsumerGroupList
	w.must(w.client.List(w.t.Context(), &groups, client.InNamespace(w.namespace)))
	for i := range groups.Items {
		if _, err := w.operator.groups.Reconcile(w.t.Context(), requestFor(&groups.Items[i])); err != nil {
			return err
		}
	}
	return nil
}

func requestFor(object client.Object) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKeyFromObject(object)}
}

// until lets operator and node work until a condition holds.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		if err := w.step(); err != nil {
			w.t.Fatalf("the operator, while waiting until %s: %v", what, err)
		}
		w.node.step()
		if holds() {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("not after %s: %s\n%s", patience, what, w.describe())
		}
	}
}

// describe is what there is, for a test that has failed.
func (w *world) describe() string {
	var text strings.Builder
	var groups v1alpha1.ConsumerGroupList
	w.must(w.client.List(w.t.Context(), &groups, client.InNamespace(w.namespace)))
	for _, g := range groups.Items {
		fmt.Fprintf(&text, "%s: phase %s: %s\n", g.Name, g.Status.Phase, g.Status.Message)
		for _, c := range g.Status.Conditions {
			fmt.Fprintf(&text, "  %s %s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
		for _, s := range g.Status.Slots {
			fmt.Fprintf(&text, "  slot %d %s %s %s\n", s.Ordinal, s.Pod, s.Partitions, s.Status)
		}
	}
	for _, p := range w.pods() {
		fmt.Fprintf(&text, "%s %s %s\n", p.Name, p.Status.Phase, p.Annotations[v1alpha1.AnnotationActivate])
	}
	return text.String()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// kafkaCluster creates a KafkaCluster that leads to the world's broker.
func (w *world) kafkaCluster(how ...func(*v1alpha1.KafkaCluster)) *v1alpha1.KafkaCluster {
	w.t.Helper()
	cluster := &v1alpha1.KafkaCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "kafka"},
		Spec:       v1alpha1.KafkaClusterSpec{BootstrapServers: w.broker.ListenAddrs()},
	}
	for _, change := range how {
		change(cluster)
	}
	w.must(w.client.Create(w.t.Context(), cluster))
	return cluster
}

// group creates a ConsumerGroup.
func (w *world) group(replicas int32, how ...func(*v1alpha1.ConsumerGroup)) *v1alpha1.ConsumerGroup {
	w.t.Helper()
	settled := int32(1)
	group := &v1alpha1.ConsumerGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "orders"},
		Spec: v1alpha1.ConsumerGroupSpec{
			Kafka:    v1alpha1.KafkaRef{ClusterRef: v1alpha1.ClusterRef{Name: "kafka"}},
			Topics:   []string{topic},
			Replicas: &replicas,
			Rollout:  v1alpha1.Rollout{Gate: v1alpha1.Gate{SettledSeconds: &settled}},
			Template: template(image),
		},
	}
	for _, change := range how {
		change(group)
	}
	w.must(w.client.Create(w.t.Context(), group))
	return group
}

func template(image string) runtime.RawExtension {
	return runtime.RawExtension{Raw: fmt.Appendf(nil, `{"spec":{"containers":[{"name":"app","image":%q}]}}`, image)}
}

// change changes a ConsumerGroup as a user does.
func (w *world) change(name string, how func(*v1alpha1.ConsumerGroup)) {
	w.t.Helper()
	group := w.read(name)
	before := group.DeepCopy()
	how(group)
	w.must(w.client.Patch(w.t.Context(), group, client.MergeFrom(before)))
}

func (w *world) read(name string) *v1alpha1.ConsumerGroup {
	w.t.Helper()
	group := &v1alpha1.ConsumerGroup{}
	w.must(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, group))
	return group
}

// pods of the namespace, by name.
func (w *world) pods() []corev1.Pod {
	w.t.Helper()
	var pods corev1.PodList
	w.must(w.client.List(w.t.Context(), &pods, client.InNamespace(w.namespace)))
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods.Items
}

// consuming are the UIDs of the pods whose consumers run, by instance id.
func (w *world) consuming() map[string]string {
	w.t.Helper()
	uids := map[string]string{}
	for _, pod := range w.pods() {
		if w.node.runs(pod.UID) && pod.DeletionTimestamp == nil {
			uids[pod.Annotations[v1alpha1.AnnotationInstanceID]] = string(pod.UID)
		}
	}
	return uids
}

// comesUp waits until all slots of a group consume.
func (w *world) comesUp(name string) {
	w.t.Helper()
	w.until(name+" is Ready", func() bool { return w.is(name, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning) })
}

func (w *world) is(name, kind string, status metav1.ConditionStatus, reason string) bool {
	w.t.Helper()
	group := w.read(name)
	c := meta.FindStatusCondition(group.Status.Conditions, kind)
	return c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == group.Generation
}

func (w *world) isStalled(name, reason string) bool {
	w.t.Helper()
	return w.is(name, v1alpha1.ConditionStalled, metav1.ConditionTrue, reason) &&
		w.is(name, v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
}

// record keeps the events that were told, each as type, reason and note.
type record struct {
	*events.FakeRecorder
	told []string
}

func newRecord() *record { return &record{FakeRecorder: events.NewFakeRecorder(1000)} }

// notes are all events so far.
func (r *record) notes() []string {
	for {
		select {
		case note := <-r.Events:
			r.told = append(r.told, note)
		default:
			return r.told
		}
	}
}

func (r *record) count(reason string) int {
	n := 0
	for _, note := range r.notes() {
		if strings.Fields(note)[1] == reason {
			n++
		}
	}
	return n
}
