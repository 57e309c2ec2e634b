package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// TestOldAndLostRecords: a bound of age is one of the records' own timestamps, and what
// retention deletes is told.
func TestOldAndLostRecords(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Lag = v1alpha1.Lag{OffsetReset: v1alpha1.OffsetResetEarliest, MaxAgeSeconds: ptr.To[int32](3600)}
	})
	w.comesUp("orders")
	w.commitAll()
	w.until("retention is far", func() bool {
		return w.is("orders", v1alpha1.ConditionRetentionSafe, metav1.ConditionTrue, v1alpha1.ReasonFarFromRetention)
	})
	producer, err := kgo.NewClient(kgo.SeedBrokers(w.broker.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	w.must(err)
	defer producer.Close()
	record := &kgo.Record{Topic: topic, Partition: 2, Value: []byte("x"), Timestamp: time.Now().Add(-2 * time.Hour)}
	for range 5 {
		w.must(producer.ProduceSync(t.Context(), record).FirstErr())
	}
	w.until("it is told that a record is too old", func() bool {
		return w.is("orders", v1alpha1.ConditionLagHealthy, metav1.ConditionFalse, v1alpha1.ReasonTooOld)
	})
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Lag.MaxAgeSeconds = ptr.To[int32](3 * 3600) })
	w.until("three hours are allowed", func() bool {
		return w.is("orders", v1alpha1.ConditionLagHealthy, metav1.ConditionTrue, v1alpha1.ReasonCommitsMove)
	})

	w.must(w.broker.DeleteRecords(topic, 2, 3))
	w.until("it is told that records are lost", func() bool {
		return w.is("orders", v1alpha1.ConditionRetentionSafe, metav1.ConditionFalse, v1alpha1.ReasonRecordsLost)
	})
	if n := w.operator.told.count(v1alpha1.ReasonRecordsLost); n != 1 {
		t.Errorf("event RecordsLost was told %d times: %q", n, w.operator.told.notes())
	}
}

// TestWatchedGroups: how many there are is in the status, and why they cannot be listed.
func TestWatchedGroups(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, 0, -1)
		w.must(w.admin().CommitAllOffsets(t.Context(), fmt.Sprintf("other-%d", i), offsets))
	}
	w.kafkaCluster(func(c *v1alpha1.KafkaCluster) {
		c.Spec.Watch = &v1alpha1.Watch{Allow: []string{"other-*"}, Deny: []string{"other-1"}}
	})
	watched := func(n int32) func() bool {
		return func() bool { got := w.cluster().Status.WatchedGroups; return got != nil && *got == n }
	}
	w.until("two are read", watched(2))
	w.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListGroups}, Err: kerr.ClusterAuthorizationFailed, Count: -1})
	w.until("it is said that they cannot be listed", func() bool {
		return w.clusterIs(metav1.ConditionTrue, v1alpha1.ReasonConnected, "spec.watch: the groups that are read are as they were: listing the groups")
	})
	if !watched(2)() {
		t.Errorf("status %+v", w.cluster().Status)
	}
	cluster := w.cluster()
	cluster.Spec.Watch = nil
	w.must(w.client.Update(t.Context(), cluster))
	w.until("none is watched", func() bool { return w.cluster().Status.WatchedGroups == nil })
}
