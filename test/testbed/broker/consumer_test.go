package broker_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/examples/consumer/journal"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

func TestRestartOfAStaticMember(t *testing.T) { restart(t, client{start: startMember}) }

func restart(t *testing.T, c client) {
	t.Helper()
	const partitions = 6
	topic := freshTopic(t, partitions, 0)
	write := func() sample { return start(t, "producer", map[string]string{"TOPICS": topic, "RATE": "120"}) }
	var writer sample
	// A member may be asked to end with records before it that it has not begun.
	pace := map[string]string{"RATE": "60"}
	if !c.repeats {
		writer = write()
	}
	ids := []string{topic + "-0000", topic + "-0001", topic + "-0002"}
	var members []sample
	for _, id := range ids {
		members = append(members, c.start(t, topic, id, maps.Clone(pace)))
	}
	want := settled(t, topic, partitions, members...)
	if c.repeats {
		writer = write()
		for _, m := range members {
			m.await(t, journal.Record)
		}
	}
	before, generation := shared.Rebalances(topic), members[0].generation(t)

	all := renew(t, members, func(i int) sample { return c.start(t, topic, ids[i], maps.Clone(pace)) })
	got := settled(t, topic, partitions, members...)
	allOnce(t, topic, writer, members, all)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the owners have changed:\n%s", diff)
	}
	if shared.GroupLog() == "" {
		t.Logf("the broker is %s: rebalances are not judged", shared.Kind)
		return
	}
	if after := shared.Rebalances(topic); before < 1 || after != before {
		t.Errorf("%d rebalances before the three restarts, %d after them", before, after)
	}
	for _, m := range members {
		if m.generation(t) != generation {
			t.Errorf("a member joined generation %d, want %d as before", m.generation(t), generation)
		}
	}
}

// renew has each of some members end and another one take its place, and returns all that
// there were. Each in turn: one of them is the group's leader.
func renew(t *testing.T, members []sample, run func(i int) sample) (all []sample) {
	t.Helper()
	all = slices.Clone(members)
	for i := range members {
		members[i].end(t)
		members[i] = run(i)
		all = append(all, members[i])
		members[i].await(t, journal.Record)
	}
	return all
}

// allOnce ends a writer and its group, and shows that all those that were members have
// processed each record once.
func allOnce(t *testing.T, topic string, writer sample, members, all []sample) {
	t.Helper()
	writer.end(t)
	written := ends(t, shared, topic)
	eventually(t, func() string { return cmp.Diff(written, committed(t, topic, topic)) })
	for _, m := range members {
		m.end(t)
	}
	if diff := cmp.Diff(once(written), processed(t, all...)); diff != "" {
		t.Errorf("-once +really\n%s", diff)
	}
}

func TestProtocolConsumer(t *testing.T) { protocolConsumer(t, client{start: startMember, waits: true}) }

// protocolConsumer is what a consumer owes a group of type consumer (KIP-848): that its
// place is kept when it ends, and that it leaves alone a place that another one has.
func protocolConsumer(t *testing.T, c client) {
	t.Helper()
	needsOwnKafka(t)
	const partitions = 4
	topic := freshTopic(t, partitions, 0)
	run := func(id string) sample {
		return c.start(t, topic, id, map[string]string{v1alpha1.EnvGroupProtocol: "consumer", "RATE": "60"})
	}
	ids := []string{topic + "-0000", topic + "-0001"}
	members := []sample{run(ids[0]), run(ids[1])}
	shares := func() (owners map[int32]int) {
		eventually(t, func() (missing string) {
			owners, missing = share(t, topic, partitions, members...)
			return missing
		})
		return owners
	}
	want := shares()
	writer := start(t, "producer", map[string]string{"TOPICS": topic, "RATE": "80"})
	for _, m := range members {
		m.await(t, journal.Record)
	}
	before := shared.Rebalances(topic)
	all := renew(t, members, func(i int) sample { return run(ids[i]) })
	got := shares()
	if after := shared.Rebalances(topic); before < 1 || after != before {
		t.Errorf("%d rebalances before the restarts, %d after them", before, after)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the owners have changed:\n%s", diff)
	}

	second := run(ids[0])
	if c.waits {
		members[0].end(t)
		second.await(t, journal.Record)
		members[0], all = second, append(all, second)
	} else if code := second.exitCode(t); code != 1 {
		t.Errorf("a consumer whose id another one has exited with %d", code)
	}
	allOnce(t, topic, writer, members, all)
}

