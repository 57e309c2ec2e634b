package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// Cases in which a release once got stuck or went wrong.

// In the handover of a group's only slot nothing runs for a moment. A revision that
// is applied then has to come through the gate as any other.
func TestAnotherReleaseInTheMiddleOfAHandover(t *testing.T) {
	s := newStage(t, 1)
	s.apply("r1-good")
	if !s.until(time.Minute, func() bool { return len(s.w.live()) == 0 }) {
		t.Fatal("there is no handover")
	}
	s.apply("r2-unjoined")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
}

// A slot that failed the gate goes back although another one is missing.
func TestRollbackWaitsForNoOtherSlot(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-stalled")
	s.until(time.Minute, func() bool { return s.runs(0, "r1-stalled") })
	other := s.holder(2)
	s.w.crash(other)
	other.restartAt, other.startAt = time.Time{}, s.w.now.Add(time.Hour)
	s.w.savePods()
	if !s.until(5*time.Minute, func() bool { return s.runs(0, "r0-good") }) {
		t.Error(s.told)
	}
}

// Neither does it wait for the end of a rebalance that it holds up itself.
func TestRollbackEndsTheRebalance(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-crashing")
	s.w.distort = func(r *lag.Reading) {
		if h := s.holder(0); h != nil && h.Revision == "r1-crashing" && h.Activated {
			r.State = lag.StatePreparingRebalance
		}
	}
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
}

// What still keeps a rollback is named.
func TestRollbackSaysWhatItWaitsFor(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool { r := s.state().Rollout; return r != nil && len(r.Passed) == 2 })
	s.w.stands = func(p *simPod) bool { return p.Revision == "r1-good" && p.Ordinal == 2 }
	s.until(2*time.Minute, func() bool { return s.state().Rollout.Stage == v1alpha1.RolloutRollingBack })
	s.until(time.Minute, func() bool { return s.runs(2, "r0-good") })
	back := s.holder(2)
	s.w.crash(back)
	back.restartAt, back.startAt = time.Time{}, s.w.now.Add(time.Hour)
	s.w.savePods()
	s.goOn(5 * time.Second)
	if want := "2 of 3 slots have yet to go back to revision r0-good, which waits: slot 2 does not consume, and maxUnavailable is 1"; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
}

// A slot that gets worse after it has come through the gate fails the release.
func TestSlotThatGetsWorseLater(t *testing.T) {
	s := newStage(t, 6)
	s.w.stands = func(p *simPod) bool {
		for _, slot := range s.state().Slots {
			if slot.Holder == p.UID {
				return p.Revision == "r1-good" && s.w.now.Sub(slot.Since.Time) > 25*time.Second
			}
		}
		return false
	}
	s.apply("r1-good")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	if r := s.state().Rollout; !strings.Contains(r.Failure, "slot 0") {
		t.Errorf("it failed since %s", r.Failure)
	}
}

// A broker that takes no commits for a while stops every slot: no release is to
// blame, whether its slots have passed or not.
func TestOutageIsNoFaultOfTheRelease(t *testing.T) {
	for passed := range 3 {
		s := newStage(t, 3)
		s.apply("r1-good")
		s.until(2*time.Minute, func() bool { r := s.state().Rollout; return r != nil && len(r.Begun) == passed+1 })
		s.until(time.Minute, func() bool { return s.runs(int32(passed), "r1-good") })
		s.w.stands = func(*simPod) bool { return true }
		s.goOn(40 * time.Second)
		if want := "no fault of revision r1-good"; !strings.Contains(s.told, want) {
			t.Errorf("%d slots passed: %q does not say %q", passed, s.told, want)
		}
		s.w.stands = nil
		s.endsOn("r1-good", "")
	}
}

// Also where the others suffer a little less, and where nothing can be said of them.
func TestOutageThatHitsUnequally(t *testing.T) {
	for name, others := range map[string]func(*lag.Partition){
		"a little less": func(p *lag.Partition) { *p.Committed += (p.End - *p.Committed) * 4 / 10 },
		"not read":      func(p *lag.Partition) { p.Err = "the broker is away" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 3)
			s.apply("r1-good")
			s.until(2*time.Minute, func() bool { return s.runs(0, "r1-good") && s.last.Report.Consuming == 3 })
			s.w.stands = func(*simPod) bool { return true }
			s.w.distort = func(r *lag.Reading) {
				for i := range r.Partitions {
					if p := &r.Partitions[i]; p.Partition >= 4 { // those of slots 1 and 2
						others(p)
					}
				}
			}
			s.goOn(40 * time.Second)
			if r := s.state().Rollout; r == nil || r.Stage != v1alpha1.RolloutProgressing || len(r.Begun) != 1 {
				t.Fatalf("it was put down to the release, or went on: %s", s.told)
			}
			s.w.stands, s.w.distort = nil, nil
			s.endsOn("r1-good", "")
		})
	}
}

