package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// committed is what the group has committed on every partition.
func (s *stage) committed() (all [simPartitions]int64) {
	for n, o := range s.w.offsets {
		all[n] = o.committed
	}
	return all
}

// moves waits until a move of the offsets is over, and returns what was committed when they
// had been set, before anybody consumed again.
func (s *stage) moves() (set [simPartitions]int64) {
	s.t.Helper()
	began := s.until(2*time.Minute, func() bool { return s.state().Move != nil })
	if !began {
		s.t.Fatal(s.told)
	}
	if !s.until(5*time.Minute, func() bool { set = s.committed(); return s.state().Move == nil }) {
		s.t.Fatal(s.told)
	}
	return set
}

// consumes waits until all slots do, under a revision.
func (s *stage) consumes(revision string) {
	s.t.Helper()
	if !s.until(2*time.Minute, func() bool { return len(s.running(revision)) == int(s.w.object.spec.Desired) && s.w.quiet() }) {
		s.t.Errorf("%v run %s: %s", s.running(revision), revision, s.told)
	}
}

// A release that went through is gone back from, to the offsets with which it began: all that
// it has processed is processed again. The template does not bring it back.
func TestRollbackInTime(t *testing.T) {
	s := newStage(t, 3)
	s.w.readsAtOnce = true
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	s.goOn(time.Minute)
	began := v1alpha1.NewTopicOffsets(nil)
	if len(s.w.records) == 1 {
		began = s.w.records[0].boundaries
	}
	boundaries, err := v1alpha1.ReadTopicOffsets(began)
	if err != nil || len(boundaries[simTopic]) != simPartitions {
		t.Fatalf("the record has the boundaries %v: %v", began, err)
	}
	s.annotate(v1alpha1.AnnotationRollback, "orders-1"+rewinds)
	set := s.moves()
	for n, at := range set {
		if want := boundaries[simTopic][int32(n)].To; at != want {
			t.Errorf("partition %d is set to %d, its boundary is %d", n, at, want)
		}
	}
	s.consumes("r0-good")
	s.goOn(10 * time.Minute)
	s.says("Degraded: revision r0-good runs and not r1-good, which the template asks for: kohort.dev/rollback=orders-1,offsets=boundary; change the template to go on")
	s.apply("r2-good")
	s.endsOn("r2-good", "")
	if s.state().Override != nil {
		t.Error("a new template is kept from running")
	}
}

// Without offsets it is a handover like any other, past the gate, whatever is the matter with
// the version that is left.
func TestRollback(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	s.w.rebalances = 0
	before := s.committed()
	s.w.stands = func(p *simPod) bool { return p.Revision == "r1-good" }
	s.goOn(30 * time.Second)
	s.annotate(v1alpha1.AnnotationRollback, "orders-1")
	s.consumes("r0-good")
	if !s.until(time.Minute, func() bool { return s.state().Stable == "r0-good" && s.state().Rollout == nil }) {
		t.Fatal(s.told)
	}
	for n, at := range s.committed() {
		if at < before[n] {
			t.Errorf("partition %d went back from %d to %d", n, before[n], at)
		}
	}
	if s.w.rebalances != 0 {
		t.Errorf("%d rebalances", s.w.rebalances)
	}
	s.goOn(5 * time.Minute)
	s.says("revision r0-good runs and not r1-good")
}

// A failed release that was rolled back by itself is gone back from in time as well: it is not
// begun again, though the template still asks for it.
func TestRollbackInTimeOfWhatFailed(t *testing.T) {
	s := newStage(t, 3)
	s.w.readsAtOnce = true
	s.apply("r1-slow")
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	s.w.records = append(s.w.records, simRecord{"r0-good", "r1-slow", s.state().Rollout.Boundaries, s.state().Rollout.Number})
	s.annotate(v1alpha1.AnnotationRollback, "orders-1"+rewinds)
	s.moves()
	s.consumes("r0-good")
	s.goOn(5 * time.Minute)
	if s.state().Rollout != nil || len(s.running("r0-good")) != 3 {
		t.Errorf("%s: %s", s.told, summary(s.state()))
	}
}

// Offsets are moved to the ends of the logs, or to a boundary, and the group goes on with the
// revision that it has.
func TestResetOffsets(t *testing.T) {
	for value, want := range map[string]func(simOffsets) int64{
		ToEarliest: func(simOffsets) int64 { return 0 },
		ToLatest:   func(o simOffsets) int64 { return o.end },
	} {
		s := newStage(t, 2)
		s.w.stands = func(*simPod) bool { return true } // so that the ends are elsewhere
		s.goOn(20 * time.Second)
		s.w.stands = nil
		s.annotate(v1alpha1.AnnotationResetOffsets, value)
		var latest [simPartitions]simOffsets
		s.until(2*time.Minute, func() bool {
			if m := s.state().Move; m != nil && !m.Noted {
				latest = s.w.offsets
			}
			return s.state().Move != nil && s.state().Move.Noted
		})
		noted := s.state().Move
		set := s.moves()
		for n := range set {
			if is := want(latest[n]); set[n] < is || set[n] > is+int64(simRate) {
				t.Errorf("%s: partition %d is set to %d, want %d", value, n, set[n], is)
			}
		}
		if before, err := v1alpha1.ReadTopicOffsets(noted.Before); err != nil || len(before[simTopic]) != simPartitions {
			t.Errorf("%s: what was committed before is written down as %v: %v", value, noted.Before, err)
		}
		s.consumes("r0-good")
	}
}

