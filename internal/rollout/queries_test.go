package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// asking has a stage's gate ask Prometheus.
func (s *stage) asking() *simChecks {
	s.w.checks.on = true
	return &s.w.checks
}

// Nothing goes on while Prometheus does not answer, for as long as that takes, and then it
// does.
func TestPrometheusIsAway(t *testing.T) {
	s := newStage(t, 3)
	c := s.asking()
	c.awayUntil = s.w.now.Add(10 * time.Minute) // the deadline is 3
	s.apply("r1-good")
	s.goOn(10*time.Minute - time.Second)
	s.says("waiting for gate: slot 0 is next: check errors is not known: no answer from prometheus:9090")
	if r := s.state().Rollout; r == nil || len(r.Begun) != 0 || r.UnknownSince == nil {
		t.Errorf("%+v", r)
	}
	s.until(2*time.Minute, func() bool { r := s.state().Rollout; return r != nil && len(r.Begun) == 2 && s.runs(1, "r1-good") })
	c.awayUntil = s.w.now.Add(10 * time.Minute)
	s.goOn(9 * time.Minute)
	s.says("check errors is not known: no answer from prometheus:9090")
	if got := s.running("r1-good"); !slices.Equal(got, []int32{0, 1}) {
		t.Errorf("slots %v run the update", got)
	}
	s.endsOn("r1-good", "")
}

// Prometheus is away, and a release does not join: for that nobody has to be asked.
func TestPrometheusIsAwayAndNobodyJoins(t *testing.T) {
	s := newStage(t, 3)
	c := s.asking()
	s.apply("r1-unjoined")
	s.until(2*time.Minute, func() bool { return s.runs(0, "r1-unjoined") })
	c.awayUntil = s.w.now.Add(time.Hour)
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
}

// A release that consumes as it should and does harm goes back, and no second slot has it.
func TestHarmfulRelease(t *testing.T) {
	for name, ofRevision := range map[string]bool{"of the group": false, "of the revision": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 3)
			s.asking().ofRevision = ofRevision
			s.apply("r1-erring")
			s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
			if r := s.state().Rollout; !strings.Contains(r.Failure, "slot 0 is on trial, and check errors is 4, limit 1, for 16 s") || len(r.Begun) != 1 {
				t.Errorf("%+v", r)
			}
			if s.w.rebalances != 1 { // the start
				t.Errorf("%d rebalances", s.w.rebalances)
			}
		})
	}
}

// Before the first slot has it, a query about a revision finds nothing, and keeps nothing.
func TestQueryOfTheRevision(t *testing.T) {
	s := newStage(t, 3)
	s.asking().ofRevision = true
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// What was above its bound before is no reason to keep a release that mends it.
func TestHarmThatWasThereBefore(t *testing.T) {
	s := newStage(t, 3)
	s.asking().value = func() float64 { return 2 + 1.9*float64(btoi(len(s.running("r1-worse")) > 0)) }
	s.apply("r1-good")
	s.until(time.Minute, func() bool { r := s.state().Rollout; return r != nil && len(r.Begun) > 0 })
	s.until(time.Minute, func() bool { return strings.Contains(s.told, "settled for") })
	s.says("check errors is 2, limit 1 (before the rollout: 2)")
	s.endsOn("r1-good", "")
	s.apply("r2-good")
	s.until(2*time.Minute, func() bool { return s.runs(0, "r2-good") })
	s.w.checks.value = func() float64 { return 3.9 }
	s.endsOn("r1-good", v1alpha1.RolloutRolledBack)
}

// A query that gets above its bound after the first slot has passed keeps the second one;
// when that is over the release goes on.
func TestHarmBetweenTwoSlots(t *testing.T) {
	s := newStage(t, 3)
	c := s.asking()
	s.apply("r1-good")
	var next *simPod
	s.until(2*time.Minute, func() bool {
		at := slices.IndexFunc(s.w.pods, func(p *simPod) bool { return p.Ordinal == 1 && p.Revision == "r1-good" })
		if at >= 0 {
			next = s.w.pods[at]
		}
		return at >= 0
	})
	next.Warm, next.warmAt = false, s.w.now.Add(30*time.Second)
	s.until(2*time.Minute, func() bool { return slices.Equal(s.state().Rollout.Passed, []int32{0}) })
	c.highUntil = s.w.now.Add(90 * time.Second)
	s.goOn(80 * time.Second)
	s.says("waiting for gate: slot 1 is next: check errors is 3, limit 1")
	if r := s.state().Rollout; !next.Warm || !slices.Equal(r.Begun, []int32{0}) || r.Stage != v1alpha1.RolloutProgressing {
		t.Errorf("warm: %v, %+v", next.Warm, r)
	}
	s.endsOn("r1-good", "")
}

// What is above its bound for less than 15 s fails nobody, and lets nobody pass.
func TestQueryThatComesAndGoes(t *testing.T) {
	s := newStage(t, 3)
	c := s.asking()
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool { return s.runs(0, "r1-good") })
	c.highUntil = s.w.now.Add(16 * time.Second) // the first seconds of it are of the way to the group
	s.goOn(15 * time.Second)
	s.says("waiting for gate: check errors is 3, limit 1")
	if r := s.state().Rollout; len(r.Passed) > 0 || r.Stage != v1alpha1.RolloutProgressing {
		t.Errorf("%+v", r)
	}
	s.endsOn("r1-good", "")
}

// A canary that does harm while it is watched goes back; and time in which nobody can say is
// no part of the pause.
func TestCanaryDoesHarmLater(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](120)))
	c := s.asking()
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool { return strings.Contains(s.told, "it is watched until") })
	s.says("; check errors is 0, limit 1")
	c.awayUntil = s.w.now.Add(5 * time.Minute)
	s.goOn(5*time.Minute + 30*time.Second)
	if got := s.running("r1-good"); len(got) != 1 {
		t.Errorf("slots %v run the update, after a pause that nobody watched: %s", got, s.told)
	}
	c.highUntil = s.w.now.Add(time.Hour)
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	if got := s.state().Rollout.Begun; len(got) != 1 {
		t.Errorf("slots %v were begun", got)
	}
}

// The age of what came before anybody looked is not known, and no deadline runs meanwhile.
func TestAgeIsNotKnown(t *testing.T) {
	s := newStage(t, 3)
	c := &s.w.checks
	c.maxAge = 30 * time.Second
	c.blindUntil = s.w.now.Add(10 * time.Minute)
	s.w.stands = func(p *simPod) bool { return p.Ordinal == 1 && s.w.now.Before(c.blindUntil) }
	s.goOn(20 * time.Second)
	s.apply("r1-good")
	s.goOn(9 * time.Minute)
	s.says("the age of the oldest record on orders-4 is not known")
	s.endsOn("r1-good", "")
}

// A release that falls behind a little, which the gate would let pass, does not where the
// spec bounds the growth of lag or the age of records.
func TestReleaseWithinNoBound(t *testing.T) {
	for name, set := range map[string]func(*simChecks){
		"none":   nil,
		"growth": func(c *simChecks) { c.maxGrowth = ptr.To[int64](2) },
		"age":    func(c *simChecks) { c.maxAge = 2 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 3)
			s.w.throttled = func(p *simPod) bool { return p.Revision == "r1-good" }
			if set == nil {
				s.apply("r1-good")
				s.endsOn("r1-good", "")
				return
			}
			set(&s.w.checks)
			s.apply("r1-good")
			s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
			s.says(map[string]string{"growth": "slot 0: lag grows by ", "age": "slot 0: age "}[name])
		})
	}
}