func TestDynamicMembersLeave(t *testing.T) {
	topic := freshTopic(t, 4, 10)
	first := startMember(t, topic, "", nil)
	settled(t, topic, 4, first)
	second := startMember(t, topic, "", nil)
	settled(t, topic, 4, first, second)
	second.end(t)
	settled(t, topic, 4, first)
	eventually(t, func() string { return cmp.Diff(ends(t, shared, topic), committed(t, topic, topic)) })
	first.end(t)
	if diff := cmp.Diff(once(ends(t, shared, topic)), processed(t, first, second)); diff != "" {
		t.Errorf("-once +really\n%s", diff)
	}
	eventually(t, func() string {
		groups, err := shared.Admin().DescribeGroups(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		return cmp.Diff("Empty", groups[topic].State)
	})
}

func TestConsumersOutliveARestartOfTheBroker(t *testing.T) {
	needsOwnKafka(t)
	topic := freshTopic(t, 4, 50)
	members := []sample{startMember(t, topic, topic+"-0000", nil), startMember(t, topic, topic+"-0001", nil)}
	settled(t, topic, 4, members...)
	if err := shared.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, shared, topic, 4, 50)
	eventually(t, func() string { return cmp.Diff(ends(t, shared, topic), committed(t, topic, topic)) })
	for _, m := range members {
		m.end(t)
	}
	// A commit may have been lost with the broker, so twice is allowed; never is
	// not.
	times := processed(t, members...)
	for p, want := range once(ends(t, shared, topic)) {
		for offset := range want {
			if times[p][offset] == 0 {
				t.Errorf("record %d of partition %d was not processed", offset, p)
			}
		}
	}
}

func TestStalledConsumerCommitsNothing(t *testing.T) { stalled(t, startMember) }

