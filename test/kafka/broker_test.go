package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// deadline is how long a test waits for what must come.
const deadline = time.Minute

// fresh makes a topic of its own for a test, which names the group, too.
func fresh(t *testing.T, partitions int32) (topic string) {
	t.Helper()
	topic = fmt.Sprintf("%s-%d", strings.ToLower(t.Name()), time.Now().UnixNano())
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, nil, topic); err != nil {
		t.Fatalf("making topic %s: %v", topic, err)
	}
	for p := range partitions {
		record := &kgo.Record{Topic: topic, Value: fmt.Append(nil, p)}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatalf("producing to %s: %v", topic, err)
		}
	}
	return topic
}

// member is a static member of a group.
type member struct {
	*kgo.Client
	stop func()
}

// join makes a member of the group that has the topic's name, which polls and
// commits until it is stopped.
func join(t *testing.T, topic, instanceID string, opts ...kgo.Opt) member {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap()...),
		kgo.ClientID("client-of-" + instanceID),
		kgo.ConsumerGroup(topic),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.InstanceID(instanceID),
		kgo.Balancers(kgo.RangeBalancer()),
		kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.AutoCommitInterval(200 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	var polling sync.WaitGroup
	polling.Go(func() {
		for {
			if client.PollFetches(context.Background()).IsClientClosed() {
				return
			}
		}
	})
	stop := sync.OnceFunc(func() {
		client.Close()
		polling.Wait()
	})
	t.Cleanup(stop)
	return member{Client: client, stop: stop}
}

func (m member) generation() int32 {
	_, generation := m.GroupMetadata()
	return generation
}

