package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// What people and other controllers do to a group that runs, and what must not
// come of it.

// unharmed is for how long a test looks on after somebody has meddled.
const unharmed = 3 * time.Second

// lookOn lets operator and node work for a while. The operator may fail meanwhile.
func (w *world) lookOn() {
	w.t.Helper()
	for end := time.Now().Add(unharmed); time.Now().Before(end); time.Sleep(pollEvery) {
		_ = w.step()
		w.node.step()
	}
}

// halfway begins a release of two slots, whose gate does not pass the first for a
// minute. It gives the pod of the new revision that consumes.
func (w *world) halfway() corev1.Pod {
	w.t.Helper()
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) { g.Spec.Rollout.Gate.SettledSeconds = ptr.To[int32](60) })
	w.comesUp("orders")
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:2") })
	var begun corev1.Pod
	w.until("slot 0 consumes under revision 2", func() bool {
		for _, p := range w.pods() {
			if w.node.runs(p.UID) && p.Spec.Containers[0].Image == "registry.invalid/consumer:2" {
				begun = p
			}
		}
		return begun.UID != "" && len(w.consuming()) == 2
	})
	return begun
}

func (w *world) stillRuns(pod corev1.Pod) {
	w.t.Helper()
	var now corev1.Pod
	w.must(w.client.Get(w.t.Context(), client.ObjectKeyFromObject(&pod), &now))
	if now.DeletionTimestamp != nil || !w.node.runs(pod.UID) {
		w.t.Errorf("pod %s was stopped\n%s\n%s", pod.Name, strings.Join(w.operator.told.notes(), "\n"), w.describe())
	}
}

// A template that is refused in the middle of a release stops nothing: what was
// begun goes on.
func TestRefusedTemplateUndoesNothing(t *testing.T) {
	w := newWorld(t)
	begun := w.halfway()
	w.change("orders", func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Template = runtime.RawExtension{Raw: []byte(`{"spec":{"containers":[{"name":"app"}]}}`)}
	})
	w.until("it is Stalled", func() bool { return w.isStalled("orders", v1alpha1.ReasonInvalidTemplate) })
	w.lookOn()
	w.stillRuns(begun)
}

// Neither does one that cannot be checked, as while a webhook is down, also when
// the broker is away as well.
func TestUncheckedTemplateUndoesNothing(t *testing.T) {
	w := newWorld(t)
	begun := w.halfway()
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	w.must(err)
	w.operator.groups.Client = interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
			if asked := (&client.CreateOptions{}).ApplyOptions(opts); len(asked.DryRun) > 0 {
				return apierrors.NewInternalError(errors.New("failed calling webhook: timeout"))
			}
			return c.Create(ctx, object, opts...)
		},
	})
	w.broker.Close()
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:3") })
	w.lookOn()
	w.stillRuns(begun)
	group := w.read("orders")
	if !strings.Contains(group.Status.Message, "failed calling webhook") || w.isStalled("orders", v1alpha1.ReasonInvalidTemplate) {
		t.Errorf("the message is %q; a template that may be good is called invalid: %v", group.Status.Message,
			w.isStalled("orders", v1alpha1.ReasonInvalidTemplate))
	}
}

// A pod of a node that is out of service is called Failed while its consumer runs,
// by the taint manager. The node checks that nobody else gets its id meanwhile.
func TestOutOfServiceNodeIsNoEnd(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1)
	w.comesUp("orders")
	cut := w.pods()[0]
	step := func() {
		w.must(w.step())
		for _, p := range w.pods() {
			if p.UID != cut.UID { // the node of that one is cut off
				w.must(client.IgnoreNotFound(w.node.push(&p)))
			}
		}
	}
	w.must(w.client.Delete(t.Context(), &cut))
	for range 20 {
		step()
	}
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(&cut), &cut))
	before := cut.DeepCopy()
	cut.Status.Phase, cut.Status.ObservedGeneration = corev1.PodFailed, cut.Generation
	w.must(w.client.Status().Patch(t.Context(), &cut, client.MergeFrom(before)))
	for range 20 {
		step()
	}
	w.must(w.client.Delete(t.Context(), &cut, client.GracePeriodSeconds(0)))
	told := func() bool { return w.operator.told.count("PodLost") > 0 }
	for end := time.Now().Add(patience); !told() && time.Now().Before(end); time.Sleep(pollEvery) {
		step()
	}
	if !told() {
		t.Error("nobody said that it is lost")
	}
	for end := time.Now().Add(unharmed); time.Now().Before(end); time.Sleep(pollEvery) {
		step()
	}
}

