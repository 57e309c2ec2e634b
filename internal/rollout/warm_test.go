package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// pairs says whether ever two pods of a slot stood side by side while a release went
// through, and whether anybody was told why not.
func (s *stage) pairs(told string) (pairs, said bool) {
	s.t.Helper()
	s.until(10*time.Minute, func() bool {
		standing := map[int32]int{}
		for _, p := range s.w.pods {
			if !p.vanished && !p.Deleting {
				standing[p.Ordinal]++
				pairs = pairs || standing[p.Ordinal] > 1
			}
		}
		said = said || strings.Contains(s.told, told)
		return s.finished()
	})
	return pairs, said
}

func TestWarmNeverHasNoPairs(t *testing.T) {
	s := newStage(t, 3)
	s.w.warm = v1alpha1.WarmNever
	s.apply("r1-good")
	if pairs, said := s.pairs("its pod goes first: rollout.warm is Never"); pairs || !said {
		t.Errorf("pairs: %v, said so: %v", pairs, said)
	}
	s.endsOn("r1-good", "")
}

func TestWarmAutoGivesWayWhereThereIsNoRoom(t *testing.T) {
	for why, r := range map[string]room{"no node has room for two": cramped, "exceeded quota": quota} {
		s := newStage(t, 3)
		s.w.room = r
		s.apply("r1-good")
		if _, said := s.pairs("its pod goes first: " + why); !said {
			t.Errorf("nobody was told: %s", why)
		}
		s.endsOn("r1-good", "")
		s.apply("r2-stalled") // and back
		s.endsOn("r1-good", v1alpha1.RolloutRolledBack)
	}
}

// Always waits for room, and takes nothing away meanwhile.
func TestWarmAlwaysWaitsForRoom(t *testing.T) {
	s := newStage(t, 2)
	s.w.warm, s.w.room = v1alpha1.WarmAlways, cramped
	before := []*simPod{s.holder(0), s.holder(1)}
	s.apply("r1-good")
	s.goOn(time.Minute)
	if s.holder(0) != before[0] || s.holder(1) != before[1] || !before[0].proc || !before[1].proc {
		t.Errorf("a consumer was taken away: %s", s.told)
	}
	if want := "waiting for the successor of slot 0 to be warm"; !strings.Contains(s.told, want) {
		t.Errorf("it says %q, not %q", s.told, want)
	}
}

// A holder that went before its successor keeps its place in the group for a good part of
// its session: a planned restart is no death.
func TestSuccessorOfOneThatWentFirstHasTime(t *testing.T) {
	s := newStage(t, 3)
	s.w.warm, s.w.rebalances = v1alpha1.WarmNever, 0
	s.apply("r1-unpullable")
	if !s.until(time.Minute, func() bool { return s.state().Slots[0].Holder == "" }) {
		t.Fatalf("no pod goes first: %s", s.told)
	}
	s.goOn(simSession/2 - 2*time.Second)
	if s.w.rebalances != 0 {
		t.Error("its member was removed at once")
	}
	if !s.until(10*time.Second, func() bool { return s.w.rebalances > 0 }) {
		t.Error("its partitions stand still for the whole session")
	}
}

// By node or zone one slot of each goes first.
func TestOrderByDomain(t *testing.T) {
	s := newStage(t, 6)
	settle := func() { // a pod is where its predecessor was
		for _, p := range s.w.pods {
			p.Domain = []string{"a", "a", "a", "b", "b", "c"}[p.Ordinal]
		}
		s.w.savePods()
	}
	settle()
	s.apply("r1-good")
	var order []int32
	s.until(10*time.Minute, func() bool {
		settle()
		if r := s.state().Rollout; r != nil {
			for _, ordinal := range r.Begun {
				if !slices.Contains(order, ordinal) {
					order = append(order, ordinal)
				}
			}
		}
		return s.state().Stable == "r1-good"
	})
	if want := []int32{0, 3, 5, 1, 4, 2}; !slices.Equal(order, want) {
		t.Errorf("slots are handed over in the order %v, want %v", order, want)
	}
}
