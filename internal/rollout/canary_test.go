package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func newCanary(t *testing.T, slots int32, then v1alpha1.Strategy, steps ...v1alpha1.CanaryStep) *stage {
	t.Helper()
	s := newStage(t, slots)
	spec := &s.w.object.spec
	spec.Strategy, spec.Then, spec.Steps = v1alpha1.StrategyCanary, then, steps
	s.w.rebalances = 0
	return s
}

// running are the ordinals whose consumers run a revision.
func (s *stage) running(revision string) (ordinals []int32) {
	for ordinal := range s.w.object.spec.Desired {
		if s.runs(ordinal, revision) {
			ordinals = append(ordinals, ordinal)
		}
	}
	return ordinals
}

func (s *stage) says(text string) {
	s.t.Helper()
	if !strings.Contains(s.told, text) {
		s.t.Errorf("%q does not say %q", s.told, text)
	}
}

// Each step goes so far and no further: for a time, and until it is promoted.
func TestCanarySteps(t *testing.T) {
	s := newCanary(t, 6, v1alpha1.StrategyRolling, step(1, ptr.To[int32](300)), step(3, ptr.To[int32](0)))
	s.apply("r1-good")
	s.goOn(4 * time.Minute) // the deadline is 3
	if got := s.running("r1-good"); !slices.Equal(got, []int32{0}) {
		t.Errorf("slots %v run the update, want the first alone", got)
	}
	s.says("the canary has orders:0-1, at step 1 of 2; it is watched until ")
	if !s.until(10*time.Minute, func() bool { return strings.Contains(s.told, "step 2 of 2; waiting to be promoted") }) {
		t.Fatal(s.told)
	}
	s.goOn(10 * time.Minute)
	s.says("the canary has orders:0-5, at step 2 of 2; waiting to be promoted: set the annotation kohort.dev/promote=r1-good-2")
	if got := s.running("r1-good"); !slices.Equal(got, []int32{0, 1, 2}) {
		t.Errorf("slots %v run the update, want three", got)
	}
	s.promotes("r1-good-1")
	s.goOn(time.Minute)
	s.says("set the annotation kohort.dev/promote=r1-good-2; the annotation kohort.dev/promote=r1-good-1 is refused: the canary is at step 2 of 2")
	s.promotes("r1-good-2")
	s.endsOn("r1-good", "")
	if s.w.rebalances != 0 {
		t.Errorf("%d rebalances", s.w.rebalances)
	}
}

// A canary that names partitions is the slots that own them.
func TestCanaryOfPartitions(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyBlueGreen, stepOf("9"))
	s.apply("r1-good")
	s.goOn(2 * time.Minute)
	if got := s.running("r1-good"); !slices.Equal(got, []int32{2}) {
		t.Errorf("slots %v run the update, want the one that owns orders-9", got)
	}
	s.says("the canary has orders:8-11, at step 1 of 1; waiting to be promoted")
	s.promotes("r1-good-1")
	if !s.until(time.Minute, func() bool { return len(s.state().Rollout.Begun) == 3 }) {
		t.Fatal(s.told)
	}
	s.endsOn("r1-good", "")
}

// Nobody owns what is not there: the canary waits, and says so.
func TestCanaryOfNoPartition(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, stepOf("99"))
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.says("step 1 of the canary waits: no slot owns partition orders-99")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	if s.w.rebalances != 0 || len(s.running("r0-good")) != 3 {
		t.Errorf("%d rebalances, %v run as before", s.w.rebalances, s.running("r0-good"))
	}
}

// A bad canary goes back, and no other slot was touched; also one that gets worse while it is
// watched.
func TestBadCanary(t *testing.T) {
	for name, sick := range map[string]time.Duration{"at once": 0, "while it is watched": 90 * time.Second} {
		t.Run(name, func(t *testing.T) {
			s := newCanary(t, 6, v1alpha1.StrategyBlueGreen, step(1, ptr.To[int32](600)))
			began := s.w.now
			s.w.stands = func(p *simPod) bool { return p.Revision == "r1-good" && s.w.now.Sub(began) > sick }
			s.apply("r1-good")
			touched := map[int32]bool{}
			s.until(10*time.Minute, func() bool {
				for _, ordinal := range s.running("r1-good") {
					touched[ordinal] = true
				}
				r := s.state().Rollout
				return r != nil && r.Stage == v1alpha1.RolloutRolledBack
			})
			s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
			if len(touched) != 1 || !touched[0] || s.w.rebalances != 0 {
				t.Errorf("slots %v were touched, %d rebalances: %s", touched, s.w.rebalances, s.told)
			}
		})
	}
}

// A step of more slots than there are is one of all of them, and pauses as it says.
func TestCanaryOfMoreThanThereIs(t *testing.T) {
	s := newCanary(t, 2, v1alpha1.StrategyRolling, step(9, ptr.To[int32](0)))
	s.apply("r1-good")
	s.goOn(2 * time.Minute)
	s.says("the canary has orders:0-11, at step 1 of 1; waiting to be promoted")
	s.promotes("r1-good-1")
	s.endsOn("r1-good", "")
}

// A canary goes on by the steps with which it began, whatever becomes of those in the spec.
func TestStepsAreTakenAway(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyBlueGreen, step(1, ptr.To[int32](0)), step(2, ptr.To[int32](0)))
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.w.object.spec.Strategy, s.w.object.spec.Steps, s.w.object.spec.Then = "", nil, ""
	s.w.saveObject()
	s.goOn(10 * time.Minute)
	s.says("at step 1 of 2; waiting to be promoted")
	if got := s.running("r1-good"); !slices.Equal(got, []int32{0}) {
		t.Errorf("slots %v run the update", got)
	}
	s.promotes("r1-good-1")
	s.goOn(2 * time.Minute)
	s.says("at step 2 of 2; waiting to be promoted")
	s.promotes("r1-good-2")
	s.endsOn("r1-good", "")
}

