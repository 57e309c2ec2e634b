package kafka_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// Groups of type consumer (KIP-848).

func consumerTarget(topic string) map[string]kafka.Target {
	return map[string]kafka.Target{topic: {Topics: []string{topic}, Consumer: true}}
}

func TestGroupOfTypeConsumer(t *testing.T) {
	topic := fresh(t, 4)
	join(t, topic, "a-0000", kgo.ServerSideBalancer())
	join(t, topic, "a-0001", kgo.ServerSideBalancer())
	c := collect(t, open(t, kafka.Config{BootstrapServers: bootstrap()}), consumerTarget(topic))
	got := await(t, c, topic, "two members consume everything", func(r lag.Reading) bool {
		total, _, known := r.Lag()
		return shared(2)(r) && known && total == 0 && len(r.Members[0].Assigned) == 2
	})
	want := lag.Reading{
		State: lag.StateStable, Assignor: "range",
		Members: []lag.Member{
			{InstanceID: "a-0000", ClientID: "client-of-a-0000", Host: "127.0.0.1", Topics: []string{topic}},
			{InstanceID: "a-0001", ClientID: "client-of-a-0001", Host: "127.0.0.1", Topics: []string{topic}},
		},
	}
	ignore := []cmp.Option{
		cmpopts.IgnoreFields(lag.Reading{}, "At", "Partitions", "Brokers", "Coordinator", "Epoch"),
		cmpopts.IgnoreFields(lag.Member{}, "MemberID", "Assigned"),
	}
	if diff := cmp.Diff(want, got, ignore...); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	// The broker counts its rebalances.
	before := c.Rebalances(topic)
	if got.Epoch == 0 || !before.Exact {
		t.Errorf("the epoch is %d, the count %+v", got.Epoch, before)
	}
	join(t, topic, "a-0002", kgo.ServerSideBalancer())
	after := await(t, c, topic, "three members share everything", shared(3))
	if n := c.Rebalances(topic).Count - before.Count; n != int64(after.Epoch-got.Epoch) || n == 0 {
		t.Errorf("%d rebalances, the epoch went from %d to %d", n, got.Epoch, after.Epoch)
	}
}

// A group of another type than the one that it is said to be is told apart from one that
// is not there.
func TestGroupOfAnotherType(t *testing.T) {
	client := open(t, kafka.Config{BootstrapServers: bootstrap()})
	for want, consumer := range map[string]bool{
		"the group is of type consumer (KIP-848), and membership.protocol is Classic": false,
		"the group is a classic one, and membership.protocol is Consumer":             true,
	} {
		topic := fresh(t, 2)
		var opts []kgo.Opt
		if !consumer {
			opts = append(opts, kgo.ServerSideBalancer())
		}
		join(t, topic, "a-0000", opts...)
		c := collect(t, client, map[string]kafka.Target{topic: {Topics: []string{topic}, Consumer: consumer}})
		got := await(t, c, topic, "the type of the group is named", func(r lag.Reading) bool { return r.Err != "" })
		if !strings.Contains(got.Err, want) {
			t.Errorf("%s\nwant it to say: %s", got.Err, want)
		}
	}
	topic := fresh(t, 1)
	c := collect(t, client, map[string]kafka.Target{"no-such-group": {Topics: []string{topic}, Consumer: true}})
	await(t, c, "no-such-group", "a group that is not there", func(r lag.Reading) bool { return r.Err == "" && r.State == lag.StateDead })
}

// A member that closes in order keeps its place; one that does not is in the way of the
// next with its instance id, and can be removed.
func TestMemberThatLeft(t *testing.T) {
	topic := fresh(t, 2)
	stays := join(t, topic, "a-0000", kgo.ServerSideBalancer())
	leaves := join(t, topic, "a-0001", kgo.ServerSideBalancer())
	client := open(t, kafka.Config{BootstrapServers: bootstrap()})
	c := collect(t, client, consumerTarget(topic))
	before := await(t, c, topic, "two members share everything", shared(2))
	if before.Members[0].Left || before.Members[1].Left {
		t.Fatalf("%+v: nobody has left", before.Members)
	}

	memberID, _ := leaves.GroupMetadata()
	instance := "a-0001"
	_ = leaves.LeaveGroupContext(t.Context()) // an error is expected: it does not name the instance id
	bye := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	bye.Group, bye.MemberID, bye.MemberEpoch, bye.InstanceID = topic, memberID, -2, &instance
	if _, err := bye.RequestWith(t.Context(), leaves.Client); err != nil {
		t.Fatal(err)
	}
	left := await(t, c, topic, "the member has left", func(r lag.Reading) bool { return len(r.Members) == 2 && r.Members[1].Left })
	if left.Epoch != before.Epoch || left.Members[0].Left {
		t.Errorf("the epoch went from %d to %d, members %+v", before.Epoch, left.Epoch, left.Members)
	}

	stays.stop() // franz-go 1.22 does not leave
	stuck := await(t, c, topic, "the other one is there", func(r lag.Reading) bool { return len(r.Members) == 2 && !r.Members[0].Left })
	ref := kafka.MemberRef{InstanceID: "a-0000", MemberID: stuck.Members[0].MemberID}
	removals, err := client.RemoveMembers(t.Context(), topic, []kafka.MemberRef{ref}, "test")
	if diff := cmp.Diff([]kafka.Removal{{Member: ref, Outcome: kafka.Removed}}, removals); err != nil || diff != "" {
		t.Fatalf("%v, -want +got\n%s", err, diff)
	}
	await(t, c, topic, "it is gone", func(r lag.Reading) bool { return len(r.Members) == 1 })
}

// The timeouts of a group of type consumer are the broker's to keep.
func TestGroupConfig(t *testing.T) {
	client := open(t, kafka.Config{BootstrapServers: bootstrap()})
	group := fresh(t, 1)
	read := func() map[string]string {
		t.Helper()
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
		resource.ConfigNames = []string{kafka.ConfigSessionTimeout, kafka.ConfigHeartbeatInterval}
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.Resources = append(req.Resources, resource)
		asker, err := kgo.NewClient(kgo.SeedBrokers(bootstrap()...))
		if err != nil {
			t.Fatal(err)
		}
		defer asker.Close()
		resp, err := req.RequestWith(t.Context(), asker)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]string{}
		for _, c := range resp.Resources[0].Configs {
			values[c.Name] = *c.Value
		}
		return values
	}
	// What was changed is read a moment later.
	becomes := func(want map[string]string) {
		t.Helper()
		for end := time.Now().Add(deadline); ; time.Sleep(50 * time.Millisecond) {
			diff := cmp.Diff(want, read())
			if diff == "" {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("-want +got\n%s", diff)
			}
		}
	}
	standard := read()
	for _, config := range []map[string]string{
		{kafka.ConfigSessionTimeout: "50000", kafka.ConfigHeartbeatInterval: "6000"},
		{kafka.ConfigSessionTimeout: "60000", kafka.ConfigHeartbeatInterval: standard[kafka.ConfigHeartbeatInterval]},
	} {
		if err := client.SetGroupConfig(t.Context(), group, config); err != nil {
			t.Fatal(err)
		}
		becomes(config)
	}
	err := client.SetGroupConfig(t.Context(), group, map[string]string{kafka.ConfigSessionTimeout: "30000"})
	if err == nil || !strings.Contains(err.Error(), "45000") {
		t.Errorf("30 s: %v, want it to name the bounds", err)
	}
	if err := client.SetGroupConfig(t.Context(), group, nil); err != nil {
		t.Fatal(err)
	}
	becomes(standard)
}
