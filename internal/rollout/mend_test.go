package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// With lostNode Wait a lost slot stays as it is until a person says that its process is
// dead.
func TestLostSlotAwaitsAPerson(t *testing.T) {
	s := newStage(t, 2)
	s.w.lostWaits, s.w.rebalances = true, 0
	pod := s.holder(1)
	s.w.losePod(pod)
	s.w.savePods()
	s.goOn(30 * time.Second)
	if want := "when its process is dead for certain, set the annotation kohort.dev/replace-lost=" + pod.Name; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	if got := s.state().Slots[1].Holder; got != pod.UID || len(s.last.Actions) > 0 {
		t.Errorf("the holder is %s, was %s; %v", got, pod.UID, s.last.Actions)
	}
	s.w.lostDead = []string{"another", pod.Name}
	if !s.until(2*time.Minute, s.finished) {
		t.Errorf("it is not replaced: %s", s.unfinished())
	}
}

// The word of a person is enough: nothing is left to the member's session, which is not
// over yet.
func TestLostMemberGoesAtAPersonsWord(t *testing.T) {
	s := newStage(t, 2)
	s.w.lostWaits = true
	pod := s.holder(1)
	s.w.losePod(pod)
	pod.endAt = s.w.now
	s.w.savePods()
	s.goOn(simSession / 4)
	s.w.lostDead = []string{pod.Name}
	if !s.until(simSession/2, func() bool { return s.state().Slots[1].Holder != pod.UID }) {
		t.Errorf("its member is left to its session: %s", s.told)
	}
}

// A release waits as long as the person takes, and is not blamed for it.
func TestReleaseWaitsForAPerson(t *testing.T) {
	s := newStage(t, 3)
	s.w.lostWaits = true
	pod := s.holder(1)
	s.w.losePod(pod)
	s.w.savePods()
	s.goOn(5 * time.Second)
	s.apply("r1-good")
	s.goOn(4 * time.Minute)
	if r := s.state().Rollout; r == nil || r.Stage != v1alpha1.RolloutProgressing || len(r.Begun) > 0 {
		t.Fatalf("the rollout is %+v", r)
	}
	if want := "slot 1 is lost, and membership.lostNode is Wait: pod " + pod.Name; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	s.w.lostDead = []string{pod.Name}
	s.endsOn("r1-good", "")
}

// What a slot did not do while it was left out is no measure for a session.
func TestLeftOutIsNoRestart(t *testing.T) {
	s := newStage(t, 3)
	s.w.crashBackOff = 10 * time.Minute
	s.w.crashes = func(p *simPod) bool { return p.Ordinal == 1 }
	if !s.until(time.Minute, func() bool { return s.state().Slots[1].RetryAt != nil }) {
		t.Fatalf("it is not left out: %s", s.told)
	}
	s.w.crashes = nil
	s.goOn(11 * time.Minute)
	if !s.until(time.Minute, s.finished) {
		t.Fatalf("it does not come back: %s", s.unfinished())
	}
	for _, r := range s.state().Restarts {
		if r.Seconds > 60 {
			t.Errorf("%+v was measured", r)
		}
	}
}
