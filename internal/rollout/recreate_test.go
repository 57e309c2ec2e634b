package rollout

import (
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func newRecreate(t *testing.T, slots int32) *stage {
	t.Helper()
	s := newStage(t, slots)
	s.w.object.spec.Strategy = v1alpha1.StrategyRecreate
	s.w.rebalances = 0
	return s
}

// apart lets a release go on, and fails if two revisions consume at the same time, or
// there are ever more pods that stay than slots. It returns for how long nobody consumed.
func (s *stage) apart(lasts time.Duration, done func() bool) (idle time.Duration) {
	s.t.Helper()
	s.until(lasts, func() bool {
		run, there := map[string]bool{}, 0
		for _, p := range s.w.pods {
			if p.proc {
				run[p.Revision] = true
			}
			there += btoi(!p.vanished && !p.Deleting)
		}
		if len(run) > 1 {
			s.t.Fatalf("%v run at the same time", run)
		}
		if len(run) == 0 {
			idle += tick
		}
		if there > int(s.w.object.spec.Desired) {
			s.t.Fatalf("%d pods are there", there)
		}
		return done()
	})
	return idle
}

// All pods stop, then all start under the same ids, without a rebalance.
func TestRecreate(t *testing.T) {
	s := newRecreate(t, 3)
	s.apply("r1-good")
	idle := s.apart(2*time.Minute, func() bool { return s.state().Stable == "r1-good" })
	s.endsOn("r1-good", "")
	if s.w.rebalances != 0 || idle == 0 {
		t.Errorf("%d rebalances, nobody consumed for %s", s.w.rebalances, idle)
	}
}

// A bad one is gone back from in the same way.
func TestBadRecreate(t *testing.T) {
	for _, revision := range []string{"r1-stalled", "r1-crashing", "r1-unjoined"} {
		s := newRecreate(t, 3)
		s.apply(revision)
		s.apart(5*time.Minute, func() bool {
			r := s.state().Rollout
			return r != nil && r.Stage == v1alpha1.RolloutRolledBack
		})
		s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
		if !s.until(20*time.Second, func() bool { return len(s.running("r0-good")) == 3 }) {
			t.Errorf("%s: %s", revision, s.told)
		}
	}
}

// Nobody is stopped while nothing is read.
func TestRecreateWaitsForTheGate(t *testing.T) {
	s := newRecreate(t, 3)
	s.goOn(5 * time.Second)
	s.w.brokerAway = s.w.now.Add(time.Minute)
	s.goOn(20 * time.Second)
	s.apply("r1-good")
	s.goOn(30 * time.Second)
	if got := s.running("r0-good"); len(got) < 3 {
		t.Errorf("slots %v run, and nothing was read: %s", got, s.told)
	}
}

// A third revision in the middle ends in that one, and no two consume at the same time.
func TestRecreateThirdRevision(t *testing.T) {
	s := newRecreate(t, 3)
	s.apply("r1-stalled")
	s.apart(time.Minute, func() bool { return s.runs(0, "r1-stalled") })
	s.apply("r2-good")
	s.apart(5*time.Minute, func() bool { return s.state().Stable == "r2-good" })
	s.endsOn("r2-good", "")
}

// The old template, applied while nobody consumes, starts the old pods again.
func TestRecreateCalledOff(t *testing.T) {
	s := newRecreate(t, 3)
	s.apply("r1-good")
	s.until(time.Minute, func() bool { return len(s.running("r0-good")) == 0 })
	s.apply("r0-good")
	s.apart(time.Minute, func() bool { return len(s.running("r0-good")) == 3 })
	s.endsOn("r0-good", "")
}
