package burrow

import (
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// The answers, field by field as Burrow has them (core/internal/httpserver/structs.go and
// core/protocol at ced55ba). What is new is said so.

type answer struct {
	Error   bool    `json:"error"`
	Message string  `json:"message"`
	Request request `json:"request"`
}

// request says what was asked, and who answers.
type request struct {
	URL  string `json:"url"`
	Host string `json:"host"`
}

type clusterList struct {
	answer
	Clusters []string `json:"clusters"`
}

type clusterDetail struct {
	answer
	Module module `json:"module"`
}

// module is the part of a cluster's configuration that there is here, too.
type module struct {
	ClassName string   `json:"class-name"`
	Servers   []string `json:"servers"`
}

type topicList struct {
	answer
	Topics []string `json:"topics"`
}

type topicDetail struct {
	answer
	Offsets []int64 `json:"offsets"`
}

type consumerList struct {
	answer
	Consumers []string `json:"consumers"`
}

type consumerDetail struct {
	answer
	Topics map[string][]consumerPartition `json:"topics"`
}

type consumerPartition struct {
	Offsets    []*offset `json:"offsets"` // as many as are kept at most, null for those that are not there yet
	Owner      string    `json:"owner"`
	ClientID   string    `json:"client_id"`
	CurrentLag *int64    `json:"current-lag"` // a hyphen here
}

type offset struct {
	Offset     int64  `json:"offset"`
	Timestamp  int64  `json:"timestamp"`  // ms since 1970
	ObservedAt int64  `json:"observedAt"` // the same: a commit's own time is not seen
	Lag        *int64 `json:"lag"`
}

type consumerStatus struct {
	answer
	Status groupStatus `json:"status"`
}

type groupStatus struct {
	Cluster        string            `json:"cluster"`
	Group          string            `json:"group"`
	Status         string            `json:"status"`
	Complete       float64           `json:"complete"`
	Partitions     []partitionStatus `json:"partitions"`
	PartitionCount int               `json:"partition_count"`
	MaxLag         *partitionStatus  `json:"maxlag"`
	TotalLag       int64             `json:"totallag"`
	// ReadAt is new: when all this was read, in ms since 1970.
	ReadAt int64 `json:"read_at,omitempty"`
}

type partitionStatus struct {
	Topic      string  `json:"topic"`
	Partition  int32   `json:"partition"`
	Owner      string  `json:"owner"`
	ClientID   string  `json:"client_id"`
	Status     string  `json:"status"`
	Start      *offset `json:"start"`
	End        *offset `json:"end"`
	CurrentLag int64   `json:"current_lag"`
	Complete   float64 `json:"complete"`

	is lag.Status
}

// statusOf is how a group does. Listed are the partitions that were ever committed to, as in
// Burrow. One that could not be read is left out: those who ask take what is not there for
// 0. The group's status says that something is not known.
func statusOf(cluster, group string, judged lag.Judged, now time.Time) groupStatus {
	r := &judged.Reading
	old := now.Sub(r.At) > lag.FreshFor
	status := groupStatus{Cluster: cluster, Group: group, Partitions: []partitionStatus{}, ReadAt: r.At.UnixMilli()}
	owners := ownersOf(r)
	var all []lag.Status
	complete, most := 0, int64(-1)
	for i, p := range r.Partitions {
		behind, known := p.Lag()
		switch {
		case p.Err == "" && p.Committed == nil:
			continue
		case !known:
			all = append(all, lag.StatusUnknown)
			continue
		}
		this := partitionStatus{
			Topic: p.Topic, Partition: p.Partition, Owner: owners[p.TopicPartition].Host, ClientID: owners[p.TopicPartition].ClientID,
			is: p.Status, CurrentLag: behind, Complete: completeness(judged, i),
		}
		if old {
			this.is = lag.StatusUnknown
		}
		this.Status = this.is.String()
		if commits := judged.Commits[i]; len(commits) > 0 {
			this.Start, this.End = offsetOf(commits[0]), offsetOf(commits[len(commits)-1])
		}
		if this.Complete == 1 {
			complete++
		}
		all = append(all, this.is)
		status.Partitions = append(status.Partitions, this)
		status.TotalLag += this.CurrentLag
		if this.CurrentLag > most {
			most, status.MaxLag = this.CurrentLag, &this
		}
	}
	if status.PartitionCount = len(status.Partitions); status.PartitionCount > 0 {
		status.Complete = float64(complete) / float64(status.PartitionCount)
	}
	status.Status = lag.GroupStatus(all...).String()
	return status
}

// detailOf is what is remembered of a group's commits.
func detailOf(judged lag.Judged) map[string][]consumerPartition {
	r := &judged.Reading
	owners := ownersOf(r)
	topics := map[string][]consumerPartition{}
	for i, p := range r.Partitions {
		commits := judged.Commits[i]
		offsets := make([]*offset, max(judged.Rules.Samples, len(commits)))
		for at, commit := range commits {
			offsets[len(offsets)-len(commits)+at] = offsetOf(commit)
		}
		topics[p.Topic] = append(topics[p.Topic], consumerPartition{
			Offsets: offsets, Owner: owners[p.TopicPartition].Host, ClientID: owners[p.TopicPartition].ClientID, CurrentLag: lagOf(p),
		})
	}
	return topics
}

func ownersOf(r *lag.Reading) map[lag.TopicPartition]lag.Member {
	owners := map[lag.TopicPartition]lag.Member{}
	for _, m := range r.Members {
		for _, tp := range m.Assigned {
			owners[tp] = m
		}
	}
	return owners
}

func lagOf(p lag.Partition) *int64 {
	behind, known := p.Lag()
	if !known {
		return nil
	}
	return &behind
}

// completeness is how much of its window a partition's commits fill.
func completeness(judged lag.Judged, partition int) float64 {
	return min(1, float64(len(judged.Commits[partition]))/float64(judged.Rules.Samples))
}

func offsetOf(c lag.Commit) *offset {
	o := &offset{Offset: c.Offset, Timestamp: c.At.UnixMilli(), ObservedAt: c.At.UnixMilli()}
	if c.Lag != lag.Unknown {
		o.Lag = &c.Lag
	}
	return o
}