func open(t *testing.T, config kafka.Config) *kafka.Client {
	t.Helper()
	client, err := kafka.Open(config, "kohort-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// collect reads groups until the test ends.
func collect(t *testing.T, client *kafka.Client, groups map[string]kafka.Target) *kafka.Collector {
	t.Helper()
	const often = 100 * time.Millisecond
	c := kafka.NewCollector(client, kafka.Options{Interval: often, StartsInterval: often, WatchInterval: often})
	for group, target := range groups {
		c.Track(group, target)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

// await waits for a reading.
func await(t *testing.T, c *kafka.Collector, group, what string, holds func(lag.Reading) bool) lag.Reading {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var last lag.Reading
	for end := time.After(deadline); ; {
		if window := c.Window(group); len(window) > 0 {
			if last = window[len(window)-1]; holds(last) {
				return last
			}
		}
		select {
		case <-ticker.C:
		case <-end:
			t.Fatalf("not within %s: %s; the last reading: %+v", deadline, what, last)
		}
	}
}

// shared: the group is stable, with so many members that own everything.
func shared(members int) func(lag.Reading) bool {
	return func(r lag.Reading) bool {
		return r.Err == "" && r.State == lag.StateStable && len(r.Members) == members && len(r.Unowned()) == 0
	}
}

func TestReading(t *testing.T) {
	topic := fresh(t, 4)
	join(t, topic, "a-0000")
	join(t, topic, "a-0001")
	client := open(t, kafka.Config{BootstrapServers: bootstrap()})
	c := collect(t, client, map[string]kafka.Target{topic: {Topics: []string{topic, "no-such-topic"}}, "no-such-group": {Topics: []string{topic}}})

	got := await(t, c, topic, "two members consume everything", func(r lag.Reading) bool {
		total, _, known := r.Lag()
		return shared(2)(r) && known && total == 0
	})
	tp := func(p int32) lag.TopicPartition { return lag.TopicPartition{Topic: topic, Partition: p} }
	want := lag.Reading{
		Brokers: 1, Coordinator: 1, State: lag.StateStable, Assignor: "range",
		Members: []lag.Member{
			{InstanceID: "a-0000", ClientID: "client-of-a-0000", Host: "127.0.0.1", Assigned: []lag.TopicPartition{tp(0), tp(1)}, Topics: []string{topic}},
			{InstanceID: "a-0001", ClientID: "client-of-a-0001", Host: "127.0.0.1", Assigned: []lag.TopicPartition{tp(2), tp(3)}, Topics: []string{topic}},
		},
		MissingTopics: []string{"no-such-topic"},
	}
	ignore := []cmp.Option{cmpopts.IgnoreFields(lag.Reading{}, "At", "Partitions"), cmpopts.IgnoreFields(lag.Member{}, "MemberID")}
	if diff := cmp.Diff(want, got, ignore...); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var records int64
	for _, p := range got.Partitions {
		records += p.End
	}
	if records != 4 {
		t.Errorf("%d records in %+v, want 4", records, got.Partitions)
	}

	nobody := await(t, c, "no-such-group", "a group that the broker does not know", func(r lag.Reading) bool { return r.Err == "" })
	if nobody.State != lag.StateDead || nobody.Members != nil || len(nobody.Partitions) != 4 {
		t.Errorf("%+v, want a dead group and four partitions", nobody)
	}
	for _, p := range nobody.Partitions {
		if p.Err != "" || p.Committed != nil {
			t.Errorf("%+v, want no commit and no error", p)
		}
	}
	if info, err := c.Ping(); err != nil || info.ClusterID == "" || info.Brokers < 1 {
		t.Errorf("Ping = %+v, %v", info, err)
	}
}

func TestRemovingTwoMembersIsOneRebalance(t *testing.T) {
	topic := fresh(t, 6)
	stays, second, third := join(t, topic, "a-0000"), join(t, topic, "a-0001"), join(t, topic, "a-0002")
	client := open(t, kafka.Config{BootstrapServers: bootstrap()})
	c := collect(t, client, map[string]kafka.Target{topic: {Topics: []string{topic}}})
	before := await(t, c, topic, "three members share everything", shared(3))
	var refs []kafka.MemberRef
	for _, m := range before.Members {
		refs = append(refs, kafka.MemberRef{InstanceID: m.InstanceID, MemberID: m.MemberID})
	}
	generation := stays.generation()

	// Whoever has the id by now is not hit.
	taken := kafka.MemberRef{InstanceID: "a-0000", MemberID: "a-0000-of-somebody-else"}
	removals, err := client.RemoveMembers(t.Context(), topic, []kafka.MemberRef{taken}, "test")
	if diff := cmp.Diff([]kafka.Removal{{Member: taken, Outcome: kafka.Taken}}, removals); err != nil || diff != "" {
		t.Fatalf("%v, -want +got\n%s", err, diff)
	}

	second.stop()
	third.stop()
	removals, err = client.RemoveMembers(t.Context(), topic, refs[1:], "test")
	want := []kafka.Removal{{Member: refs[1], Outcome: kafka.Removed}, {Member: refs[2], Outcome: kafka.Removed}}
	if diff := cmp.Diff(want, removals); err != nil || diff != "" {
		t.Fatalf("%v, -want +got\n%s", err, diff)
	}
	await(t, c, topic, "one member owns everything", shared(1))
	if got := stays.generation(); got != generation+1 {
		t.Errorf("the generation went from %d to %d, want one rebalance", generation, got)
	}

	removals, err = client.RemoveMembers(t.Context(), topic, refs[1:], "test")
	want = []kafka.Removal{{Member: refs[1], Outcome: kafka.Gone}, {Member: refs[2], Outcome: kafka.Gone}}
	if diff := cmp.Diff(want, removals); err != nil || diff != "" {
		t.Errorf("again: %v, -want +got\n%s", err, diff)
	}
	removals, err = client.RemoveMembers(t.Context(), "no-such-group", refs[1:], "test")
	if diff := cmp.Diff(want, removals); err != nil || diff != "" {
		t.Errorf("of an unknown group: %v, -want +got\n%s", err, diff)
	}
}

func TestWrongCredentialsAreRefused(t *testing.T) {
	for name, sasl := range map[string]*kafka.SASL{
		"wrong password": {Mechanism: "PLAIN", Username: "kohort", Password: "wrong"},
		"none":           nil,
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, kafka.Config{BootstrapServers: saslBootstrap(), SASL: sasl})
			began := time.Now()
			_, err := client.Ping(t.Context())
			if !errors.Is(err, kafka.ErrRefused) || errors.Is(err, kafka.ErrUnreachable) {
				t.Errorf("%v, want it to be refused", err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// The brokers say which session timeouts they allow: these are Kafka's defaults.
func TestSessionBounds(t *testing.T) {
	bounds, err := open(t, kafka.Config{BootstrapServers: bootstrap()}).SessionBounds(t.Context())
	if want := (kafka.SessionBounds{Min: 6 * time.Second, Max: 30 * time.Minute}); err != nil || bounds != want {
		t.Errorf("%+v, %v, want %+v", bounds, err, want)
	}
}
