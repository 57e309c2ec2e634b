package kafka

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

func TestReadGroup(t *testing.T) {
	owns := kmsg.ConsumerMemberAssignment{Topics: []kmsg.ConsumerMemberAssignmentTopic{
		{Topic: "refunds", Partitions: []int32{0}},
		{Topic: "orders", Partitions: []int32{10, 9}},
	}}
	members := []kmsg.DescribeGroupsResponseGroupMember{
		{MemberID: "z", ClientID: "c", MemberAssignment: owns.AppendTo(nil)},
		{MemberID: "y", ClientID: "c", InstanceID: kmsg.StringPtr("orders-0001")},
		{MemberID: "x", ClientID: "c"},
	}
	group := func(state string) kmsg.DescribeGroupsResponseGroup {
		return kmsg.DescribeGroupsResponseGroup{State: state, ProtocolType: "consumer", Members: members}
	}
	broken := group(lag.StateStable)
	broken.Members = []kmsg.DescribeGroupsResponseGroupMember{{MemberID: "z", MemberAssignment: []byte{0, 0, 9}}}
	connect := group(lag.StateStable)
	connect.ProtocolType = "connect"

	for name, c := range map[string]struct {
		in   kmsg.DescribeGroupsResponseGroup
		want description
	}{
		"stable": {group(lag.StateStable), description{state: lag.StateStable, members: []lag.Member{
			{MemberID: "x", ClientID: "c"},
			{MemberID: "z", ClientID: "c", Assigned: []lag.TopicPartition{
				{Topic: "orders", Partition: 9}, {Topic: "orders", Partition: 10}, {Topic: "refunds"},
			}},
			{InstanceID: "orders-0001", MemberID: "y", ClientID: "c"},
		}}},
		"what is owned during a rebalance is not known": {group(lag.StatePreparingRebalance),
			description{state: lag.StatePreparingRebalance, members: []lag.Member{
				{MemberID: "x", ClientID: "c"},
				{MemberID: "z", ClientID: "c"},
				{InstanceID: "orders-0001", MemberID: "y", ClientID: "c"},
			}}},
		"not known, brokers from 4.0": {
			kmsg.DescribeGroupsResponseGroup{
				ErrorCode: kerr.GroupIDNotFound.Code, State: lag.StateDead,
				ErrorMessage: kmsg.StringPtr("Group orders not found."),
			},
			description{state: lag.StateDead},
		},
		"not known, brokers before": {kmsg.DescribeGroupsResponseGroup{State: lag.StateDead}, description{state: lag.StateDead}},
		"KIP-848": {
			kmsg.DescribeGroupsResponseGroup{
				ErrorCode: kerr.GroupIDNotFound.Code, State: lag.StateDead,
				ErrorMessage: kmsg.StringPtr("Group orders is not a classic group."),
			},
			description{err: "the group is of type consumer (KIP-848), which is not supported yet: set group.protocol=classic in the consumers"},
		},
		"not of consumers": {connect, description{err: `the group has the protocol type "connect": consumers do not use it`}},
		"what is owned cannot be read": {broken,
			description{err: "reading what member z owns: response did not contain enough data to be valid"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readGroup(c.in), cmp.AllowUnexported(description{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
