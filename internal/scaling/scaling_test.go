package scaling

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func p[T any](v T) *T { return &v }

// known is a group of 3 slots between 1 and 12 that can all own a partition,
// without windows.
func known(lag int64) Input {
	return Input{
		Now: start, Current: 3, Min: 1, Max: 12, LagPerReplica: 1000,
		CanOwn: p(int32(24)), Lag: &lag,
	}
}

// decision is an input and what is to be decided, without the history.
type decision struct {
	in   Input
	want Decision
}

func check(t *testing.T, cases map[string]decision) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.want.History = []Recommendation{{At: start, Need: c.want.Raw}}
			if diff := cmp.Diff(c.want, Desired(c.in)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestFromZeroWhereNothingWasEverCommitted(t *testing.T) {
	owns := int32(12)
	for _, c := range []struct {
		name                       string
		current, least, most, want int32
		unplaced                   string
	}{
		{"records wait", 0, 2, 5, 2, "orders-3"},
		{"records wait, and none is the least", 0, 0, 5, 1, "orders-3"},
		{"some consume already", 3, 2, 5, 3, "orders-3"},
		{"it is not known whether records wait", 0, 2, 5, 0, ""},
	} {
		d := Desired(Input{Current: c.current, Min: c.least, Max: c.most, LagPerReplica: 10, CanOwn: &owns, Unplaced: c.unplaced})
		if d.Desired != c.want || d.Active || !strings.Contains(d.Reason, c.unplaced) {
			t.Errorf("%s: %d, want %d: %q, active %v", c.name, d.Desired, c.want, d.Reason, d.Active)
		}
	}
}

func TestDesiredWithoutWindows(t *testing.T) {
	check(t, map[string]decision{
		"one jump up": {
			in:   known(5200),
			want: Decision{Desired: 6, Raw: 6, Active: true, Reason: "lag 5200 needs 6 slots at 1000 each"},
		},
		"one jump down": {
			in:   with(known(900), func(in *Input) { in.Current = 11 }),
			want: Decision{Desired: 1, Raw: 1, Active: true, Reason: "lag 900 needs 1 slot at 1000 each"},
		},
		"exactly full": {
			in:   known(3000),
			want: Decision{Desired: 3, Raw: 3, Active: true, Reason: "lag 3000 needs 3 slots at 1000 each"},
		},
		"one record more": {
			in:   known(3001),
			want: Decision{Desired: 4, Raw: 4, Active: true, Reason: "lag 3001 needs 4 slots at 1000 each"},
		},
		"no lag keeps the minimum": {
			in: with(known(0), func(in *Input) { in.Min = 2 }),
			want: Decision{Desired: 2, Active: true,
				Reason: "lag 0 needs 0 slots at 1000 each; held at 2: minReplicas"},
		},
		"no more than the maximum": {
			in: known(52000),
			want: Decision{Desired: 12, Raw: 52, Active: true,
				Reason: "lag 52000 needs 52 slots at 1000 each; held at 12: maxReplicas"},
		},
		"lag beyond any number of slots": {
			in: with(known(1<<62), func(in *Input) { in.LagPerReplica = 1 }),
			want: Decision{Desired: 12, Raw: 1<<31 - 1, Active: true,
				Reason: "lag 4611686018427387904 needs 2147483647 slots at 1 each; held at 12: maxReplicas"},
		},
		"partitions win over the minimum": {
			in: with(known(100), func(in *Input) { in.CanOwn, in.Min, in.Current = p(int32(4)), 6, 6 }),
			want: Decision{Desired: 4, Raw: 1, Active: true,
				Reason: "lag 100 needs 1 slot at 1000 each; held at 4: no more can own a partition, although minReplicas is 6"},
		},
	})
}

// What users of KEDA ran into.
func TestDesiredWhereOthersFail(t *testing.T) {
	check(t, map[string]decision{
		// kedacore/keda#4483: 5 partitions, 5 per replica, lag 27 gave 6 pods.
		"never one more than partitions": {
			in: with(known(27), func(in *Input) { in.CanOwn, in.LagPerReplica = p(int32(5)), 5 }),
			want: Decision{Desired: 5, Raw: 6, Active: true,
				Reason: "lag 27 needs 6 slots at 5 each; held at 5: no more can own a partition"},
		},
		// kedacore/keda#2908: 64 partitions stuck at 63 within the tolerance.
		"the last slot of 64": {
			in: with(known(64000), func(in *Input) { in.CanOwn, in.Max, in.Current = p(int32(64)), 100, 63 }),
			want: Decision{Desired: 64, Raw: 64, Active: true,
				Reason: "lag 64000 needs 64 slots at 1000 each"},
		},
		// kedacore/keda#4791: 24 partitions stuck at 22.
		"the last two slots of 24": {
			in: with(known(1e9), func(in *Input) { in.Max, in.Current = 100, 22 }),
			want: Decision{Desired: 24, Raw: 1000000, Active: true,
				Reason: "lag 1000000000 needs 1000000 slots at 1000 each; held at 24: no more can own a partition"},
		},
	})
}

// An outage of the brokers reads as no lag nowhere: kedacore/keda#4098.
func TestUnknownKeepsTheNumber(t *testing.T) {
	history := []Recommendation{{At: start.Add(-5 * time.Second), Need: 9}}
	for name, c := range map[string]struct {
		in     Input
		reason string
	}{
		"lag":           {with(known(0), func(in *Input) { in.Lag = nil }), "held at 20: the lag is unknown"},
		"can own":       {with(known(0), func(in *Input) { in.CanOwn = nil }), "held at 20: how many slots can own a partition is unknown"},
		"no partitions": {with(known(0), func(in *Input) { in.CanOwn = p(int32(0)) }), "held at 20: the topics have no partitions"},
	} {
		t.Run(name, func(t *testing.T) {
			// Beyond the bounds, too: nothing is done on what is unknown.
			c.in.Current, c.in.History, c.in.DownWindow = 20, history, time.Minute
			want := Decision{Desired: 20, Raw: 20, Reason: c.reason, History: history}
			if diff := cmp.Diff(want, Desired(c.in)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestBoundsHoldBeforeTheWindows(t *testing.T) {
	in := known(11000)
	in.Current, in.Max, in.UpWindow, in.DownWindow = 11, 8, time.Hour, time.Hour
	if got := Desired(in); got.Desired != 8 {
		t.Errorf("desired %d after maxReplicas became 8: %s", got.Desired, got.Reason)
	}
	in.Max, in.Min, in.Current = 12, 4, 2
	if got := Desired(in); got.Desired != 4 {
		t.Errorf("desired %d after minReplicas became 4: %s", got.Desired, got.Reason)
	}
}

func TestWindows(t *testing.T) {
	for name, c := range map[string]struct {
		up, down time.Duration
		current  int32
		needs    []int32 // one every 10 s, the last is now
		want     int32
		reason   string
	}{
		"growing at once without a window": {
			needs: []int32{1, 1, 1, 6}, current: 1, want: 6, reason: "lag 6000 needs 6 slots",
		},
		"growing follows the least need": {
			up: 20 * time.Second, needs: []int32{1, 9, 4, 6}, current: 1, want: 4,
			reason: "growing follows the least need of the last 20 s: 4",
		},
		"a spike does not grow": {
			up: 20 * time.Second, needs: []int32{1, 1, 1, 6}, current: 1, want: 1,
			reason: "growing follows the least need of the last 20 s: 1",
		},
		"a need not known for long enough does not grow": {
			up: 20 * time.Second, needs: []int32{6, 6}, current: 1, want: 1,
			reason: "growing from 1 waits until this has lasted 20 s (10 s so far)",
		},
		"shrinking follows the greatest need": {
			down: 30 * time.Second, needs: []int32{9, 5, 2, 2, 2, 1}, current: 9, want: 2,
			reason: "shrinking follows the greatest need of the last 30 s: 2",
		},
		"a need that falls is not followed step by step": {
			down: 40 * time.Second, needs: []int32{9, 9, 7, 5, 3, 2, 2}, current: 9, want: 9,
			reason: "shrinking from 9 waits until the need falls no further: at most 5 in the last 40 s, 2 in the last 20 s",
		},
		"one that has fallen is": {
			down: 40 * time.Second, needs: []int32{9, 9, 7, 5, 3, 2, 2, 2, 2}, current: 9, want: 2,
			reason: "lag 2000 needs 2 slots at 1000 each",
		},
		"what falls below the least number of slots is the same": {
			down: 40 * time.Second, needs: []int32{9, 1, 1, 1, 0, 0}, current: 9, want: 1,
			reason: "held at 1: minReplicas",
		},
		"a dip does not shrink": {
			down: 30 * time.Second, needs: []int32{9, 9, 9, 9, 1}, current: 9, want: 9,
			reason: "shrinking follows the greatest need of the last 30 s: 9",
		},
		"a greater need in the past does not grow": {
			down: 30 * time.Second, needs: []int32{9, 9, 9, 9, 2}, current: 4, want: 4,
			reason: "shrinking follows the greatest need of the last 30 s: 9",
		},
		"after a restart shrinking waits": {
			down: 30 * time.Second, needs: []int32{1, 1}, current: 9, want: 9,
			reason: "shrinking from 9 waits until the lag has been known for 30 s (10 s so far)",
		},
		"after a restart growing does not wait for it": {
			down: 30 * time.Second, needs: []int32{9}, current: 1, want: 9, reason: "lag 9000 needs 9 slots",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := known(int64(c.needs[len(c.needs)-1]) * 1000)
			in.Current, in.UpWindow, in.DownWindow = c.current, c.up, c.down
			for i, need := range c.needs[:len(c.needs)-1] {
				ago := time.Duration(len(c.needs)-1-i) * 10 * time.Second
				in.History = append(in.History, Recommendation{At: start.Add(-ago), Need: need})
			}
			got := Desired(in)
			if got.Desired != c.want || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("desired %d: %s\nwant %d: %s", got.Desired, got.Reason, c.want, c.reason)
			}
		})
	}
}

// play runs decisions every 10 s, each with the history and number of the one
// before. A negative lag is an unknown one.
func play(in Input, lags ...int64) []int32 {
	var numbers []int32
	for i, lag := range lags {
		in.Now, in.Lag = start.Add(time.Duration(i)*10*time.Second), &lag
		if lag < 0 {
			in.Lag = nil
		}
		d := Desired(in)
		in.Current, in.History = d.Desired, d.History
		numbers = append(numbers, d.Desired)
	}
	return numbers
}

func TestFlappingLagStaysAtTheTop(t *testing.T) {
	in := known(0)
	in.Current, in.DownWindow = 1, 30*time.Second
	got := play(in, 0, 8000, 100, 8000, 100, 8000, 100, 8000, 100, 100, 100, 100)
	want := []int32{1, 8, 8, 8, 8, 8, 8, 8, 8, 8, 1, 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A lag that is worked off costs one rebalance, and not one for each slot that is needed less.
func TestLagThatIsWorkedOffShrinksInOneStep(t *testing.T) {
	in := known(0)
	in.Current, in.DownWindow = 8, 60*time.Second
	got := play(in, 8000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000, 900, 700, 500, 400, 300, 300, 300)
	want := []int32{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 1, 1, 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	// One that takes its time is followed: each number lasts.
	got = play(in, 8000, 8000, 8000, 8000, 8000, 8000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 2000, 2000, 2000, 2000, 2000, 2000, 2000)
	want = []int32{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 5, 5, 5, 5, 5, 5, 5, 2, 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestOutageBreaksTheHistoryOnlyWhenLong(t *testing.T) {
	in := known(0)
	in.Current, in.DownWindow = 8, 30*time.Second
	short := play(in, 100, -1, -1, 100)
	if diff := cmp.Diff([]int32{8, 8, 8, 1}, short); diff != "" {
		t.Errorf("20 s unknown: -want +got\n%s", diff)
	}
	long := play(in, 100, 100, -1, -1, -1, -1, -1, -1, 100, 100, 100, 100)
	if diff := cmp.Diff([]int32{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 1}, long); diff != "" {
		t.Errorf("70 s unknown: -want +got\n%s", diff)
	}
}

func TestHistoryIsPrunedAndNotShared(t *testing.T) {
	in := known(2000)
	in.DownWindow = 30 * time.Second
	for ago := 100; ago > 0; ago -= 10 {
		in.History = append(in.History, Recommendation{At: start.Add(-time.Duration(ago) * time.Second), Need: int32(ago)})
	}
	before := append([]Recommendation(nil), in.History...)
	got := Desired(in).History
	want := []Recommendation{
		{At: start.Add(-30 * time.Second), Need: 30},
		{At: start.Add(-20 * time.Second), Need: 20},
		{At: start.Add(-10 * time.Second), Need: 10},
		{At: start, Need: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	got[0].Need = 99
	if diff := cmp.Diff(before, in.History); diff != "" {
		t.Errorf("the caller's history changed: -want +got\n%s", diff)
	}
}

func with(in Input, change func(*Input)) Input {
	change(&in)
	return in
}
