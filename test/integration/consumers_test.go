package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// runs is a template of a program that runs so many consumers.
func runs(consumers int, image string) runtime.RawExtension {
	return runtime.RawExtension{Raw: fmt.Appendf(nil,
		`{"spec":{"containers":[{"name":"app","image":%q,"env":[{"name":"CONSUMERS","value":"%d"}]}]}}`, image, consumers)}
}

func ids(base string, endings ...string) []string {
	var all []string
	for _, end := range endings {
		all = append(all, base+end)
	}
	return all
}

// A pod with several consumers is one slot with an id for each of them, and all of
// them stay the same through a release.
func TestSeveralConsumersPerPod(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.InstanceIDPrefix = "shop"
		g.Spec.Consumer.ConsumersPerPod = ptr.To[int32](2)
		g.Spec.Template = runs(2, image)
	})
	w.comesUp("orders")
	all := ids("shop", "-0000-0", "-0000-1", "-0001-0", "-0001-1")
	if diff := cmp.Diff(all, w.members("orders")); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	slots := w.read("orders").Status.Slots
	for ordinal, owns := range []string{"orders:0-3", "orders:4-5"} {
		if diff := cmp.Diff(all[2*ordinal:2*ordinal+2], slots[ordinal].InstanceIDs); diff != "" || slots[ordinal].Partitions != owns {
			t.Errorf("slot %d has %s, want %s; ids (-want +got):\n%s", ordinal, slots[ordinal].Partitions, owns, diff)
		}
	}

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = runs(2, "registry.invalid/consumer:2") })
	w.until("the release is through", func() bool {
		s := w.read("orders").Status
		return s.ObservedGeneration == 2 && s.StableRevision == s.UpdateRevision && s.Phase == v1alpha1.PhaseRunning && s.UpdatedReplicas == 2
	})
	if diff := cmp.Diff(all, w.members("orders")); diff != "" {
		t.Errorf("members after the release (-want +got):\n%s", diff)
	}

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Replicas = ptr.To[int32](1) })
	w.until("the second slot has left", func() bool { return len(w.members("orders")) == 2 })
}

// The program runs another number of consumers than the ConsumerGroup says.
func TestOtherNumberOfConsumers(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.InstanceIDPrefix = "shop"
		g.Spec.Consumer.ConsumersPerPod = ptr.To[int32](3)
		g.Spec.Template = runs(1, image)
	})
	w.until("it is said that the group is not settled", func() bool {
		return w.is("orders", v1alpha1.ConditionSettled, metav1.ConditionFalse, v1alpha1.ReasonNotSettled) &&
			len(w.members("orders")) == 1
	})
	const missing = "slot 0: consumer.consumersPerPod is 3; instance ids shop-0000-1 and -2 are not in the group: does the program run 3 consumers?"
	w.until("what is missing is named", func() bool { return strings.Contains(w.read("orders").Status.Message, missing) })

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = runs(4, image) })
	w.until("it is said that there is one too many", func() bool {
		return w.is("orders", v1alpha1.ConditionClientsConform, metav1.ConditionFalse, v1alpha1.ReasonSurplusMembers)
	})
	w.says("orders", "consumer.consumersPerPod is 3; instance id shop-0000-3 is in the group as well: does the program run more consumers?")
}

// A Spring Boot program finds its identity by itself, and appends a number to it.
func TestSpringBoot(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.InstanceIDPrefix = "shop"
		g.Spec.Consumer.Inject = v1alpha1.InjectSpringBoot
	})
	w.comesUp("orders")
	if diff := cmp.Diff(ids("shop", "-0000-0", "-0001-0"), w.members("orders")); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}

	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Template = runtime.RawExtension{Raw: []byte(`{"spec":{"containers":[{"name":"app","image":"registry.invalid/consumer:2",` +
			`"env":[{"name":"SPRING_KAFKA_CONSUMER_GROUP_ID","value":"other"}]}]}}`)}
	})
	w.until("the template is refused", func() bool { return w.isStalled("orders", v1alpha1.ReasonInvalidTemplate) })
	w.says("orders", "template.spec.containers[0].env sets SPRING_KAFKA_CONSUMER_GROUP_ID, which is refused")
}

// A program that reads files finds one, whose folder nothing else may be mounted at.
func TestPropertiesFile(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.InstanceIDPrefix = "shop"
		g.Spec.Consumer.PropertiesFile = "/etc/kohort/consumer.properties"
	})
	w.comesUp("orders")
	for _, pod := range w.pods() {
		got := pod.Annotations[v1alpha1.AnnotationProperties]
		if !strings.Contains(got, "group.id=orders\ngroup.instance.id=shop-0000\nsession.timeout.ms=45000\n") {
			t.Errorf("pod %s has the properties\n%s", pod.Name, got)
		}
	}

	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Template = runtime.RawExtension{Raw: []byte(`{"spec":{"volumes":[{"name":"own","emptyDir":{}}],"containers":[{"name":"app",` +
			`"image":"registry.invalid/consumer:2","volumeMounts":[{"name":"own","mountPath":"/etc/kohort/"}]}]}}`)}
	})
	w.until("the template is refused", func() bool { return w.isStalled("orders", v1alpha1.ReasonInvalidTemplate) })
	w.says("orders", "consumer.propertiesFile /etc/kohort/consumer.properties is refused: its folder becomes a volume of its own, and "+
		"template.spec.containers[0].volumeMounts[0] mounts own at /etc/kohort/: give the file a folder where nothing is mounted")
}
