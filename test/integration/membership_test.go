package integration

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// variable of the consumer's container.
func variable(pod corev1.Pod, name string) string {
	for _, v := range pod.Spec.Containers[0].Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// A session timeout follows from what was measured, reaches the pods that are made from
// then on, and restarts none.
func TestSessionTimeoutIsTuned(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.HeartbeatSeconds = ptr.To[int32](1)
		g.Spec.Membership.SessionTimeout = v1alpha1.SessionTimeout{MinSeconds: ptr.To[int32](10), MaxSeconds: ptr.To[int32](120)}
	})
	w.comesUp("orders")
	first := w.pods()[0]
	if got := variable(first, v1alpha1.EnvSessionTimeoutMS); got != "10000" {
		t.Errorf("the first pod was given %s ms", got)
	}
	// A restart that took half a minute.
	group := w.read("orders")
	group.Status.State.Restarts = append(group.Status.State.Restarts, v1alpha1.RestartState{Kind: v1alpha1.RestartStop, Seconds: 30})
	w.must(w.client.Status().Update(t.Context(), group))
	w.until("the status says so", func() bool {
		s := w.read("orders").Status.SessionTimeout
		return s != nil && s.Seconds == 90 && strings.Contains(s.Reason, "restarts take up to 30 s") && strings.Contains(s.Reason, "1 of 1 pods were made with another one")
	})
	if pods := w.pods(); len(pods) != 1 || pods[0].UID != first.UID {
		t.Errorf("%d pods, and the first one was replaced", len(pods))
	}
	w.must(w.client.Delete(t.Context(), &first))
	w.isReplaced(first)
	second := w.pods()[0]
	if got := variable(second, v1alpha1.EnvSessionTimeoutMS); got != "90000" || second.Annotations[v1alpha1.AnnotationSessionTimeout] != "90" {
		t.Errorf("the next pod was given %s ms, and says %v", got, second.Annotations)
	}
}

// A consumer that crashes over and over leaves its partitions to the others, and is
// tried again after ten minutes.
func TestCrashLoopIsLeftOut(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	pod := w.pods()[1]
	w.node.crashes = pod.UID
	w.until("the other one has all partitions", func() bool {
		slots := w.read("orders").Status.Slots
		return slots[0].Partitions == "orders:0-5" && slots[1].Pod == ""
	})
	w.says("orders", "slot 1 is left out of the group until")
	w.says("orders", "consumer crashed 2 times, exit code 3")
	if n := w.operator.told.count("LeftOut"); n != 1 {
		t.Errorf("event LeftOut was told %d times: %q", n, w.operator.told.notes())
	}
	if !w.is("orders", v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonEnough) {
		t.Errorf("one of two may be missing:\n%s", w.describe())
	}
	// Another operator knows of it.
	w.startOperator(w.client)
	w.operator.groups.Now = func() time.Time { return time.Now().Add(10*time.Minute + time.Second) }
	w.until("it is tried again", func() bool {
		uid := w.consuming()[pod.Annotations[v1alpha1.AnnotationInstanceID]]
		return uid != "" && uid != string(pod.UID)
	})
}

// With lostNode Wait a lost pod's slot stays as it is until a person says that the pod is
// dead.
func TestLostPodAwaitsAPerson(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.HeartbeatSeconds = ptr.To[int32](1)
		g.Spec.Membership.LostNode = v1alpha1.LostNodeWait
	})
	w.comesUp("orders")
	lost := w.pods()[0]
	id := lost.Annotations[v1alpha1.AnnotationInstanceID]
	w.node.kill(lost.UID)
	w.node.deaf = lost.UID
	w.must(w.client.Delete(t.Context(), &lost, client.GracePeriodSeconds(0)))
	w.until("it is said what to do", func() bool {
		return strings.Contains(w.read("orders").Status.Message, "set the annotation kohort.dev/replace-lost="+lost.Name)
	})
	for range 20 {
		w.must(w.step())
		w.node.step()
	}
	if uid := w.consuming()[id]; uid != "" {
		t.Errorf("pod %s has its id", uid)
	}
	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		metav1.SetMetaDataAnnotation(&g.ObjectMeta, v1alpha1.AnnotationReplaceLost, lost.Name)
	})
	w.until("it is replaced", func() bool { return w.consuming()[id] != "" })
}

