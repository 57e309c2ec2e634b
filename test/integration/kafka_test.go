package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func (w *world) admin() *kadm.Client {
	w.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.broker.ListenAddrs()...))
	w.must(err)
	w.t.Cleanup(c.Close)
	return kadm.NewClient(c)
}

// cluster reads the KafkaCluster.
func (w *world) cluster() *v1alpha1.KafkaCluster {
	w.t.Helper()
	cluster := &v1alpha1.KafkaCluster{}
	w.must(w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "kafka"}, cluster))
	return cluster
}

// clusterIs compares the Ready condition of the KafkaCluster, and what its message
// must say.
func (w *world) clusterIs(status metav1.ConditionStatus, reason, says string) bool {
	w.t.Helper()
	c := meta.FindStatusCondition(w.cluster().Status.Conditions, v1alpha1.ConditionReady)
	return c != nil && c.Status == status && c.Reason == reason && strings.Contains(c.Message, says)
}

func scaled(g *v1alpha1.ConsumerGroup) {
	g.Spec.Scaling = &v1alpha1.Scaling{MaxReplicas: 5, Targets: v1alpha1.ScalingTargets{LagPerReplica: 10}}
}

// The first start needs nothing from Kafka; nothing else happens without it.
func TestUnreachableBroker(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster(func(c *v1alpha1.KafkaCluster) { c.Spec.BootstrapServers = []string{"127.0.0.1:1"} })
	w.group(2, scaled)
	w.until("the KafkaCluster is said to be unreachable", func() bool {
		return w.clusterIs(metav1.ConditionFalse, v1alpha1.ReasonUnreachable, "127.0.0.1:1")
	})
	w.until("the group has started", func() bool { return len(w.consuming()) == 2 })
	w.until("it is said that nothing is known", func() bool {
		return w.is("orders", v1alpha1.ConditionSettled, metav1.ConditionUnknown, v1alpha1.ReasonNoReading) &&
			w.is("orders", v1alpha1.ConditionLagHealthy, metav1.ConditionUnknown, v1alpha1.ReasonNoReading) &&
			w.is("orders", v1alpha1.ConditionScalingActive, metav1.ConditionFalse, v1alpha1.ReasonNoReading)
	})
	status := w.read("orders").Status
	if status.Lag != nil || status.DesiredReplicas != 2 || status.Scaling.Limit != nil {
		t.Errorf("lag %v, desired %d, limit %v: what is unknown must be absent and nothing scaled", status.Lag, status.DesiredReplicas, status.Scaling.Limit)
	}
}

func TestBrokerGoesAway(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, scaled, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Scaling.MinReplicas = g.Spec.Replicas
	})
	w.comesUp("orders")
	before := w.consuming()
	stable := w.read("orders").Status.StableRevision

	w.broker.Close()
	w.until("it is said that the group cannot be read", func() bool {
		return w.is("orders", v1alpha1.ConditionSettled, metav1.ConditionUnknown, v1alpha1.ReasonNoReading)
	})
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:2") })
	w.until("the release waits", func() bool { return w.read("orders").Status.ObservedGeneration == 2 })
	w.says("orders", "waits for a reading of the group")
	if diff := cmp.Diff(before, w.consuming()); diff != "" {
		t.Errorf("pods that ran were touched (-before +after):\n%s", diff)
	}
	if now := w.read("orders").Status.StableRevision; now != stable {
		t.Errorf("the stable revision has become %s without a reading", now)
	}
}

func TestScalesOnLag(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, scaled)
	w.comesUp("orders")
	w.commitAll()
	w.produce(45)
	w.until("5 slots consume", func() bool { return w.read("orders").Status.ReadyReplicas == 5 })
	if n := w.operator.told.count("Scaled"); n != 1 {
		t.Errorf("event Scaled was told %d times, want once, in one step: %q", n, w.operator.told.notes())
	}
	if !w.is("orders", v1alpha1.ConditionScalingActive, metav1.ConditionTrue, v1alpha1.ReasonLagDecides) {
		t.Errorf("lag does not decide:\n%s", w.describe())
	}
}

func (w *world) produce(n int) {
	w.t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(w.broker.ListenAddrs()...))
	w.must(err)
	defer producer.Close()
	for range n {
		w.must(producer.ProduceSync(w.t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr())
	}
}

// commitAll commits the beginning of each partition, through a consumer.
func (w *world) commitAll() {
	w.t.Helper()
	offsets := map[string]map[int32]kgo.EpochOffset{topic: {}}
	for p := range int32(partitions) {
		offsets[topic][p] = kgo.EpochOffset{Epoch: -1}
	}
	for _, c := range w.node.consumers {
		c.clients[0].CommitOffsetsSync(w.t.Context(), offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			w.must(err)
			for _, p := range answer.Topics[0].Partitions {
				w.must(kerr.ErrorForCode(p.ErrorCode))
			}
		})
	}
}

func TestUnknownTopic(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, scaled, func(g *v1alpha1.ConsumerGroup) { g.Spec.Topics = append(g.Spec.Topics, "nowhere") })
	w.until("it is said that the topic does not exist", func() bool {
		return w.is("orders", v1alpha1.ConditionSettled, metav1.ConditionFalse, v1alpha1.ReasonUnknownTopic) &&
			w.is("orders", v1alpha1.ConditionScalingActive, metav1.ConditionFalse, v1alpha1.ReasonUnknownTopic)
	})
	w.says("orders", "topic nowhere does not exist")
}

func TestCredentials(t *testing.T) {
	w := newWorld(t)
	w.broker = w.newBroker(kfake.EnableSASL(), kfake.Superuser("PLAIN", "kohort", "right"))
	w.kafkaCluster(func(c *v1alpha1.KafkaCluster) {
		c.Spec.SASL = &v1alpha1.KafkaSASL{Mechanism: "PLAIN", Credentials: v1alpha1.SecretName{Name: "login"}}
	})
	w.group(1)
	w.until("the Secret is missed", func() bool {
		return w.clusterIs(metav1.ConditionFalse, v1alpha1.ReasonSecretInvalid, "there is no Secret "+w.namespace+"/login")
	})
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "login"},
		StringData: map[string]string{"username": "kohort"},
	}
	w.must(w.client.Create(t.Context(), secret))
	w.until("its password is missed", func() bool {
		return w.clusterIs(metav1.ConditionFalse, v1alpha1.ReasonSecretInvalid, "has no key password")
	})
	secret.StringData = map[string]string{"password": "wrong"}
	w.must(w.client.Update(t.Context(), secret))
	w.until("the credentials are refused", func() bool {
		return w.clusterIs(metav1.ConditionFalse, v1alpha1.ReasonRefused, `user "kohort"`)
	})
	w.until("the group says so too", func() bool {
		return w.is("orders", v1alpha1.ConditionSettled, metav1.ConditionUnknown, v1alpha1.ReasonNoReading) &&
			strings.Contains(w.read("orders").Status.Message, `user "kohort"`)
	})
	secret.StringData = map[string]string{"password": "right"}
	w.must(w.client.Update(t.Context(), secret))
	w.until("the new password is used", func() bool { return w.clusterIs(metav1.ConditionTrue, v1alpha1.ReasonConnected, "") })
	w.until("the group is read", func() bool {
		c := meta.FindStatusCondition(w.read("orders").Status.Conditions, v1alpha1.ConditionSettled)
		return c != nil && c.Status != metav1.ConditionUnknown
	})
}
