package rollout

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/membership"
)

// owned are the partitions of each slot, whatever ids it has.
func (s *stage) owned() map[int32][]int32 {
	owned := map[int32][]int32{}
	for _, slot := range s.state().Slots {
		for _, id := range idsOf(s.w.names.In(slot.Lane), slot.Ordinal) {
			owned[slot.Ordinal] = append(owned[slot.Ordinal], s.w.owners[id]...)
		}
	}
	return owned
}

// A slot has the partitions after an overlap that it had before, under the other lane's
// ids; the next one brings it back to the plain ids.
func TestOverlapKeepsThePartitions(t *testing.T) {
	for name, names := range map[string]membership.Naming{
		"one consumer":  {Prefix: simPrefix},
		"several":       threePerPod(),
		"numbered ones": {Prefix: simPrefix, PerPod: 2, Numbered: true, FirstNumber: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStageOf(t, 3, names)
			spec := &s.w.object.spec
			spec.Handover, spec.Strategy = v1alpha1.HandoverOverlap, v1alpha1.StrategyBlueGreen
			before := s.owned()
			for i, lane := range []string{membership.Second, membership.Plain} {
				rebalances := s.w.rebalances
				s.apply([]string{"r1-good", "r2-good"}[i])
				s.endsOn(spec.Revision, "")
				if n := s.w.rebalances - rebalances; n != 2 {
					t.Errorf("%d rebalances, want 2", n)
				}
				for _, slot := range s.state().Slots {
					if slot.Lane != lane {
						t.Errorf("slot %d is in lane %q, want %q", slot.Ordinal, slot.Lane, lane)
					}
				}
				if diff := cmp.Diff(before, s.owned()); diff != "" {
					t.Errorf("the partitions have moved (-before +after):\n%s", diff)
				}
				if len(s.w.members) != 3*len(idsOf(names, 0)) {
					t.Errorf("the group has %v", slices.Sorted(maps.Keys(s.w.members)))
				}
			}
		})
	}
}

// A release that overlaps and fails goes back, and no id of it stays behind: whether its
// consumers commit nothing once they have taken over, crash before, or join in part.
func TestOverlapGoesBack(t *testing.T) {
	for _, revision := range []string{"r1-stalled", "r1-crashing", "r1-unjoined", "r1-toofew"} {
		t.Run(revision, func(t *testing.T) {
			s := newStageOf(t, 3, threePerPod())
			s.w.object.spec.Handover, s.w.object.spec.Strategy = v1alpha1.HandoverOverlap, v1alpha1.StrategyBlueGreen
			s.apply(revision)
			s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
			s.goOn(30 * time.Second)
			if len(s.state().Beside) > 0 || len(s.w.members) != 9 {
				t.Errorf("the group has %v\n%s", slices.Sorted(maps.Keys(s.w.members)), summary(s.state()))
			}
		})
	}
}

// A successor whose pod is lost leaves the group, and its slot stays with its holder; when
// its id has stayed away, another one is tried.
func TestOverlapLosesASuccessor(t *testing.T) {
	s := newStage(t, 3)
	s.w.object.spec.Handover, s.w.joinsAfter = v1alpha1.HandoverOverlap, 5*time.Second
	s.apply("r1-good")
	if !s.until(time.Minute, func() bool { return len(s.state().Beside) > 0 }) {
		t.Fatal(s.told)
	}
	s.goOn(2 * time.Second)
	s.w.losePod(s.w.find(s.state().Beside[0].Pod, s.state().Beside[0].Holder))
	s.w.savePods()
	s.endsOn("r1-good", "")
	if len(s.w.members) != 3 {
		t.Errorf("the group has %v", slices.Sorted(maps.Keys(s.w.members)))
	}
}

// A state that is lost in the middle of an overlap, as with an object that is replaced by
// another of its name, leaves no id behind: the older pod of each slot holds it, the other one
// leaves.
func TestOverlapLosesItsState(t *testing.T) {
	s := newStage(t, 3)
	s.w.object.spec.Handover, s.w.object.spec.Strategy = v1alpha1.HandoverOverlap, v1alpha1.StrategyBlueGreen
	s.apply("r1-good")
	if !s.until(time.Minute, func() bool { return len(s.w.members) == 6 }) {
		t.Fatal(s.told)
	}
	s.w.object.state = v1alpha1.GroupState{}
	s.w.saveObject()
	s.pass()
	if state := s.state(); len(state.Beside) != 3 || !state.Beside[0].Leaving || state.Slots[0].Revision != "r0-good" {
		t.Errorf("found again:\n%s", summary(state))
	}
	if !s.until(time.Minute, func() bool { return len(s.w.members) == 3 && len(s.state().Beside) == 0 }) {
		t.Errorf("the group has %v\n%s", slices.Sorted(maps.Keys(s.w.members)), summary(s.state()))
	}
	s.endsOn("r1-good", "")
}

// Where there is no room for two pods of a slot, a release goes on under the same ids.
func TestOverlapNeedsRoom(t *testing.T) {
	for name, is := range map[string]room{"no node": cramped, "a quota": quota} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 3)
			s.w.room, s.w.object.spec.Handover = is, v1alpha1.HandoverOverlap
			rebalances := s.w.rebalances
			s.apply("r1-good")
			s.until(20*time.Second, func() bool { return s.last.Report.Handover == v1alpha1.HandoverSameID })
			if !strings.Contains(s.last.Report.Why, "cannot have two pods") {
				t.Errorf("the reason is %q", s.last.Report.Why)
			}
			s.endsOn("r1-good", "")
			if s.w.rebalances != rebalances {
				t.Errorf("%d rebalances", s.w.rebalances-rebalances)
			}
		})
	}
}