func stalled(t *testing.T, startMember starter) {
	t.Helper()
	topic := freshTopic(t, 3, 20)
	stalled := startMember(t, topic, topic+"-0000", map[string]string{"BEHAVIOUR": "stalled"})
	settled(t, topic, 3, stalled)
	// By the time a good one in a group of its own has done everything, twice, a
	// stalled one that worked at all would have, too.
	for range 2 {
		group := fresh(t)
		good := startMember(t, topic, group, map[string]string{"KAFKA_GROUP_ID": group})
		eventually(t, func() string { return cmp.Diff(ends(t, shared, topic), committed(t, group, topic)) })
		good.end(t)
	}
	for _, event := range []journal.Event{journal.Record, journal.Processed, journal.Committed, journal.Revoked, journal.Lost, journal.Failed} {
		if n := stalled.count(t, event); n > 0 {
			t.Errorf("it said %s %d times", event, n)
		}
	}
	if got := committed(t, topic, topic); len(got) > 0 {
		t.Errorf("it committed %v", got)
	}
	groups, err := shared.Admin().DescribeGroups(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if g := groups[topic]; g.State != "Stable" || len(g.Members) != 1 {
		t.Errorf("it is no healthy member: %+v", g)
	}
	stalled.end(t)
}

func TestFencedConsumerEnds(t *testing.T) {
	fenced(t, client{start: startMember, fenced: "FENCED_INSTANCE_ID"})
}

func fenced(t *testing.T, c client) {
	t.Helper()
	topic := freshTopic(t, 2, 5)
	old := c.start(t, topic, topic+"-0000", nil)
	settled(t, topic, 2, old)
	successor := c.start(t, topic, topic+"-0000", nil)
	settled(t, topic, 2, successor)
	if code := old.exitCode(t); code != 1 {
		t.Errorf("the fenced consumer exited with %d", code)
	}
	var said []string
	for _, e := range old.journal(t) {
		if e.Event == journal.Failed {
			said = append(said, e.Error)
		}
	}
	if !strings.Contains(strings.Join(said, "\n"), c.fenced) {
		t.Errorf("it said %q", said)
	}
	successor.end(t)
}

func TestRefusedConsumerEnds(t *testing.T) { refused(t, startMember) }

func refused(t *testing.T, startMember starter) {
	t.Helper()
	topic := freshTopic(t, 1, 1)
	refused := startMember(t, topic, topic+"-0000", map[string]string{"KAFKA_SESSION_TIMEOUT_MS": "1000"})
	if code := refused.exitCode(t); code != 1 {
		t.Errorf("a consumer whose session timeout the broker refuses exited with %d", code)
	}
	refused.await(t, journal.Failed)
}

func TestMisbehaviour(t *testing.T) {
	topic := freshTopic(t, 1, 1)
	t.Run("crash", func(t *testing.T) {
		s := startMember(t, topic, topic+"-0000", map[string]string{"BEHAVIOUR": "crash"})
		if code := s.exitCode(t); code != 1 {
			t.Errorf("it exited with %d", code)
		}
	})
	t.Run("never-joins", func(t *testing.T) {
		port := freePort(t)
		s := startMember(t, topic, topic+"-0000", map[string]string{"BEHAVIOUR": "never-joins", "HEALTH_PORT": port})
		eventually(t, func() string {
			if status, body := get(t, "http://127.0.0.1:"+port+"/ready"); status != http.StatusOK {
				return fmt.Sprintf("it is ready: %d %s", status, body)
			}
			return ""
		})
		groups, err := shared.Admin().DescribeGroups(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		if len(groups[topic].Members) > 0 {
			t.Errorf("it is a member: %v", groups[topic].Members)
		}
		s.end(t)
	})
	t.Run("ignores-sigterm", func(t *testing.T) {
		s := startMember(t, topic, topic+"-0000", map[string]string{"BEHAVIOUR": "ignores-sigterm"})
		s.await(t, journal.Record)
		if err := s.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.await(t, journal.Ignored)
		before := s.count(t, journal.Record)
		write(t, shared, topic, 1, 1)
		eventually(t, func() string {
			if s.count(t, journal.Record) <= before {
				return "it goes on processing"
			}
			return ""
		})
	})
	t.Run("unknown", func(t *testing.T) {
		if code := startMember(t, topic, "", map[string]string{"BEHAVIOUR": "rude"}).exitCode(t); code != 2 {
			t.Errorf("it exited with %d", code)
		}
	})
}

// A consumer is told everything by the file that a pod of Kohort's has.
func TestPropertiesFile(t *testing.T) {
	topic := freshTopic(t, 2, 5)
	pod := build(t, pods.Input{
		Group:      &v1alpha1.ConsumerGroup{Spec: v1alpha1.ConsumerGroupSpec{GroupID: topic}},
		Consumer:   v1alpha1.Consumer{PropertiesFile: "/etc/kohort/consumer.properties"},
		InstanceID: topic + "-0003", Session: 10 * time.Second, BootstrapServers: shared.Bootstrap(),
	})
	file := filepath.Join(t.TempDir(), "consumer.properties")
	if err := os.WriteFile(file, []byte(pod.Annotations[v1alpha1.AnnotationProperties]), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startCommand(t, process.Spec{Path: filepath.Join(binaries, "consumer")}, map[string]string{
		"CONSUMER_PROPERTIES_FILE": file, "TOPICS": topic, "COMMIT_INTERVAL_MS": "200",
	})
	eventually(t, func() string { return cmp.Diff(ends(t, shared, topic), committed(t, topic, topic)) })
	if diff := cmp.Diff([]string{topic + "-0003"}, memberIDs(t, topic, 1)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	s.end(t)
}

func TestReadyIsMembership(t *testing.T) {
	topic := freshTopic(t, 1, 1)
	port := freePort(t)
	s := startMember(t, topic, topic+"-0000", map[string]string{"HEALTH_PORT": port, "START_DELAY_MS": "2000"})
	status := func(path string) int {
		code, _ := get(t, "http://127.0.0.1:"+port+"/"+path)
		return code
	}
	eventually(t, func() string { return cmp.Diff(http.StatusOK, status("healthz")) })
	if got := status("ready"); got != http.StatusServiceUnavailable && s.count(t, journal.Joined) == 0 {
		t.Errorf("before it joined it answered %d", got)
	}
	eventually(t, func() string { return cmp.Diff(http.StatusOK, status("ready")) })
	s.end(t)
}
