package kafka

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// kfake keeps commits elsewhere: here its topic __consumer_offsets is one as any other, and
// the tests write into it what a coordinator would.

// follower is a tail with what it told.
type follower struct {
	*Tail
	mu   sync.Mutex
	told []Commit
}

func newFollower(back time.Duration, servers ...string) *follower {
	f := &follower{}
	f.Tail = NewTail(Config{BootstrapServers: servers}, "kohort-test", TailOptions{
		Asked:    func(group string) bool { return group == "billing" },
		OnCommit: f.add,
		Back:     back,
		Interval: 50 * time.Millisecond,
	})
	return f
}

func (f *follower) add(c Commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, c)
}

// offsets of the commits to a partition that were told.
func (f *follower) offsets(partition int32) []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []int64
	for _, c := range f.told {
		if c.TopicPartition.Partition == partition {
			all = append(all, c.Offset)
		}
	}
	return all
}

// run reads until the test ends.
func (f *follower) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

// awaitKnown waits until everything of now is known.
func (f *follower) awaitKnown(t *testing.T) {
	t.Helper()
	now := time.Now()
	eventually(t, "everything is known", func() bool {
		known, err := f.Known()
		return known.After(now) && err == nil
	})
}

func (f *follower) await(t *testing.T, partition int32, want ...int64) {
	t.Helper()
	eventually(t, "the commits were told", func() bool { return len(f.offsets(partition)) >= len(want) })
	if diff := cmp.Diff(want, f.offsets(partition)); diff != "" {
		t.Fatalf("partition %d: -want +got\n%s", partition, diff)
	}
}

// writer writes into the topic.
type writer struct {
	*kgo.Client
	t *testing.T
}

func newWriter(t *testing.T, b *fakeBroker, opts ...kgo.Opt) writer {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(100 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return writer{client, t}
}

// commit writes that billing committed an offset of a partition, into the partition of the
// topic that has the same number.
func (w writer) commit(partition int32, offset int64, at time.Time) {
	w.t.Helper()
	w.write(&kgo.Record{
		Partition: partition, Timestamp: at,
		Key: commitKey(1, "billing", "orders", partition), Value: commitValue(3, offset),
	})
}

func (w writer) write(r *kgo.Record) {
	w.t.Helper()
	r.Topic = offsetsTopic
	if err := w.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
		w.t.Fatalf("writing to %s: %v", offsetsTopic, err)
	}
}

func (w writer) end(commit kgo.TransactionEndTry) {
	w.t.Helper()
	if err := w.EndTransaction(w.t.Context(), commit); err != nil {
		w.t.Fatal(err)
	}
}

