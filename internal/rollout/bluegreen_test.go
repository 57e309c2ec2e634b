package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func newBlueGreen(t *testing.T, slots int32) *stage {
	t.Helper()
	s := newStage(t, slots)
	s.w.object.spec.Strategy, s.w.object.spec.KeepBlue = v1alpha1.StrategyBlueGreen, time.Minute
	s.w.rebalances = 0
	return s
}

// warmOf counts the pods of a revision that wait.
func (s *stage) warmOf(revision string) (n int) {
	for _, p := range s.w.pods {
		n += btoi(p.Revision == revision && p.Warm && !p.Activated && !p.Deleting && !p.vanished)
	}
	return n
}

// Within keepBlueSeconds the revision before is gone back to by pods that stand warm.
func TestBackToBlue(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	if n := s.warmOf("r0-good"); n != 3 {
		t.Fatalf("%d pods of the revision before stand warm, want 3", n)
	}
	s.goOn(20 * time.Second)
	pods := len(s.w.pods)
	s.apply("r0-good")
	if !s.until(10*time.Second, func() bool { return s.runs(0, "r0-good") && s.runs(1, "r0-good") && s.runs(2, "r0-good") }) {
		t.Fatalf("it takes more than ten seconds: %s", s.told)
	}
	for _, p := range s.w.pods[pods:] {
		if p.Revision == "r0-good" {
			t.Errorf("%s was made, although pods stood warm", p.Name)
		}
	}
	s.endsOn("r0-good", "")
	if s.w.rebalances != 0 {
		t.Errorf("%d rebalances", s.w.rebalances)
	}
	if n := s.warmOf("r1-good"); n != 3 {
		t.Errorf("%d pods of the revision between stand warm now, want 3", n)
	}
	s.goOn(time.Minute)
	if n := s.warmOf("r1-good"); n != 0 || s.state().Blue != nil {
		t.Errorf("%d pods stand warm after keepBlueSeconds: %s", n, summary(s.state()))
	}
}

// Without keepBlueSeconds none stands warm when the release is through.
func TestNoBlueIsKept(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.object.spec.KeepBlue = 0
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	s.goOn(5 * time.Second)
	if n := s.warmOf("r0-good"); n != 0 {
		t.Errorf("%d pods of the revision before stand warm", n)
	}
}

// If one successor does not get warm, no slot is handed over.
func TestBlueGreenWaitsForAll(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.unpulled = func(p *simPod) bool { return p.Revision == "r1-good" && p.Ordinal == 1 }
	s.apply("r1-good")
	s.goOn(2 * time.Minute)
	if want := "waiting for the successors of all slots to be warm: 2 of 3 are: its image cannot be pulled"; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	for ordinal := range int32(3) {
		if !s.runs(ordinal, "r0-good") {
			t.Errorf("slot %d was handed over", ordinal)
		}
	}
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
}

// A rollout goes on by the strategy by which it began.
func TestStrategyChangedInTheMiddle(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.apply("r1-good")
	s.until(time.Minute, func() bool { r := s.state().Rollout; return r != nil && s.warmOf("r1-good") > 0 })
	s.w.object.spec.Strategy = v1alpha1.StrategyRolling
	s.w.saveObject()
	s.until(time.Minute, func() bool { return len(s.state().Rollout.Begun) > 0 })
	if begun := s.state().Rollout.Begun; len(begun) != 3 {
		t.Errorf("begun are %v, want all", begun)
	}
	s.endsOn("r1-good", "")
}

// A third revision in the middle of a release ends in that one, and so does a size that is
// changed together with the template.
func TestBlueGreenThirdRevisionAndSize(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.apply("r1-stalled")
	s.until(time.Minute, func() bool { return s.runs(0, "r1-stalled") })
	s.w.object.spec.Desired = 5
	s.apply("r2-good")
	s.endsOn("r2-good", "")
	if !s.until(2*time.Minute, s.finished) {
		t.Error(s.unfinished())
	}
}

// Without autoPromote the successors stand warm until a person names their revision. No
// deadline runs meanwhile, and another name is no promotion.
func TestPromotion(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.awaitsPromotion = true
	s.apply("r1-good")
	s.goOn(10 * time.Minute) // the deadline is 3
	if want := "the successors of all slots stand warm; waiting to be promoted: set the annotation kohort.dev/promote=r1-good"; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	s.promotes("r0-good")
	s.goOn(time.Minute)
	if want := "set the annotation kohort.dev/promote=r1-good; the annotation kohort.dev/promote=r0-good is refused: no rollout to it is under way"; !strings.Contains(s.told, want) || !s.runs(0, "r0-good") {
		t.Errorf("%q does not say %q", s.told, want)
	}
	s.promotes("r1-good")
	s.endsOn("r1-good", "")
}

