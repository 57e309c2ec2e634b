package integration

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func TestGroupComesUp(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(3)
	w.comesUp("orders")

	group := w.read("orders")
	pods := w.pods()
	prefix := strings.TrimSuffix(group.Status.Slots[0].InstanceIDs[0], "-0000")
	var slots []v1alpha1.SlotStatus
	for ordinal, owns := range []string{"orders:0-1", "orders:2-3", "orders:4-5"} {
		slots = append(slots, v1alpha1.SlotStatus{
			Ordinal: int32(ordinal), InstanceIDs: []string{prefix + "-000" + string(rune('0'+ordinal))}, Pod: pods[ordinal].Name,
			Revision: group.Status.StableRevision, Partitions: owns, Lag: new(int64), Status: "Consuming",
		})
	}
	got := group.Status
	if got.SessionTimeout == nil || got.SessionTimeout.Seconds != 45 {
		t.Errorf("the session timeout is %+v, want 45 s as long as restarts take less", got.SessionTimeout)
	}
	if got.Rebalances == nil || got.Rebalances.Count < 1 {
		t.Errorf("the rebalances are %+v, want the one that brought the members in", got.Rebalances)
	}
	got.State, got.Lag, got.SessionTimeout, got.Rebalances = v1alpha1.GroupState{}, nil, nil, nil
	conditions := map[string]string{}
	for _, c := range got.Conditions {
		conditions[c.Type] = string(c.Status) + " " + c.Reason
	}
	got.Conditions = nil
	want := v1alpha1.ConsumerGroupStatus{
		ObservedGeneration: 1, Phase: v1alpha1.PhaseRunning, Message: "3 of 3 slots consume",
		Replicas: 3, ReadyReplicas: 3, UpdatedReplicas: 3, DesiredReplicas: 3, Selector: "kohort.dev/group=orders",
		StableRevision: group.Status.StableRevision, UpdateRevision: group.Status.StableRevision,
		GroupState: "Stable", Partitions: partitions, Slots: slots,
		Handover: &v1alpha1.HandoverStatus{
			Handover: v1alpha1.HandoverSameID,
			Reason:   "it was not measured yet how long a successor takes from its activation to its membership",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the status (-want +got):\n%s", diff)
	}
	wantConditions := map[string]string{
		"Ready": "True Running", "Available": "True EnoughSlots", "Settled": "True Settled", "LagHealthy": "True CommitsMove",
		"RetentionSafe": "True FarFromRetention", "ClientsConform": "True Conform",
	}
	if diff := cmp.Diff(wantConditions, conditions); diff != "" {
		t.Errorf("the conditions (-want +got):\n%s", diff)
	}
	if n := w.operator.told.count("Started"); n != 1 {
		t.Errorf("event Started was told %d times, want once: %q", n, w.operator.told.notes())
	}
}

// The object is what a user wrote, to the letter: tools that compare it with what
// is in a repository must see no difference.
func TestSpecIsNeverWritten(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	written := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kohort.dev/v1alpha1", "kind": "ConsumerGroup",
		"metadata": map[string]any{"namespace": w.namespace, "name": "orders"},
		"spec": map[string]any{
			"kafka":  map[string]any{"clusterRef": map[string]any{"name": "kafka"}},
			"topics": []any{topic},
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"team": "a"}, "annotations": map[string]any{"kohort.dev/activate": "me"}},
				"spec": map[string]any{
					"ofTheFuture": map[string]any{"a": int64(1)},
					"containers":  []any{map[string]any{"name": "app", "image": image, "newField": "x"}},
				},
			},
		},
	}}
	want := written.DeepCopy()
	w.must(w.client.Create(t.Context(), written))
	w.comesUp("orders")

	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(written), written))
	if diff := cmp.Diff(want.Object["spec"], written.Object["spec"]); diff != "" {
		t.Errorf("the spec was changed (-want +got):\n%s", diff)
	}
	if g := written.GetGeneration(); g != 1 {
		t.Errorf("the generation is %d, want 1: somebody wrote the spec", g)
	}
	if n := w.operator.told.count("TemplateFieldsIgnored"); n != 1 {
		t.Errorf("that fields are ignored was told %d times, want once: %q", n, w.operator.told.notes())
	}
	if pods := w.pods(); len(pods) != 1 || pods[0].Labels["team"] != "a" {
		t.Errorf("the template's labels are not on the pods: %+v", pods)
	}
}

