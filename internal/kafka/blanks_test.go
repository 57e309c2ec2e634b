package kafka

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// transact appends records to a partition in one transaction, which is left open or ended.
func (b *fakeBroker) transact(t *testing.T, topic string, partition int32, n int, end func(*kgo.Client)) {
	t.Helper()
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(b.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(t.Name()),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	end(producer)
}

func ends(t *testing.T, how kgo.TransactionEndTry) func(*kgo.Client) {
	return func(producer *kgo.Client) {
		t.Helper()
		if err := producer.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
}

func leftOpen(*kgo.Client) {}

// TestTransactions: what is behind the first open transaction does not wait for those who
// read what is committed, and what holds no record waits for nobody.
func TestTransactions(t *testing.T) {
	type lags struct{ uncommitted, committed int64 }
	for name, c := range map[string]struct {
		log  func(t *testing.T, b *fakeBroker)
		at   int64 // committed by both groups
		want lags
	}{
		"the marker of a commit": {func(t *testing.T, b *fakeBroker) {
			b.transact(t, "orders", 0, 3, ends(t, kgo.TryCommit))
		}, 3, lags{}},
		"a record before the marker": {func(t *testing.T, b *fakeBroker) {
			b.transact(t, "orders", 0, 3, ends(t, kgo.TryCommit))
		}, 2, lags{1, 1}},
		"a record behind the marker": {func(t *testing.T, b *fakeBroker) {
			b.transact(t, "orders", 0, 3, ends(t, kgo.TryCommit))
			b.produce(t, "orders", 0, 1)
		}, 3, lags{2, 2}}, // that one of them is a marker is not looked for where records follow
		"aborted": {func(t *testing.T, b *fakeBroker) {
			b.produce(t, "orders", 0, 2)
			b.transact(t, "orders", 0, 3, ends(t, kgo.TryAbort))
		}, 2, lags{3, 0}},
		"aborted, and read into it": {func(t *testing.T, b *fakeBroker) {
			b.transact(t, "orders", 0, 3, ends(t, kgo.TryAbort))
		}, 1, lags{2, 0}},
		"open": {func(t *testing.T, b *fakeBroker) {
			b.produce(t, "orders", 0, 2)
			b.transact(t, "orders", 0, 3, leftOpen)
		}, 1, lags{4, 1}},
		"no transaction": {func(t *testing.T, b *fakeBroker) { b.produce(t, "orders", 0, 5) }, 2, lags{3, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			c.log(t, b)
			collector := NewCollector(b.client, Options{})
			for _, level := range []bool{false, true} {
				group := map[bool]string{false: "uncommitted", true: "committed"}[level]
				b.commit(t, group, "orders", 0, c.at)
				collector.Track(group, Target{Topics: []string{"orders"}, ReadCommitted: level})
			}
			read(t, collector)
			asked := b.client.RequestCounts()["Fetch"]
			if asked != 0 {
				t.Errorf("%d requests for records of a log that may not stand", asked)
			}
			var got lags
			for range 3 {
				readings := read(t, collector)
				for group, into := range map[string]*int64{"uncommitted": &got.uncommitted, "committed": &got.committed} {
					behind, known := readings[group].Partitions[0].Lag()
					if !known {
						t.Fatalf("%s: %+v", group, readings[group])
					}
					*into = behind
				}
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if asked := b.client.RequestCounts()["Fetch"]; asked > 2 {
				t.Errorf("%d requests for records of a log that stands, want one for each level", asked)
			}
		})
	}
}

// TestRecordsMayNotBeRead: the lag is what it would be, and the broker is not asked over
// and over.
func TestRecordsMayNotBeRead(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.transact(t, "orders", 0, 3, ends(t, kgo.TryCommit))
	b.commit(t, "billing", "orders", 0, 3)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "orders", Err: kerr.TopicAuthorizationFailed, Count: -1})
	c := NewCollector(b.client, Options{})
	c.Track("billing", Target{Topics: []string{"orders"}})
	for range 4 {
		if behind, known := read(t, c)["billing"].Partitions[0].Lag(); !known || behind != 1 {
			t.Errorf("lag %d, known %v", behind, known)
		}
	}
	if asked := b.client.RequestCounts()["Fetch"]; asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// TestLeaderChangesMeanwhile: who is not the leader any more has not said no.
func TestLeaderChangesMeanwhile(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.transact(t, "orders", 0, 3, ends(t, kgo.TryCommit))
	b.commit(t, "billing", "orders", 0, 3)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "orders", Err: kerr.NotLeaderForPartition, Count: 1})
	c := NewCollector(b.client, Options{})
	c.Track("billing", Target{Topics: []string{"orders"}})
	var lags []int64
	for range 4 {
		behind, _ := read(t, c)["billing"].Partitions[0].Lag()
		lags = append(lags, behind)
	}
	if diff := cmp.Diff([]int64{1, 1, 0, 0}, lags); diff != "" {
		t.Errorf("lags: -want +got\n%s", diff)
	}
}