// A range that is none names nothing, and nobody is sent the release untried.
func TestStepOfNothing(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyBlueGreen, stepOf("3-0"))
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.says("step 1 of the canary waits: it names no partition that there is")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	if got := s.running("r0-good"); len(got) != 3 || s.w.rebalances != 0 {
		t.Errorf("slots %v run as before", got)
	}
}

// Time in which nobody can watch is no part of a pause.
func TestPauseWithoutAReading(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](120)))
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool { return strings.Contains(s.told, "it is watched until") })
	s.w.brokerAway = s.w.now.Add(5 * time.Minute)
	s.goOn(5*time.Minute + 20*time.Second)
	s.goOn(60 * time.Second)
	if got := s.running("r1-good"); len(got) != 1 {
		t.Errorf("slots %v run the update, after a pause that nobody watched: %s", got, s.told)
	}
	s.endsOn("r1-good", "")
}

// A canary that crashes over and over while it is watched has failed, however often the pods
// of before did in their whole lives.
func TestCanaryThatCrashesLater(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](600)))
	for _, p := range s.w.pods {
		p.Restarts = 12
	}
	s.goOn(time.Minute)
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool { return strings.Contains(s.told, "it is watched until") })
	s.w.crashes = func(p *simPod) bool { return p.Revision == "r1-good" }
	began := s.w.now
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	if took := s.w.now.Sub(began); took > 2*time.Minute {
		t.Errorf("it went back after %s: %s", took, s.told)
	}
}

// A third revision in the middle of a canary begins as one of its own, at its first step.
func TestThirdRevisionInACanary(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](0)), step(2, ptr.To[int32](0)))
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.promotes("r1-good-1")
	s.until(2*time.Minute, func() bool { return len(s.running("r1-good")) == 2 })
	s.apply("r2-good")
	s.goOn(2 * time.Minute)
	s.says("at step 1 of 2; waiting to be promoted: set the annotation kohort.dev/promote=r2-good-1")
	if got := s.running("r2-good"); len(got) != 1 {
		t.Errorf("slots %v run the third revision: %s", got, s.told)
	}
}

// A share of the slots is rounded up, and a pause of records lasts until the canary has
// committed so many.
func TestShareAndRecords(t *testing.T) {
	third := v1alpha1.CanaryStep{SharePercent: ptr.To[int32](34), Pause: &v1alpha1.CanaryPause{Records: ptr.To[int64](2400)}}
	s := newCanary(t, 3, v1alpha1.StrategyRolling, third)
	s.apply("r1-good")
	if !s.until(time.Minute, func() bool { return strings.Contains(s.told, "of 2400 records") }) {
		t.Fatal(s.told)
	}
	s.says("the canary has orders:0-7, at step 1 of 1; it has committed ")
	if got := s.running("r1-good"); !slices.Equal(got, []int32{0, 1}) {
		t.Errorf("slots %v run the update, want two", got)
	}
	began := s.w.now // 8 partitions of 20 records a second
	s.until(time.Minute, func() bool { return len(s.state().Rollout.Begun) == 3 })
	if took := s.w.now.Sub(began); took < 13*time.Second || took > 20*time.Second {
		t.Errorf("the pause lasted %s, 2,400 records take 15 s", took)
	}
	s.endsOn("r1-good", "")
}

// A rebalance that gives the canary other partitions stops it, until a person has it go on
// with these; or it goes back.
func TestCanaryWithOtherPartitions(t *testing.T) {
	for _, pauses := range []bool{true, false} {
		s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](0)))
		s.w.pauseOnChange = pauses
		s.apply("r1-good")
		s.goOn(time.Minute)
		s.says("the canary has orders:0-3, at step 1 of 1")
		s.w.strangers = []string{"a-stranger"} // whose id is the first of all
		if !pauses {
			s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
			s.says("a rebalance has given the canary orders:3-5, and it was given orders:0-3")
			continue
		}
		if !s.until(time.Minute, func() bool { return s.state().Rollout.Stage == v1alpha1.RolloutPaused }) {
			t.Fatal(s.told)
		}
		s.says("a rebalance has given the canary orders:3-5, and it was given orders:0-3; change the template, or go on by the annotation kohort.dev/retry=r1-good-2")
		if got := s.running("r1-good"); !slices.Equal(got, []int32{0}) {
			t.Errorf("slots %v run the update", got)
		}
		s.annotate(v1alpha1.AnnotationRetry, "r1-good-2")
		s.until(time.Minute, func() bool { return strings.Contains(s.told, "the canary has orders:3-5, at step 1 of 1; waiting") })
		s.promotes("r1-good-1")
		s.endsOn("r1-good", "")
	}
}

// Slots that are scaled away while a canary has stopped are none of it when it goes on.
func TestStoppedCanaryIsScaled(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, step(2, ptr.To[int32](0)))
	s.w.pauseOnChange = true
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.w.strangers = []string{"a-stranger"}
	s.until(time.Minute, func() bool { return s.state().Rollout.Stage == v1alpha1.RolloutPaused })
	s.w.strangers = nil
	s.w.object.spec.Desired = 1
	s.w.saveObject()
	s.until(2*time.Minute, func() bool { return *s.state().Size == 1 && len(s.state().Slots) == 1 })
	s.annotate(v1alpha1.AnnotationRetry, "r1-good-2")
	s.goOn(10 * time.Second)
	s.promotes("r1-good-1")
	s.endsOn("r1-good", "")
}
