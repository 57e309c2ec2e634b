package kafka

import (
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// leftEpoch is the epoch of a static member that has closed in order: its place is kept
// for the next one with its instance id (KIP-848).
const leftEpoch = -2

// notConsumer is in the message of GROUP_ID_NOT_FOUND where the group exists and is of
// another protocol (GroupMetadataManager.consumerGroup, brokers from 4.0).
const notConsumer = "is not a consumer group"

// describeConsumer is describe for groups of type consumer (KIP-848), of which
// DescribeGroups says nothing.
func (c *Client) describeConsumer(ctx context.Context, groups []string) map[string]description {
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = groups
	return c.descriptions(ctx, groups, req,
		func(part kmsg.Request) []string { return part.(*kmsg.ConsumerGroupDescribeRequest).Groups },
		func(resp kmsg.Response, add func(string, description)) {
			for _, g := range resp.(*kmsg.ConsumerGroupDescribeResponse).Groups {
				add(g.Group, readConsumerGroup(g))
			}
		})
}

func readConsumerGroup(g kmsg.ConsumerGroupDescribeResponseGroup) description {
	notFound := g.ErrorCode == kerr.GroupIDNotFound.Code
	switch {
	case notFound && g.ErrorMessage != nil && strings.Contains(*g.ErrorMessage, notConsumer):
		return description{err: "the group is a classic one, and membership.protocol is Consumer: set group.protocol=consumer in the consumers"}
	case notFound:
		return description{state: lag.StateDead}
	case g.ErrorCode != 0:
		return description{err: "describing the group: " + says(g.ErrorCode, "DESCRIBE on the group")}
	}
	read := description{state: g.State, assignor: g.AssignorName, epoch: g.Epoch}
	for _, m := range g.Members {
		member := lag.Member{MemberID: m.MemberID, ClientID: m.ClientID, Host: strings.TrimPrefix(m.ClientHost, "/"), Left: m.MemberEpoch == leftEpoch}
		if m.InstanceID != nil {
			member.InstanceID = *m.InstanceID
		}
		if m.RackID != nil {
			member.Rack = *m.RackID
		}
		// With a regular expression the list is not what it subscribes to.
		if m.SubscribedTopicRegex == nil || *m.SubscribedTopicRegex == "" {
			member.Topics = append([]string{}, m.SubscribedTopics...)
			slices.Sort(member.Topics)
		}
		for _, t := range m.Assignment.TopicPartitions {
			for _, p := range t.Partitions {
				member.Assigned = append(member.Assigned, lag.TopicPartition{Topic: t.Topic, Partition: p})
			}
		}
		slices.SortFunc(member.Assigned, lag.TopicPartition.Compare)
		read.members = append(read.members, member)
	}
	sortMembers(read.members)
	return read
}