// A canary is watched under its own partitions; the other slots follow by Overlap.
func TestOverlapFollowsACanary(t *testing.T) {
	s := newStage(t, 3)
	spec := &s.w.object.spec
	spec.Handover, spec.Strategy, spec.Then = v1alpha1.HandoverOverlap, v1alpha1.StrategyCanary, v1alpha1.StrategyRolling
	spec.Steps = []v1alpha1.CanaryStep{step(1, nil)}
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	var lanes []string
	for _, slot := range s.state().Slots {
		lanes = append(lanes, slot.Lane)
	}
	if diff := cmp.Diff([]string{"", "b", "b"}, lanes); diff != "" {
		t.Error(diff)
	}
}

// What stands warm after a release is gone back to at once, under the ids that it was made
// for.
func TestOverlapGoesBackToBlue(t *testing.T) {
	s := newStage(t, 3)
	s.w.object.spec.Handover = v1alpha1.HandoverOverlap
	s.w.blueGreen("r1-good")
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	s.goOn(15 * time.Second)
	rebalances, pods := s.w.rebalances, len(s.w.pods)
	s.apply("r0-good")
	s.endsOn("r0-good", "")
	if s.w.rebalances != rebalances {
		t.Errorf("%d rebalances", s.w.rebalances-rebalances)
	}
	if made := s.w.pods[pods:]; slices.ContainsFunc(made, func(p *simPod) bool { return p.Revision == "r0-good" }) {
		t.Error("other pods were made than those that stood warm")
	}
}

// What a release by SameId takes is measured, and by Auto the next one overlaps if that was
// long; the first start, of all slots at once, is no measure for it.
func TestAutoMeasures(t *testing.T) {
	for name, c := range map[string]struct {
		joinsAfter time.Duration
		want       v1alpha1.Handover
	}{
		"a quick program": {0, v1alpha1.HandoverSameID},
		"a slow one":      {9 * time.Second, v1alpha1.HandoverOverlap},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, simSpec{Revision: "r0-good", Desired: 3, Budget: 1, Handover: v1alpha1.HandoverAuto}, membership.Naming{Prefix: simPrefix})
			w.joinsAfter = c.joinsAfter
			s := newStageIn(t, w)
			s.apply("r1-good")
			s.until(20*time.Second, func() bool { return s.state().Rollout != nil })
			if got := s.last.Report; got.Handover != v1alpha1.HandoverSameID || !strings.Contains(got.Why, "not measured") {
				t.Errorf("at first it is %s since %q", got.Handover, got.Why)
			}
			s.endsOn("r1-good", "")
			s.apply("r2-good")
			s.endsOn("r2-good", "")
			if got := s.last.Report; got.Handover != c.want {
				t.Errorf("then it is %s since %q", got.Handover, got.Why)
			}
		})
	}
}

func TestChooseHandover(t *testing.T) {
	measured := func(joins ...int32) (all []v1alpha1.RestartState) {
		for _, n := range joins {
			all = append(all, v1alpha1.RestartState{Kind: v1alpha1.RestartStop, Seconds: n + 1, JoinSeconds: n})
		}
		return all
	}
	auto := Group{Handover: v1alpha1.HandoverAuto, Heartbeat: 2 * time.Second}
	with := func(change func(*Group)) Group { g := auto; change(&g); return g }
	for name, c := range map[string]struct {
		group    Group
		restarts []v1alpha1.RestartState
		want     v1alpha1.Handover
		why      string
	}{
		"nothing was measured":       {auto, nil, v1alpha1.HandoverSameID, "it was not measured yet"},
		"only crashes were":          {auto, []v1alpha1.RestartState{{Kind: v1alpha1.RestartCrash, Seconds: 60}}, v1alpha1.HandoverSameID, "it was not measured yet"},
		"as long as two rebalances":  {auto, measured(4, 4, 4), v1alpha1.HandoverSameID, "successors take 4 s from their activation to their membership (3 measured), and two rebalances may cost 4 s"},
		"longer":                     {auto, measured(5, 6, 2, 7), v1alpha1.HandoverOverlap, "successors take 5 s from their activation to their membership (4 measured), and two rebalances cost 4 s at most"},
		"one that was slow":          {auto, measured(2, 60, 2), v1alpha1.HandoverSameID, "successors take 2 s"},
		"state that follows":         {with(func(g *Group) { g.Stateful = true }), measured(9), v1alpha1.HandoverSameID, "have state"},
		"a group of type consumer":   {with(func(g *Group) { g.Consumer = true }), measured(9), v1alpha1.HandoverSameID, "membership.protocol is Consumer"},
		"no warm pods":               {with(func(g *Group) { g.Warm = v1alpha1.WarmNever }), measured(9), v1alpha1.HandoverSameID, "rollout.warm is Never"},
		"all stop first":             {with(func(g *Group) { g.Strategy = v1alpha1.StrategyRecreate }), measured(9), "", ""},
		"a person asks for it":       {with(func(g *Group) { g.Handover = v1alpha1.HandoverOverlap }), nil, v1alpha1.HandoverOverlap, "asks for it"},
		"a person wants none of it ": {with(func(g *Group) { g.Handover = v1alpha1.HandoverSameID }), measured(9), v1alpha1.HandoverSameID, "asks for it"},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := HandoverOf(c.group, v1alpha1.GroupState{Restarts: c.restarts})
			if got != c.want || !strings.Contains(why, c.why) {
				t.Errorf("%s since %q, want %s since %q", got, why, c.want, c.why)
			}
		})
	}
}
