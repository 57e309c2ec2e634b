package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func (w *world) says(name string, parts ...string) {
	w.t.Helper()
	message := w.read(name).Status.Message
	for _, part := range parts {
		if !strings.Contains(message, part) {
			w.t.Errorf("the message of %s is %q, which does not say %q", name, message, part)
		}
	}
}

func TestUnknownKafkaCluster(t *testing.T) {
	w := newWorld(t)
	w.group(1)
	w.until("it is said that there is no KafkaCluster", func() bool { return w.isStalled("orders", v1alpha1.ReasonClusterNotFound) })
	w.says("orders", "there is no KafkaCluster kafka in namespace "+w.namespace)
	if pods := w.pods(); len(pods) > 0 {
		t.Errorf("%d pods were made, want none", len(pods))
	}

	cluster := w.kafkaCluster()
	w.comesUp("orders")
	before := w.consuming()
	w.must(w.client.Delete(t.Context(), cluster))
	w.until("it is said that there is no KafkaCluster any more", func() bool { return w.isStalled("orders", v1alpha1.ReasonClusterNotFound) })
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Replicas = new(int32) })
	w.until("the change was seen", func() bool { return w.read("orders").Status.ObservedGeneration == 2 })
	if diff := cmp.Diff(before, w.consuming()); diff != "" {
		t.Errorf("pods that ran were touched (-before +after):\n%s", diff)
	}
}

func TestTwoGroupsOnOneGroupID(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	first := w.group(1)
	// Timestamps have seconds: the other one must be younger.
	w.until("a second has passed", func() bool { return metav1.Now().Sub(first.CreationTimestamp.Time).Seconds() > 2 })
	w.group(1, func(g *v1alpha1.ConsumerGroup) { g.Name, g.Spec.GroupID = "another", "orders" })
	w.comesUp("orders")
	w.until("the younger one is stalled", func() bool { return w.isStalled("another", v1alpha1.ReasonGroupTaken) })
	w.says("another", "ConsumerGroup "+w.namespace+"/orders, which is older, runs group orders")
	if ids := w.members("orders"); len(ids) != 1 || !strings.HasPrefix(ids[0], "orders-") {
		t.Errorf("the group has members %q, want one, of orders", ids)
	}

	w.must(w.client.Delete(t.Context(), first))
	w.comesUp("another")
}

func TestGroupNotAllowed(t *testing.T) {
	w := newWorld(t)
	cluster := w.kafkaCluster(func(c *v1alpha1.KafkaCluster) { c.Spec.AllowedGroups = []string{"payments", "refund*"} })
	w.group(1)
	w.until("the group is stalled", func() bool { return w.isStalled("orders", v1alpha1.ReasonGroupNotAllowed) })
	w.says("orders", "KafkaCluster kafka does not allow group orders", "payments, refund*")
	if pods := w.pods(); len(pods) > 0 {
		t.Errorf("%d pods were made, want none", len(pods))
	}

	before := cluster.DeepCopy()
	cluster.Spec.AllowedGroups = append(cluster.Spec.AllowedGroups, "ord*")
	w.must(w.client.Patch(t.Context(), cluster, client.MergeFrom(before)))
	w.comesUp("orders")
}

func TestTemplateThatIsRefused(t *testing.T) {
	for name, bad := range map[string]struct{ template, says string }{
		"by Kohort":          {`{"spec":{"restartPolicy":"Never","containers":[{"name":"app","image":"x"}]}}`, "restartPolicy Never is refused"},
		"for its activation": {`{"spec":{"containers":[{"name":"app","image":"x"}]}}`, "template.spec.containers[0].command is missing"},
		"by the API server":  {`{"spec":{"containers":[{"name":"app"}]}}`, "the API server refuses a pod of the template"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.kafkaCluster()
			w.group(1, func(g *v1alpha1.ConsumerGroup) {
				g.Spec.Template = runtime.RawExtension{Raw: []byte(bad.template)}
				if strings.Contains(bad.says, "command") {
					g.Spec.Membership.Activation = v1alpha1.ActivationProcess
				}
			})
			w.until("the group is stalled", func() bool { return w.isStalled("orders", v1alpha1.ReasonInvalidTemplate) })
			w.says("orders", bad.says)
			if pods := w.pods(); len(pods) > 0 {
				t.Errorf("%d pods were made, want none", len(pods))
			}
			w.change("orders", func(g *v1alpha1.ConsumerGroup) {
				g.Spec.Template = template(image)
				g.Spec.Membership.Activation = ""
			})
			w.comesUp("orders")
		})
	}
}

// A group that runs goes on with the template that it has: it is repaired and
// scaled.
func TestTemplateThatIsRefusedLater(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	before := w.consuming()

	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Template = runtime.RawExtension{Raw: []byte(`{"spec":{"containers":[{"name":"app"}]}}`)}
	})
	w.until("the group is stalled", func() bool { return w.isStalled("orders", v1alpha1.ReasonInvalidTemplate) })
	if diff := cmp.Diff(before, w.consuming()); diff != "" {
		t.Errorf("pods that ran were touched (-before +after):\n%s", diff)
	}

	victim := w.pods()[0]
	w.must(w.client.Delete(t.Context(), &victim))
	replicas := int32(3)
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Replicas = &replicas })
	w.until("the slot is refilled and the group has grown", func() bool {
		return w.read("orders").Status.ReadyReplicas == 3 && w.consuming()[before2id(before, string(victim.UID))] != ""
	})
	if diff := cmp.Diff([]string{image, image, image}, images(w.pods())); diff != "" {
		t.Errorf("the pods' images (-want +got):\n%s", diff)
	}
	if !w.isStalled("orders", v1alpha1.ReasonInvalidTemplate) {
		t.Errorf("the group is not stalled any more:\n%s", w.describe())
	}

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image) })
	w.comesUp("orders")
}

func before2id(uids map[string]string, uid string) string {
	for id, u := range uids {
		if u == uid {
			return id
		}
	}
	return ""
}

func TestImageThatDoesNotExist(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	deadline := int32(5)
	w.group(2, func(g *v1alpha1.ConsumerGroup) { g.Spec.Rollout.ProgressDeadlineSeconds = &deadline })
	w.comesUp("orders")
	before := w.consuming()

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/missing:1") })
	w.until("somebody is told that the image cannot be pulled", func() bool {
		return w.is("orders", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPodsNotStarting)
	})
	w.says("orders", "image registry.invalid/missing:1 cannot be pulled")
	w.until("the release is given up", func() bool { return w.isStalled("orders", v1alpha1.ReasonRolledBack) })
	w.says("orders", "no slot came through the gate", "change the template")
	if diff := cmp.Diff(before, w.consuming()); diff != "" {
		t.Errorf("pods that ran were touched (-before +after):\n%s", diff)
	}
	for _, reason := range []string{"RolloutFailed", "RolledBack"} {
		if n := w.operator.told.count(reason); n != 1 {
			t.Errorf("event %s was told %d times, want once: %q", reason, n, w.operator.told.notes())
		}
	}
}
