package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// follower is a tail with what it told.
type follower struct {
	*kafka.Tail
	mu   sync.Mutex
	told []kafka.Commit
}

// follow reads the commits of some groups until the test ends.
func follow(t *testing.T, back time.Duration, asked func(string) bool) *follower {
	t.Helper()
	f := &follower{}
	f.Tail = kafka.NewTail(kafka.Config{BootstrapServers: bootstrap()}, "kohort-test", kafka.TailOptions{
		Asked: asked,
		OnCommit: func(c kafka.Commit) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.told = append(f.told, c)
		},
		Back:     back,
		Interval: 100 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the tail ended with %v", err)
		}
		if junk := f.Counts().Junk; junk > 0 {
			t.Errorf("%d records could not be read", junk)
		}
	})
	f.awaitKnown(t)
	return f
}

func only(group string) func(string) bool { return func(g string) bool { return g == group } }

func (f *follower) commits() []kafka.Commit {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

// offsets of the commits to a partition that were told.
func (f *follower) offsets(of lag.TopicPartition) []int64 {
	var all []int64
	for _, c := range f.commits() {
		if c.TopicPartition == of {
			all = append(all, c.Offset)
		}
	}
	return all
}

// awaitKnown waits until everything of now is known.
func (f *follower) awaitKnown(t *testing.T) {
	t.Helper()
	now := time.Now()
	f.await(t, "everything is known", func() bool {
		known, err := f.Known()
		return known.After(now) && err == nil
	})
}

func (f *follower) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			known, err := f.Known()
			t.Fatalf("not within %s: %s; known since %s (%v), told: %+v", deadline, what, known, err, f.commits())
		}
	}
}

// first polls until the first record comes.
func first(t *testing.T, poll func(context.Context) kgo.Fetches) *kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for ctx.Err() == nil {
		if records := poll(ctx).Records(); len(records) > 0 {
			return records[0]
		}
	}
	t.Fatalf("no record came within %s", deadline)
	return nil
}

func TestTailOfTheSameAgain(t *testing.T) {
	topic := fresh(t, 1)
	f := follow(t, 0, only(topic))
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap()...), kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
	)
	if err != nil {
		t.Fatal(err)
	}
	leave := sync.OnceFunc(consumer.Close)
	defer leave()
	record := first(t, consumer.PollFetches)
	const times = 5
	var between []time.Time
	for range times {
		between = append(between, time.Now().Truncate(time.Millisecond))
		if err := consumer.CommitRecords(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	between = append(between, time.Now())
	f.awaitKnown(t)
	told := f.commits()
	if len(told) != times {
		t.Fatalf("%d commits were told, want %d: %+v", len(told), times, told)
	}
	for i, c := range told {
		want := kafka.Commit{Group: topic, TopicPartition: lag.TopicPartition{Topic: topic}, Offset: 1, At: c.At}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("commit %d: -want +got\n%s", i, diff)
		}
		if c.At.Before(between[i]) || c.At.After(between[i+1]) {
			t.Errorf("commit %d was at %s, want it between %s and %s", i, c.At, between[i], between[i+1])
		}
	}
	leave()

	admin := started.Admin()
	for end := time.Now().Add(deadline); ; time.Sleep(100 * time.Millisecond) {
		if _, err := admin.DeleteGroup(t.Context(), topic); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	f.await(t, "the deletion is told", func() bool {
		told = f.commits()
		return told[len(told)-1].Deleted
	})
}

// held keeps back what the broker answers to commits in a transaction.
type held struct {
	came, goOn chan struct{}
	once       sync.Once
}

func (h *held) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if key == kmsg.TxnOffsetCommit.Int16() {
		h.once.Do(func() { close(h.came) })
		<-h.goOn
	}
}

