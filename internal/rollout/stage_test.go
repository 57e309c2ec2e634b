package rollout

import (
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/membership"
)

// stage is a world with one operator that sees everything at once, for what is
// told and not drawn by lot. The invariants are checked at each step.
type stage struct {
	*simulation
	t    *testing.T
	o    *simOperator
	told string
	last Decision
}

// newStage has a group of so many slots that consume under r0-good, for long enough
// for a baseline. Its budget is 1.
func newStage(t *testing.T, slots int32) *stage {
	t.Helper()
	return newStageOf(t, slots, membership.Naming{Prefix: simPrefix})
}

func newStageOf(t *testing.T, slots int32, names membership.Naming) *stage {
	t.Helper()
	return newStageIn(t, newWorld(1, simSpec{Revision: "r0-good", Desired: slots, Budget: 1}, names))
}

func newStageIn(t *testing.T, w *world) *stage {
	t.Helper()
	s := &stage{simulation: &simulation{w: w, checker: newChecker(w)}, t: t, o: newOperator(w)}
	s.operators = []*simOperator{s.o}
	if !s.until(time.Minute, s.finished) {
		t.Fatal("the group does not start: " + s.unfinished())
	}
	s.goOn(30 * time.Second)
	return s
}

// pass is one step of the world, and one pass of the operator.
func (s *stage) pass() {
	s.t.Helper()
	s.w.step()
	s.o.look()
	s.o.objects = len(s.w.objects) - 1
	s.o.pods = len(s.w.podLog) - 1
	in, d, _ := s.o.run(-1)
	s.note(in, d)
	if broken := s.checker.decision(in, d) + s.checker.truth(); broken != "" {
		s.t.Fatal(broken)
	}
	s.last = d
	if line := string(d.Report.Phase) + ": " + d.Report.Message; line != s.told {
		s.told = line
		s.w.logf("-- %s", line)
	}
}

func (s *stage) goOn(lasts time.Duration) {
	s.t.Helper()
	s.until(lasts, func() bool { return false })
}

// until goes on until something holds, for so long at most. It says whether it came
// to that.
func (s *stage) until(lasts time.Duration, holds func() bool) bool {
	s.t.Helper()
	for end := s.w.now.Add(lasts); s.w.now.Before(end); {
		s.pass()
		if holds() {
			return true
		}
	}
	return false
}

// apply is the user's.
func (s *stage) apply(revision string) {
	s.w.object.spec.Revision = revision
	s.w.logf("the user applies %s", revision)
	s.w.saveObject()
}

func (s *stage) state() v1alpha1.GroupState { return s.w.object.state }

// endsOn waits until no rollout is under way: then a revision is stable, and the
// rollout is forgotten ("") or stands as it does.
func (s *stage) endsOn(stable string, how v1alpha1.RolloutStage) {
	s.t.Helper()
	var stage v1alpha1.RolloutStage
	done := func() bool {
		stage = ""
		if r := s.state().Rollout; r != nil {
			stage = r.Stage
			return stage == v1alpha1.RolloutRolledBack
		}
		return s.state().Stable == s.w.object.spec.Revision
	}
	if !s.until(10*time.Minute, done) {
		s.t.Fatalf("it does not end: %s\n%s", s.told, summary(s.state()))
	}
	if s.state().Stable != stable || stage != how {
		s.t.Errorf("stable is %s, the rollout %q: %s", s.state().Stable, stage, s.told)
	}
}

// holder of a slot; nil if there is none.
func (s *stage) holder(ordinal int32) *simPod {
	for _, slot := range s.state().Slots {
		if slot.Ordinal == ordinal && slot.Holder != "" {
			return s.w.find(slot.Pod, slot.Holder)
		}
	}
	return nil
}

// runs says whether a slot's consumer runs under a revision.
func (s *stage) runs(ordinal int32, revision string) bool {
	h := s.holder(ordinal)
	return h != nil && h.proc && h.Revision == revision
}

// annotate is the user's.
func (s *stage) annotate(name, value string) { s.w.annotate(name, value) }

// promotes sets the annotation by which a release is promoted, or removes it.
func (s *stage) promotes(value string) { s.w.annotate(v1alpha1.AnnotationPromote, value) }
