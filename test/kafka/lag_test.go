package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// onlyPartition has a condition hold for the only one of a reading.
func onlyPartition(is func(lag.Partition) bool) func(lag.Reading) bool {
	return func(r lag.Reading) bool { return len(r.Partitions) == 1 && is(r.Partitions[0]) }
}

func lagIs(want int64) func(lag.Partition) bool {
	return func(p lag.Partition) bool {
		behind, known := p.Lag()
		return known && behind == want
	}
}

// TestTransactionsAreNoLag: a consumer that has read everything has none, although the
// markers take offsets; one that reads what is committed has none behind an open
// transaction, nor of what was aborted.
func TestTransactionsAreNoLag(t *testing.T) {
	topic := fresh(t, 1)
	other := topic + "-committed"
	producer, err := kgo.NewClient(kgo.SeedBrokers(bootstrap()...), kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	transact := func(n int, end func() error) {
		t.Helper()
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	ended := func(how kgo.TransactionEndTry) func() error {
		return func() error { return producer.EndTransaction(t.Context(), how) }
	}
	admin := kadm.NewClient(producer)
	commits := func(group string, at int64) {
		t.Helper()
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, at, -1)
		if err := admin.CommitAllOffsets(t.Context(), group, offsets); err != nil {
			t.Fatal(err)
		}
	}
	c := collect(t, open(t, kafka.Config{BootstrapServers: bootstrap()}), map[string]kafka.Target{
		topic: {Topics: []string{topic}}, other: {Topics: []string{topic}, ReadCommitted: true},
	})
	reads := func(group, what string, is func(lag.Partition) bool) {
		t.Helper()
		await(t, c, group, what, onlyPartition(is))
	}

	transact(3, ended(kgo.TryCommit)) // offsets 1 to 3, and 4 is its marker: 0 is from before
	join(t, topic, "reader")
	commits(other, 3)
	reads(topic, "it has read everything", lagIs(0))
	reads(topic, "its offset is that of the marker", func(p lag.Partition) bool {
		return p.Committed != nil && *p.Committed == 4 && p.End == 5 && p.Blank == 1
	})
	reads(other, "one record waits before the marker", lagIs(1))

	transact(2, ended(kgo.TryAbort)) // 5 and 6, and 7 is its marker
	commits(other, 4)
	reads(other, "what was aborted does not wait", lagIs(0))
	reads(topic, "who reads everything has read it", lagIs(0))

	transact(2, func() error { return nil }) // 8 and 9
	reads(other, "what is not committed yet does not wait", func(p lag.Partition) bool {
		return p.End == 8 && lagIs(0)(p)
	})
	reads(topic, "who reads everything goes on", func(p lag.Partition) bool { return p.End == 10 && lagIs(0)(p) })
	if err := producer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	reads(other, "now it waits", lagIs(2))
}

// TestLostAndOld: retention deletes what waits; and a bound of age is kept or broken by the
// records' timestamps.
func TestLostAndOld(t *testing.T) {
	topic := fresh(t, 1) + "-old"
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap()...), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	old := &kgo.Record{Value: []byte("old"), Timestamp: time.Now().Add(-time.Hour)}
	for range 5 {
		if err := client.ProduceSync(t.Context(), old).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 1, -1)
	if err := admin.CommitAllOffsets(t.Context(), topic, offsets); err != nil {
		t.Fatal(err)
	}
	c := collect(t, open(t, kafka.Config{BootstrapServers: bootstrap()}), map[string]kafka.Target{topic: {Topics: []string{topic}, Rules: lag.Rules{MaxAge: 59 * time.Minute}}})
	reads := func(group, what string, is func(lag.Partition) bool) {
		t.Helper()
		await(t, c, group, what, onlyPartition(is))
	}
	reads(topic, "four records wait that are too old", func(p lag.Partition) bool {
		return lagIs(4)(p) && p.Bound == lag.BoundBroken
	})
	if age, known := c.Said(topic).Age(time.Now()); !known || age < 59*time.Minute {
		t.Errorf("the oldest has waited for %s, known %v", age, known)
	}
	c.Track(topic, kafka.Target{Topics: []string{topic}, Rules: lag.Rules{MaxAge: 2 * time.Hour}})
	reads(topic, "they are young enough", func(p lag.Partition) bool { return p.Bound == lag.BoundSeemsKept })

	if _, err := admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {Topic: topic, At: 4}}}); err != nil {
		t.Fatal(err)
	}
	reads(topic, "three are lost, and one waits", func(p lag.Partition) bool { return p.Lost() == 3 && lagIs(1)(p) })
	if runway, _, ends := c.Said(topic).Runway(); !ends || runway != 0 {
		t.Errorf("the runway is %s, %v", runway, ends)
	}
}

// TestWatchedGroups: of both types, with the partitions to which they have committed.
func TestWatchedGroups(t *testing.T) {
	classic, consumer := fresh(t, 2), fresh(t, 2)
	join(t, classic, "a")
	join(t, consumer, "b", kgo.ServerSideBalancer())
	c := collect(t, open(t, kafka.Config{BootstrapServers: bootstrap()}), nil)
	c.Watch(func(group string) bool { return group == classic || group == consumer })
	for _, group := range []string{classic, consumer} {
		await(t, c, group, "its member has read everything", func(r lag.Reading) bool {
			total, _, known := r.Lag()
			return shared(1)(r) && known && total == 0 && r.Status() == lag.StatusOK
		})
	}
	if n, err := c.Watched(); err != nil || n == nil || *n != 2 {
		t.Errorf("Watched = %v, %v; want 2", n, err)
	}
}
