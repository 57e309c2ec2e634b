package kafka

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/internal/lag"
)

func TestThinned(t *testing.T) {
	begin := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	var window lag.Window
	var now time.Time
	// One reading per second for 20 minutes, thinned each time.
	for i := range 20 * 60 {
		now = begin.Add(time.Duration(i) * time.Second)
		window = thinned(append(window, lag.Reading{At: now}), now)
	}
	var want []time.Duration
	for age := 10 * time.Minute; age >= 0; age -= time.Second {
		at := now.Add(-age)
		if age <= 3*time.Minute || at.Equal(at.Truncate(10*time.Second)) {
			want = append(want, age)
		}
	}
	var got []time.Duration
	for _, r := range window {
		got = append(got, now.Sub(r.At))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ages: -want +got\n%s", diff)
	}
}

func TestWindowIsACopy(t *testing.T) {
	c := NewCollector(nil, Options{})
	c.groups["billing"] = &tracked{window: lag.Window{{State: lag.StateStable}}}
	c.Window("billing")[0].State = lag.StateDead
	if got := c.Window("billing")[0].State; got != lag.StateStable {
		t.Errorf("a caller changed the state to %s", got)
	}
}
