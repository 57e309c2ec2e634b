package rollout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/membership"
)

// A consumer that crashed and was started again is a member when it has joined again,
// and not by the member that it was.
func TestCrashedConsumerIsAwaited(t *testing.T) {
	s := newStage(t, 2)
	s.w.rebalances, s.w.joinsAfter = 0, 4*time.Second
	before := s.state().Restarts
	s.w.crash(s.holder(1))
	s.w.savePods()
	if !s.until(5*time.Second, func() bool { return s.holder(1).proc }) {
		t.Fatal("it was not started again")
	}
	s.goOn(2 * time.Second)
	if want := "slot 1 (orders-0000a-0001) has not joined since it crashed: the group still has the member of before"; s.last.Report.Settled != want {
		t.Errorf("%q, want %q", s.last.Report.Settled, want)
	}
	if !s.until(10*time.Second, func() bool { return s.last.Report.Phase == v1alpha1.PhaseRunning && s.last.Report.Settled == "" }) {
		t.Fatalf("it does not come back: %s", s.told)
	}
	if s.w.rebalances != 0 {
		t.Errorf("%d rebalances", s.w.rebalances)
	}
	restarts := s.state().Restarts
	if len(restarts) != len(before)+1 {
		t.Fatalf("restarts are %v, before %v", restarts, before)
	}
	if last := restarts[len(before)]; last.Kind != v1alpha1.RestartCrash || last.Seconds < 4 || last.Seconds > 9 {
		t.Errorf("measured %+v", last)
	}
}

// The session timeout that pods are given follows from what was measured: a program
// that takes longer than the shortest one to start has a release that rebalances, and
// none after that.
func TestSessionTimeoutIsTuned(t *testing.T) {
	w := newWorld(1, simSpec{Revision: "r0-good", Desired: 2, Budget: 1}, membership.Naming{Prefix: simPrefix})
	w.joinsAfter = 22 * time.Second // simSession is 20 s
	s := newStageIn(t, w)
	for _, pod := range w.pods {
		if pod.Session != simSession {
			t.Errorf("the first pods were given %v", pod.Session)
		}
	}
	want := []v1alpha1.RestartState{{Kind: v1alpha1.RestartStart, Seconds: 24}, {Kind: v1alpha1.RestartStart, Seconds: 25}}
	if diff := cmp.Diff(want, s.state().Restarts); diff != "" {
		t.Error(diff)
	}
	for _, release := range []struct {
		revision string
		calm     bool
	}{{"r1-good", false}, {"r2-good", true}} {
		w.rebalances = 0
		s.apply(release.revision)
		s.endsOn(release.revision, "")
		if calm := w.rebalances == 0; calm != release.calm {
			t.Errorf("%d rebalances in the release of %s", w.rebalances, release.revision)
		}
	}
	for ordinal := range int32(2) {
		if got := s.holder(ordinal).Session; got != simSessionMax {
			t.Errorf("slot %d was given %v", ordinal, got)
		}
	}
}

// How long a restart took is not known where it is not known who was the member before.
func TestRestartOfUnknownLength(t *testing.T) {
	s := newStage(t, 2)
	before := len(s.state().Restarts)
	s.w.crash(s.holder(1))
	s.w.savePods()
	if !s.until(5*time.Second, func() bool { return s.holder(1).Running }) {
		t.Fatal("it was not started again")
	}
	s.w.object.state.Slots[1].MemberBefore = v1alpha1.UnknownMember
	s.w.saveObject()
	if !s.until(2*simSessionMax, func() bool { return s.state().Slots[1].Awaited == nil && s.last.Report.Settled == "" }) {
		t.Fatalf("it is not taken for a member: %s", s.told)
	}
	if n := len(s.state().Restarts); n != before {
		t.Errorf("measured %+v", s.state().Restarts[before:])
	}
}
