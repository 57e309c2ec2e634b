package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// stops makes a group of three slots whose release has stopped at its first one.
func stops(t *testing.T, revision string) *stage {
	t.Helper()
	s := newStage(t, 3)
	s.w.pauseOnFailure = true
	s.apply(revision)
	if !s.until(3*time.Minute, func() bool { r := s.state().Rollout; return r != nil && r.Stage == v1alpha1.RolloutPaused }) {
		t.Fatal(s.told)
	}
	return s
}

// An aborted release goes back, and stays there until it is tried again.
func TestAbort(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](0)))
	s.apply("r1-good")
	s.goOn(time.Minute)
	s.annotate(v1alpha1.AnnotationAbort, "r1-good")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	s.goOn(10 * time.Minute)
	s.says("revision r1-good was rolled back: it was aborted by the annotation kohort.dev/abort; change the template, or set the annotation kohort.dev/retry=r1-good-2 to try it again")
	if got := s.running("r0-good"); len(got) != 3 || s.w.rebalances != 0 {
		t.Errorf("slots %v went back, %d rebalances", got, s.w.rebalances)
	}
	s.annotate(v1alpha1.AnnotationRetry, "r1-good-2")
	s.until(2*time.Minute, func() bool { return strings.Contains(s.told, "waiting to be promoted") })
	s.promotes("r1-good-1")
	s.endsOn("r1-good", "")
}

// An abort needs no reading.
func TestAbortWhileNothingIsRead(t *testing.T) {
	s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](0)))
	s.apply("r1-good")
	s.until(time.Minute, func() bool { return s.runs(0, "r1-good") })
	s.w.brokerAway = s.w.now.Add(10 * time.Minute)
	s.goOn(30 * time.Second)
	s.annotate(v1alpha1.AnnotationAbort, "r1-good")
	if !s.until(30*time.Second, func() bool { return s.runs(0, "r0-good") }) {
		t.Error(s.told)
	}
}

// A command that asks for nothing that there is changes nothing, and says why.
func TestRefusedCommands(t *testing.T) {
	for _, c := range []struct{ name, value, says string }{
		{v1alpha1.AnnotationAbort, "r0-good", "abort=r0-good is refused: no rollout to it is under way: it is the stable revision"},
		{v1alpha1.AnnotationAbort, "r9-good", "abort=r9-good is refused: no rollout is under way"},
		{v1alpha1.AnnotationRetry, "r0-good-2", "retry=r0-good-2 is refused: no rollout to it is under way"},
		{v1alpha1.AnnotationPause, "r9-good", "pause=r9-good is refused: no rollout is under way"},
		{v1alpha1.AnnotationPromote, "r9-good", "promote=r9-good is refused: no rollout is under way"},
		{v1alpha1.AnnotationPromoteFull, "r9-good", "promote-full=r9-good is refused: no rollout is under way"},
		{v1alpha1.AnnotationRestart, "now", "restart=now is refused: it is no time such as 2026-11-26T18:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 3)
			before := summary(s.state())
			s.annotate(c.name, c.value)
			s.goOn(30 * time.Second)
			s.says("3 of 3 slots consume; the annotation kohort.dev/" + c.says)
			if after := summary(s.state()); after != before {
				t.Errorf("%s became %s", before, after)
			}
			s.annotate(c.name, "")
			s.goOn(5 * time.Second)
			if strings.Contains(s.told, "refused") {
				t.Error(s.told)
			}
		})
	}
}

// In the middle of a rollout the same.
func TestRefusedInARollout(t *testing.T) {
	for _, c := range []struct{ name, value, says string }{
		{v1alpha1.AnnotationAbort, "r9-good", "the rollout is to revision r1-good"},
		{v1alpha1.AnnotationRetry, "r1-good-2", "the rollout is under way"},
		{v1alpha1.AnnotationRetry, "r1-good", "attempt 1 is the last one that was made, the next is r1-good-2"},
		{v1alpha1.AnnotationRetry, "r1-good-3", "attempt 1 is the last one that was made, the next is r1-good-2"},
		{v1alpha1.AnnotationPromote, "r1-good", "the canary is at step 1 of 1, and r1-good-1 promotes that"},
		{v1alpha1.AnnotationPromote, "r1-good-7", "the canary is at step 1 of 1, and r1-good-1 promotes that"},
	} {
		t.Run(c.name+" "+c.value, func(t *testing.T) {
			s := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](0)))
			s.apply("r1-good")
			s.goOn(time.Minute)
			s.annotate(c.name, c.value)
			s.goOn(30 * time.Second)
			s.says("refused: " + c.says)
			if got := s.running("r1-good"); !slices.Equal(got, []int32{0}) {
				t.Errorf("slots %v run the update", got)
			}
		})
	}
}

