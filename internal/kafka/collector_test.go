package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// read makes one tick over all groups and returns the newest reading of each.
func read(t *testing.T, c *Collector) map[string]lag.Reading {
	t.Helper()
	names := c.due(c.opts.Now(), true)
	c.tick(t.Context(), names)
	readings := map[string]lag.Reading{}
	for _, name := range names {
		window := c.Window(name)
		if len(window) == 0 {
			t.Fatalf("group %s was not read", name)
		}
		readings[name] = window[len(window)-1]
	}
	return readings
}

func TestReading(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(4, "orders"), kfake.SeedTopics(1, "refunds"))
	b.produce(t, "orders", 0, 9)
	b.produce(t, "orders", 3, 5)
	if err := b.DeleteRecords("orders", 3, 2); err != nil {
		t.Fatal(err)
	}
	b.commit(t, "billing", "orders", 0, 7)
	b.join(t, "billing", "orders", "billing-0001", "billing-0000")

	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	c := NewCollector(b.client, Options{Now: func() time.Time { return at }})
	c.Track("billing", Target{Topics: []string{"refunds", "orders", "orders", "absent"}})
	c.Track("nobody", Target{Topics: []string{"orders"}})
	got := read(t, c)

	orders := func(p int32) lag.TopicPartition { return lag.TopicPartition{Topic: "orders", Partition: p} }
	seven := int64(7)
	want := map[string]lag.Reading{
		"billing": {
			At:    at,
			State: lag.StateStable, Assignor: "range",
			Members: []lag.Member{
				{InstanceID: "billing-0000", ClientID: "client-of-billing-0000", Assigned: []lag.TopicPartition{orders(0), orders(1)}, Topics: []string{"orders"}},
				{InstanceID: "billing-0001", ClientID: "client-of-billing-0001", Assigned: []lag.TopicPartition{orders(2), orders(3)}, Topics: []string{"orders"}},
			},
			Partitions: []lag.Partition{
				{TopicPartition: orders(0), Committed: &seven, End: 9},
				{TopicPartition: orders(1), Status: lag.StatusOK},
				{TopicPartition: orders(2), Status: lag.StatusOK},
				{TopicPartition: orders(3), Start: 2, End: 5},
				{TopicPartition: lag.TopicPartition{Topic: "refunds"}, Status: lag.StatusOK},
			},
			MissingTopics: []string{"absent"},
		},
		"nobody": {
			At:    at,
			State: lag.StateDead,
			Partitions: []lag.Partition{
				{TopicPartition: orders(0), End: 9},
				{TopicPartition: orders(1), Status: lag.StatusOK},
				{TopicPartition: orders(2), Status: lag.StatusOK},
				{TopicPartition: orders(3), Start: 2, End: 5},
			},
		},
	}
	served := cmpopts.IgnoreFields(lag.Reading{}, "Brokers", "Coordinator")
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(lag.Member{}, "MemberID", "Host"), cmpopts.IgnoreFields(lag.Partition{}, "Leader"), served); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for name, r := range got {
		if r.Brokers != 3 || r.Coordinator != b.CoordinatorFor(name) {
			t.Errorf("%s: %d brokers, the coordinator is %d, want 3 and %d", name, r.Brokers, r.Coordinator, b.CoordinatorFor(name))
		}
		for _, p := range r.Partitions {
			if leader := b.LeaderFor(p.Topic, p.Partition); p.Leader != leader {
				t.Errorf("the leader of %s is %d, want %d", p.TopicPartition, p.Leader, leader)
			}
		}
	}
	for _, m := range got["billing"].Members {
		if m.MemberID == "" || !strings.HasPrefix(m.Host, "127.0.0.1") {
			t.Errorf("instance %s has the member id %q and the host %q", m.InstanceID, m.MemberID, m.Host)
		}
	}
	if diff := cmp.Diff([]string{"orders", "refunds"}, c.Topics()); diff != "" {
		t.Errorf("topics: -want +got\n%s", diff)
	}
	for topic, want := range map[string][]int64{"orders": {9, 0, 0, 5}, "refunds": {0}, "absent": nil, "others": nil} {
		if diff := cmp.Diff(want, (Collectors{c}).TopicEnds(topic)); diff != "" {
			t.Errorf("ends of %s: -want +got\n%s", topic, diff)
		}
	}
	if info, err := c.Ping(); err != nil || info.Brokers != 3 || info.ClusterID == "" {
		t.Errorf("Ping = %+v, %v; want 3 brokers and a cluster id", info, err)
	}
	if topics := b.TopicInfo("absent"); topics != nil {
		t.Error("asking for an unknown topic made it")
	}
}

