package integration

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/pods"
)

// processTemplate has everything that the launcher does in the kubelet's place.
func processTemplate(version int) runtime.RawExtension {
	return runtime.RawExtension{Raw: fmt.Appendf(nil, `{"spec":{"containers":[{
		"name": "app", "image": "registry.invalid/consumer:%d", "command": ["/consumer"], "args": ["--group=$(KAFKA_GROUP_ID)"],
		"ports": [{"name": "admin", "containerPort": 8089}],
		"startupProbe": {"grpc": {"port": 9000}, "failureThreshold": 30, "periodSeconds": 2, "initialDelaySeconds": 5},
		"livenessProbe": {"httpGet": {"path": "/live", "port": "admin"}, "initialDelaySeconds": 60},
		"lifecycle": {"postStart": {"exec": {"command": ["/warm-up"]}}, "preStop": {"sleep": {"seconds": 1}}}
	}]}}`, version)}
}

// With the activation Process a group comes up, a release goes through on the word
// of the launchers alone, and an operator without an endpoint does the same by the
// annotations.
func TestProcess(t *testing.T) {
	w := newWorld(t)
	w.startEndpoint()
	w.kafkaCluster()
	group := w.group(2, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.Activation = v1alpha1.ActivationProcess
		g.Spec.Template = processTemplate(1)
	})
	w.nodeUntil("the group is Ready", w.ready)
	for _, pod := range w.pods() {
		app := pod.Spec.Containers[0]
		if !pods.Launched(&pod) || slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == v1alpha1.ContainerGate }) ||
			app.Lifecycle.PostStart != nil || app.StartupProbe.HTTPGet == nil || app.StartupProbe.FailureThreshold != 32 || app.LivenessProbe == nil {
			t.Errorf("pod %s is made of %+v", pod.Name, pod.Spec)
		}
	}

	w.node.silent = true
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = processTemplate(2) })
	w.nodeUntil("the release is through", func() bool {
		return w.ready() && w.read("orders").Status.StableRevision == w.read("orders").Status.UpdateRevision
	})
	w.node.silent = false
	w.nodeUntil("the old pods are gone", func() bool { return len(w.pods()) == 2 })

	w.must(w.client.Delete(t.Context(), group))
	w.nodeUntil("the object is gone", func() bool { return w.gone(group) })
}

// A group changes from one activation to the other and back as it does with any
// release, and a revision keeps the one that it was made with.
func TestActivationIsReleased(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = processTemplate(1) })
	w.comesUp("orders")
	for _, activation := range []v1alpha1.Activation{v1alpha1.ActivationProcess, v1alpha1.ActivationSidecar} {
		before := w.consuming()
		w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Membership.Activation = activation })
		w.until("the release is through", func() bool {
			return w.is("orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning) &&
				w.read("orders").Status.StableRevision == w.read("orders").Status.UpdateRevision && len(w.pods()) == 2
		})
		for _, pod := range w.pods() {
			if pods.Launched(&pod) != (activation == v1alpha1.ActivationProcess) {
				t.Errorf("%s: pod %s: %v", activation, pod.Name, pod.Spec.Containers[0].Command)
			}
		}
		for id, uid := range w.consuming() {
			if before[id] == "" || before[id] == uid {
				t.Errorf("%s: %s of slot %s is not a successor of %q", activation, uid, id, before[id])
			}
		}
	}

	// A rollout that is under way creates pods of the revision before, too.
	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Membership.Activation = v1alpha1.ActivationProcess
		g.Spec.Template.Raw = []byte(`{"spec":{"containers":[{"name":"app","image":"registry.invalid/missing","command":["/consumer"]}]}}`)
	})
	w.until("the release is under way", func() bool { return w.read("orders").Status.State.Rollout != nil })
	victim := w.pods()[0]
	w.must(w.client.Delete(t.Context(), &victim))
	var refilled types.UID
	w.until("the slot is refilled", func() bool {
		refilled = types.UID(w.consuming()[victim.Annotations[v1alpha1.AnnotationInstanceID]])
		return refilled != "" && refilled != victim.UID
	})
	for _, pod := range w.pods() {
		if pod.UID == refilled && pods.Launched(&pod) {
			t.Error("the revision before was made with the activation of the present one")
		}
	}
}
