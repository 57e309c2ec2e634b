package controllers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/internal/rollout"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestRounded(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, 7: 7, 99: 99, 100: 100, 104: 100, 119: 110, 12_345: 12_000, 999_999: 990_000} {
		if got := rounded(n); got != want {
			t.Errorf("rounded(%d) = %d, want %d", n, got, want)
		}
	}
}

// world of a group with one slot that consumes.
func consuming(now time.Time, behind int64) (seen, plan) {
	size := int32(1)
	state := v1alpha1.GroupState{Size: &size, Stable: "a", Slots: []v1alpha1.SlotState{{
		Holder: "pod", Pod: "orders-0-x", Revision: "a", Since: metav1.NewMicroTime(noon.Add(-time.Hour)),
	}}}
	group := &v1alpha1.ConsumerGroup{ObjectMeta: metav1.ObjectMeta{Name: "orders", UID: "group"}}
	group.Status.State = state
	zero := int64(0)
	s := seen{
		now: now, group: group, names: membership.Naming{Prefix: "orders"}, revision: "a",
		pods: []rollout.Pod{{Name: "orders-0-x", UID: "pod", Revision: "a", Activated: true, Running: true, Ready: true}},
		window: lag.Window{{
			At: now, State: lag.StateStable,
			Members: []lag.Member{{InstanceID: "orders-0000", MemberID: "m", Assigned: []lag.TopicPartition{{Topic: "orders"}}}},
			Partitions: []lag.Partition{{
				TopicPartition: lag.TopicPartition{Topic: "orders"}, Committed: &zero, End: behind,
				Status: lag.StatusOK, Oldest: now.Add(-345 * time.Second),
			}},
		}},
		recalls: (&memory{}).of(types.NamespacedName{Name: "orders"}, "group"),
	}
	return s, decide(s)
}

// A slot of two consumers is what both of them are, and idle slots are counted by
// what their members can own.
func TestSlotOfTwoConsumers(t *testing.T) {
	s, _ := consuming(noon, 7)
	s.names.PerPod = 2
	member := func(id string, p int32) lag.Member {
		return lag.Member{InstanceID: id, MemberID: id + "-m", Assigned: []lag.TopicPartition{{Topic: "orders", Partition: p}}}
	}
	s.window[0].Members = []lag.Member{member("orders-0000-0", 0), member("orders-0000-1", 1)}
	second := s.window[0].Partitions[0]
	second.Partition = 1
	s.window[0].Partitions = append(s.window[0].Partitions, second)
	p := decide(s)
	status := report(s, p)
	lagOfBoth := int64(14)
	want := []v1alpha1.SlotStatus{{
		InstanceIDs: []string{"orders-0000-0", "orders-0000-1"}, Pod: "orders-0-x", Revision: "a",
		Partitions: "orders:0-1", Lag: &lagOfBoth, Status: "Consuming",
	}}
	if diff := cmp.Diff(want, status.Slots); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if *p.canOwn != 1 {
		t.Errorf("%d slots of two can own one of 2 partitions, want 1", *p.canOwn)
	}

	s.window[0].Members = append(s.window[0].Members, lag.Member{InstanceID: "orders-0000-2", MemberID: "m"})
	status = report(s, decide(s))
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionClientsConform); c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonSurplusMembers {
		t.Errorf("with a third member: %+v", c)
	}

	s.window[0].Members = s.window[0].Members[:1]
	if got := report(s, decide(s)).Slots[0].Status; got != "Starting" {
		t.Errorf("with one of two members the slot is %s", got)
	}
}

