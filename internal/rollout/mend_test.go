package rollout

import (
	"strings"
	"testing"
	"time"
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