// TestStatusFollowsTheCommits, and the age of what waits.
func TestStatusFollowsTheCommits(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	at := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	c := NewCollector(b.client, Options{Now: func() time.Time { return at }})
	c.Track("billing", Target{Topics: []string{"orders"}})
	first := func() lag.Partition {
		t.Helper()
		r := read(t, c)["billing"]
		if r.Err != "" || len(r.Partitions) != 1 {
			t.Fatalf("%+v", r)
		}
		return r.Partitions[0]
	}
	b.produce(t, "orders", 0, 10)
	b.commit(t, "billing", "orders", 0, 10)
	if p := first(); p.Status != lag.StatusOK {
		t.Errorf("nothing waits: %s", p.Status)
	}
	at = at.Add(10 * time.Second)
	b.produce(t, "orders", 0, 10)
	first()
	at = at.Add(lag.DefaultRules.Window - time.Second)
	if p := first(); p.Status != lag.StatusOK {
		t.Errorf("it kept up within the window: %s", p.Status)
	}
	at = at.Add(10 * time.Second)
	p := first()
	if p.Status != lag.StatusStop {
		t.Errorf("nobody commits any more: %s", p.Status)
	}
	if age, known := p.Age(at); !known || age < lag.DefaultRules.Window || age > lag.DefaultRules.Window+20*time.Second {
		t.Errorf("the oldest record is %s old (known: %t)", age, known)
	}
}

func TestRequestsDoNotGrowWithGroups(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "t0", "t1", "t2"))
	c := NewCollector(b.client, Options{StartsInterval: time.Hour})
	perTick := func() map[string]int {
		before := b.client.RequestCounts()
		for name, r := range read(t, c) {
			if r.Err != "" || len(r.Partitions) != 6 {
				t.Fatalf("group %s: %d partitions, %s", name, len(r.Partitions), r.Err)
			}
		}
		sent := map[string]int{}
		for kind, n := range b.client.RequestCounts() {
			if n > before[kind] {
				sent[kind] = n - before[kind]
			}
		}
		return sent
	}
	track := func(groups int) {
		for i := range groups {
			c.Track(fmt.Sprintf("group-%d", i), Target{Topics: []string{fmt.Sprintf("t%d", i%3)}})
		}
	}
	want := map[string]int{"Metadata": 1, "DescribeGroups": 3, "OffsetFetch": 3, "ListOffsets": 3}
	for _, groups := range []int{30, 90} {
		track(groups)
		perTick() // finds the coordinators, and where the logs begin
		for range 3 {
			if diff := cmp.Diff(want, perTick()); diff != "" {
				t.Errorf("requests of a tick over %d groups: -want +got\n%s", groups, diff)
			}
		}
	}
}