// A command that still stands from an earlier release of the same revision is not obeyed
// again.
func TestOldCommand(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.goOn(5 * time.Second)
	s.annotate(v1alpha1.AnnotationAbort, "r1-good")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	s.apply("r0-good")
	s.goOn(time.Minute)
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// A release that has stopped is tried again from where it stands: what was seen before is not
// held against it.
func TestRetryOfWhatStopped(t *testing.T) {
	stands := true
	s := newStage(t, 3)
	s.w.pauseOnFailure = true
	s.w.stands = func(p *simPod) bool { return stands && p.Revision == "r1-good" }
	s.apply("r1-good")
	if !s.until(3*time.Minute, func() bool { r := s.state().Rollout; return r != nil && r.Stage == v1alpha1.RolloutPaused }) {
		t.Fatal(s.told)
	}
	s.says("change the template, or go on by the annotation kohort.dev/retry=r1-good-2, without the gate by kohort.dev/promote-full=r1-good, or back by kohort.dev/abort=r1-good")
	stands = false
	pods := len(s.w.pods)
	s.annotate(v1alpha1.AnnotationRetry, "r1-good-2")
	if !s.until(time.Minute, func() bool { return slices.Contains(s.state().Rollout.Passed, 0) }) {
		t.Fatal(s.told)
	}
	if s.holder(0) != s.w.pods[3] || len(s.w.pods) > pods+1 {
		t.Errorf("slot 0 was handed over once more")
	}
	s.endsOn("r1-good", "")
}

// A bad one that is tried again fails again.
func TestRetryOfWhatIsBad(t *testing.T) {
	s := stops(t, "r1-stalled")
	s.annotate(v1alpha1.AnnotationRetry, "r1-stalled-2")
	s.goOn(5 * time.Second)
	if got := s.state().Rollout.Stage; got != v1alpha1.RolloutProgressing {
		t.Fatalf("the rollout is %s: %s", got, s.told)
	}
	s.until(3*time.Minute, func() bool { return s.state().Rollout.Stage == v1alpha1.RolloutPaused })
	s.says("kohort.dev/retry=r1-stalled-3")
	if got := s.running("r1-stalled"); len(got) != 1 {
		t.Errorf("slots %v run the bad revision", got)
	}
}

// What is promoted to its end goes there whatever the gate thinks of it, slot by slot.
func TestPromoteFull(t *testing.T) {
	s := stops(t, "r1-stalled")
	s.annotate(v1alpha1.AnnotationPromoteFull, "r1-stalled")
	s.endsOn("r1-stalled", "")
	if s.w.rebalances != 1 { // that of the start
		t.Errorf("%d rebalances", s.w.rebalances)
	}
}

// So does a canary, past its pauses, and a release by BlueGreen that waits for a person.
func TestPromoteFullPastPauses(t *testing.T) {
	canary := newCanary(t, 3, v1alpha1.StrategyRolling, step(1, ptr.To[int32](0)), step(2, ptr.To[int32](600)))
	bluegreen := newBlueGreen(t, 3)
	bluegreen.w.awaitsPromotion = true
	for name, s := range map[string]*stage{"canary": canary, "BlueGreen": bluegreen} {
		s.apply("r1-good")
		s.goOn(time.Minute)
		s.annotate(v1alpha1.AnnotationPromoteFull, "r1-good")
		if !s.until(2*time.Minute, func() bool { return s.state().Stable == "r1-good" }) {
			t.Errorf("%s: %s", name, s.told)
		}
	}
}

// A release stands still as long as the annotation is there, and no deadline runs.
func TestPause(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(time.Minute, func() bool { return s.runs(0, "r1-good") })
	s.annotate(v1alpha1.AnnotationPause, "r1-good")
	s.goOn(10 * time.Minute)
	s.says("Paused: paused: the annotation kohort.dev/pause=r1-good is set")
	if got := s.running("r1-good"); !slices.Equal(got, []int32{0}) {
		t.Errorf("slots %v run the update", got)
	}
	s.annotate(v1alpha1.AnnotationPause, "")
	s.endsOn("r1-good", "")
}

// A restart replaces every pod once, one after the other, under the same revision and ids.
func TestRestart(t *testing.T) {
	s := newStage(t, 3)
	s.w.rebalances = 0
	before := slices.Clone(s.w.pods)
	s.annotate(v1alpha1.AnnotationRestart, s.w.now.Add(time.Minute).Format(time.RFC3339))
	s.goOn(50 * time.Second)
	s.says("Running: 3 of 3 slots consume; a restart of all pods is due at ")
	if len(s.w.pods) != len(before) {
		t.Fatal("it began too early")
	}
	s.goOn(20 * time.Second)
	s.says("Restarting: ")
	s.until(5*time.Minute, func() bool { return strings.HasPrefix(s.told, "Running: 3 of 3 slots consume") })
	s.goOn(5 * time.Minute)
	for ordinal := range int32(3) {
		if h := s.holder(ordinal); slices.Contains(before, h) || h.Revision != "r0-good" {
			t.Errorf("slot %d is held by %s of %s", ordinal, h.Name, h.Revision)
		}
	}
	if len(s.w.pods) != 2*len(before) || s.w.rebalances != 0 {
		t.Errorf("%d pods were made for 3 slots, %d rebalances", len(s.w.pods)-len(before), s.w.rebalances)
	}
}

// It stops at the first pod that does not consume, and goes on from there.
func TestRestartThatBreaks(t *testing.T) {
	s := newStage(t, 3)
	first := s.w.pods[0].Name
	s.w.crashes = func(p *simPod) bool { return p.Name != first && len(s.w.pods) > 3 && p == s.w.pods[3] }
	s.annotate(v1alpha1.AnnotationRestart, s.w.now.Format(time.RFC3339))
	s.goOn(40 * time.Second)
	s.says("2 of 3 pods are yet to be replaced since a restart is asked for; slot 1 is next: slot 0 does not consume")
	s.w.crashes = nil
	if !s.until(10*time.Minute, func() bool { return strings.HasPrefix(s.told, "Running: 3 of 3 slots consume") && len(s.w.pods) >= 6 }) {
		t.Error(s.told)
	}
}

// Where there is no room for a successor the pod goes first.
func TestRestartWithoutRoom(t *testing.T) {
	s := newStage(t, 2)
	s.w.warm = v1alpha1.WarmNever
	before := slices.Clone(s.w.pods)
	s.annotate(v1alpha1.AnnotationRestart, s.w.now.Format(time.RFC3339))
	if !s.until(5*time.Minute, func() bool {
		return !slices.Contains(before, s.holder(0)) && !slices.Contains(before, s.holder(1)) && strings.HasPrefix(s.told, "Running: 2 of 2")
	}) {
		t.Error(s.told)
	}
}

// A restart in the middle of a release waits for it, and replaces what the release has not.
func TestRestartInARelease(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(time.Minute, func() bool { return s.runs(0, "r1-good") })
	s.goOn(5 * time.Second)
	s.annotate(v1alpha1.AnnotationRestart, s.w.now.Format(time.RFC3339))
	s.goOn(2 * time.Second)
	s.says("which waits for the rollout")
	s.endsOn("r1-good", "")
	at := s.w.now
	s.goOn(5 * time.Minute)
	made := 0
	for _, p := range s.w.pods {
		made += btoi(p.Created.After(at))
	}
	if !strings.HasPrefix(s.told, "Running: 3 of 3 slots consume") || made < 1 || made > 2 {
		t.Errorf("%d pods were made after the release: %s", made, s.told)
	}
}
