package integration

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func (w *world) gone(group *v1alpha1.ConsumerGroup) bool {
	w.t.Helper()
	err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(group), &v1alpha1.ConsumerGroup{})
	return apierrors.IsNotFound(err)
}

func TestDeletion(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	group := w.group(2)
	w.comesUp("orders")
	w.must(w.client.Delete(t.Context(), group))
	w.until("the object is gone", func() bool { return w.gone(group) })
	if pods := w.pods(); len(pods) > 0 && w.node.runs(pods[0].UID) {
		t.Errorf("%d pods are left", len(pods))
	}
	if ids := w.members("orders"); len(ids) > 0 {
		t.Errorf("members %q are left in the group", ids)
	}
}

// What one reading shows is removed once, however often it is looked at.
func TestMembersAreRemovedOnceForEachReading(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	group := w.group(2)
	w.comesUp("orders")
	var asked atomic.Int32
	mute := func(key kmsg.Key) {
		w.broker.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.KeepControl()
			return nil, errors.New("this broker reads nothing any more"), asked.Load() > 0
		})
	}
	mute(kmsg.DescribeGroups)
	mute(kmsg.OffsetFetch)
	w.broker.ControlKey(kmsg.LeaveGroup.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	w.must(w.client.Delete(t.Context(), group))
	w.until("its members are removed", func() bool { return asked.Load() > 0 })
	for range 10 {
		w.must(w.step())
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the broker was asked %d times to remove the members, want once", n)
	}
}

// A dead broker wedges nothing: after a minute the object goes all the same.
func TestDeletionWithDeadBroker(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	group := w.group(2)
	w.comesUp("orders")
	w.broker.Close()
	w.must(w.client.Delete(t.Context(), group))
	w.until("the pods have ended", func() bool { return len(w.pods()) == 0 })
	if w.gone(group) {
		t.Fatal("the object went before its members could be removed")
	}
	w.operator.groups.Now = func() time.Time { return time.Now().Add(61 * time.Second) }
	w.until("the object is gone", func() bool { return w.gone(group) })
}

func TestDeletionWithoutKafkaCluster(t *testing.T) {
	w := newWorld(t)
	cluster := w.kafkaCluster()
	group := w.group(1)
	w.comesUp("orders")
	w.must(w.client.Delete(t.Context(), cluster))
	w.must(w.client.Delete(t.Context(), group))
	w.until("the pods have ended", func() bool { return len(w.pods()) == 0 })
	w.operator.groups.Now = func() time.Time { return time.Now().Add(61 * time.Second) }
	w.until("the object is gone", func() bool { return w.gone(group) })
}

// isReplaced waits until another pod consumes in the slot of one that was not lost.
func (w *world) isReplaced(pod corev1.Pod) {
	w.t.Helper()
	w.until("another pod holds the slot", func() bool {
		uid := w.consuming()[pod.Annotations[v1alpha1.AnnotationInstanceID]]
		return uid != "" && uid != string(pod.UID)
	})
	w.comesUp("orders")
	if notes := w.operator.told.notes(); w.operator.told.count("PodLost") > 0 {
		w.t.Errorf("the pod is taken for lost: %q", notes)
	}
}

// An end that nobody watches is found later: the pod's object stays until then.
func TestOperatorIsAwayWhileAPodEnds(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	pod := w.pods()[0]
	w.must(w.client.Delete(t.Context(), &pod))
	for range 10 {
		w.node.step()
	}
	w.startOperator(w.client)
	w.isReplaced(pod)
}

// A pod that is deleted by force is not lost as long as its kubelet is there to say
// that it has ended.
func TestDeletedByForce(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	pod := w.pods()[0]
	w.must(w.client.Delete(t.Context(), &pod, client.GracePeriodSeconds(0)))
	w.isReplaced(pod)
}

// A group that must be held as it is holds nobody's drain up: its pods go when they
// have ended, those without a slot too.
func TestPodsOfAHeldGroupGo(t *testing.T) {
	w := newWorld(t)
	cluster := w.kafkaCluster()
	w.group(1)
	w.comesUp("orders")
	w.must(w.client.Delete(t.Context(), cluster))
	w.until("the group is stalled", func() bool { return w.isStalled("orders", v1alpha1.ReasonClusterNotFound) })
	holder := w.pods()[0]
	stray := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "stray", Namespace: w.namespace, Finalizers: []string{v1alpha1.FinalizerPod},
			Labels: map[string]string{v1alpha1.LabelGroup: "orders", v1alpha1.LabelSlot: "none"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.invalid/stray"}}},
	}
	w.must(w.client.Create(t.Context(), stray))
	for _, pod := range []*corev1.Pod{&holder, stray} {
		w.must(w.client.Delete(t.Context(), pod))
	}
	w.until("the pods are gone", func() bool { return len(w.pods()) == 0 })
}

// The pods of a group whose object is gone are let go, whoever deletes them.
func TestOrphansAreLetGo(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	group := w.group(1)
	w.comesUp("orders")
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Finalizers = nil })
	w.must(w.client.Delete(t.Context(), group))
	for _, pod := range w.pods() { // as the garbage collector does
		w.must(w.client.Delete(t.Context(), &pod))
	}
	w.until("the pods are gone", func() bool {
		_, err := w.operator.groups.Reconcile(t.Context(), requestFor(group)) // a pod's event
		w.must(err)
		return len(w.pods()) == 0
	})
}