func TestTailOfATransaction(t *testing.T) {
	topic, other := fresh(t, 1), fresh(t, 1)
	f := follow(t, 0, func(string) bool { return true })
	h := &held{came: make(chan struct{}), goOn: make(chan struct{})}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap()...), kgo.TransactionalID(topic), kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.WithHooks(h),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	goOn := sync.OnceFunc(func() { close(h.goOn) })
	defer goOn()
	first(t, session.PollFetches)
	if err := session.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := session.ProduceSync(t.Context(), &kgo.Record{Topic: other, Value: []byte("made of it")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		committed, err := session.End(context.WithoutCancel(t.Context()), kgo.TryCommit)
		if err == nil && !committed {
			err = fmt.Errorf("the transaction was not committed")
		}
		ended <- err
	}()
	select {
	case <-h.came:
	case err := <-ended:
		t.Fatalf("the transaction ended before it committed offsets: %v", err)
	}

	// The commit is there, and does not count; that of another group does.
	pending(t, topic)
	admin := started.Admin()
	offsets := kadm.Offsets{}
	offsets.AddOffset(other, 0, 1, -1)
	if err := admin.CommitAllOffsets(t.Context(), other, offsets); err != nil {
		t.Fatal(err)
	}
	f.awaitKnown(t)
	if got := f.offsets(lag.TopicPartition{Topic: topic}); len(got) > 0 {
		t.Errorf("%v was told of a transaction that is open", got)
	}
	if got := f.offsets(lag.TopicPartition{Topic: other}); !slices.Equal(got, []int64{1}) {
		t.Errorf("%v was told of another group, want 1", got)
	}
	goOn()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	f.await(t, "the commit is told", func() bool { return len(f.offsets(lag.TopicPartition{Topic: topic})) > 0 })
	f.awaitKnown(t)
	if got := f.offsets(lag.TopicPartition{Topic: topic}); !slices.Equal(got, []int64{1}) {
		t.Errorf("%v was told, want 1", got)
	}
}

// pending: the coordinator has a commit to partition 0 that does not count yet. The topic has
// the name of the group.
func pending(t *testing.T, topic string) {
	t.Helper()
	asker, err := kgo.NewClient(kgo.SeedBrokers(bootstrap()...))
	if err != nil {
		t.Fatal(err)
	}
	defer asker.Close()
	of := kmsg.NewOffsetFetchRequestGroupTopic()
	of.Topic, of.Partitions = topic, []int32{0}
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group, group.Topics = topic, append(group.Topics, of)
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable, req.Groups = true, append(req.Groups, group)
	resp, err := req.RequestWith(t.Context(), asker)
	if err != nil {
		t.Fatal(err)
	}
	got := resp.Groups[0].Topics[0].Partitions[0]
	if !errors.Is(kerr.ErrorForCode(got.ErrorCode), kerr.UnstableOffsetCommit) {
		t.Errorf("%+v, want it to say that a commit is pending", got)
	}
}

func TestTailOfAGroupOfTypeConsumer(t *testing.T) {
	topic := fresh(t, 2)
	f := follow(t, 0, only(topic))
	join(t, topic, "a-0000", kgo.ServerSideBalancer())
	f.await(t, "it commits what it consumed", func() bool {
		return slices.ContainsFunc(f.commits(), func(c kafka.Commit) bool { return c.Offset > 0 })
	})
	agrees(t, f, topic)
}

// agrees: the last commits that were told are those that the coordinator has.
func agrees(t *testing.T, f *follower, groups ...string) {
	t.Helper()
	type place struct {
		group string
		lag.TopicPartition
	}
	var diff string
	f.await(t, "the coordinator says the same", func() bool {
		want, got := map[place]int64{}, map[place]int64{}
		for _, group := range groups {
			offsets, err := started.Admin().FetchOffsets(t.Context(), group)
			if err != nil {
				t.Fatal(err)
			}
			offsets.Each(func(o kadm.OffsetResponse) {
				want[place{group, lag.TopicPartition{Topic: o.Topic, Partition: o.Partition}}] = o.At
			})
		}
		for _, c := range f.commits() {
			if at := (place{c.Group, c.TopicPartition}); c.Deleted {
				delete(got, at)
			} else {
				got[at] = c.Offset
			}
		}
		diff = cmp.Diff(fmt.Sprint(want), fmt.Sprint(got))
		return diff == ""
	})
}

// Everything that this broker has written so far can be read, and comes to what it says
// itself.
func TestTailOfEverything(t *testing.T) {
	topic := fresh(t, 3)
	join(t, topic, "a-0000")
	f := follow(t, 24*time.Hour, func(string) bool { return true })
	f.await(t, "the group commits", func() bool {
		return slices.ContainsFunc(f.commits(), func(c kafka.Commit) bool { return c.Group == topic })
	})
	groups, err := started.Admin().ListGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, f, groups.Groups()...)
	t.Logf("%d groups: %+v", len(groups), f.Counts())
}

func TestTailThroughARestart(t *testing.T) {
	topic := fresh(t, 1)
	commit := func(at int64) {
		t.Helper()
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, at, -1)
		for end := time.Now().Add(deadline); ; time.Sleep(100 * time.Millisecond) {
			if err := started.Admin().CommitAllOffsets(t.Context(), topic, offsets); err == nil {
				return
			} else if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	commit(1)
	f := follow(t, time.Hour, only(topic))
	if err := started.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(2)
	f.awaitKnown(t)
	agrees(t, f, topic)
	if got := f.offsets(lag.TopicPartition{Topic: topic}); got[0] != 1 || got[1] != 2 {
		t.Errorf("%v was told, want 1 and 2", got)
	}
}
