package kafka

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/internal/lag"
)

// TestAgeBound: by the records' own timestamps, of each group by its own bound.
func TestAgeBound(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	producer, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	began := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	for _, seconds := range []int64{0, 60, 120} {
		record := &kgo.Record{Topic: "orders", Timestamp: began.Add(time.Duration(seconds) * time.Second)}
		if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	now := began.Add(180 * time.Second) // the records are 180, 120 and 60 seconds old
	c := NewCollector(b.client, Options{Now: func() time.Time { return now }})
	want := map[string]lag.Bound{}
	for name, g := range map[string]struct {
		at, bound int64
		want      lag.Bound
	}{
		"all wait, 200 s are allowed":     {0, 200, lag.BoundKept},
		"all wait, 150 s are allowed":     {0, 150, lag.BoundBroken},
		"the last waits, 150 s":           {2, 150, lag.BoundSeemsKept},
		"the last waits, 30 s":            {2, 30, lag.BoundBroken},
		"two wait, 100 s":                 {1, 100, lag.BoundBroken},
		"nothing waits, 30 s are allowed": {3, 30, lag.BoundUnknown},
		"all wait, and there is no bound": {0, 0, lag.BoundUnknown},
	} {
		b.commit(t, name, "orders", 0, g.at)
		c.Track(name, Target{Topics: []string{"orders"}, Rules: lag.Rules{MaxAge: time.Duration(g.bound) * time.Second}})
		want[name] = g.want
	}
	got := map[string]lag.Bound{}
	for name, r := range read(t, c) {
		got[name] = r.Partitions[0].Bound
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