// What one slot suffers while the brokers change is not put down to the release.
func TestUnrestOfTheBrokers(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool { return s.runs(0, "r1-good") && s.last.Report.Consuming == 3 })
	s.w.unrest = s.w.now.Add(35 * time.Second)
	for n := range 4 { // of slot 0
		s.w.stuck[n] = true
	}
	s.goOn(34 * time.Second)
	if want := "the brokers are at unrest, and no fault is put down to revision r1-good: 2 of 3 brokers are there"; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	s.endsOn("r1-good", "")
}

// Nothing is handed over while nobody can commit what it has processed.
func TestNothingBeginsInAnOutage(t *testing.T) {
	s := newStage(t, 3)
	s.w.stands = func(*simPod) bool { return true }
	s.goOn(8 * time.Second)
	s.apply("r1-good")
	s.goOn(30 * time.Second)
	if want := "slot 0 is next: no slot has committed anything for"; !strings.Contains(s.told, want) {
		t.Errorf("%q does not say %q", s.told, want)
	}
	if r := s.state().Rollout; r == nil || len(r.Begun) != 0 {
		t.Errorf("%+v has begun", r)
	}
	s.w.stands = nil
	s.endsOn("r1-good", "")
}

// A release that was taken back is applied again before all is back.
func TestTakenBackAndAppliedAgain(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(time.Minute, func() bool { return s.runs(0, "r1-good") })
	s.apply("r0-good")
	s.goOn(time.Second)
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// A release is replaced by another, and then applied again while it still holds a
// slot.
func TestBackToAnEarlierRelease(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(time.Minute, func() bool { r := s.state().Rollout; return r != nil && len(r.Passed) == 1 })
	s.goOn(3 * time.Second)
	s.apply("r2-good")
	s.goOn(time.Second)
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// The time without an operator does not count against a release.
func TestOperatorWasAway(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(time.Minute, func() bool { return s.runs(0, "r1-good") })
	for end := s.w.now.Add(10 * time.Minute); s.w.now.Before(end); {
		s.w.step()
	}
	s.o = newOperator(s.w)
	s.endsOn("r1-good", "")
}

// The operator is restarted while a holder ends, and reads the group again when the
// old pod is gone: that one's member id, which the broker keeps, is not the new
// pod's.
func TestMemberOfThePodBeforeIsNotKnown(t *testing.T) {
	s := newStage(t, 3)
	s.w.distort = func(r *lag.Reading) { // nothing is produced, so commits prove nothing
		for i := range r.Partitions {
			r.Partitions[i].Committed = &r.Partitions[i].End
		}
	}
	s.goOn(30 * time.Second)
	s.apply("r1-unjoined")
	if !s.until(time.Minute, func() bool { h := s.holder(0); return h != nil && h.Deleting }) {
		t.Fatal("there is no handover")
	}
	s.o = newOperator(s.w)
	s.w.unreadUntil = s.w.now.Add(time.Hour)
	s.until(time.Minute, func() bool { return s.runs(0, "r1-unjoined") })
	s.w.unreadUntil = s.w.now
	s.until(simSession, func() bool {
		if r := s.state().Rollout; r != nil && slices.Contains(r.Passed, 0) {
			t.Fatalf("a pod that never joined has passed: %s", s.told)
		}
		return false
	})
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
}

// oneSlot is the input of a group with one slot, held by nobody.
func oneSlot(now time.Time) Input {
	one := int32(1)
	return Input{
		Now:     now,
		Group:   Group{Names: membership.Naming{Prefix: simPrefix}, Revision: "r0", Budget: 1, SettledFor: 20 * time.Second, Deadline: 600 * time.Second, Heartbeat: simHeartbeat},
		State:   v1alpha1.GroupState{Size: &one, Stable: "r0", Slots: []v1alpha1.SlotState{{Since: metav1.NewMicroTime(now.Add(-time.Hour))}}},
		Desired: 1,
	}
}

// A spare that hangs in its deletion keeps its name; another one gets another.
func TestHungSpareIsReplaced(t *testing.T) {
	in := oneSlot(simEpoch)
	first := Decide(in).Actions[0]
	in.Pods = []Pod{{Name: "orders-0-" + first.Suffix, UID: "hung", Revision: "r0", Deleting: true}}
	next := Decide(in).Actions
	if len(next) != 1 || next[0].Kind != CreatePod || next[0].Suffix == first.Suffix {
		t.Errorf("first %+v, then %+v", first, next)
	}
}

// The members of pods that took long to end are removed all the same.
func TestMembersOfPodsThatEndLate(t *testing.T) {
	in := oneSlot(simEpoch)
	in.State.Slots[0].Holder = "a"
	in.Group.DeletedAt = in.Now.Add(-removeFor - time.Second)
	in.Pods = []Pod{{Name: "p", UID: "a", Revision: "r0", Activated: true, Deleting: true, Ended: true}}
	in.Window = lag.Window{{At: in.Now.Add(-time.Second), State: lag.StateStable, Members: []lag.Member{{InstanceID: simPrefix + "-0000", MemberID: "m1"}}}}
	if d := Decide(in); d.Done || len(d.Actions) != 1 || d.Actions[0].Kind != RemoveMembers {
		t.Errorf("done: %v, %+v", d.Done, d.Actions)
	}
}

// A slot beyond the size is forgotten on a reading from after its end only: its pod
// may have joined late.
func TestSlotThatJoinedLateIsNotForgotten(t *testing.T) {
	in := oneSlot(simEpoch)
	in.State.Slots = []v1alpha1.SlotState{
		{Holder: "a", Revision: "r0", Since: metav1.NewMicroTime(in.Now.Add(-time.Hour))},
		{Ordinal: 1, Holder: "b", Revision: "r0", Since: metav1.NewMicroTime(in.Now.Add(-6 * time.Second))},
	}
	in.Pods = []Pod{
		{Name: "p", UID: "a", Revision: "r0", Activated: true, Running: true, Ready: true},
		{Name: "q", UID: "b", Ordinal: 1, Revision: "r0", Activated: true, Deleting: true, Ended: true},
	}
	in.Window = lag.Window{{At: in.Now.Add(-5 * time.Second), State: lag.StateStable, Members: []lag.Member{{InstanceID: simPrefix + "-0000", MemberID: "m0"}}}}
	if d := Decide(in); len(d.State.Slots) != 2 {
		t.Errorf("%+v", d.State.Slots)
	}
}

// A topic that does not exist is said before what follows from it.
func TestMissingTopicIsSaidFirst(t *testing.T) {
	s := newStage(t, 1)
	s.w.distort = func(r *lag.Reading) { r.Members, r.MissingTopics = nil, []string{"nowhere"} }
	s.goOn(2 * time.Second)
	if want := "topic nowhere does not exist"; s.last.Report.Settled != want {
		t.Errorf("%q, want %q", s.last.Report.Settled, want)
	}
}

// What a group is said to do, when its pods are not what they seem.
func TestReports(t *testing.T) {
	s := newStage(t, 3)
	for ordinal := range int32(3) {
		s.holder(ordinal).Ready = false
	}
	s.w.savePods()
	s.goOn(2 * time.Second)
	if want := "3 of 3 slots consume; the readiness probes of 3 of them fail"; s.last.Report.Message != want {
		t.Errorf("%q, want %q", s.last.Report.Message, want)
	}
	s.apply("r1-stalled")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	s.pass()
	if r := s.last.Report; r.Hurry || r.Phase != v1alpha1.PhaseDegraded {
		t.Errorf("after a rollback: phase %s, and read often: %v", r.Phase, r.Hurry)
	}
}

// A release that mends consumers which commit nothing is no matter of an outage.
func TestStalledGroupIsMended(t *testing.T) {
	w := newWorld(1, simSpec{Revision: "r0-stalled", Desired: 3, Budget: 1}, membership.Naming{Prefix: simPrefix})
	s := &stage{simulation: &simulation{w: w, checker: newChecker(w)}, t: t, o: newOperator(w)}
	if !s.until(time.Minute, func() bool { return s.last.Report.Consuming == 3 }) {
		t.Fatal("the group does not start")
	}
	s.apply("r1-good") // before there is a baseline
	s.endsOn("r1-good", "")
}