// What cannot be gone back to is refused before anybody is stopped.
func TestRefusedMoves(t *testing.T) {
	exact := func(offsets string) []v1alpha1.TopicOffsets {
		return []v1alpha1.TopicOffsets{{Topic: simTopic, Offsets: offsets}}
	}
	for says, boundaries := range map[string][]v1alpha1.TopicOffsets{
		"the record has no boundary":                                       nil,
		"the boundary of orders-3 is not known exactly (0..4)":             exact("1=7,3=0..4"),
		"there is no partition orders-99, or its topic is not one of spec": exact("99=0"),
		"retention has deleted the records of orders-1 up to":              exact("1=0"),
		"its boundary is 99999999: to go there would skip records":         exact("2=99999999"),
	} {
		t.Run(says, func(t *testing.T) {
			s := newStage(t, 2)
			s.w.retained = 5
			s.goOn(5 * time.Second)
			s.w.records = []simRecord{{from: "r9-good", to: "r0-good", boundaries: boundaries}}
			s.annotate(v1alpha1.AnnotationRollback, "orders-1"+rewinds)
			s.goOn(30 * time.Second)
			s.says("is refused: ")
			s.says(says)
			if len(s.running("r0-good")) != 2 || s.state().Move != nil || s.state().Override != nil {
				t.Errorf("%s", summary(s.state()))
			}
		})
	}
}

// A member of somebody else keeps the group from being empty: the command is refused, and if
// it comes later it is named.
func TestMoveWithAStranger(t *testing.T) {
	s := newStage(t, 2)
	s.w.strangers = []string{"stranger"}
	s.goOn(10 * time.Second)
	s.annotate(v1alpha1.AnnotationResetOffsets, ToEarliest)
	s.goOn(10 * time.Second)
	s.says("kohort.dev/reset-offsets=earliest is refused: a member of the group is not of this ConsumerGroup")
	s.w.strangers = nil
	s.annotate(v1alpha1.AnnotationResetOffsets, "")
	s.until(2*time.Minute, func() bool { return s.w.members["stranger"] == nil && s.w.quiet() })
	s.goOn(10 * time.Second)
	s.annotate(v1alpha1.AnnotationResetOffsets, ToEarliest)
	s.until(time.Minute, func() bool { return s.state().Move != nil })
	s.w.strangers = []string{"stranger"}
	if !s.until(time.Minute, func() bool {
		return strings.Contains(s.told, "it has 1 members that are not of this ConsumerGroup, instance id stranger")
	}) {
		t.Fatal(s.told)
	}
	s.w.strangers = nil
	if !s.until(2*time.Minute, func() bool { return s.state().Move == nil }) {
		t.Fatal(s.told)
	}
	s.consumes("r0-good")
}

// A move is called off by taking its annotation back, as long as nothing is set; then what was
// committed before is set again.
func TestMoveIsCalledOff(t *testing.T) {
	for _, noted := range []bool{false, true} {
		s := newStage(t, 2)
		s.annotate(v1alpha1.AnnotationResetOffsets, ToEarliest)
		s.until(time.Minute, func() bool { return s.state().Move != nil && s.state().Move.Noted == noted })
		s.annotate(v1alpha1.AnnotationResetOffsets, "")
		before := s.committed()
		if !s.until(2*time.Minute, func() bool { return s.state().Move == nil }) {
			t.Fatal(s.told)
		}
		for n, at := range s.committed() {
			if at < before[n] {
				t.Errorf("partition %d went back from %d to %d", n, before[n], at)
			}
		}
		s.consumes("r0-good")
	}
}

// What a person went back from is over when the template asks for what runs, and a release of
// it after that is one as any other.
func TestTemplateFollowsRollback(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	s.annotate(v1alpha1.AnnotationRollback, "orders-1")
	s.until(2*time.Minute, func() bool { return s.state().Stable == "r0-good" && s.state().Rollout == nil })
	s.apply("r0-good")
	s.goOn(10 * time.Second)
	s.says("Running: 3 of 3 slots consume")
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// What is gone back from in the middle of its rollout has the boundaries of all slots that it
// has had by then.
func TestRollbackInTimeInTheMiddle(t *testing.T) {
	s := newStage(t, 3)
	s.w.readsAtOnce = true
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool { return len(s.state().Rollout.Passed) == 2 })
	r := *s.state().Rollout
	s.w.records = []simRecord{{from: "r0-good", to: "r1-good", number: r.Number}}
	s.annotate(v1alpha1.AnnotationRollback, "orders-1"+rewinds)
	set := s.moves()
	if len(s.w.set) < 8 {
		t.Fatalf("set are %v, two slots were handed over", s.w.set)
	}
	for tp, want := range s.w.set {
		if set[tp.Partition] != want {
			t.Errorf("%s is set to %d, want %d", tp, set[tp.Partition], want)
		}
	}
	s.consumes("r0-good")
}