func TestTail(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(2, offsetsTopic))
	w := newWriter(t, b)
	w.commit(0, 1, time.Now().Add(-10*time.Minute))
	w.commit(0, 2, time.Now().Add(-4*time.Minute))
	f := newFollower(5*time.Minute, b.ListenAddrs()...)
	if known, err := f.Known(); !known.IsZero() || err == nil {
		t.Errorf("before it runs: %s, %v", known, err)
	}
	f.run(t)
	f.await(t, 0, 2)
	f.awaitKnown(t)
	for range 30 {
		if _, err := f.Known(); err != nil {
			t.Fatalf("nothing comes, and that is taken for a failure: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}

	// The same again is a commit as any other.
	w.commit(0, 2, time.Now())
	w.commit(1, 7, time.Now())
	w.write(&kgo.Record{Key: commitKey(1, "refunds", "orders", 0), Value: commitValue(3, 5)})
	w.write(&kgo.Record{Key: []byte{0, 1}, Value: []byte("junk")})
	w.write(&kgo.Record{Key: commitKey(1, "billing", "orders", 0), Timestamp: committedAt})
	f.awaitKnown(t)
	of := lag.TopicPartition{Topic: "orders"}
	want := []Commit{
		{Group: "billing", TopicPartition: of, Offset: 2, At: committedAt},
		{Group: "billing", TopicPartition: of, Offset: 2, At: committedAt},
		{Group: "billing", TopicPartition: of, At: committedAt, Deleted: true},
		{Group: "billing", TopicPartition: lag.TopicPartition{Topic: "orders", Partition: 1}, Offset: 7, At: committedAt},
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortStableFunc(f.told, func(a, b Commit) int { return a.TopicPartition.Compare(b.TopicPartition) })
	if diff := cmp.Diff(want, f.told); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(TailCounts{Records: 6, Commits: 4, Junk: 1}, f.Counts()); diff != "" {
		t.Errorf("counts: -want +got\n%s", diff)
	}
}

// A commit in a transaction counts from its end on, and the commits of others do not wait
// for that.
func TestTailReadsTransactions(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, offsetsTopic))
	f := newFollower(0, b.ListenAddrs()...)
	f.run(t)
	f.awaitKnown(t)
	w, in := newWriter(t, b), newWriter(t, b, kgo.TransactionalID("billing"))
	within := func(topic int32, offset int64) {
		t.Helper()
		in.write(&kgo.Record{Key: commitKey(1, "billing", "orders", topic), Value: commitValue(3, offset)})
	}
	begin := func() {
		t.Helper()
		if err := in.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	within(1, 10)
	w.commit(0, 5, time.Now())
	f.awaitKnown(t)
	f.await(t, 1)
	f.await(t, 0, 5)
	in.end(kgo.TryCommit)
	f.await(t, 1, 10)
	begin()
	within(1, 20)
	in.end(kgo.TryAbort)
	begin()
	within(1, 30)
	in.end(kgo.TryCommit)
	f.await(t, 1, 10, 30)
}

func TestTailThroughTheLossOfBrokers(t *testing.T) {
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, offsetsTopic), kfake.DataDir(t.TempDir())}
	b := newFakeBroker(t, opts...)
	f := newFollower(0, b.ListenAddrs()...)
	f.run(t)
	f.awaitKnown(t)
	newWriter(t, b).commit(0, 1, time.Now())
	f.await(t, 0, 1)

	_, port, _ := net.SplitHostPort(b.ListenAddrs()[0])
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	gone := time.Now()
	eventually(t, "it says that no broker answers", func() bool {
		_, err := f.Known()
		return errors.Is(err, ErrUnreachable)
	})
	if known, _ := f.Known(); known.After(gone) {
		t.Errorf("without a broker all is known of %s, after it was gone (%s)", known, gone)
	}
	b = newFakeBroker(t, append(opts, kfake.Ports(number))...)
	newWriter(t, b).commit(0, 2, time.Now())
	newWriter(t, b).commit(1, 3, time.Now())
	f.await(t, 0, 1, 2)
	f.await(t, 1, 3)
	f.awaitKnown(t)
}

// Here kfake says that records were lost, and those that are there are read again.
func TestTailFollowsTheLeader(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, offsetsTopic))
	f := newFollower(0, b.ListenAddrs()...)
	f.run(t)
	f.awaitKnown(t)
	w := newWriter(t, b)
	w.commit(0, 1, time.Now())
	if err := b.RemoveNode(b.LeaderFor(offsetsTopic, 0)); err != nil {
		t.Fatal(err)
	}
	w.commit(0, 2, time.Now())
	f.await(t, 0, 1, 2)
	f.awaitKnown(t)
}

// What is wrong with one partition keeps back no other, but not all is known then.
func TestTailWithAPartitionThatCannotBeRead(t *testing.T) {
	for name, key := range map[string]kmsg.Key{"its end": kmsg.ListOffsets, "its records": kmsg.Fetch} {
		t.Run(name, func(t *testing.T) {
			b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, offsetsTopic))
			f := newFollower(0, b.ListenAddrs()...)
			fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Topic: offsetsTopic, Partitions: []int32{1}, Err: kerr.UnknownServerError, Count: -1})
			f.run(t)
			eventually(t, "it says which", func() bool {
				_, err := f.Known()
				return err != nil && strings.Contains(err.Error(), "UNKNOWN_SERVER_ERROR") &&
					(strings.Contains(err.Error(), offsetsTopic+"-1") || strings.Contains(err.Error(), "partition 1 of topic"))
			})
			w := newWriter(t, b)
			before := time.Now()
			w.commit(1, 1, before)
			w.commit(0, 2, before)
			f.await(t, 0, 2)
			if known, err := f.Known(); known.After(before) || err == nil {
				t.Errorf("all is known of %s (%v), and of partition 1 nothing since %s", known, err, before)
			}
			fault.Remove()
			f.await(t, 1, 1)
			f.awaitKnown(t)
		})
	}
}

