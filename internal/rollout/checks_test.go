package rollout

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// scene is a group of two slots with a partition each, of which slot 0 has the update
// revision since joinedFor, and slot 1 is next. All records are consumed but for what it says.
type scene struct {
	joinedFor time.Duration // 0: 40 s
	// age of the oldest record of a slot so many seconds ago; below 0: unknown. nil: 1 s.
	age func(slot int, ago float64) float64
	// grows is by how many of 1,000 records a second the lag of each slot grows.
	grows     [2]int64
	brokers   func(ago float64) int32 // nil: always 3
	before    [2]v1alpha1.BaselineSlot
	checks    []v1alpha1.BaselineCheck
	queries   []Query
	maxAge    time.Duration
	maxGrowth *int64
}

// said is the gate's verdict over slot 0, and what keeps slot 1 from being begun.
type said struct{ After, Before string }

func (s scene) judged() said {
	in := s.input()
	v := viewOf(in)
	verdict := judgeOf(v, in.State).gate(v.slots[0])
	after := []string{"pass", "wait: ", "fail: "}[verdict.result] + verdict.reason
	return said{After: after, Before: unfit(v, in.State, v.slots[1])}
}

func (s scene) input() Input {
	now := simEpoch.Add(time.Hour)
	if s.joinedFor == 0 {
		s.joinedFor = 40 * time.Second
	}
	in := Input{
		Now: now, Desired: 2, Queries: s.queries,
		Group: Group{
			Names: membership.Naming{Prefix: simPrefix}, Assignor: "range", Topics: []string{simTopic}, Revision: "new", Budget: 1,
			SettledFor: 5 * time.Second, Deadline: time.Hour, Heartbeat: simHeartbeat, MaxAge: s.maxAge, MaxLagGrowth: s.maxGrowth,
		},
		State: v1alpha1.GroupState{Size: ptr.To[int32](2), Stable: "old", Rollout: &v1alpha1.RolloutState{
			From: "old", To: "new", Stage: v1alpha1.RolloutProgressing, Begun: []int32{0},
			StartedAt: metav1.NewMicroTime(now.Add(-time.Minute)), ProgressAt: metav1.NewMicroTime(now.Add(-time.Minute)),
		}},
	}
	for i, revision := range []string{"new", "old"} {
		s.before[i].Ordinal = int32(i)
		since := now.Add(-s.joinedFor)
		if i == 1 {
			since = now.Add(-10 * time.Minute)
		}
		name := fmt.Sprintf("pod-%d", i)
		in.Pods = append(in.Pods, Pod{Name: name, UID: "uid", Ordinal: int32(i), Revision: revision, Activated: true, Running: true, Ready: true})
		in.State.Slots = append(in.State.Slots, v1alpha1.SlotState{Ordinal: int32(i), Holder: "uid", Pod: name, Revision: revision, Since: metav1.NewMicroTime(since), MemberBefore: "before"})
	}
	in.State.Rollout.Baseline = v1alpha1.Baseline{Slots: s.before[:], Checks: s.checks}
	for ago := 60.0; ago >= 0; ago-- {
		in.Window = append(in.Window, s.reading(now, ago))
	}
	return in
}

func (s scene) reading(now time.Time, ago float64) lag.Reading {
	r := lag.Reading{At: now.Add(-time.Duration(ago * float64(time.Second))), State: lag.StateStable, Assignor: "range", Brokers: 3}
	if s.brokers != nil {
		r.Brokers = s.brokers(ago)
	}
	for i := range 2 {
		tp := lag.TopicPartition{Topic: simTopic, Partition: int32(i)}
		passed := int64(60 - ago)
		end := 1000 * passed
		p := lag.Partition{TopicPartition: tp, End: end + 1000, Committed: ptr.To(end - s.grows[i]*passed)}
		age := 1.0
		if s.age != nil {
			age = s.age(i, ago)
		}
		if age >= 0 {
			p.Oldest = r.At.Add(-time.Duration(age * float64(time.Second)))
		}
		r.Partitions = append(r.Partitions, p)
		r.Members = append(r.Members, lag.Member{InstanceID: idsOf(membership.Naming{Prefix: simPrefix}, int32(i))[0], MemberID: "member", Assigned: []lag.TopicPartition{tp}})
	}
	return r
}

