package kafka

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"k8s.io/utils/ptr"

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
	streams := group(lag.StateStable)
	streams.Protocol, streams.Members = "stream", []kmsg.DescribeGroupsResponseGroupMember{
		streamsMember("orders-0000-1", 11, 0, 0, 0, 1, 1, 0), streamsMember("orders-0000-2", 11, 0, 1), streamsMember("orders-0001-1", 11),
	}
	newer := group(lag.StateStable)
	newer.Protocol, newer.Members = "stream", []kmsg.DescribeGroupsResponseGroupMember{
		streamsMember("orders-0000-1", 11, 0, 0), streamsMember("orders-0000-2", 12, 0, 1),
	}
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
			description{err: "the group is of type consumer (KIP-848), and membership.protocol is Classic: set group.protocol=classic in the consumers"},
		},
		"Kafka Streams": {streams, description{state: lag.StateStable, assignor: "stream", tasks: ptr.To[int32](3), members: []lag.Member{
			{InstanceID: "orders-0000-1"}, {InstanceID: "orders-0000-2"}, {InstanceID: "orders-0001-1"},
		}}},
		"a newer Kafka Streams": {newer, description{state: lag.StateStable, assignor: "stream", members: []lag.Member{
			{InstanceID: "orders-0000-1"}, {InstanceID: "orders-0000-2"},
		}}},
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

// streamsMember has an assignment of Kafka Streams in a version of its format, with
// tasks as pairs of a subtopology and a partition.
func streamsMember(instance string, version int32, tasks ...int32) kmsg.DescribeGroupsResponseGroupMember {
	assignment := kmsg.ConsumerMemberAssignment{UserData: streamsData(version, tasks...)}
	return kmsg.DescribeGroupsResponseGroupMember{InstanceID: &instance, MemberAssignment: assignment.AppendTo(nil)}
}

func streamsData(version int32, tasks ...int32) []byte {
	data := binary.BigEndian.AppendUint32(nil, uint32(version))
	if version >= 3 {
		data = binary.BigEndian.AppendUint32(data, uint32(version))
	}
	data = binary.BigEndian.AppendUint32(data, uint32(len(tasks)/2))
	for i, n := range tasks {
		data = binary.BigEndian.AppendUint32(data, uint32(n))
		if i%2 == 1 && version >= 10 {
			data = binary.BigEndian.AppendUint32(data, 0)
		}
	}
	return binary.BigEndian.AppendUint32(data, 0) // no standby tasks
}

func TestAddTasks(t *testing.T) {
	named := streamsData(11, 0, 0)
	named = append(named[:len(named)-8], 0, 0, 0, 1, 0, 'a', 0, 0, 0, 0)
	for name, c := range map[string]struct {
		data []byte
		want map[task]bool // nil: it cannot be read
	}{
		"of Kafka 0.10":      {streamsData(1, 0, 0, 0, 1), map[task]bool{{partition: 0}: true, {partition: 1}: true}},
		"of Kafka 2.4":       {streamsData(5, 0, 1, 1, 1), map[task]bool{{partition: 1}: true, {subtopology: 1, partition: 1}: true}},
		"of two topics":      {streamsData(11, 0, 7, 0, 7), map[task]bool{{partition: 7}: true}},
		"of a named one":     {named, map[task]bool{{topology: "\x00a"}: true}},
		"none":               {streamsData(11), map[task]bool{}},
		"of a later version": {streamsData(12, 0, 0), nil},
		"of no version":      {nil, nil},
		"cut off before":     {streamsData(11, 0, 0)[:10], nil},
		"cut off in a task":  {streamsData(11, 0, 0)[:14], nil},
		"cut off in a name":  {named[:25], nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[task]bool{}
			if readable := addTasks(got, c.data); readable != (c.want != nil) {
				t.Fatalf("it can be read: %t", readable)
			}
			if diff := cmp.Diff(c.want, got); c.want != nil && diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