// A slot that is handed over by Overlap is told with the ids that its holder uses, and with
// its second pod.
func TestSlotOfTwoPods(t *testing.T) {
	s, p := consuming(noon, 0)
	s.names.PerPod = 2
	p.State.Slots[0].Lane = membership.Second
	p.State.Beside = []v1alpha1.SlotState{{Holder: "old", Pod: "orders-0-w", Leaving: true}}
	for want, change := range map[string]func(*v1alpha1.SlotState){
		"orders-0-w leaves":                           func(*v1alpha1.SlotState) {},
		"orders-0-w joins beside it":                  func(b *v1alpha1.SlotState) { b.Leaving = false },
		"the ids of the pod before are being removed": func(b *v1alpha1.SlotState) { b.Holder, b.Pod = "", "" },
	} {
		p := p
		p.State = *p.State.DeepCopy()
		change(&p.State.Beside[0])
		slot := report(s, p).Slots[0]
		if diff := cmp.Diff([]string{"orders-0000-b-0", "orders-0000-b-1"}, slot.InstanceIDs); diff != "" || slot.Status != "Starting, "+want {
			t.Errorf("the slot has %v and is %q, want %q", slot.InstanceIDs, slot.Status, want)
		}
	}
	status := report(s, decide(s))
	if h := status.Handover; h == nil || h.Handover != v1alpha1.HandoverSameID || !strings.Contains(h.Reason, "not measured") {
		t.Errorf("the handover is told as %+v", h)
	}
	s.group.Spec.Rollout.Strategy = v1alpha1.StrategyRecreate
	if h := report(s, decide(s)).Handover; h != nil {
		t.Errorf("by Recreate the handover is told as %+v", h)
	}
}

// A pod is of the lane whose id it was told when it was made; one with another id is of no
// revision that anybody wants.
func TestLaneOfAPod(t *testing.T) {
	s := seen{names: membership.Naming{Prefix: "orders"}, group: &v1alpha1.ConsumerGroup{}, objects: map[types.UID]*corev1.Pod{}}
	for id, want := range map[string]rollout.Pod{
		"orders-0003":   {Ordinal: 3, Revision: "a"},
		"orders-0003-b": {Ordinal: 3, Revision: "a", Lane: membership.Second},
		"orders-0003-c": {Ordinal: 3},
		"orders-0004-b": {Ordinal: 3},
	} {
		got := s.withPod(podSeen{&corev1.Pod{}, pods.Observation{Ordinal: 3, Revision: "a", InstanceID: id}}, nil, nodeSeen{}).pods[0]
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a pod that was told %s (-want +got):\n%s", id, diff)
		}
	}
}