// answers are those of the last so many seconds, one every five.
func answers(seconds int, value func(ago int) float64) (all []Answer) {
	for ago := seconds; ago >= 0; ago -= 5 {
		a := Answer{At: simEpoch.Add(time.Hour).Add(-time.Duration(ago) * time.Second), Value: value(ago)}
		if math.IsNaN(a.Value) {
			a.Value, a.Unknown = 0, "connection refused"
		}
		all = append(all, a)
	}
	return all
}

func always(value float64) func(int) float64 { return func(int) float64 { return value } }

func aged(of ...float64) func(int, float64) float64 {
	return func(slot int, _ float64) float64 { return of[slot] }
}

// TestBounds: the bounds of age and growth, passed, waited for, failed, unknown, and broken
// before.
func TestBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		scene scene
		want  said
	}{
		"young enough": {
			scene{maxAge: time.Minute, age: aged(60, 1)}, said{After: "pass"},
		},
		"too old for a moment": {
			scene{maxAge: time.Minute, joinedFor: 10 * time.Second, age: aged(95, 1)},
			said{"wait: slot 0: age 95 s on orders-0, limit 60 s", "slot 0: age 95 s on orders-0, limit 60 s"},
		},
		"too old": {
			scene{maxAge: time.Minute, age: aged(95, 1)},
			said{"fail: slot 0: age 95 s on orders-0, limit 60 s", "slot 0: age 95 s on orders-0, limit 60 s"},
		},
		"too old since ten seconds": {
			scene{maxAge: time.Minute, age: func(slot int, ago float64) float64 { return float64(1-slot) * (70 - ago) }},
			said{"wait: slot 0: age 70 s on orders-0, limit 60 s", "slot 0: age 70 s on orders-0, limit 60 s"},
		},
		"too old, and catching up": {
			scene{maxAge: time.Minute, age: func(slot int, ago float64) float64 { return float64(1-slot) * (70 + 3*ago) }},
			said{"wait: slot 0: age 70 s on orders-0, limit 60 s", "slot 0: age 70 s on orders-0, limit 60 s"},
		},
		"too old as every other one": {
			scene{maxAge: time.Minute, age: aged(95, 45)},
			said{"wait: slot 0: age 95 s on orders-0, limit 60 s; so it is with every other slot, and no fault of revision new", "slot 0: age 95 s on orders-0, limit 60 s"},
		},
		"too old, and of the others it is not known": {
			scene{maxAge: time.Minute, age: aged(95, -1)},
			said{"wait: slot 0: age 95 s on orders-0, limit 60 s; how the others fare is not known, so that it is put down to nobody: the age of the oldest record on orders-1 is not known: 1000 wait there, and it came before the operator looked; it is known when the group has processed what came then", "slot 0: age 95 s on orders-0, limit 60 s"},
		},
		"too old while a broker is away": {
			scene{maxAge: time.Minute, age: aged(95, 1), brokers: func(ago float64) int32 { return 3 - int32(btoi(ago < 10)) }},
			said{"wait: slot 0: age 95 s on orders-0, limit 60 s; the brokers are at unrest, and no fault is put down to revision new: 3 brokers became 2", "slot 0: age 95 s on orders-0, limit 60 s"},
		},
		"of unknown age": {
			scene{maxAge: time.Minute, age: aged(-1, 1)},
			said{
				"wait: slot 0: the age of the oldest record on orders-0 is not known: 1000 wait there, and it came before the operator looked; it is known when the group has processed what came then",
				"slot 0: the age of the oldest record on orders-0 is not known: 1000 wait there, and it came before the operator looked; it is known when the group has processed what came then",
			},
		},
		"as old as before": {
			scene{maxAge: time.Minute, age: aged(95, 1), before: [2]v1alpha1.BaselineSlot{{AgeSeconds: ptr.To[int64](90)}}}, said{After: "pass"},
		},
		"older than before": {
			scene{maxAge: time.Minute, age: aged(120, 1), before: [2]v1alpha1.BaselineSlot{{AgeSeconds: ptr.To[int64](90)}}},
			said{"fail: slot 0: age 120 s on orders-0, limit 60 s (before the rollout: 90 s)", "slot 0: age 120 s on orders-0, limit 60 s (before the rollout: 90 s)"},
		},
		"another one is too old": {
			scene{maxAge: time.Minute, age: aged(1, 95)}, said{"pass", "slot 1: age 95 s on orders-1, limit 60 s"},
		},
		"another one is too old, and was before": { // it waits for the release, and gets worse by itself
			scene{maxAge: time.Minute, age: aged(1, 500), before: [2]v1alpha1.BaselineSlot{1: {AgeSeconds: ptr.To[int64](90)}}}, said{After: "pass"},
		},
		"too old, and did not consume before": {
			scene{maxAge: time.Minute, age: aged(500, 1), before: [2]v1alpha1.BaselineSlot{{Broken: true, Unmeasured: true}}}, said{After: "pass"},
		},
		"grows slowly": {
			scene{maxGrowth: ptr.To[int64](50), grows: [2]int64{50, 0}}, said{After: "pass"},
		},
		"must not grow, and does not": {
			scene{maxGrowth: ptr.To[int64](0)}, said{After: "pass"},
		},
		"grows too quickly": {
			scene{maxGrowth: ptr.To[int64](50), grows: [2]int64{70, 0}},
			said{"fail: slot 0: lag grows by 70 records a second over 15 s, to 5200, limit 50", "slot 0: lag grows by 70 records a second over 15 s, to 5200, limit 50"},
		},
		"grows as every other one": {
			scene{maxGrowth: ptr.To[int64](50), grows: [2]int64{70, 30}},
			said{"wait: slot 0: lag grows by 70 records a second over 15 s, to 5200, limit 50; so it is with every other slot, and no fault of revision new", "slot 0: lag grows by 70 records a second over 15 s, to 5200, limit 50"},
		},
		"not measured for long enough": {
			scene{maxGrowth: ptr.To[int64](50), joinedFor: 10 * time.Second},
			said{"wait: slot 0: by how much its lag grows is measured over 15 s, 9 s so far", "slot 0: by how much its lag grows is measured over 15 s, 9 s so far"},
		},
		"grows as before": {
			scene{maxGrowth: ptr.To[int64](50), grows: [2]int64{70, 0}, before: [2]v1alpha1.BaselineSlot{{LagGrowthPerSecond: ptr.To[int64](65)}}}, said{After: "pass"},
		},
		"grows more than before": {
			scene{maxGrowth: ptr.To[int64](50), grows: [2]int64{90, 0}, before: [2]v1alpha1.BaselineSlot{{LagGrowthPerSecond: ptr.To[int64](65)}}},
			said{"fail: slot 0: lag grows by 90 records a second over 15 s, to 6400, limit 50 (before the rollout: 65)", "slot 0: lag grows by 90 records a second over 15 s, to 6400, limit 50 (before the rollout: 65)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.scene.judged()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A slot for which nothing comes says nothing of how the others should fare.
func TestIdleSlotsAreNoMeasure(t *testing.T) {
	in := scene{maxAge: time.Minute}.input()
	v := viewOf(in)
	owned := v.judged(v.slots[1].members(v.reading))
	fares := v.yardsticks()[0].fares
	if got, _ := fares(in.Window, owned, v1alpha1.BaselineSlot{}); got != thrives {
		t.Errorf("where records come and none is old: %d", got)
	}
	for i := range in.Window {
		p := &in.Window[i].Partitions[1]
		p.End, p.Committed = 7, ptr.To[int64](7)
	}
	if got, _ := fares(in.Window, owned, v1alpha1.BaselineSlot{}); got != idle {
		t.Errorf("where none come: %d", got)
	}
}

// TestQueries: the same for the checks that ask Prometheus.
func TestQueries(t *testing.T) {
	one := func(value func(int) float64) scene {
		return scene{queries: []Query{{Name: "errors", Max: 0.05, Answers: answers(60, value)}}}
	}
	nan := math.NaN()
	for name, tc := range map[string]struct {
		scene scene
		want  said
	}{
		"within its bound": {one(always(0.05)), said{After: "pass"}},
		"above it": {
			one(always(0.12)),
			said{"fail: slot 0 is on trial, and check errors is 0.12, limit 0.05, for 35 s", "check errors is 0.12, limit 0.05"},
		},
		"above it for ten seconds": {
			one(func(ago int) float64 { return 0.12 * float64(btoi(ago <= 10)) }),
			said{"wait: check errors is 0.12, limit 0.05", "check errors is 0.12, limit 0.05"},
		},
		"it flaps": {
			one(func(ago int) float64 { return 0.12 * float64(ago/5%2) }),
			said{"pass", ""}, // what was 5 s ago and more is over: settledSeconds is 5
		},
		"above it a moment ago": {
			func() scene {
				s := one(func(ago int) float64 { return 0.12 * float64(btoi(ago > 0)) })
				q := &s.queries[0]
				last := len(q.Answers) - 1
				q.Answers[last-1].At = q.Answers[last].At.Add(-4 * time.Second)
				return s
			}(),
			said{"wait: check errors was 0.12, limit 0.05, 4 s ago; it must hold for 5 s", "check errors was 0.12, limit 0.05, 4 s ago; it must hold for 5 s"},
		},
		"unknown": {
			one(always(nan)),
			said{"wait: check errors is not known: connection refused", "check errors is not known: connection refused"},
		},
		"above it, then unknown": {
			one(func(ago int) float64 { return []float64{nan, 0.12}[btoi(ago > 0)] }),
			said{"wait: check errors is not known: connection refused", "check errors is not known: connection refused"},
		},
		"above it, with a gap in what is known": {
			one(func(ago int) float64 { return []float64{0.12, nan}[btoi(ago == 10)] }),
			said{"wait: check errors is 0.12, limit 0.05", "check errors is 0.12, limit 0.05"},
		},
		"never answered": {
			scene{queries: []Query{{Name: "errors", Max: 0.05}}},
			said{"wait: check errors is not known: it has not been answered yet", "check errors is not known: it has not been answered yet"},
		},
		"answered long ago": {
			scene{queries: []Query{{Name: "errors", Max: 0.05, Answers: answers(60, always(0))[:5]}}},
			said{"wait: check errors is not known: it was last answered 40 s ago: does the operator's log say why?", "check errors is not known: it was last answered 40 s ago: does the operator's log say why?"},
		},
		"not answered since the handover": {
			scene{joinedFor: 9 * time.Second, queries: []Query{{Name: "errors", Max: 0.05, Answers: answers(60, always(0))[:11]}}},
			said{"wait: check errors is not known: it has not been answered since the slot was taken over", ""},
		},
		"above it since before the handover": {
			func() scene { s := one(always(0.12)); s.joinedFor = 12 * time.Second; return s }(),
			said{"wait: check errors is 0.12, limit 0.05", "check errors is 0.12, limit 0.05"},
		},
		"as before": {
			func() scene {
				s := one(always(0.12))
				s.checks = []v1alpha1.BaselineCheck{{Name: "errors", Value: "0.11"}}
				return s
			}(),
			said{After: "pass"},
		},
		"worse than before": {
			func() scene {
				s := one(always(0.2))
				s.checks = []v1alpha1.BaselineCheck{{Name: "errors", Value: "0.11"}}
				return s
			}(),
			said{"fail: slot 0 is on trial, and check errors is 0.2, limit 0.05 (before the rollout: 0.11), for 35 s", "check errors is 0.2, limit 0.05 (before the rollout: 0.11)"},
		},
		"the second one is above it": {
			scene{queries: []Query{
				{Name: "errors", Max: 0.05, Answers: answers(60, always(nan))},
				{Name: "late", Max: 3, Answers: answers(60, always(math.Inf(1)))},
			}},
			said{"fail: slot 0 is on trial, and check late is +Inf, limit 3, for 35 s", "check errors is not known: connection refused"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.scene.judged()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A slot that has passed is not failed by a query; in the steps of a canary it is.
func TestQueriesOfWhoHasPassed(t *testing.T) {
	in := scene{queries: []Query{{Name: "errors", Max: 0.05, Answers: answers(60, always(0.12))}}}.input()
	in.State.Rollout.Passed = []int32{0}
	v := viewOf(in)
	if got := judgeOf(v, in.State).gate(v.slots[0]); got.result != pass {
		t.Errorf("%+v", got)
	}
	in.State.Rollout.Strategy, in.State.Rollout.Steps = v1alpha1.StrategyCanary, []v1alpha1.CanaryStep{step(1, nil)}
	if got := judgeOf(v, in.State).gate(v.slots[0]); got.result != fail {
		t.Errorf("%+v", got)
	}
}

// What another release has left behind may be the cause: it goes back to the stable revision,
// and nobody is failed before.
func TestQueriesBesideWhatWasLeftBehind(t *testing.T) {
	in := scene{queries: []Query{{Name: "errors", Max: 0.05, Answers: answers(60, always(0.12))}}}.input()
	in.Pods[1].Revision, in.State.Slots[1].Revision, in.State.Rollout.Asks = "older", "older", true
	v := viewOf(in)
	if got, want := judgeOf(v, in.State).gate(v.slots[0]), (verdict{wait, "check errors is 0.12, limit 0.05"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := rollingWant(in.State, v.slots[1]).run; got != "old" {
		t.Errorf("slot 1 is to run %s", got)
	}
	in.Pods[1].Revision, in.State.Slots[1].Revision = "old", "old"
	in.State.Slots[1].RevisionBefore, in.State.Slots[1].Since = "older", metav1.NewMicroTime(in.Now.Add(-12*time.Second))
	v = viewOf(in)
	if got := judgeOf(v, in.State).gate(v.slots[0]); got.result != wait {
		t.Errorf("12 s after it has gone: %+v", got)
	}
}

// What is noted before a slot is handed over is what is known first, in short.
func TestBaselineOfChecks(t *testing.T) {
	in := scene{
		maxAge: time.Minute, maxGrowth: ptr.To[int64](50), age: aged(95, 10), grows: [2]int64{0, 70},
		queries: []Query{
			{Name: "errors", Max: 0.05, Answers: answers(60, always(0.125))},
			{Name: "unknown", Max: 1}, {Name: "new", Max: 1, OfRevision: true, Answers: answers(60, always(7))},
		},
	}.input()
	in.State.Rollout, in.State.Slots[0].Revision, in.Pods[0].Revision = nil, "old", "old"
	state := Decide(in).State
	in.State = state
	state = Decide(in).State
	lags := func(n int64) *int64 { return &n }
	hundred, ninety := int32(100), int32(93)
	want := v1alpha1.Baseline{
		Slots: []v1alpha1.BaselineSlot{
			{Ordinal: 0, Lag: lags(1000), KeepsUpPercent: &hundred, AgeSeconds: lags(95)},
			{Ordinal: 1, Lag: lags(5200), KeepsUpPercent: &ninety, LagGrowthPerSecond: lags(70)},
		},
		Checks: []v1alpha1.BaselineCheck{{Name: "errors", Value: "0.125"}},
	}
	if diff := cmp.Diff(want, state.Rollout.Baseline); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !state.Rollout.Asks || state.Rollout.UnknownSince == nil {
		t.Errorf("the deadline runs, or it is forgotten that Prometheus was asked: %+v", state.Rollout)
	}
}

// What was not known when the rollout began is noted when it is, of who waits; later nothing
// is excused.
func TestBaselineThatIsKnownLate(t *testing.T) {
	unmeasured := v1alpha1.BaselineSlot{Unmeasured: true}
	in := scene{maxAge: time.Minute, age: aged(95, 95), before: [2]v1alpha1.BaselineSlot{unmeasured, unmeasured}}.input()
	v := viewOf(in)
	noteLate(v, in.State)
	want := []v1alpha1.BaselineSlot{{Unmeasured: true}, {Ordinal: 1, AgeSeconds: ptr.To[int64](95)}}
	if diff := cmp.Diff(want, in.State.Rollout.Baseline.Slots); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	v.renewSlot(in.State.Rollout, 1)
	in.State.Rollout.Baseline.Slots[1].AgeSeconds = nil
	v.renewSlot(in.State.Rollout, 1)
	if got := in.State.Rollout.Baseline.Slots[1].AgeSeconds; got != nil {
		t.Errorf("%d s are excused, and were not before", *got)
	}
}

// The deadline does not run while a query is unknown; it does while a slot that was begun is
// no member, since nobody consumes its partitions.
func TestDeadlineOfTheUnknown(t *testing.T) {
	in := scene{queries: []Query{{Name: "errors", Max: 0.05, Answers: answers(60, always(math.NaN()))}}}.input()
	in.State.Rollout.Passed = []int32{}
	if r := Decide(in).State.Rollout; r.UnknownSince == nil || !r.UnknownSince.Equal(ptr.To(metav1.NewMicroTime(in.Now))) {
		t.Errorf("the deadline runs: %+v", r)
	}
	in.Window = slices.Clone(in.Window)
	for i := range in.Window {
		in.Window[i].Members = in.Window[i].Members[1:]
	}
	if r := Decide(in).State.Rollout; r.UnknownSince != nil {
		t.Errorf("the deadline does not run: %+v", r)
	}
}