// A pod that was copied from another namespace, with that one's instance id, is
// not activated.
func TestCopiedPodIsNotActivated(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1)
	w.comesUp("orders")
	original := w.pods()[0]
	copied := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: "copied", Labels: original.Labels,
			Annotations: map[string]string{v1alpha1.AnnotationInstanceID: "orders-fffff-0000"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
	}
	w.must(w.client.Create(t.Context(), copied))
	w.must(w.client.Delete(t.Context(), &original))
	w.until("another pod consumes", func() bool {
		pods := w.pods()
		return len(pods) == 1 && pods[0].UID != original.UID && w.node.runs(pods[0].UID)
	})
	if got := w.pods()[0]; got.UID == copied.UID {
		t.Errorf("the copied pod consumes as %s", got.Annotations[v1alpha1.AnnotationInstanceID])
	}
}

// A holder whose labels somebody took away consumes on: it is not lost.
func TestRelabelledHolderIsNotLost(t *testing.T) {
	for name, relabel := range map[string]func(map[string]string){
		"aside":   func(labels map[string]string) { delete(labels, v1alpha1.LabelGroup) },
		"slot":    func(labels map[string]string) { labels[v1alpha1.LabelSlot] = "1" },
		"no-slot": func(labels map[string]string) { delete(labels, v1alpha1.LabelSlot) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.kafkaCluster()
			w.group(2)
			w.comesUp("orders")
			pod := w.pods()[slices.IndexFunc(w.pods(), func(p corev1.Pod) bool { return p.Labels[v1alpha1.LabelSlot] == "0" })]
			before := pod.DeepCopy()
			relabel(pod.Labels)
			w.must(w.client.Patch(t.Context(), &pod, client.MergeFrom(before)))
			w.lookOn()
			w.stillRuns(pod)
			if n := w.operator.told.count("PodLost"); n > 0 {
				t.Errorf("it was lost %d times", n)
			}
		})
	}
}

// One label on any pod does not bring the operator down.
func TestHugeSlotLabel(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1)
	w.comesUp("orders")
	w.must(w.client.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "huge", Labels: map[string]string{v1alpha1.LabelGroup: "orders", v1alpha1.LabelSlot: "2147483647"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
	}))
	w.must(w.step())
	if slots := w.read("orders").Status.Slots; len(slots) != 1 {
		t.Errorf("%d slots", len(slots))
	}
}

// Records wait for a group without slots that never committed: it starts.
func TestScalingStartsWhereNothingWasEverCommitted(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(0)
	w.until("it has started with no slots", func() bool { return w.read("orders").Status.State.Size != nil })
	w.produce(100)
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { scaled(g); g.Spec.Scaling.MinReplicas = ptr.To[int32](2) })
	w.comesUp("orders")
	if n := len(w.consuming()); n != 2 {
		t.Errorf("%d slots consume", n)
	}
}

// An operator that begins leaves what the last one told until it has read the
// group itself.
func TestNewOperatorLeavesReadyAlone(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1)
	w.comesUp("orders")
	w.startOperator(w.client)
	_, err := w.operator.groups.Reconcile(t.Context(), requestFor(w.read("orders")))
	w.must(err)
	if !w.is("orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning) {
		t.Error(w.describe())
	}
}

// A message that is too long for an event is cut.
func TestLongNote(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Template = runtime.RawExtension{Raw: fmt.Appendf(nil, `{"spec":{"containers":[{"name":"app","image":%q,"%s":1}]}}`, image, strings.Repeat("x", 2000))}
	})
	w.until("it is told", func() bool { return w.operator.told.count("TemplateFieldsIgnored") > 0 })
	for _, note := range w.operator.told.notes() {
		if _, text, _ := strings.Cut(note, "TemplateFieldsIgnored "); len(text) > 1024 {
			t.Errorf("a note has %d bytes", len(text))
		}
	}
}
