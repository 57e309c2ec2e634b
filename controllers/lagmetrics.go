package controllers

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// LagMetrics is how detailed the metrics of lag are.
type LagMetrics string

// Each has what the one before has. LagMetricsPartition has the partitions of ConsumerGroups'
// groups, LagMetricsAll also those of groups that are watched, which may be very many.
const (
	LagMetricsGroup     LagMetrics = "group"
	LagMetricsTopic     LagMetrics = "topic"
	LagMetricsPartition LagMetrics = "partition"
	LagMetricsAll       LagMetrics = "all"
)

// lagDescription describes metrics of groups; labels come after those of the group.
func lagDescription(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kohort_"+name, help, append([]string{"namespace", "cluster", "group", "name"}, labels...), nil)
}

var (
	groupLag = lagDescription("group_lag", "Records that wait for the group. Absent while unknown.")
	groupAge = lagDescription("group_oldest_record_age_seconds",
		"For how long the oldest record that waits for the group has been there, estimated from how its log was seen to grow. 0 if none waits; absent while unknown.")
	groupStatus = lagDescription("group_status",
		"1 for how the group does as Burrow judges it: UNKNOWN, OK, WARN or ERR, and 0 for the others. Absent while it is not read.", "status")
	groupLost = lagDescription("group_lost_records",
		"Records that retention has deleted and the group had yet to process. They are no lag any more. Absent while unknown.")
	groupRunway = lagDescription("group_retention_runway_seconds",
		"How long it takes, at the present rates, until retention deletes records that the group has yet to process. Absent if it does not come nearer, or is not known.")
	groupDrain = lagDescription("group_drain_seconds",
		"How long it takes, at the present rates, until nothing waits for the group. Absent if the lag does not become less on each partition, or is not known.")
	groupReadingAge = lagDescription("group_reading_age_seconds",
		"For how long nothing was read of the group. The other metrics of its lag are absent above 15.")
	topicLag     = lagDescription("group_topic_lag", "Records of a topic that wait for the group. Absent while unknown.", "topic")
	partitionLag = lagDescription("group_partition_lag", "Records of a partition that wait for the group. Absent while unknown.", "topic", "partition")
	partitionAt  = lagDescription("group_partition_committed_offset",
		"The offset that the group has committed on a partition. Absent if it has not, and while unknown.", "topic", "partition")
	partitionStatus = lagDescription("group_partition_status",
		"1 for how the group does on a partition as Burrow judges it, if that is not OK: UNKNOWN, WARN, STOP, STALL or REWIND.", "topic", "partition", "status")
	logStart = prometheus.NewDesc("kohort_topic_partition_start_offset",
		"The offset of the oldest record of a partition. Read every 60 seconds.", []string{"namespace", "cluster", "topic", "partition"}, nil)
	logEnd = prometheus.NewDesc("kohort_topic_partition_end_offset",
		"The offset that the next record of a partition gets; with isolation ReadCommitted in all of its groups, the end of what is stable.",
		[]string{"namespace", "cluster", "topic", "partition"}, nil)
	clusterUp = prometheus.NewDesc("kohort_kafka_cluster_up",
		"1 if the Kafka cluster answered the last time that it was asked, 0 if it did not.", []string{"namespace", "cluster"}, nil)
)

// lagMetrics tells of what was read last, whenever it is asked.
var lagMetrics = &lagCollector{}

// lagCollector collects from the connections of the operators that lead: at most one in a
// process, but for tests.
type lagCollector struct {
	mu   sync.Mutex
	from map[*Clusters]bool
}

// add has it collect until the context ends.
func (l *lagCollector) add(ctx context.Context, clusters *Clusters) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from == nil {
		l.from = map[*Clusters]bool{}
	}
	l.from[clusters] = true
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.from, clusters)
	})
}

// Describe describes all metrics that there can be: alerts and dashboards are checked by that.
// Which there are depends on what is read.
func (l *lagCollector) Describe(to chan<- *prometheus.Desc) {
	for _, metric := range []*prometheus.Desc{
		groupLag, groupAge, groupStatus, groupLost, groupRunway, groupDrain, groupReadingAge,
		topicLag, partitionLag, partitionAt, partitionStatus, logStart, logEnd, clusterUp,
	} {
		to <- metric
	}
}

// Collect tells of each connection.
func (l *lagCollector) Collect(to chan<- prometheus.Metric) {
	l.mu.Lock()
	from := slices.Collect(maps.Keys(l.from))
	l.mu.Unlock()
	for _, clusters := range from {
		for _, read := range clusters.readings() {
			read.collect(clusters.LagMetrics, time.Now(), to)
		}
	}
}

