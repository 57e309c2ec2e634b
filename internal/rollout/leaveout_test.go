package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A consumer that crashes over and over is left out of the group, so that the others
// take its partitions over within seconds, and costs them two rebalances in ten minutes.
func TestCrashLoopIsLeftOut(t *testing.T) {
	s := newStage(t, 3)
	s.w.crashBackOff = 10 * time.Minute
	s.w.rebalances = 0
	s.w.crashes = func(p *simPod) bool { return p.Ordinal == 1 }
	began := s.w.now
	taken := func() bool { return s.w.members[idsOf(s.w.names, 1)[0]] == nil && !s.w.preparing }
	if !s.until(15*time.Second, taken) {
		t.Fatalf("its member is still there: %s", s.told)
	}
	s.pass()
	if want := "slot 1 is left out of the group until 00:10:39, the others have its partitions: crashes"; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	s.goOn(began.Add(10 * time.Minute).Sub(s.w.now))
	if s.w.rebalances > 2 {
		t.Errorf("%d rebalances in ten minutes", s.w.rebalances)
	}
	s.w.crashes = nil
	if !s.until(2*time.Minute, s.finished) {
		t.Errorf("it does not come back: %s", s.unfinished())
	}
}

// Where more crash than may be missing, the cause is not in one of them: the others are
// left to the kubelet.
func TestNoMoreAreLeftOutThanTheBudget(t *testing.T) {
	s := newStage(t, 3)
	s.w.crashes = func(*simPod) bool { return true }
	most := 0
	s.until(2*time.Minute, func() bool {
		n := 0
		for _, slot := range s.state().Slots {
			if slot.RetryAt != nil {
				n++
			}
		}
		most = max(most, n)
		return false
	})
	if most > 1 {
		t.Errorf("%d slots were left out, the budget is 1", most)
	}
	s.w.crashes = nil
	if !s.until(5*time.Minute, s.finished) {
		t.Errorf("they do not come back: %s", s.unfinished())
	}
}

// Nobody is left out of a group in which nobody could take the partitions over.
func TestTheOnlySlotIsNotLeftOut(t *testing.T) {
	s := newStage(t, 1)
	s.w.crashes = func(*simPod) bool { return true }
	s.until(2*time.Minute, func() bool { return s.state().Slots[0].RetryAt != nil })
	if s.state().Slots[0].RetryAt != nil {
		t.Error("it is left out")
	}
}

// Another template is tried at once in a slot that is left out.
func TestReleaseTriesWhatIsLeftOut(t *testing.T) {
	s := newStage(t, 3)
	s.w.crashBackOff = 10 * time.Minute
	s.w.crashes = func(p *simPod) bool { return p.Ordinal == 1 && p.Revision == "r0-good" }
	if !s.until(time.Minute, func() bool { return s.state().Slots[1].RetryAt != nil && s.state().Slots[1].Holder == "" }) {
		t.Fatal("it is not left out")
	}
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// The member of a slot for which no pod is to be had is removed, so that the others
// consume its partitions.
func TestGhostOfASlotWithNoSuccessor(t *testing.T) {
	s := newStage(t, 3)
	s.w.unpulled = func(p *simPod) bool { return p.Ordinal == 1 }
	ghost := idsOf(s.w.names, 1)[0]
	s.w.stopPod(s.holder(1))
	s.w.savePods()
	gone := func() bool { return s.w.members[ghost] == nil }
	if !s.until(15*time.Second, gone) {
		t.Fatal("it is still a member")
	}
	if at := slices.IndexFunc(s.last.Actions, func(a Action) bool { return a.Kind == RemoveMembers }); at >= 0 {
		t.Logf("removed: %s", s.last.Actions[at].Reason)
	}
	for _, p := range s.w.pods {
		if p.Ordinal == 1 && !p.Deleting {
			p.warmAt, p.Problem = s.w.now, ""
		}
	}
	if !s.until(time.Minute, s.finished) {
		t.Errorf("it does not come back: %s", s.unfinished())
	}
}

// The same where a successor was had, and its program cannot be started.
func TestGhostOfASlotWhoseProgramCannotStart(t *testing.T) {
	s := newStage(t, 3)
	s.w.unstarted = func(p *simPod) bool { return p.Ordinal == 1 }
	s.w.stopPod(s.holder(1))
	s.w.savePods()
	if !s.until(15*time.Second, func() bool { return s.w.members[idsOf(s.w.names, 1)[0]] == nil }) {
		t.Fatal("it is still a member")
	}
	s.w.unstarted = nil
	if !s.until(time.Minute, s.finished) {
		t.Errorf("it does not come back: %s", s.unfinished())
	}
}

// Where a node gets room when the predecessor's object has gone, that is waited for.
func TestRestartWithoutRoomForTwoIsNoGhost(t *testing.T) {
	for name, how := range map[string]func(*simPod){
		"nodes": func(p *simPod) { p.Problem, p.NoRoom = "no node has room", true },
		"quota": func(*simPod) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 3)
			s.w.rebalances, s.w.room = 0, cramped
			if name == "quota" {
				s.w.room = quota
			}
			pod := s.holder(1)
			s.w.stopPod(pod)
			pod.goneAt = pod.seenEndAt.Add(3 * time.Second)
			s.w.savePods()
			s.until(20*time.Second, func() bool {
				for _, p := range s.w.pods {
					if p.Ordinal == 1 && !p.Warm && !p.Activated && !p.Deleting {
						how(p)
					}
				}
				return s.finished()
			})
			if !s.until(time.Minute, s.finished) || s.w.rebalances != 0 {
				t.Errorf("%d rebalances; %s", s.w.rebalances, s.unfinished())
			}
		})
	}
}

