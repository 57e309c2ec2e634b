package kafka_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// commits are what a reading shows as committed, by partition; -1: nothing.
func commits(r lag.Reading) []int64 {
	var all []int64
	for _, p := range r.Partitions {
		at := int64(-1)
		if p.Committed != nil {
			at = *p.Committed
		}
		all = append(all, at)
	}
	return all
}

// TestSetOffsets: they are set while the group is empty, and refused while it has a member.
func TestSetOffsets(t *testing.T) {
	topic := fresh(t, 1)
	client := open(t, kafka.Config{BootstrapServers: bootstrap()})
	c := collect(t, client, map[string]kafka.Target{topic: {Topics: []string{topic}}})
	first := lag.TopicPartition{Topic: topic}
	shows := func(want ...int64) func(lag.Reading) bool {
		return func(r lag.Reading) bool { return r.Err == "" && cmp.Equal(want, commits(r)) }
	}
	if err := client.SetOffsets(t.Context(), topic, map[lag.TopicPartition]int64{first: 0}); err != nil {
		t.Fatalf("setting the offsets of a group that nobody is in: %v", err)
	}
	await(t, c, topic, "the offset is set", shows(0))
	join(t, topic, topic+"-0000")
	await(t, c, topic, "a member has committed", shows(1))
	if err := client.SetOffsets(t.Context(), topic, map[lag.TopicPartition]int64{first: 0}); err == nil {
		t.Error("the offsets of a group that has a member were set")
	}
}

// TestOffsetsAt: those of the first record that is not older, or of the end.
func TestOffsetsAt(t *testing.T) {
	began := time.Now().Add(-time.Minute)
	topic := fresh(t, 1)
	client := open(t, kafka.Config{BootstrapServers: bootstrap()})
	for at, want := range map[time.Time]int64{began: 0, time.Now().Add(time.Hour): 1} {
		found, err := client.OffsetsAt(t.Context(), at, []string{topic})
		if diff := cmp.Diff(map[lag.TopicPartition]int64{{Topic: topic}: want}, found); err != nil || diff != "" {
			t.Errorf("at %s: %v (-want +got):\n%s", at, err, diff)
		}
	}
	if found, err := client.OffsetsAt(t.Context(), began, []string{topic + "-that-is-none"}); err == nil {
		t.Errorf("a topic that does not exist has the offsets %v", found)
	}
}