// The members of somebody else are told of, and so is another assignor than the one that
// is declared.
func TestClientsThatDoNotConform(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, func(g *v1alpha1.ConsumerGroup) { g.Spec.Membership.Assignor = v1alpha1.AssignorSticky })
	w.until("the assignor is told of", func() bool {
		return w.is("orders", v1alpha1.ConditionClientsConform, metav1.ConditionFalse, v1alpha1.ReasonWrongAssignor)
	})
	w.says("orders", "shares its partitions by the assignor range, membership.assignor asks for sticky")
	stranger, err := kgo.NewClient(kgo.SeedBrokers(w.broker.ListenAddrs()...), kgo.ClientID("migration"), kgo.ConsumerGroup("orders"),
		kgo.ConsumeTopics(topic), kgo.Balancers(kgo.RangeBalancer()), kgo.HeartbeatInterval(100*time.Millisecond))
	w.must(err)
	t.Cleanup(stranger.Close)
	w.until("the stranger is told of", func() bool {
		return w.is("orders", v1alpha1.ConditionClientsConform, metav1.ConditionFalse, v1alpha1.ReasonStranger)
	})
	w.says("orders", "a dynamic one (client id migration, host ")
	if n := w.operator.told.count(v1alpha1.ReasonStranger); n != 1 {
		t.Errorf("it was told %d times: %q", n, w.operator.told.notes())
	}
}

// newNode is another node, for this world's pods from now on.
func (w *world) newNode(number int) *corev1.Node {
	w.t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: w.namespace + "-" + strconv.Itoa(number)}}
	w.must(w.client.Create(w.t.Context(), node))
	w.node.name = node.Name
	return node
}

// Brokers refuse clients whose session timeout is outside of what they allow.
func TestSessionTimeoutWithinTheBrokersBounds(t *testing.T) {
	w := newWorld(t)
	most := "30000"
	_, err := w.admin().AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Name: "group.max.session.timeout.ms", Value: &most}})
	w.must(err)
	w.kafkaCluster()
	w.until("the bounds are known", func() bool {
		b := w.cluster().Status.SessionTimeout
		return b != nil && b.MaxSeconds == 30
	})
	w.group(1)
	w.comesUp("orders")
	if got := variable(w.pods()[0], v1alpha1.EnvSessionTimeoutMS); got != "30000" {
		t.Errorf("the consumer is given %s ms", got)
	}
	const says = "and the brokers allow 30 s (group.max.session.timeout.ms)"
	if got := w.read("orders").Status.SessionTimeout; got == nil || got.Seconds != 30 || !strings.Contains(got.Reason, says) {
		t.Errorf("%+v does not say %q", got, says)
	}
}

// What the brokers do not tell is no bound.
func TestBrokersThatDoNotTellTheirBounds(t *testing.T) {
	w := newWorld(t)
	w.broker.ControlKey(kmsg.DescribeConfigs.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
		for _, asked := range request.(*kmsg.DescribeConfigsRequest).Resources {
			r := kmsg.NewDescribeConfigsResponseResource()
			r.ResourceType, r.ResourceName, r.ErrorCode = asked.ResourceType, asked.ResourceName, kerr.ClusterAuthorizationFailed.Code
			response.Resources = append(response.Resources, r)
		}
		return response, nil, true
	})
	w.kafkaCluster()
	w.group(1)
	w.comesUp("orders")
	if b := w.cluster().Status.SessionTimeout; b != nil {
		t.Errorf("the bounds are %+v", b)
	}
	if !w.clusterIs(metav1.ConditionTrue, v1alpha1.ReasonConnected, "") {
		t.Error("the KafkaCluster is not ready")
	}
}
