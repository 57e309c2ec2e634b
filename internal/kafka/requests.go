package kafka

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// The timestamps that ListOffsets takes for the two ends of a log.
const (
	logEnd   = -1
	logStart = -2
)

// noCommit is the committed offset of a partition without a commit.
const noCommit = -1

// unanswered is what is known of a partition that was left out of an answer.
var unanswered = offset{err: "the broker did not answer for the partition"}

// isolation is which records consumers read (KIP-98's isolation_level).
type isolation int8

const (
	readUncommitted isolation = iota
	readCommitted
	isolations
)

// kadm has calls for all of what follows, but lets one denied group or topic
// fail the whole call: here what fails for one fails for that one.

// topic is what is known about a topic.
type topic struct {
	id         [16]byte
	partitions []int32         // in order
	leaders    map[int32]int32 // by partition
	missing    bool            // the broker does not know it
	err        string          // why nothing is known
}

// offset is a position in a partition's log, or why it is unknown.
type offset struct {
	at  int64
	err string
}

// metadata asks any broker for the cluster and topics.
func (c *Client) metadata(ctx context.Context, names []string) (*kmsg.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none; nil would be all
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.kgo)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, c.explain("asking for the cluster's metadata", err)
	}
	return resp, nil
}

// topics asks any broker for the cluster and the partitions of topics.
func (c *Client) topics(ctx context.Context, names []string) (Info, map[string]topic, error) {
	resp, err := c.metadata(ctx, names)
	if err != nil {
		return Info{}, nil, err
	}
	info := Info{Brokers: int32(len(resp.Brokers))}
	if resp.ClusterID != nil {
		info.ClusterID = *resp.ClusterID
	}
	topics := make(map[string]topic, len(names))
	for _, name := range names {
		topics[name] = topic{err: fmt.Sprintf("the broker did not answer for topic %s", name)}
	}
	for _, t := range resp.Topics {
		if t.Topic != nil {
			topics[*t.Topic] = readTopic(t)
		}
	}
	return info, topics, nil
}

func readTopic(t kmsg.MetadataResponseTopic) topic {
	switch t.ErrorCode {
	case 0:
	case kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code:
		return topic{missing: true}
	default:
		return topic{err: fmt.Sprintf("partitions of topic %s: %s", *t.Topic, says(t.ErrorCode, "DESCRIBE on the topic"))}
	}
	read := topic{id: t.TopicID, leaders: make(map[int32]int32, len(t.Partitions))}
	for _, p := range t.Partitions {
		read.partitions = append(read.partitions, p.Partition)
		read.leaders[p.Partition] = p.Leader
	}
	slices.Sort(read.partitions)
	return read
}

// commits are what a group has committed to some partitions, which are in order.
type commits struct {
	partitions []lag.TopicPartition
	offsets    []offset
	next       int // in which an answer is expected
}

func newCommits(partitions []lag.TopicPartition) *commits {
	c := &commits{partitions: partitions, offsets: make([]offset, len(partitions))}
	c.setAll(unanswered)
	return c
}

// set keeps to what was asked for.
func (c *commits) set(tp lag.TopicPartition, o offset) {
	if c.next >= len(c.partitions) || c.partitions[c.next] != tp {
		at, asked := slices.BinarySearchFunc(c.partitions, tp, lag.TopicPartition.Compare)
		if !asked {
			return
		}
		c.next = at
	}
	c.offsets[c.next] = o
	c.next++
}

func (c *commits) setAll(o offset) {
	for i := range c.offsets {
		c.offsets[i] = o
	}
}

// committed asks the groups' coordinators for committed offsets, all groups of a
// coordinator in one request.
func (c *Client) committed(ctx context.Context, groups map[string][]lag.TopicPartition) map[string]*commits {
	all := make(map[string]*commits, len(groups))
	var asked []kmsg.OffsetFetchRequestGroup
	for _, name := range sortedKeys(groups) {
		all[name] = newCommits(groups[name])
		if len(groups[name]) == 0 {
			continue
		}
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = name
		for _, t := range byTopic(groups[name]) {
			rt := kmsg.NewOffsetFetchRequestGroupTopic()
			rt.Topic, rt.Partitions = t.name, t.partitions
			g.Topics = append(g.Topics, rt)
		}
		asked = append(asked, g)
	}
	c.fetchOffsets(ctx, asked,
		func(group, why string) { all[group].setAll(offset{err: why}) },
		func(g kmsg.OffsetFetchResponseGroup) {
			if of := all[g.Group]; of != nil {
				readCommits(g, of)
			}
		})
	return all
}

