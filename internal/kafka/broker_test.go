package kafka

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// deadline is how long a test waits for what must come.
const deadline = 30 * time.Second

// fakeBroker is an in-process cluster, and a client of ours.
type fakeBroker struct {
	*kfake.Cluster
	client *Client
	admin  *kadm.Client
}

func newFakeBroker(t *testing.T, opts ...kfake.Opt) *fakeBroker {
	t.Helper()
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client := openAt(t, cluster.ListenAddrs()...)
	return &fakeBroker{Cluster: cluster, client: client, admin: kadm.NewClient(client.kgo)}
}

func openAt(t *testing.T, servers ...string) *Client {
	t.Helper()
	client, err := Open(Config{BootstrapServers: servers}, "kohort-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// produce appends records to a partition.
func (b *fakeBroker) produce(t *testing.T, topic string, partition int32, n int) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Append(nil, i)})
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatalf("producing to %s: %v", topic, err)
	}
}

// commit sets the committed offset of a group that has no members.
func (b *fakeBroker) commit(t *testing.T, group, topic string, partition int32, at int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, at, -1)
	if err := b.admin.CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatalf("committing for %s: %v", group, err)
	}
}

// join makes static members and waits until they share the partitions.
func (b *fakeBroker) join(t *testing.T, group, topic string, instanceIDs ...string) {
	t.Helper()
	for _, id := range instanceIDs {
		member, err := kgo.NewClient(
			kgo.SeedBrokers(b.ListenAddrs()...),
			kgo.ClientID("client-of-"+id),
			kgo.ConsumerGroup(group),
			kgo.ConsumeTopics(topic),
			kgo.InstanceID(id),
			kgo.Balancers(kgo.RangeBalancer()),
			kgo.DisableAutoCommit(),
			kgo.HeartbeatInterval(100*time.Millisecond),
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(member.Close)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if _, err := b.WaitGroupStable(ctx, group, len(instanceIDs)); err != nil {
		t.Fatalf("group %s with %d members: %v", group, len(instanceIDs), err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.After(deadline); !holds(); {
		select {
		case <-ticker.C:
		case <-end:
			t.Fatalf("not within %s: %s", deadline, what)
		}
	}
}