// TestRecordsBehindAMarker: what was found before is not forgotten when records follow: they
// are counted without it, and their age is theirs.
func TestRecordsBehindAMarker(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b.transact(t, "orders", 0, 3, ends(t, kgo.TryCommit))
	b.commit(t, "billing", "orders", 0, 3)
	now := time.Now().Add(time.Minute) // the marker is a minute old
	c := NewCollector(b.client, Options{Now: func() time.Time { return now }})
	c.Track("billing", Target{Topics: []string{"orders"}, Rules: lag.Rules{MaxAge: 10 * time.Second}})
	read(t, c)
	read(t, c)
	producer, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Timestamp: now.Add(-time.Second)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	p := read(t, c)["billing"].Partitions[0]
	if behind, known := p.Lag(); !known || behind != 1 || p.Bound != lag.BoundKept {
		t.Errorf("lag %d, known %v, bound %d; want 1 and %d: %+v", behind, known, p.Bound, lag.BoundKept, p)
	}
}

// TestTailOfAnything: whatever a broker answers, nothing but what was seen is blank.
func TestTailOfAnything(t *testing.T) {
	head := func(first, length int64, delta byte, attributes byte) []byte {
		raw := make([]byte, batchHead)
		raw[7], raw[11], raw[magicAt], raw[22], raw[26] = byte(first), byte(length), magic, attributes, delta
		return raw
	}
	for name, c := range map[string]struct {
		raw        []byte
		end        int64
		from, last int64
	}{
		"nothing":                      {nil, 9, 9, 5},
		"half a head":                  {head(5, 49, 3, 0)[:40], 9, 9, 5},
		"records up to the end":        {head(5, 49, 3, 0), 9, 9, 8},
		"records, and not the end":     {head(5, 49, 1, 0), 9, 9, 6},
		"markers up to the end":        {append(head(5, 49, 0, isControl), head(6, 49, 2, isControl)...), 9, 5, nothing},
		"a length that leads nowhere":  {append(head(5, 255, 0, isControl), 1, 2, 3), 9, 9, 5},
		"a length of nothing":          {append(head(5, 0, 0, isControl), head(6, 0, 2, isControl)...), 9, 5, nothing},
		"markers, and not the end":     {head(5, 49, 0, isControl), 9, 9, 5},
		"a record, and then a marker":  {append(head(5, 49, 0, 0), head(6, 49, 2, isControl)...), 9, 6, 5},
		"what came meanwhile":          {append(head(5, 49, 3, isControl), head(9, 49, 5, 0)...), 9, 5, nothing},
		"a format from before markers": {append(make([]byte, 7), append([]byte{8}, make([]byte, 53)...)...), 9, 9, 8},
	} {
		state := tail{end: c.end, from: c.end, record: 5}
		state.read(5, &kmsg.FetchResponseTopicPartition{RecordBatches: c.raw})
		if want := (tail{end: c.end, from: c.from, record: c.last}); state != want {
			t.Errorf("%s: %+v, want %+v", name, state, want)
		}
	}
}