func TestFailuresStayWhereTheyAre(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders", "refunds"))
	b.commit(t, "a", "orders", 0, 0)
	c := NewCollector(b.client, Options{})
	for _, group := range []string{"a", "b", "c"} {
		c.Track(group, Target{Topics: []string{"orders"}})
	}
	c.Track("d", Target{Topics: []string{"refunds"}})
	b.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeGroups}, Group: "a", Err: kerr.GroupAuthorizationFailed, Count: -1},
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Group: "b", Err: kerr.GroupAuthorizationFailed, Count: -1},
		kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "orders", Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: -1},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "refunds", Err: kerr.TopicAuthorizationFailed, Count: -1},
	)
	got := map[string][]string{}
	for name, r := range read(t, c) {
		if r.Err != "" {
			if r.State != "" || r.Partitions != nil {
				t.Errorf("group %s has an error and says more: %+v", name, r)
			}
			got[name] = []string{r.Err}
			continue
		}
		for _, p := range r.Partitions {
			if p.Err != "" && (p.Committed != nil || p.Start != 0 || p.End != 0) {
				t.Errorf("group %s: %+v has an error and says more", name, p)
			}
			got[name] = append(got[name], p.Err)
		}
	}
	denied := "the broker answers GROUP_AUTHORIZATION_FAILED: the operator's user needs DESCRIBE on the group"
	deniedTopic := "the broker answers TOPIC_AUTHORIZATION_FAILED: the operator's user needs DESCRIBE on the topic"
	want := map[string][]string{
		"a": {"describing the group: " + denied},
		"b": {"committed offsets: " + denied, "committed offsets: " + denied},
		"c": {"", "end of the log: " + deniedTopic},
		"d": {"partitions of topic refunds: " + deniedTopic},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestBrokerGoneAndBack(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	addr := b.ListenAddrs()[0]
	c := NewCollector(b.client, Options{})
	c.Track("billing", Target{Topics: []string{"orders"}})
	if r := read(t, c)["billing"]; r.Err != "" {
		t.Fatalf("before: %s", r.Err)
	}

	b.Close()
	began := time.Now()
	r := read(t, c)["billing"]
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a dead broker took %s to become an error", took)
	}
	if !strings.Contains(r.Err, "no broker answers") || !strings.Contains(r.Err, addr) || r.State != "" || r.Partitions != nil {
		t.Errorf("gone: %+v, want only an error that names %s", r, addr)
	}
	if info, err := c.Ping(); !errors.Is(err, ErrUnreachable) || info.Brokers != 1 {
		t.Errorf("Ping = %+v, %v; want what was known before and that it is unreachable", info, err)
	}

	_, port, _ := net.SplitHostPort(addr)
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(number), kfake.SeedTopics(2, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	eventually(t, "a reading after the broker came back", func() bool {
		r = read(t, c)["billing"]
		return r.Err == "" && len(r.Partitions) == 2 && r.Partitions[0].Err == ""
	})
	if _, err := c.Ping(); err != nil {
		t.Errorf("Ping after the broker came back: %v", err)
	}
}

func TestSilentCoordinatorHoldsNobodyUp(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "orders"))
	c := NewCollector(b.client, Options{})
	silent := b.CoordinatorFor("group-0")
	groups := map[string]bool{} // whether the silent broker is the coordinator
	for i := range 12 {
		name := fmt.Sprintf("group-%d", i)
		groups[name] = b.CoordinatorFor(name) == silent
		c.Track(name, Target{Topics: []string{"orders"}})
	}
	for name, r := range read(t, c) {
		if r.Err != "" {
			t.Fatalf("group %s before: %s", name, r.Err)
		}
	}

	speak := make(chan struct{})
	defer close(speak)
	b.ControlKey(kmsg.DescribeGroups.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if b.CurrentNode() == silent {
			b.SleepControl(func() { <-speak })
		}
		return nil, nil, false
	})
	began := time.Now()
	readings := read(t, c)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the tick took %s", took)
	}
	failed := map[string]bool{}
	for name, r := range readings {
		failed[name] = r.Err != ""
		if r.Err != "" && !strings.Contains(r.Err, "no broker answers") {
			t.Errorf("group %s: %s", name, r.Err)
		}
	}
	if diff := cmp.Diff(groups, failed); diff != "" {
		t.Errorf("groups without a reading: -want +got\n%s", diff)
	}
}

