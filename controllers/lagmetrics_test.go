package controllers

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
)

// TestLagMetrics: of a group that a ConsumerGroup runs and of one that is watched, as
// detailed as is asked for.
func TestLagMetrics(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	commit(t, cluster, "billing", kadm.Offset{Topic: "orders", At: 0}, kadm.Offset{Topic: "orders", Partition: 1, At: 0})
	commit(t, cluster, "others", kadm.Offset{Topic: "orders", Partition: 1, At: 0})
	commit(t, cluster, "secret", kadm.Offset{Topic: "orders", At: 0})

	clusters := &Clusters{Options: kafka.Options{Interval: 20 * time.Millisecond, WatchInterval: 20 * time.Millisecond}}
	defer clusters.Close()
	prod, orders := types.NamespacedName{Namespace: "shop", Name: "prod"}, types.NamespacedName{Namespace: "shop", Name: "orders"}
	if err := clusters.Connect(prod, "1", kafka.Config{BootstrapServers: cluster.ListenAddrs()}); err != nil {
		t.Fatal(err)
	}
	clusters.Track(prod, orders, "billing", kafka.Target{Topics: []string{"orders"}})
	clusters.Watch(prod, &v1alpha1.Watch{Deny: []string{"sec*"}})
	metrics := &lagCollector{}
	metrics.add(t.Context(), clusters)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics)

	waitFor(t, "both groups are read", func() bool {
		return len(samples(t, registry, "kohort_group_lag")) == 2
	})
	if n, err := clusters.Watched(prod); err != nil || n == nil || *n != 1 {
		t.Errorf("Watched = %v, %v; want 1", n, err)
	}
	names := func() []string {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for _, family := range families {
			all[family.GetName()] = true
		}
		return slices.Sorted(maps.Keys(all))
	}
	ofGroups := []string{
		"kohort_group_drain_seconds", "kohort_group_lag", "kohort_group_lost_records", "kohort_group_oldest_record_age_seconds",
		"kohort_group_reading_age_seconds", "kohort_group_status", "kohort_kafka_cluster_up",
	}
	ofPartitions := []string{
		"kohort_group_partition_committed_offset", "kohort_group_partition_lag",
		"kohort_topic_partition_end_offset", "kohort_topic_partition_start_offset",
	}
	for detail, want := range map[LagMetrics][]string{
		LagMetricsGroup:     ofGroups,
		LagMetricsTopic:     append(slices.Clone(ofGroups), "kohort_group_topic_lag"),
		LagMetricsPartition: append(append(slices.Clone(ofGroups), "kohort_group_topic_lag"), ofPartitions...),
		LagMetricsAll:       append(append(slices.Clone(ofGroups), "kohort_group_topic_lag"), ofPartitions...),
	} {
		clusters.LagMetrics = detail
		slices.Sort(want)
		if diff := cmp.Diff(want, names()); diff != "" {
			t.Errorf("by %s: -want +got\n%s", detail, diff)
		}
	}
	ours := map[string]float64{"prod billing orders shop 0 orders": 0, "prod billing orders shop 1 orders": 0}
	all := maps.Clone(ours)
	all["prod others  shop 1 orders"] = 0
	for detail, want := range map[LagMetrics]map[string]float64{LagMetricsPartition: ours, LagMetricsAll: all} {
		clusters.LagMetrics = detail
		if diff := cmp.Diff(want, samples(t, registry, "kohort_group_partition_lag")); diff != "" {
			t.Errorf("by %s: -want +got\n%s", detail, diff)
		}
	}
	clusters.Watch(prod, nil)
	if n, err := clusters.Watched(prod); err != nil || n != nil {
		t.Errorf("nothing is watched: %v, %v", n, err)
	}
	cluster.Close()
	waitFor(t, "the cluster is down", func() bool {
		return cmp.Equal(samples(t, registry, "kohort_kafka_cluster_up"), map[string]float64{"prod shop": 0})
	})
}

// samples are the values of a metric by the values of its labels, in the order of their
// names.
func samples(t *testing.T, registry *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			if family.GetName() == name {
				values[strings.Join(labels, " ")] = metric.GetGauge().GetValue()
			}
		}
	}
	return values
}

// commit sets committed offsets of a group.
func commit(t *testing.T, cluster *kfake.Cluster, group string, at ...kadm.Offset) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offsets := kadm.Offsets{}
	for _, o := range at {
		o.LeaderEpoch = -1
		offsets.Add(o)
	}
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.After(30 * time.Second); !holds(); {
		select {
		case <-end:
			t.Fatalf("not within 30 s: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
