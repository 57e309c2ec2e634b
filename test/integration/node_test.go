package integration

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/pods"
)

// node does what scheduler, kubelet and consumers would do, one thing per pod and
// step, so that the operator sees every state.
type node struct {
	*world
	consumers map[types.UID]*consumer
	launchers map[types.UID]*launcher
	// early is how many consumers started before their pod had its annotation.
	early int
	// silent: the node says nothing of the ends of containers.
	silent bool
	// deaf is a pod of whose deletion the node has not heard.
	deaf types.UID
	// away is the name of a node that is no more.
	away string
	// crashes is a pod whose consumer crashes over and over.
	crashes types.UID
	// name is the node to which pods are bound; "" is nodeName.
	name string
	// twice are instance ids that two consumers had at the same time. Nobody may.
	twice []string
}

// consumer is the program in a pod: a client for each of its consumers.
type consumer struct {
	clients []*kgo.Client
	ids     []string // group.instance.id of each
}

func (c *consumer) stop() {
	for _, client := range c.clients {
		client.Close()
	}
}

func newNode(w *world) *node {
	n := &node{world: w, consumers: map[types.UID]*consumer{}, launchers: map[types.UID]*launcher{}}
	w.t.Cleanup(func() {
		for _, consumer := range n.consumers {
			consumer.stop()
		}
		if len(n.twice) > 0 {
			w.t.Errorf("two consumers ran at once with each of these instance ids: %s", strings.Join(n.twice, ", "))
		}
	})
	return n
}

func (n *node) runs(uid types.UID) bool { return n.consumers[uid] != nil }

func (n *node) step() {
	n.t.Helper()
	for _, pod := range n.pods() {
		if err := client.IgnoreNotFound(n.push(&pod)); err != nil {
			n.t.Fatal(err)
		}
	}
}

// push takes a pod one step further.
func (n *node) push(pod *corev1.Pod) error {
	ctx := n.t.Context()
	switch {
	case pod.UID == n.deaf || n.away != "" && pod.Spec.NodeName == n.away:
		return nil
	case pod.DeletionTimestamp != nil:
		return n.end(pod)
	case pod.Spec.NodeName == "":
		return n.client.SubResource("binding").Create(ctx, pod, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: cmp.Or(n.name, nodeName)}})
	case strings.Contains(pod.Spec.Containers[0].Image, "missing"):
		return n.report(pod, waiting("ErrImagePull"), false)
	case !n.activated(pod) && pods.Launched(pod):
		return n.report(pod, running(pod), false)
	case !n.activated(pod):
		return n.report(pod, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}, false)
	case pod.UID == n.crashes:
		n.kill(pod.UID)
		return n.backOff(pod)
	case n.consumers[pod.UID] == nil:
		if pod.Annotations[v1alpha1.AnnotationActivate] == "" {
			n.early++
		}
		n.consume(pod)
	}
	return n.report(pod, running(pod), true)
}

func running(pod *corev1.Pod) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(pod.CreationTimestamp.Time)}}
}

// backOff is what a kubelet says of a consumer that crashed twice.
func (n *node) backOff(pod *corev1.Pod) error {
	before := pod.DeepCopy()
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", State: waiting("CrashLoopBackOff"), RestartCount: 1,
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, FinishedAt: metav1.Now()}},
	}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	return n.client.Status().Patch(n.t.Context(), pod, client.MergeFrom(before))
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "not found"}}
}

// activated says whether the pod's gate lets its consumer start.
func (n *node) activated(pod *corev1.Pod) bool {
	return pod.Annotations[v1alpha1.AnnotationActivate] == string(pod.UID) || n.launch(pod).answered.Load()
}