func TestTailThatIsDenied(t *testing.T) {
	for name, key := range map[string]kmsg.Key{"the topic": kmsg.Metadata, "its records": kmsg.Fetch} {
		t.Run(name, func(t *testing.T) {
			b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, offsetsTopic))
			f := newFollower(0, b.ListenAddrs()...)
			fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Topic: offsetsTopic, Err: kerr.TopicAuthorizationFailed, Count: -1})
			err := f.Run(t.Context())
			const want = "the operator's user needs READ on the topic __consumer_offsets"
			if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v\nwant it to say: %s", err, want)
			}
			if _, said := f.Known(); !errors.Is(said, ErrDenied) {
				t.Errorf("Known says %v, want that it is denied", said)
			}
			// Once it is permitted it goes on where it was.
			fault.Remove()
			newWriter(t, b).commit(0, 1, time.Now())
			f.run(t)
			f.await(t, 0, 1)
			f.awaitKnown(t)
		})
	}
}

// The topic is made for the first group that commits.
func TestTailBeforeThereIsATopic(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1))
	f := newFollower(0, b.ListenAddrs()...)
	f.run(t)
	f.awaitKnown(t)
	if b.TopicInfo(offsetsTopic) != nil {
		t.Error("asking for the topic made it")
	}
	for round := range int64(2) { // the second one is of a cluster that was made again
		if err := b.CreateTopic(offsetsTopic, 1, nil); err != nil {
			t.Fatal(err)
		}
		w := newWriter(t, b)
		w.commit(0, 10*round, time.Now())
		eventually(t, "the first commit", func() bool { return slices.Contains(f.offsets(0), 10*round) })
		w.commit(0, 10*round+1, time.Now())
		eventually(t, "the second", func() bool { return slices.Contains(f.offsets(0), 10*round+1) })
		f.awaitKnown(t)
		if err := b.DeleteTopic(offsetsTopic); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it says that the topic is gone", func() bool {
			_, err := f.Known()
			return err != nil && strings.Contains(err.Error(), "is gone")
		})
	}
}

func TestTailWithoutServers(t *testing.T) {
	if err := newFollower(0).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no bootstrap servers") {
		t.Errorf("%v, want it to say that no servers are given", err)
	}
}

// BenchmarkTail reads commits of ten partitions each, as a consumer sends them, from kfake
// in this process, whose time counts, too.
func BenchmarkTail(b *testing.B) {
	const batches, batch = 5_000, 10
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, offsetsTopic))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ManualFlushing())
	if err != nil {
		b.Fatal(err)
	}
	defer producer.Close()
	for i := range batches {
		for p := range int32(batch) {
			producer.Produce(b.Context(), &kgo.Record{
				Topic: offsetsTopic,
				Key:   commitKey(1, "com.example.payments.billing-"+strconv.Itoa(i%1000), "com.example.payments.orders", p), Value: commitValue(3, int64(i)),
			}, nil)
		}
		if err := producer.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for name, asked := range map[string]bool{"asked for": true, "not asked for": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				tail := NewTail(Config{BootstrapServers: cluster.ListenAddrs()}, "kohort-test", TailOptions{
					Asked: func(string) bool { return asked }, OnCommit: func(Commit) {}, Back: time.Hour,
				})
				done := make(chan error)
				go func() { done <- tail.Run(ctx) }()
				for tail.Counts().Records < batches*batch {
					time.Sleep(time.Millisecond)
				}
				cancel()
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*batches*batch/b.Elapsed().Seconds(), "records/s")
		})
	}
}