func TestRecreatedTopicBeginsAnew(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.produce(t, "orders", 0, 9)
	if err := b.DeleteRecords("orders", 0, 6); err != nil {
		t.Fatal(err)
	}
	c := NewCollector(b.client, Options{StartsInterval: time.Hour})
	c.Track("billing", Target{Topics: []string{"orders"}})
	partitions := func() []lag.Partition { return read(t, c)["billing"].Partitions }
	tp := lag.TopicPartition{Topic: "orders"}
	if diff := cmp.Diff([]lag.Partition{{TopicPartition: tp, Start: 6, End: 9}}, partitions()); diff != "" {
		t.Fatalf("-want +got\n%s", diff)
	}
	before := c.logsFor(readUncommitted)(tp).Ends
	if err := b.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	if r := read(t, c)["billing"]; r.Err != "" || !cmp.Equal(r.MissingTopics, []string{"orders"}) {
		t.Errorf("without the topic: %+v", r)
	}
	if err := b.CreateTopic("orders", 1, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]lag.Partition{{TopicPartition: tp, Status: lag.StatusOK}}, partitions()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if after := c.logsFor(readUncommitted)(tp).Ends; after == before {
		t.Error("the ends of the topic before are remembered as its own")
	}
}

// TestToldCommits take the place of what readings show, as long as all of them are told.
func TestToldCommits(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.produce(t, "orders", 0, 9)
	b.commit(t, "billing", "orders", 0, 7)
	at := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	until := at
	c := NewCollector(b.client, Options{Now: func() time.Time { return at }, ToldUntil: func() time.Time { return until }})
	c.Track("billing", Target{Topics: []string{"orders"}})
	tp := lag.TopicPartition{Topic: "orders"}
	kept := func() []lag.Commit {
		t.Helper()
		read(t, c)
		judged, ok := c.Judged("billing")
		if !ok {
			t.Fatal("not read")
		}
		return judged.Commits[0]
	}
	if got := kept(); len(got) != 1 || got[0].Offset != 7 {
		t.Errorf("none was told, and %v are kept, want what was committed before", got)
	}
	c.Tell(Commit{Group: "others", TopicPartition: tp, Offset: 1, At: at})
	c.Tell(Commit{Group: "billing", TopicPartition: tp, Offset: 5, At: at.Add(-time.Minute)})
	c.Tell(Commit{Group: "billing", TopicPartition: tp, Offset: 7, At: at.Add(10 * time.Second)})
	at = at.Add(10 * time.Second)
	until = at
	want := []lag.Commit{{Offset: 5, At: at.Add(-70 * time.Second), Lag: lag.Unknown}, {Offset: 7, At: at, Lag: 2}}
	sameTime := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, kept(), sameTime); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	at = at.Add(time.Minute) // nothing more was told: what is read counts again
	b.commit(t, "billing", "orders", 0, 8)
	want = append(want, lag.Commit{Offset: 8, At: at, Lag: 1})
	if diff := cmp.Diff(want, kept(), sameTime); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRunTracksHurriesAndForgets(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	var calm, hurried atomic.Int64
	c := NewCollector(b.client, Options{
		Interval:     time.Hour,
		FastInterval: 10 * time.Millisecond,
		OnReading: func(group string) {
			switch group {
			case "calm":
				calm.Add(1)
			case "hurried":
				hurried.Add(1)
			}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	eventually(t, "the cluster answers before any group is tracked", func() bool {
		_, err := c.Ping()
		return err == nil
	})
	c.Track("calm", Target{Topics: []string{"orders"}})
	c.Track("hurried", Target{Topics: []string{"orders"}})
	eventually(t, "both are read at once", func() bool { return calm.Load() > 0 && hurried.Load() > 0 })

	c.Hurry("hurried", time.Now().Add(time.Hour))
	eventually(t, "the hurried one is read again and again", func() bool { return hurried.Load() >= 10 })
	if n := calm.Load(); n != 1 {
		t.Errorf("the other one was read %d times, want once", n)
	}
	c.Track("calm", Target{Topics: []string{"orders"}})
	c.Untrack("hurried")
	if window := c.Window("hurried"); window != nil {
		t.Errorf("%d readings of a group that is not tracked", len(window))
	}
	c.Hurry("hurried", time.Now().Add(time.Hour))
	c.Track("calm", Target{Topics: []string{"orders", "refunds"}})
	eventually(t, "one with other topics is read at once", func() bool { return calm.Load() == 2 })

	cancel()
	<-done
	if window := c.Window("calm"); len(window) != 2 || window[1].Err != "" {
		t.Errorf("readings after the end: %+v", window)
	}
}