// end ends the consumer, says so, and at the next step removes the object.
func (n *node) end(pod *corev1.Pod) error {
	if n.runs(pod.UID) {
		n.kill(pod.UID)
		n.launch(pod).tell()
	}
	if n.silent {
		return nil
	}
	if s := pod.Status.ContainerStatuses; len(s) > 0 && s[0].State.Terminated == nil && n.activated(pod) {
		return n.report(pod, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(time.Now().Add(time.Second))}}, false)
	}
	return n.client.Delete(n.t.Context(), pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
}

// kill ends a consumer without a word, as a static member does that stops.
func (n *node) kill(uid types.UID) {
	if consumer := n.consumers[uid]; consumer != nil {
		consumer.stop()
		delete(n.consumers, uid)
	}
}

// report writes a pod's status, if it changes.
func (n *node) report(pod *corev1.Pod, state corev1.ContainerState, started bool) error {
	before := pod.DeepCopy()
	ready := corev1.ConditionFalse
	pod.Status.Phase = corev1.PodPending
	if started {
		ready, pod.Status.Phase = corev1.ConditionTrue, corev1.PodRunning
	}
	gate := running(pod)
	check := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", FinishedAt: metav1.NewTime(pod.CreationTimestamp.Time)}}
	if state.Waiting != nil && state.Waiting.Reason == "ErrImagePull" {
		// It is the check of the image that finds out; nothing comes after it.
		check, gate = state, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}
		state = *gate.DeepCopy()
	}
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{
		{Name: v1alpha1.ContainerCheckPrefix + "app", Image: pod.Spec.Containers[0].Image, State: check},
		{Name: v1alpha1.ContainerGate, State: gate, Started: ptr.To(started)},
	}
	if pods.Launched(pod) {
		pod.Status.InitContainerStatuses = pod.Status.InitContainerStatuses[:1]
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: state, Started: ptr.To(started), Ready: started}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	return n.client.Status().Patch(n.t.Context(), pod, client.MergeFrom(before))
}

// consume joins the group as the pod's variables say: with one consumer under the
// id that the pod was given, or as Spring and a program with CONSUMERS do.
func (n *node) consume(pod *corev1.Pod) {
	n.t.Helper()
	variables := map[string]string{}
	for _, v := range pod.Spec.Containers[0].Env {
		variables[v.Name] = v.Value
	}
	session := 45 * time.Second // as Kafka's clients have it
	if ms, err := strconv.Atoi(variables[v1alpha1.EnvSessionTimeoutMS]); err == nil {
		session = time.Duration(ms) * time.Millisecond
	}
	c := &consumer{}
	for _, id := range idsOf(variables) {
		for _, other := range n.consumers {
			if slices.Contains(other.ids, id) {
				n.twice = append(n.twice, id)
			}
		}
		joined, err := kgo.NewClient(
			kgo.SeedBrokers(strings.Split(variables[v1alpha1.EnvBootstrapServers]+variables["SPRING_KAFKA_CONSUMER_BOOTSTRAP_SERVERS"], ",")...),
			kgo.ClientID(string(pod.UID)),
			kgo.ConsumerGroup(variables[v1alpha1.EnvGroupID]+variables["SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_ID"]),
			kgo.InstanceID(id),
			kgo.ConsumeTopics(topic),
			kgo.Balancers(kgo.RangeBalancer()),
			kgo.SessionTimeout(session),
			kgo.HeartbeatInterval(100*time.Millisecond),
		)
		n.must(err)
		c.clients, c.ids = append(c.clients, joined), append(c.ids, id)
	}
	n.consumers[pod.UID] = c
}

// idsOf are the instance ids of a program's consumers.
func idsOf(variables map[string]string) []string {
	id, spring := variables["SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_INSTANCE_ID"]
	if !spring {
		id = variables[v1alpha1.EnvGroupInstanceID]
	}
	count, err := strconv.Atoi(variables["CONSUMERS"])
	if err != nil {
		if !spring {
			return []string{id}
		}
		count = 1
	}
	var ids []string
	for i := range count {
		ids = append(ids, fmt.Sprintf("%s-%d", id, i))
	}
	return ids
}