// The tasks of Kafka Streams say how many slots can own a partition, however many
// threads they have; while they are not known, nothing does.
func TestSlotsOfKafkaStreams(t *testing.T) {
	s, _ := consuming(noon, 0)
	s.group.Spec.Consumer.Inject = v1alpha1.InjectKafkaStreams
	s.names.PerPod = 2
	if p := decide(s); p.canOwn != nil {
		t.Errorf("%d slots can own a partition, want that to be unknown", *p.canOwn)
	}
	s.window[0].Tasks = ptr.To[int32](3)
	p := decide(s)
	if p.canOwn == nil || *p.canOwn != 3 {
		t.Fatalf("%v slots can own one of 3 tasks, want 3", p.canOwn)
	}
	p.State.Size = ptr.To[int32](5)
	const want = "3 of 5 slots can own a partition, 2 are idle: lower replicas, or add partitions"
	if diff := cmp.Diff(want, p.idle(s)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	s.window[0].Members[0].Assigned = nil
	if p := decide(s); p.canOwn != nil {
		t.Errorf("while a partition has no owner, %d slots can own one, want that to be unknown", *p.canOwn)
	}
}

// Lag is written at most every 30 s, everything else at once.
// A status that was written and read again is not written again.
func TestStatusIsCalm(t *testing.T) {
	s, p := consuming(noon.Add(123456789*time.Nanosecond), 50)
	s.rebalances = lag.Rebalances{Count: 3, Since: s.now, Exact: true}
	first := report(s, p)
	text, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var read v1alpha1.ConsumerGroupStatus
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	s.group.Status = read
	if again := report(s, p); !equality.Semantic.DeepEqual(read, again) {
		t.Errorf("the status has changed (-before +after):\n%s", cmp.Diff(read, again))
	}
}

func TestLagIsCalm(t *testing.T) {
	s, p := consuming(noon, 12_345)
	first := report(s, p)
	want := &v1alpha1.LagStatus{Total: 12_000, Max: 12_000, MaxAgeSeconds: ptr.To[int64](340), Status: "OK", ObservedAt: metav1.NewTime(noon)}
	if diff := cmp.Diff(want, first.Lag); diff != "" {
		t.Errorf("the lag at first (-want +got):\n%s", diff)
	}

	s, p = consuming(noon.Add(29*time.Second), 50)
	s.group.Status = first
	if diff := cmp.Diff(first, report(s, p)); diff != "" {
		t.Errorf("the status has changed 29 s later (-before +after):\n%s", diff)
	}

	s, p = consuming(noon.Add(30*time.Second), 50)
	s.group.Status = first
	later := report(s, p)
	want = &v1alpha1.LagStatus{Total: 50, Max: 50, MaxAgeSeconds: ptr.To[int64](340), Status: "OK", ObservedAt: metav1.NewTime(noon.Add(30 * time.Second))}
	if diff := cmp.Diff(want, later.Lag); diff != "" {
		t.Errorf("the lag 30 s later (-want +got):\n%s", diff)
	}
	if got := *later.Slots[0].Lag; got != 50 {
		t.Errorf("the slot's lag 30 s later is %d, want 50", got)
	}

	s, p = consuming(noon.Add(31*time.Second), 50)
	s.group.Status = later
	s.window, _ = noReading(s.now, "no broker answers")
	if unknown := report(s, p); unknown.Lag != nil || unknown.Slots[0].Lag != nil || unknown.GroupState != "" {
		t.Errorf("what is unknown is not absent: %+v", unknown)
	}
}

func TestReady(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*seen)
		want   string
	}{
		"all is well":            {func(*seen) {}, "True Running"},
		"the broker is away":     {func(s *seen) { s.window, _ = noReading(s.now, "no broker answers") }, "Unknown NoReading"},
		"a pod does not end":     {func(s *seen) { s.lingering = []string{"pod orders-0-w: ignores SIGTERM"} }, "False PodNotEnding"},
		"a pod does not start":   {func(s *seen) { s.failing = []string{"pod orders-0-y: unschedulable"} }, "False PodsNotStarting"},
		"the template is bad":    {func(s *seen) { s.stall = &stall{reason: v1alpha1.ReasonInvalidTemplate} }, "False InvalidTemplate"},
		"paused, nothing to do":  {func(s *seen) { s.group.Spec.Paused = true }, "True Running"},
		"paused, work held back": {func(s *seen) { s.group.Spec.Paused, s.revision = true, "b" }, "False Paused"},
		"a partition unowned": {func(s *seen) {
			s.window[0].Partitions = append(s.window[0].Partitions, lag.Partition{TopicPartition: lag.TopicPartition{Topic: "orders", Partition: 1}})
		}, "False NotSettled"},
		"a topic is missing": {func(s *seen) { s.window[0].MissingTopics = []string{"refunds"} }, "False UnknownTopic"},
		"a release was rolled back": {func(s *seen) {
			s.revision = "b"
			s.group.Status.State.Rollout = &v1alpha1.RolloutState{From: "a", To: "b", Stage: v1alpha1.RolloutRolledBack, Failure: "it stood still"}
		}, "False RolledBack"},
		"the object is deleted": {func(s *seen) { s.group.DeletionTimestamp = &metav1.Time{Time: s.now} }, "False Deleting"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := consuming(noon, 0)
			c.change(&s)
			status := report(s, decide(s))
			ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
			if got := string(ready.Status) + " " + ready.Reason; got != c.want {
				t.Errorf("Ready is %q, want %q: %s", got, c.want, ready.Message)
			}
			stalled := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionStalled)
			reconciling := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReconciling)
			if ready.Status == metav1.ConditionTrue && (stalled != nil || reconciling != nil) || stalled != nil && reconciling != nil {
				t.Errorf("kstatus cannot make sense of Ready %s, Stalled %v, Reconciling %v", ready.Status, stalled, reconciling)
			}
		})
	}
}

// TestRestOf: what only counts on is not written every two seconds, unless people
// watch.
func TestRestOf(t *testing.T) {
	status := func(message string, ready int32) v1alpha1.ConsumerGroupStatus {
		return v1alpha1.ConsumerGroupStatus{
			Message: message, ReadyReplicas: ready,
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionSettled, Message: message}},
		}
	}
	old := status("kafka-1:9092 does not answer for 17 s", 3)
	for name, c := range map[string]struct {
		next  v1alpha1.ConsumerGroupStatus
		hurry bool
		want  time.Duration
	}{
		"a number that counts":               {status("kafka-2:9092 does not answer for 19 s", 3), false, lagEvery},
		"a number that counts, in a release": {status("kafka-2:9092 does not answer for 19 s", 3), true, textEvery},
		"other words":                        {status("kafka-1:9092 refuses the credentials", 3), false, textEvery},
		"more than a text":                   {status("kafka-1:9092 does not answer for 17 s", 2), false, 0},
	} {
		if got := restOf(old, c.next, c.hurry); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