// What has been promoted once, and is gone back to, has to be promoted anew.
func TestPromotionIsUsedOnce(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.awaitsPromotion = true
	s.promotes("r1-stalled")
	s.apply("r1-stalled")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	s.apply("r0-good")
	s.goOn(time.Minute)
	s.apply("r1-stalled")
	s.goOn(time.Minute)
	if want := "set the annotation kohort.dev/promote=r1-stalled anew: remove it first, it was answered before"; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	s.promotes("")
	s.goOn(time.Minute)
	s.promotes("r1-stalled")
	if !s.until(time.Minute, func() bool { return s.runs(0, "r1-stalled") }) {
		t.Error(s.told)
	}
}

// What waits to be promoted goes back without a handover when the old template is applied.
func TestNotPromoted(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.awaitsPromotion = true
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.apply("r0-good")
	s.goOn(10 * time.Second)
	if s.state().Rollout != nil || s.warmOf("r1-good") != 0 || !s.runs(0, "r0-good") {
		t.Errorf("%s: %s", s.told, summary(s.state()))
	}
}

// A third revision that waits to be promoted leaves no slot on the second one, which has not
// passed.
func TestThirdRevisionAwaitsPromotion(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.awaitsPromotion = true
	s.promotes("r1-stalled")
	s.apply("r1-stalled")
	s.until(time.Minute, func() bool { return len(s.running("r1-stalled")) == 3 })
	s.apply("r2-good")
	s.goOn(time.Minute)
	if n := len(s.running("r0-good")); n != 3 || s.warmOf("r2-good") != 3 {
		t.Errorf("%d slots run the stable revision, %d successors stand warm: %s", n, s.warmOf("r2-good"), s.told)
	}
	s.promotes("r2-good")
	s.endsOn("r2-good", "")
}

// Where no slot consumes nobody waits for the deadline.
func TestBlueGreenThatNeverJoins(t *testing.T) {
	for _, revision := range []string{"r1-unjoined", "r1-crashing"} {
		s := newBlueGreen(t, 3)
		for _, p := range s.w.pods {
			p.Restarts = 12 // in weeks
		}
		s.goOn(time.Minute)
		s.apply(revision)
		began := s.w.now
		s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
		if took := s.w.now.Sub(began); took > 100*time.Second {
			t.Errorf("%s went back after %s, the deadline is 3 minutes: %s", revision, took, s.told)
		}
	}
}

// What stood warm is gone back to at once: whatever keeps the new version from committing,
// and without being promoted.
func TestBackToBlueAtOnce(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.awaitsPromotion = true
	s.promotes("r1-good")
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	s.w.stands = func(p *simPod) bool { return p.Revision == "r1-good" } // a record that cannot be processed
	s.goOn(30 * time.Second)
	s.apply("r0-good")
	if !s.until(10*time.Second, func() bool { return len(s.running("r0-good")) == 3 }) {
		t.Errorf("it takes more than ten seconds: %s", s.told)
	}
	s.endsOn("r0-good", "")
}

// Where a failed release is to stay as it is the way back stays warm.
func TestPauseKeepsBlue(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.pauseOnFailure = true
	s.apply("r1-stalled")
	if !s.until(2*time.Minute, func() bool { r := s.state().Rollout; return r != nil && r.Stage == v1alpha1.RolloutPaused }) {
		t.Fatal(s.told)
	}
	s.goOn(time.Minute)
	if n := s.warmOf("r0-good"); n != 3 {
		t.Errorf("%d pods of the revision before stand warm, want 3", n)
	}
	pods := len(s.w.pods)
	s.apply("r0-good")
	if !s.until(15*time.Second, func() bool { return len(s.running("r0-good")) == 3 }) || len(s.w.pods) != pods {
		t.Errorf("%d pods were made to go back: %s", len(s.w.pods)-pods, s.told)
	}
}

// A pause lets what is warm stand.
func TestPausedWhileItAwaitsPromotion(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.awaitsPromotion = true
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.w.object.spec.Paused = true
	s.w.saveObject()
	s.goOn(time.Minute)
	if n := s.warmOf("r1-good"); n != 3 {
		t.Errorf("%d successors stand warm, want 3", n)
	}
}

// What waits for a person holds up neither scaling nor the drain of a node.
func TestScaledWhileItAwaitsPromotion(t *testing.T) {
	s := newBlueGreen(t, 3)
	s.w.awaitsPromotion = true
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.w.object.spec.Desired = 5
	s.w.saveObject()
	s.goOn(time.Minute)
	if n := len(s.running("r0-good")); n != 5 || s.warmOf("r1-good") != 5 {
		t.Errorf("%d slots consume, %d successors stand warm: %s", n, s.warmOf("r1-good"), s.told)
	}
	s.promotes("r1-good")
	s.endsOn("r1-good", "")
}