// An object that is let go without a recorded end says nothing about the process:
// its id is removed from the group, and used again when it stays away.
func TestLostPod(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		heartbeat, session := int32(1), int32(60)
		g.Spec.Membership.HeartbeatSeconds, g.Spec.Membership.SessionTimeout.MinSeconds = &heartbeat, &session
	})
	w.comesUp("orders")
	before := w.consuming()
	lost := w.pods()[0]
	id := lost.Annotations[v1alpha1.AnnotationInstanceID]

	w.node.kill(lost.UID)
	w.node.deaf = lost.UID
	w.must(w.client.Delete(t.Context(), &lost, client.GracePeriodSeconds(0)))
	w.until("the slot is refilled", func() bool {
		uid := w.consuming()[id]
		return uid != "" && uid != before[id]
	})
	w.comesUp("orders")
	for _, reason := range []string{"PodLost", "MemberRemoved"} {
		if n := w.operator.told.count(reason); n != 1 {
			t.Errorf("event %s was told %d times, want once: %q", reason, n, w.operator.told.notes())
		}
	}
	after := w.consuming()
	delete(before, id)
	delete(after, id)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the other slot was touched (-before +after):\n%s", diff)
	}
}

// A node that is no node of the cluster any more takes its pods with it, before anybody
// deletes them.
func TestNodeThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	gone := w.newNode(1)
	w.group(2, func(g *v1alpha1.ConsumerGroup) {
		heartbeat, session := int32(1), int32(60)
		g.Spec.Membership.HeartbeatSeconds, g.Spec.Membership.SessionTimeout.MinSeconds = &heartbeat, &session
	})
	w.comesUp("orders")
	before := w.consuming()
	w.newNode(2)
	for _, pod := range w.pods() {
		w.node.kill(pod.UID)
	}
	w.node.away = gone.Name
	w.must(w.client.Delete(t.Context(), gone))
	w.until("the slots are held by others", func() bool {
		after := w.consuming()
		for id, uid := range before {
			if after[id] == "" || after[id] == uid {
				return false
			}
		}
		return true
	})
	if n := w.operator.told.count("PodLost"); n != 2 {
		t.Errorf("event PodLost was told %d times, want twice: %q", n, w.operator.told.notes())
	}
}

// errKilled is what an operator gets that is killed.
var errKilled = errors.New("the operator is killed here")

// mortal is a client whose operator dies at the nth thing that it does, after the
// state was written.
func mortal(t *testing.T, lives int32) (client.Client, *atomic.Bool) {
	t.Helper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	var left atomic.Int32
	left.Store(lives)
	dead := &atomic.Bool{}
	die := func(object client.Object) error {
		if _, isPod := object.(*corev1.Pod); !isPod {
			return nil
		}
		if left.Add(-1) < 0 {
			dead.Store(true)
			return errKilled
		}
		return nil
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
			if dry := (&client.CreateOptions{}).ApplyOptions(opts); len(dry.DryRun) > 0 {
				return c.Create(ctx, object, opts...)
			}
			if err := die(object); err != nil {
				return err
			}
			return c.Create(ctx, object, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.DeleteOption) error {
			if err := die(object); err != nil {
				return err
			}
			return c.Delete(ctx, object, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if err := die(object); err != nil {
				return err
			}
			return c.Patch(ctx, object, patch, opts...)
		},
	}), dead
}

// The operator is killed before everything that it does to a pod, once each: the
// state is written, what follows from it is not done. The next one, which knows
// nothing, goes on from there. (The node fails the test if two consumers ever have
// the same id.)
func TestOperatorKilledBetweenStateAndAction(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	deaths := 0
	run := func(what string, holds func() bool) {
		mortalClient, dead := mortal(t, 0)
		w.startOperator(mortalClient)
		for end := time.Now().Add(patience); !holds(); time.Sleep(pollEvery) {
			err := w.step()
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if dead.Load() {
				// The next one gets one thing further, then it dies too.
				deaths++
				mortalClient, dead = mortal(t, 1)
				w.startOperator(mortalClient)
			}
			w.node.step()
			if time.Now().After(end) {
				t.Fatalf("not after %s and %d deaths: %s\n%s", patience, deaths, what, w.describe())
			}
		}
	}
	run("2 slots consume", func() bool { return len(w.consuming()) == 2 })
	stable := w.read("orders").Status.State.Stable
	run("they have joined", func() bool { return w.read("orders").Status.ReadyReplicas == 2 })
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:2") })
	run("the release is through", func() bool {
		s := w.read("orders").Status.State
		return s.Stable != stable && s.Rollout == nil && len(w.consuming()) == 2
	})
	if deaths < 4 {
		t.Errorf("the operator died %d times: the test tests nothing", deaths)
	}
	if diff := cmp.Diff([]string{"registry.invalid/consumer:2", "registry.invalid/consumer:2"}, images(w.pods())); diff != "" {
		t.Errorf("the pods' images (-want +got):\n%s", diff)
	}
}
