package rollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// Groups with several consumers in a pod.

func threePerPod() membership.Naming { return membership.Naming{Prefix: simPrefix, PerPod: 3} }

// A release costs no rebalance, however many consumers a pod has, and also where a
// number is appended to the id of only one.
func TestReleaseOfSeveralConsumers(t *testing.T) {
	for name, naming := range map[string]membership.Naming{
		"three":                        threePerPod(),
		"one numbered":                 {Prefix: simPrefix, PerPod: 1, Numbered: true},
		"two threads of Kafka Streams": {Prefix: simPrefix, PerPod: 2, Numbered: true, FirstNumber: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStageOf(t, 2, naming)
			if want := 2 * int(naming.PerPod); len(s.w.members) != want {
				t.Fatalf("%d members, want %d", len(s.w.members), want)
			}
			s.w.rebalances = 0
			s.apply("r1-good")
			s.endsOn("r1-good", "")
			if s.w.rebalances != 0 {
				t.Errorf("%d rebalances", s.w.rebalances)
			}
		})
	}
}

// A program that does not run all of its consumers does not pass, and what is
// missing is named.
func TestReleaseWithTooFewConsumers(t *testing.T) {
	s := newStageOf(t, 2, threePerPod())
	s.apply("r1-toofew")
	const missing = "slot 0: consumer.consumersPerPod is 3; instance id orders-0000a-0000-2 is not in the group: does the program run 3 consumers?"
	if !s.until(2*time.Minute, func() bool { return strings.Contains(s.told, "waiting for gate: "+missing) }) {
		t.Errorf("%q does not say %q", s.told, missing)
	}
	s.endsOn("r0-good", v1alpha1.RolloutRolledBack)
	if r := s.state().Rollout; !strings.Contains(r.Failure, missing) {
		t.Errorf("it failed since %s", r.Failure)
	}
}

// All members of all slots that go leave in one request.
func TestShrinkingRemovesAllIDsTogether(t *testing.T) {
	s := newStageOf(t, 3, threePerPod())
	s.w.rebalances = 0
	s.w.object.spec.Desired = 1
	s.w.saveObject()
	var removed []string
	s.until(time.Minute, func() bool {
		for _, a := range s.last.Actions {
			for _, m := range a.Members {
				removed = append(removed, m.InstanceID)
			}
		}
		return len(removed) > 0
	})
	want := append(idsOf(threePerPod(), 1), idsOf(threePerPod(), 2)...)
	if diff := cmp.Diff(want, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if !s.until(time.Minute, s.finished) || s.w.rebalances != 1 {
		t.Errorf("%d rebalances, want one; %s", s.w.rebalances, s.unfinished())
	}
}

// Members that the slots should not have are named, and hold nothing up.
func TestSurplusMembersAreNamed(t *testing.T) {
	s := newStageOf(t, 2, threePerPod())
	s.w.distort = func(r *lag.Reading) {
		for _, id := range []string{"orders-0000a-0000-3", "orders-0000a-0000-4"} {
			r.Members = append(r.Members, lag.Member{InstanceID: id, MemberID: id + "-member"})
		}
		slices.SortFunc(r.Members, func(a, b lag.Member) int { return strings.Compare(a.InstanceID, b.InstanceID) })
	}
	s.goOn(2 * time.Second)
	if want := "2 of 2 slots consume; consumer.consumersPerPod is 3; instance ids orders-0000a-0000-3 and -4 are in the group as well: " +
		"does the program run more consumers?"; s.last.Report.Message != want {
		t.Errorf("%q, want %q", s.last.Report.Message, want)
	}
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// A program that appends a number to the one id that its slot has: it is said what
// the group has instead.
func TestAnotherIDInstead(t *testing.T) {
	s := newStage(t, 1)
	s.w.distort = func(r *lag.Reading) {
		for i := range r.Members {
			r.Members[i].InstanceID += "-0"
		}
	}
	s.goOn(2 * time.Second)
	if want := "slot 0 (orders-0000a-0000) is not a member of the group; the group has orders-0000a-0000-0 instead: " +
		"consumer.inject and consumersPerPod say which ids there shall be"; s.last.Report.Message != want {
		t.Errorf("%q, want %q", s.last.Report.Message, want)
	}
}

func TestMemberBefore(t *testing.T) {
	one, three := []string{"a-0000"}, []string{"a-0000-0", "a-0000-1", "a-0000-2"}
	member := func(id, uuid string) lag.Member { return lag.Member{InstanceID: id, MemberID: id + "-" + uuid} }
	const u, w = "0d3c5a1e-7d3f-4a52-9a53-5f8b6f1f2a10", "0d3c5a1e-7d3f-4a52-9a53-5f8b6f1f2a11"
	for name, c := range map[string]struct {
		ids           []string
		before, after []lag.Member
		kept          string
		joined        bool
	}{
		"one that stayed":      {one, []lag.Member{member(one[0], u)}, []lag.Member{member(one[0], u)}, "a-0000-" + u, false},
		"another one":          {one, []lag.Member{member(one[0], u)}, []lag.Member{member(one[0], w)}, "a-0000-" + u, true},
		"one, and none before": {one, nil, []lag.Member{member(one[0], u)}, "", true},
		"three others": {
			three, []lag.Member{member(three[0], u), member(three[1], u), member(three[2], u)},
			[]lag.Member{member(three[0], w), member(three[1], w), member(three[2], w)}, "5f8b6f1f2a10,5f8b6f1f2a10,5f8b6f1f2a10", true,
		},
		"one of three stayed": {
			three, []lag.Member{member(three[0], u), member(three[2], u)},
			[]lag.Member{member(three[0], w), member(three[1], w), member(three[2], u)}, "5f8b6f1f2a10,,5f8b6f1f2a10", false,
		},
		"one of three is missing": {
			three, []lag.Member{member(three[1], u)}, []lag.Member{member(three[0], w), member(three[1], w)}, ",5f8b6f1f2a10", false,
		},
		"three, and none before": {
			three, nil, []lag.Member{member(three[0], u), member(three[1], u), member(three[2], u)}, "", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			kept := slot{ids: c.ids}.marks(&lag.Reading{Members: c.before})
			if kept != c.kept {
				t.Errorf("kept %q, want %q", kept, c.kept)
			}
			if got := joinedAs(c.ids, kept, &lag.Reading{Members: c.after}); got != c.joined {
				t.Errorf("joined: %t, want %t", got, c.joined)
			}
		})
	}
}

func TestListIDs(t *testing.T) {
	for want, ids := range map[string][]string{
		"a-0000":                      {"a-0000"},
		"a-0000-0, -1 and -2":         {"a-0000-0", "a-0000-1", "a-0000-2"},
		"a-0000-0, -1, -2 and 2 more": {"a-0000-0", "a-0000-1", "a-0000-2", "a-0000-3", "a-0000-4"},
		"a-0000-3 and a-0001-3":       {"a-0000-3", "a-0001-3"},
		"a-0000 and a-0000-1":         {"a-0000", "a-0000-1"},
		"a-0000-0 and a-0000-b-0":     {"a-0000-0", "a-0000-b-0"},
	} {
		if got := listIDs(ids); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