func TestScaleSubresource(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	group := w.group(1)
	w.comesUp("orders")
	before := w.consuming()

	scale := &autoscalingv1.Scale{}
	w.must(w.client.SubResource("scale").Get(t.Context(), group, scale))
	want := autoscalingv1.ScaleStatus{Replicas: 1, Selector: "kohort.dev/group=orders"}
	if diff := cmp.Diff(want, scale.Status); diff != "" {
		t.Errorf("the scale's status (-want +got):\n%s", diff)
	}
	scale.Spec.Replicas = 3
	w.must(w.client.SubResource("scale").Update(t.Context(), group, client.WithSubResourceBody(scale)))
	w.until("3 slots consume", func() bool { return w.read("orders").Status.ReadyReplicas == 3 })
	w.comesUp("orders")

	w.must(w.client.SubResource("scale").Get(t.Context(), group, scale))
	scale.Spec.Replicas = 1
	w.must(w.client.SubResource("scale").Update(t.Context(), group, client.WithSubResourceBody(scale)))
	w.until("1 slot and nothing else is left", func() bool {
		return len(w.pods()) == 1 && len(w.read("orders").Status.State.Slots) == 1
	})
	w.comesUp("orders")
	if diff := cmp.Diff(before, w.consuming()); diff != "" {
		t.Errorf("the slot that stays has another pod (-before +after):\n%s", diff)
	}
	if n := w.operator.told.count("Scaled"); n != 2 {
		t.Errorf("event Scaled was told %d times, want 2: %q", n, w.operator.told.notes())
	}
	members := w.members("orders")
	if len(members) != 1 {
		t.Errorf("the group has members %q, want one", members)
	}
}

// Fixed replicas are honoured, and it is said which are idle.
func TestIdleSlots(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(partitions + 2)
	w.until("it is said that slots are idle", func() bool {
		return w.is("orders", v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonIdleSlots)
	})
	if n := len(w.consuming()); n != partitions+2 {
		t.Errorf("%d pods consume, want %d", n, partitions+2)
	}
	told := slices.ContainsFunc(w.operator.told.notes(), func(note string) bool {
		return strings.Contains(note, "6 of 8 slots can own a partition, ordinals 6 to 7 are idle")
	})
	if !told {
		t.Errorf("no event names the idle slots: %q", w.operator.told.notes())
	}
}

func TestRelease(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	before := w.consuming()
	first := w.read("orders").Status.StableRevision

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:2") })
	w.until("the new revision is the stable one", func() bool {
		s := w.read("orders").Status
		return s.StableRevision != first && s.State.Rollout == nil
	})
	w.comesUp("orders")

	after := w.consuming()
	for id, uid := range before {
		if after[id] == uid || after[id] == "" {
			t.Errorf("instance %s has pod %q as before the release, or none", id, after[id])
		}
	}
	if len(after) != 2 {
		t.Errorf("consumers %v, want 2", after)
	}
	for reason, want := range map[string]int{"RolloutStarted": 1, "SlotHandedOver": 2, "RolloutSucceeded": 1, "RolloutFailed": 0} {
		if n := w.operator.told.count(reason); n != want {
			t.Errorf("event %s was told %d times, want %d: %q", reason, n, want, w.operator.told.notes())
		}
	}
}

// members are the instance ids in a Kafka group, sorted.
func (w *world) members(group string) []string {
	w.t.Helper()
	described, err := w.admin().DescribeGroups(w.t.Context(), group)
	w.must(err)
	var ids []string
	for _, m := range described[group].Members {
		if m.InstanceID != nil {
			ids = append(ids, *m.InstanceID)
		}
	}
	slices.Sort(ids)
	return ids
}

func images(pods []corev1.Pod) []string {
	var all []string
	for _, p := range pods {
		all = append(all, p.Spec.Containers[0].Image)
	}
	return all
}

// A pass may begin before the cache shows what the last one wrote.
func TestFirstPassOverAnOldObject(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	group := w.group(1)
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	w.must(err)
	w.operator.groups.Client = interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
			if read, ok := object.(*v1alpha1.ConsumerGroup); ok {
				group.DeepCopyInto(read)
				return nil
			}
			return c.Get(ctx, key, object, opts...)
		},
	})
	for pass := range 2 {
		result, err := w.operator.groups.Reconcile(t.Context(), requestFor(group))
		if err != nil {
			t.Fatalf("pass %d: %v", pass, err)
		}
		if again := result.RequeueAfter > 0; again != (pass == 1) {
			t.Errorf("pass %d: again in %v", pass, result.RequeueAfter)
		}
	}
}
