package kafka

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// TestWatch: the cluster's other groups are read as they come and go, as far as they are
// wanted.
func TestWatch(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "orders", "refunds"))
	b.produce(t, "orders", 1, 9)
	for _, group := range []string{"billing", "payments", "console-1"} {
		b.commit(t, group, "orders", 1, 4)
	}
	c := NewCollector(b.client, Options{Interval: 20 * time.Millisecond, WatchInterval: 20 * time.Millisecond})
	c.Track("billing", Target{Topics: []string{"orders"}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()

	reads := func(want ...string) {
		t.Helper()
		eventually(t, strings.Join(want, ", ")+" are read", func() bool { return cmp.Equal(c.Groups(), want) })
	}
	reads("billing")
	c.Watch(func(group string) bool { return !strings.HasPrefix(group, "console-") })
	reads("billing", "payments")
	eventually(t, "the group has a reading", func() bool { return c.Said("payments") != nil })
	four := int64(4)
	tp := lag.TopicPartition{Topic: "orders", Partition: 1}
	want := []lag.Partition{{TopicPartition: tp, Committed: &four, End: 9}}
	got := c.Said("payments").Partitions
	for i := range got {
		got[i].Leader, got[i].Rates = 0, lag.Rates{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of the partitions, those to which it has committed: -want +got\n%s", diff)
	}
	eventually(t, "it is read again, and the last reading is kept", func() bool {
		return c.Said("payments").At.After(c.Said("billing").At.Add(-time.Second)) && len(c.Window("payments")) == 1
	})
	if all := len(c.Said("billing").Partitions); all != 3 {
		t.Errorf("of a group that is tracked %d partitions are read, want all 3", all)
	}
	b.commit(t, "late", "refunds", 0, 0)
	reads("billing", "late", "payments")
	if n, err := c.Watched(); err != nil || n == nil || *n != 2 {
		t.Errorf("Watched = %v, %v; want 2", n, err)
	}
	if _, err := b.admin.DeleteGroup(t.Context(), "payments"); err != nil {
		t.Fatal(err)
	}
	reads("billing", "late")
	c.Untrack("billing")
	reads("billing", "late") // it is one of those by now
	c.Watch(func(group string) bool { return group == "late" })
	reads("late")
	c.Watch(nil)
	reads()
}

// TestGroupsThatCannotBeListed are not forgotten.
func TestGroupsThatCannotBeListed(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.commit(t, "billing", "orders", 0, 0)
	at := time.Now()
	c := NewCollector(b.client, Options{Now: func() time.Time { return at }})
	c.Watch(func(string) bool { return true })
	if n, err := c.Watched(); n != nil || err != nil {
		t.Errorf("before the first list: %v, %v", n, err)
	}
	c.findWatched(t.Context(), at)
	read(t, c)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListGroups}, Err: kerr.ClusterAuthorizationFailed, Count: -1})
	at = at.Add(time.Hour)
	c.findWatched(t.Context(), at)
	if diff := cmp.Diff([]string{"billing"}, c.Groups()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if n, err := c.Watched(); n == nil || *n != 1 || err == nil || !strings.Contains(err.Error(), "listing the groups") {
		t.Errorf("Watched = %v, %v", n, err)
	}
}

// TestEndsOfATopic are those of all partitions, whoever has committed to which.
func TestEndsOfATopic(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
	b.produce(t, "orders", 1, 9)
	b.commit(t, "billing", "orders", 0, 0)
	b.commit(t, "others", "orders", 1, 4)
	ours, theirs := NewCollector(b.client, Options{}), NewCollector(b.client, Options{})
	ours.Track("billing", Target{Topics: []string{"orders"}})
	theirs.Watch(func(group string) bool { return !ours.Tracks(group) })
	theirs.findWatched(t.Context(), time.Now())
	read(t, ours)
	read(t, theirs)
	both := Collectors{ours, theirs}
	if diff := cmp.Diff([]string{"billing", "others"}, both.Groups()); diff != "" {
		t.Errorf("groups: -want +got\n%s", diff)
	}
	for range 10 {
		if diff := cmp.Diff([]int64{0, 9, 0}, both.TopicEnds("orders")); diff != "" {
			t.Fatalf("ends: -want +got\n%s", diff)
		}
	}
	if said := both.Said("others"); said == nil || len(said.Partitions) != 1 || !both.Ready() {
		t.Errorf("others: %+v", said)
	}
	if both.Said("nobody") != nil || !both.SaidAt("nobody").IsZero() || both.TopicEnds("nothing") != nil {
		t.Error("something is said of what is not there")
	}
}