// A planned restart is nobody's ghost, however long its successor takes.
func TestPlannedRestartIsNoGhost(t *testing.T) {
	s := newStage(t, 3)
	s.w.rebalances = 0
	s.w.stopPod(s.holder(1))
	s.w.savePods()
	s.goOn(12 * time.Second)
	if !s.until(time.Minute, s.finished) || s.w.rebalances != 0 {
		t.Errorf("%d rebalances; %s", s.w.rebalances, s.unfinished())
	}
}

// barrierIsReleased waits for a rebalance to begin, and shows that it ends soon.
func (s *stage) barrierIsReleased() {
	s.t.Helper()
	stands := 0
	if !s.until(20*time.Second, func() bool {
		stands += btoi(s.w.preparing)
		return stands > 0 && !s.w.preparing
	}) {
		s.t.Fatal("the group stands still")
	}
	if waited := time.Duration(stands) * tick; waited > simHeartbeat+barrierMargin+4*time.Second {
		s.t.Errorf("it stood still for %v", waited)
	}
}

// A rebalance that waits for a member that nobody answers for is released.
func TestBarrierIsReleased(t *testing.T) {
	s := newStage(t, 3)
	s.w.unpulled = func(p *simPod) bool { return p.Ordinal == 1 }
	pod := s.holder(1)
	s.w.stopPod(pod)
	s.w.savePods()
	s.w.strangers = []string{"somebody"}
	s.barrierIsReleased()
}

// The same where nobody answers since the consumers crash: what joined before its last
// crash is a member of nobody's.
func TestBarrierOfCrashedConsumers(t *testing.T) {
	s := newStage(t, 4)
	crash := func() {
		s.w.crash(s.holder(1))
		s.w.crash(s.holder(2))
		s.w.savePods()
	}
	crash()
	s.goOn(2 * time.Second)
	if !s.until(30*time.Second, func() bool { return s.last.Report.Settled == "" && s.last.Report.Consuming == 4 }) {
		t.Fatalf("they do not come back: %s", s.told)
	}
	crash()
	s.w.strangers = []string{"somebody"}
	s.barrierIsReleased()
}

// A group shrinks when all who stay have joined, or its rebalance would wait for them.
func TestShrinkingWaitsForWhoStarts(t *testing.T) {
	s := newStage(t, 3)
	s.w.joinsAfter = 12 * time.Second
	s.w.crash(s.holder(0))
	s.w.savePods()
	if !s.until(5*time.Second, func() bool { return s.holder(0).Running }) {
		t.Fatal("it was not started again")
	}
	s.goOn(time.Second)
	s.w.object.spec.Desired = 2
	s.w.saveObject()
	stands := 0
	s.until(40*time.Second, func() bool {
		stands += btoi(s.w.preparing)
		return false
	})
	if waited := time.Duration(stands) * tick; !s.finished() || stands == 0 || waited > 2*simHeartbeat {
		t.Errorf("it stood still for %v; %s", waited, s.unfinished())
	}
}