// fetchOffsets asks the groups' coordinators for offsets. Each group fails or is answered.
func (c *Client) fetchOffsets(
	ctx context.Context, groups []kmsg.OffsetFetchRequestGroup, fail func(group, why string), answer func(kmsg.OffsetFetchResponseGroup),
) {
	if len(groups) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Groups = groups
	for _, shard := range c.kgo.RequestSharded(ctx, req) {
		if shard.Err != nil {
			text := c.explain("asking for committed offsets"+of(shard.Meta), shard.Err).Error()
			for _, g := range shard.Req.(*kmsg.OffsetFetchRequest).Groups {
				fail(g.Group, text)
			}
			continue
		}
		for _, g := range shard.Resp.(*kmsg.OffsetFetchResponse).Groups {
			answer(g)
		}
	}
}

func readCommits(g kmsg.OffsetFetchResponseGroup, into *commits) {
	switch g.ErrorCode {
	case 0:
	case kerr.GroupIDNotFound.Code:
		into.setAll(offset{at: noCommit})
		return
	default:
		into.setAll(offset{err: "committed offsets: " + says(g.ErrorCode, "DESCRIBE on the group")})
		return
	}
	for _, t := range g.Topics {
		for _, p := range t.Partitions {
			o := offset{at: p.Offset}
			switch {
			case p.ErrorCode != 0:
				o = offset{err: "committed offset: " + says(p.ErrorCode, "DESCRIBE on the topic")}
			case p.Offset < noCommit:
				o = impossible(p.Offset)
			}
			into.set(lag.TopicPartition{Topic: t.Topic, Partition: p.Partition}, o)
		}
	}
}

// listing is which offset of each log is asked for.
type listing struct {
	// timestamp: the first record that is not older is asked for, in ms since 1970; or an
	// end of the log.
	timestamp func(lag.TopicPartition) int64
	isolation isolation
}

func endOfLog(end int64) func(lag.TopicPartition) int64 {
	return func(lag.TopicPartition) int64 { return end }
}

// offsets asks the partitions' leaders for one offset each. Every partition is set: to
// why it is not known, if it was not answered.
func (c *Client) offsets(ctx context.Context, l listing, partitions []lag.TopicPartition, set func(lag.TopicPartition, offset)) {
	if len(partitions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = int8(l.isolation)
	for _, t := range byTopic(partitions) {
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = t.name
		for _, p := range t.partitions {
			tp := lag.TopicPartition{Topic: t.name, Partition: p}
			set(tp, unanswered)
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp = p, l.timestamp(tp)
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	for _, shard := range c.kgo.RequestSharded(ctx, req) {
		if shard.Err != nil {
			text := c.explain("asking for the ends of logs"+of(shard.Meta), shard.Err).Error()
			for _, t := range shard.Req.(*kmsg.ListOffsetsRequest).Topics {
				for _, p := range t.Partitions {
					set(lag.TopicPartition{Topic: t.Topic, Partition: p.Partition}, offset{err: text})
				}
			}
			continue
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				o := offset{at: p.Offset}
				if p.ErrorCode != 0 {
					o = offset{err: "end of the log: " + says(p.ErrorCode, "DESCRIBE on the topic")}
				}
				set(lag.TopicPartition{Topic: t.Topic, Partition: p.Partition}, o)
			}
		}
	}
}

// offsetsOf is the same as a map, at the same timestamp or end of all logs.
func (c *Client) offsetsOf(ctx context.Context, timestamp int64, partitions []lag.TopicPartition) map[lag.TopicPartition]offset {
	all := make(map[lag.TopicPartition]offset, len(partitions))
	c.offsets(ctx, listing{timestamp: endOfLog(timestamp)}, partitions, func(tp lag.TopicPartition, o offset) { all[tp] = o })
	return all
}

// impossible is an offset that there cannot be.
func impossible(at int64) offset {
	return offset{err: fmt.Sprintf("the broker answers with offset %d, which there cannot be", at)}
}

// says is what the broker answered, and which ACL is missing if that is it.
func says(code int16, needs string) string {
	err := kerr.ErrorForCode(code)
	if isDenial(err) {
		return fmt.Sprintf("the broker answers %s: the operator's user needs %s", kerr.TypedErrorForCode(code).Message, needs)
	}
	return fmt.Sprintf("the broker answers %v", err)
}

// of names the broker that a part of a request went to, if it got that far.
func of(meta kgo.BrokerMetadata) string {
	if meta.Host == "" {
		return ""
	}
	return fmt.Sprintf(" of broker %d (%s)", meta.NodeID, address(meta))
}