// clusterRead is a connection whose readings are told.
type clusterRead struct {
	key        types.NamespacedName
	up         bool
	collectors kafka.Collectors
	owners     map[string]string // ConsumerGroups by group
}

// readings are those of all connections.
func (c *Clusters) readings() []clusterRead {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []clusterRead
	for key, connected := range c.connections {
		owners := map[string]string{}
		for s, trackers := range c.trackers {
			if s.cluster == key {
				owners[s.group] = trackers[0].owner.Name
			}
		}
		_, err := connected.collector.Ping()
		all = append(all, clusterRead{key, err == nil, *connected.reads.Load(), owners})
	}
	return all
}

func (c clusterRead) collect(detail LagMetrics, now time.Time, to chan<- prometheus.Metric) {
	up := 0.0
	if c.up {
		up = 1
	}
	to <- gauge(clusterUp, up, c.key.Namespace, c.key.Name)
	logs := map[lag.TopicPartition]lag.Partition{}
	for _, group := range c.collectors.Groups() {
		owner, runs := c.owners[group]
		labels := []string{c.key.Namespace, c.key.Name, group, owner}
		reading, at := c.collectors.Said(group), c.collectors.SaidAt(group)
		if at.IsZero() {
			continue // it is not read any more
		}
		to <- gauge(groupReadingAge, now.Sub(at).Seconds(), labels...)
		if reading == nil || now.Sub(at) > lag.FreshFor {
			continue
		}
		collectGroup(reading, now, to, labels)
		if detail != LagMetricsGroup {
			collectTopics(reading, to, labels)
		}
		if detail == LagMetricsAll || detail == LagMetricsPartition && runs {
			collectPartitions(reading, to, labels)
			for _, p := range reading.Partitions {
				if p.Err == "" {
					logs[p.TopicPartition] = later(logs[p.TopicPartition], p)
				}
			}
		}
	}
	for tp, log := range logs {
		labels := []string{c.key.Namespace, c.key.Name, tp.Topic, strconv.Itoa(int(tp.Partition))}
		to <- gauge(logStart, float64(log.Start), labels...)
		to <- gauge(logEnd, float64(log.End), labels...)
	}
}

// later is the one whose log ends later: what all groups can read, if one reads it.
func later(a, b lag.Partition) lag.Partition {
	if a.End > b.End {
		return a
	}
	return b
}

func gauge(of *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, labels...)
}

func collectGroup(r *lag.Reading, now time.Time, to chan<- prometheus.Metric, labels []string) {
	is := r.Status()
	for _, status := range []lag.Status{lag.StatusUnknown, lag.StatusOK, lag.StatusWarn, lag.StatusErr} {
		value := 0.0
		if status == is {
			value = 1
		}
		to <- gauge(groupStatus, value, with(labels, status.String())...)
	}
	if total, _, known := r.Lag(); known {
		to <- gauge(groupLag, float64(total), labels...)
	}
	if age, known := r.Age(now); known {
		to <- gauge(groupAge, age.Seconds(), labels...)
	}
	if runway, _, ends := r.Runway(); ends {
		to <- gauge(groupRunway, runway.Seconds(), labels...)
	}
	if drain, ends := r.Drain(); ends {
		to <- gauge(groupDrain, drain.Seconds(), labels...)
	}
	if lost, known := r.Lost(); known {
		to <- gauge(groupLost, float64(lost), labels...)
	}
}

func collectTopics(r *lag.Reading, to chan<- prometheus.Metric, labels []string) {
	type sum struct {
		lag     int64
		unknown bool
	}
	topics := map[string]sum{}
	for _, p := range r.Partitions {
		behind, known := p.Lag()
		of := topics[p.Topic]
		topics[p.Topic] = sum{of.lag + behind, of.unknown || !known}
	}
	for topic, of := range topics {
		if !of.unknown {
			to <- gauge(topicLag, float64(of.lag), with(labels, topic)...)
		}
	}
}

func collectPartitions(r *lag.Reading, to chan<- prometheus.Metric, labels []string) {
	for _, p := range r.Partitions {
		of := with(labels, p.Topic, strconv.Itoa(int(p.Partition)))
		if behind, known := p.Lag(); known {
			to <- gauge(partitionLag, float64(behind), of...)
		}
		if p.Committed != nil {
			to <- gauge(partitionAt, float64(*p.Committed), of...)
		}
		if p.Status != lag.StatusOK {
			to <- gauge(partitionStatus, 1, with(of, p.Status.String())...)
		}
	}
}

// with is a list of labels with some more; the list itself stays as it is.
func with(labels []string, more ...string) []string {
	return append(labels[:len(labels):len(labels)], more...)
}
