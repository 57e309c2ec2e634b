// Package telegraf runs Telegraf's own plugin for Burrow against what Kohort serves. It is
// a module of its own: Telegraf is large.
package telegraf

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/inputs/burrow"
	"github.com/influxdata/telegraf/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	kohort "github.com/kohort-dev/kohort/internal/burrow"
	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

const (
	topic    = "orders"
	cluster  = "shop.prod"
	patience = 30 * time.Second
)

type source struct{ collectors kafka.Collectors }

func (s source) Clusters() map[string]kohort.Cluster {
	return map[string]kohort.Cluster{cluster: s.collectors}
}

// broker has records in three partitions.
func broker(t *testing.T) []string {
	b, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for partition, records := range []int{10, 20, 30} {
		for range records {
			record := &kgo.Record{Topic: topic, Partition: int32(partition), Value: []byte("x")}
			if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	admin := kadm.NewClient(client)
	// One group has read everything of a partition and something of another; the other
	// group, of an odd name, has read nothing of one.
	for group, commits := range map[string][]int64{"billing": {10, 5}, "odd/näme %2F?": {0}} {
		offsets := kadm.Offsets{}
		for partition, at := range commits {
			offsets.AddOffset(topic, int32(partition), at, -1)
		}
		if err := admin.CommitAllOffsets(t.Context(), group, offsets); err != nil {
			t.Fatal(err)
		}
	}
	return b.ListenAddrs()
}

// TestTelegraf gathers what the collector knows.
func TestTelegraf(t *testing.T) {
	client, err := kafka.Open(kafka.Config{BootstrapServers: broker(t)}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	collector := kafka.NewCollector(client, kafka.Options{Interval: time.Hour})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go collector.Run(ctx)
	groups := []string{"billing", "odd/näme %2F?"}
	for _, group := range groups {
		collector.Track(group, kafka.Target{Topics: []string{topic}})
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if _, read := collector.Judged(group); read {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("group %s was not read", group)
			}
		}
	}

	server := kohort.NewServer(kohort.Options{Source: source{kafka.Collectors{collector}}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Close()

	plugin := inputs.Inputs["burrow"]().(*burrow.Burrow)
	plugin.Servers = []string{"http://" + listener.Addr().String()}
	var gathered testutil.Accumulator
	if err := gathered.GatherError(plugin.Gather); err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]any{}
	for _, m := range gathered.Metrics {
		got[fmt.Sprint(m.Measurement, m.Tags)] = m.Fields
	}
	if diff := cmp.Diff(known(t, collector, groups), got); diff != "" {
		t.Errorf("-what the collector knows +what Telegraf has gathered\n%s", diff)
	}
}

// known is what the collector knows, as Telegraf has it.
func known(t *testing.T, collector *kafka.Collector, groups []string) map[string]map[string]any {
	metrics := map[string]map[string]any{}
	add := func(measurement string, tags map[string]string, fields map[string]any) {
		metrics[fmt.Sprint(measurement, tags)] = fields
	}
	all := kafka.Collectors{collector}
	for _, name := range all.Topics() {
		for partition, end := range all.TopicEnds(name) {
			add("burrow_topic", map[string]string{"cluster": cluster, "topic": name, "partition": strconv.Itoa(partition)}, map[string]any{"offset": end})
		}
	}
	for _, group := range groups {
		judged, read := collector.Judged(group)
		if !read {
			t.Fatalf("group %s was not read", group)
		}
		var total, most, offsets, at int64
		var statuses []lag.Status
		for i, p := range judged.Reading.Partitions {
			if p.Committed == nil {
				continue
			}
			behind, ok := p.Lag()
			if !ok {
				t.Fatalf("the lag of group %s on %s is not known", group, p.TopicPartition)
			}
			last := judged.Commits[i][len(judged.Commits[i])-1]
			total, most, offsets, at = total+behind, max(most, behind), offsets+last.Offset, max(at, last.At.UnixMilli())
			statuses = append(statuses, p.Status)
			add("burrow_partition", map[string]string{
				"cluster": cluster, "group": group, "topic": p.Topic, "partition": strconv.Itoa(int(p.Partition)), "owner": "",
			}, map[string]any{
				"status": p.Status.String(), "status_code": code(p.Status), "lag": behind, "offset": last.Offset, "timestamp": last.At.UnixMilli(),
			})
		}
		if total == 0 {
			t.Errorf("group %s has no lag: that shows nothing", group)
		}
		status := lag.GroupStatus(statuses...)
		add("burrow_group", map[string]string{"cluster": cluster, "group": group}, map[string]any{
			"status": status.String(), "status_code": code(status), "partition_count": len(statuses),
			"total_lag": total, "lag": most, "offset": offsets, "timestamp": at,
		})
	}
	return metrics
}

// code is Telegraf's number for a status.
func code(s lag.Status) int {
	return map[lag.Status]int{lag.StatusOK: 1, lag.StatusWarn: 3, lag.StatusErr: 4, lag.StatusStop: 5, lag.StatusStall: 6}[s]
}
