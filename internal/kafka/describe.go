package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// notClassic is in the message of GROUP_ID_NOT_FOUND where the group exists and
// is of another protocol (GroupMetadataManager.classicGroup, brokers from 4.0).
const notClassic = "is not a classic group"

// description is what a coordinator says about a group, or why it is unknown.
type description struct {
	state, assignor    string
	epoch, coordinator int32
	tasks              *int32
	members            []lag.Member
	err                string
}

// describe asks the coordinators of classic groups for states and members.
func (c *Client) describe(ctx context.Context, groups []string) map[string]description {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = groups
	return c.descriptions(ctx, groups, req,
		func(part kmsg.Request) []string { return part.(*kmsg.DescribeGroupsRequest).Groups },
		func(resp kmsg.Response, add func(string, description)) {
			for _, g := range resp.(*kmsg.DescribeGroupsResponse).Groups {
				add(g.Group, readGroup(g))
			}
		})
}

// descriptions asks the groups' coordinators with a request, all groups of a coordinator
// in one: asked are those of such a part, and read adds what its answer says.
func (c *Client) descriptions(
	ctx context.Context, groups []string, req kmsg.Request,
	asked func(part kmsg.Request) []string, read func(resp kmsg.Response, add func(string, description)),
) map[string]description {
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	all := make(map[string]description, len(groups))
	if len(groups) == 0 {
		return all
	}
	for _, name := range groups {
		all[name] = description{err: "the broker did not answer for the group"}
	}
	for _, shard := range c.kgo.RequestSharded(ctx, req) {
		if shard.Err != nil {
			text := c.explain("describing groups"+of(shard.Meta), shard.Err).Error()
			for _, name := range asked(shard.Req) {
				all[name] = description{err: text}
			}
			continue
		}
		read(shard.Resp, func(name string, d description) {
			d.coordinator = shard.Meta.NodeID
			all[name] = d
		})
	}
	return all
}

func readGroup(g kmsg.DescribeGroupsResponseGroup) description {
	notFound := g.ErrorCode == kerr.GroupIDNotFound.Code
	switch {
	case notFound && g.ErrorMessage != nil && strings.Contains(*g.ErrorMessage, notClassic):
		return description{err: "the group is of type consumer (KIP-848), and membership.protocol is Classic: set group.protocol=classic in the consumers"}
	case notFound:
		return description{state: lag.StateDead}
	case g.ErrorCode != 0:
		return description{err: "describing the group: " + says(g.ErrorCode, "DESCRIBE on the group")}
	case g.ProtocolType != "" && g.ProtocolType != "consumer":
		return description{err: fmt.Sprintf("the group has the protocol type %q: consumers do not use it", g.ProtocolType)}
	}
	read := description{state: g.State}
	tasks, readable := map[task]bool{}, g.Protocol == streams
	for _, m := range g.Members {
		member := lag.Member{MemberID: m.MemberID, ClientID: m.ClientID, Host: strings.TrimPrefix(m.ClientHost, "/")}
		if m.InstanceID != nil {
			member.InstanceID = *m.InstanceID
		}
		// In other states the broker leaves assignments out or shows old ones.
		if g.State == lag.StateStable {
			assigned, userData, err := readAssignment(m.MemberAssignment)
			if err != nil {
				return description{err: fmt.Sprintf("reading what member %s owns: %v", m.MemberID, err)}
			}
			member.Assigned = assigned
			member.Topics, member.Rack = readSubscription(m.ProtocolMetadata)
			read.assignor = g.Protocol
			readable = readable && (len(userData) == 0 || addTasks(tasks, userData))
		}
		read.members = append(read.members, member)
	}
	if n := int32(len(tasks)); n > 0 && readable {
		read.tasks = &n
	}
	sortMembers(read.members)
	return read
}

// sortMembers puts them in the order of a reading.
func sortMembers(members []lag.Member) {
	slices.SortFunc(members, func(a, b lag.Member) int {
		return cmp.Or(cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.MemberID, b.MemberID))
	})
}

// readSubscription is what a member told the assignor: nothing is known of one that is
// not written as consumers write it.
func readSubscription(raw []byte) (topics []string, rack string) {
	var subscription kmsg.ConsumerMemberMetadata
	if err := subscription.ReadFrom(raw); err != nil {
		return nil, ""
	}
	topics = append([]string{}, subscription.Topics...)
	slices.Sort(topics)
	if subscription.Rack != nil {
		rack = *subscription.Rack
	}
	return topics, rack
}

func readAssignment(raw []byte) (assigned []lag.TopicPartition, userData []byte, err error) {
	if len(raw) == 0 {
		return nil, nil, nil
	}
	var assignment kmsg.ConsumerMemberAssignment
	if err := assignment.ReadFrom(raw); err != nil {
		return nil, nil, err
	}
	for _, t := range assignment.Topics {
		for _, p := range t.Partitions {
			assigned = append(assigned, lag.TopicPartition{Topic: t.Topic, Partition: p})
		}
	}
	slices.SortFunc(assigned, lag.TopicPartition.Compare)
	return assigned, assignment.UserData, nil
}

// topicPartitions is some partitions of one topic.
type topicPartitions struct {
	name       string
	partitions []int32
}

// byTopic gathers partitions, which are sorted, by topic.
func byTopic(partitions []lag.TopicPartition) []topicPartitions {
	var topics []topicPartitions
	for _, tp := range partitions {
		if len(topics) == 0 || topics[len(topics)-1].name != tp.Topic {
			topics = append(topics, topicPartitions{name: tp.Topic})
		}
		last := &topics[len(topics)-1]
		last.partitions = append(last.partitions, tp.Partition)
	}
	return topics
}
