package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

func newConsumerStage(t *testing.T, how func(*world)) *stage {
	t.Helper()
	w := newWorld(1, simSpec{Revision: "r0-good", Desired: 3, Budget: 1}, membership.Naming{Prefix: simPrefix})
	w.kip848 = true
	how(w)
	s := newStageIn(t, w)
	w.rebalances = 0
	return s
}

// A release costs a group of type consumer no rebalance, if its clients close in order.
func TestReleaseOfAConsumerGroup(t *testing.T) {
	s := newConsumerStage(t, func(*world) {})
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	if s.w.rebalances != 0 || len(s.last.Report.Findings) > 0 {
		t.Errorf("%d rebalances, %v", s.w.rebalances, s.last.Report.Findings)
	}
}

// Where they do not, the member before is removed before the next one is activated, and
// it is said what that costs.
func TestUncleanClose(t *testing.T) {
	s := newConsumerStage(t, func(w *world) { w.unclean = true })
	s.apply("r1-good")
	s.until(5*time.Minute, func() bool { return s.state().Stable == "r1-good" })
	if s.state().Stable != "r1-good" || s.w.rebalances > 2*3 {
		t.Errorf("stable is %s after %d rebalances: %s", s.state().Stable, s.w.rebalances, s.told)
	}
	if got := s.found(v1alpha1.ReasonUncleanClose); !strings.Contains(got, "the last consumer of slot 0, 1, 2 ended by itself, and the group did not hear of it") {
		t.Errorf("found %q", got)
	}
}

// A consumer that crashed comes back as soon as its member was removed, whatever its
// client does when it is refused until then.
func TestCrashInAConsumerGroup(t *testing.T) {
	for name, how := range map[string]func(*world){
		"it tries again":       func(*world) {},
		"it gives up":          func(w *world) { w.quitters = true },
		"its process ends":     func(w *world) { w.exits = true },
		"it does not close":    func(w *world) { w.unclean = true },
		"unclean, and it ends": func(w *world) { w.unclean, w.exits = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newConsumerStage(t, how)
			s.w.crash(s.holder(1))
			s.w.savePods()
			s.goOn(2 * time.Second)
			leftOut := false
			if !s.until(time.Minute, func() bool { leftOut = leftOut || s.state().Slots[1].RetryAt != nil; return s.finished() }) {
				t.Fatalf("it does not come back: %s; %s", s.unfinished(), s.told)
			}
			if leftOut {
				t.Error("it was left out, as if it was to blame")
			}
		})
	}
}

// A holder that is about to be replaced is counted once, however late it is seen to go.
func TestRenewalIsCountedOnce(t *testing.T) {
	s := newConsumerStage(t, func(*world) {})
	holder := s.holder(1)
	state := s.state()
	v := viewOf(Input{Now: s.w.now, Group: Group{Names: s.w.names}, State: state, Pods: []Pod{holder.Pod}})
	for range 3 {
		permit(v, &state, []proposal{{slot: v.slots[1], move: renew, pod: v.slots[1].holder}})
	}
	if n := state.Slots[1].GivenUp; n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// A member that has closed in order is not the slot's next one, however long its place is
// kept.
func TestPlaceThatIsKeptIsNoMember(t *testing.T) {
	s := newConsumerStage(t, func(*world) {})
	s.w.distort = func(r *lag.Reading) { r.Members[1].Left = true }
	s.goOn(2 * time.Second)
	v := viewOf(Input{Now: s.w.now, Group: Group{Names: s.w.names, Consumer: true, SessionMax: simSession}, State: s.state(), Window: s.o.window})
	r := &s.o.window[len(s.o.window)-1]
	for ordinal, want := range []bool{true, false, true} {
		if got := v.joined(v.slots[ordinal], r); got != want {
			t.Errorf("slot %d has joined: %t, want %t", ordinal, got, want)
		}
	}
	v.slots[1].state.Since.Time = r.At.Add(-2 * simSessionMax)
	if v.joined(v.slots[1], r) {
		t.Error("slot 1 has joined since the session before is over")
	}
}

// A place that is kept for nobody is given up, so that the others consume its partitions.
func TestPlaceOfASlotWithNoSuccessor(t *testing.T) {
	s := newConsumerStage(t, func(w *world) {
		w.unpulled = func(p *simPod) bool { return p.Ordinal == 1 && w.now.After(simEpoch.Add(20*time.Second)) }
	})
	s.w.stopPod(s.holder(1))
	s.w.savePods()
	if !s.until(15*time.Second, func() bool { return s.w.members[idsOf(s.w.names, 1)[0]] == nil }) {
		t.Error("it is still a member")
	}
}

// A program that is slow to start is not taken for one that has given up.
func TestSlowStartAfterACrash(t *testing.T) {
	s := newConsumerStage(t, func(w *world) { w.joinsAfter = 25 * time.Second })
	pod := s.holder(1)
	s.w.crash(pod)
	s.w.savePods()
	s.goOn(2 * time.Second)
	if !s.until(time.Minute, s.finished) || s.holder(1) != pod {
		t.Errorf("the pod was replaced: %s; %s", s.unfinished(), s.told)
	}
}

// Who was killed could not close: that is said of nobody.
func TestKilledConsumerDidNotCloseUncleanly(t *testing.T) {
	s := newConsumerStage(t, func(w *world) { w.unclean = true })
	pod := s.holder(1)
	s.w.stopPod(pod)
	pod.Killed = true
	s.w.savePods()
	if !s.until(time.Minute, func() bool { return s.state().Slots[1].Pod != pod.Name && s.finished() }) {
		t.Fatal(s.unfinished())
	}
	if got := s.found(v1alpha1.ReasonUncleanClose); got != "" {
		t.Errorf("found %q", got)
	}
}

// One that was refused, and whose process has ended by the time its crash is seen, is not
// to blame, either.
func TestCrashThatIsSeenLate(t *testing.T) {
	s := newConsumerStage(t, func(w *world) { w.exits = true })
	pod := s.holder(1)
	s.w.crash(pod)
	for !pod.BackingOff {
		s.w.step()
	}
	leftOut := false
	if !s.until(time.Minute, func() bool { leftOut = leftOut || s.state().Slots[1].RetryAt != nil; return s.finished() }) || leftOut {
		t.Errorf("left out: %t; %s", leftOut, s.unfinished())
	}
}
