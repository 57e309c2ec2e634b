package lag

import "testing"

func TestRebalances(t *testing.T) {
	group := func(state string, members ...Member) Reading { return Reading{State: state, Members: members} }
	member := func(instance, id string, partitions ...int32) Member {
		m := Member{InstanceID: instance, MemberID: id}
		for _, n := range partitions {
			m.Assigned = append(m.Assigned, tp(n))
		}
		return m
	}
	epoch := func(n int32) Reading { return Reading{State: StateStable, Epoch: n} }
	calm := group(StateStable, member("a", "a-1", 0), member("b", "b-1", 1))
	for name, c := range map[string]struct {
		readings []Reading
		want     int64
		exact    bool
	}{
		"nothing happens":                        {[]Reading{calm, calm}, 0, false},
		"another process takes a member's place": {[]Reading{calm, group(StateStable, member("a", "a-2", 0), member("b", "b-1", 1))}, 0, false},
		"one is seen":                            {[]Reading{calm, group(StatePreparingRebalance), group(StateCompletingRebalance), calm}, 1, false},
		"a member more":                          {[]Reading{calm, group(StateStable, append(calm.Members, member("c", "c-1"))...)}, 1, false},
		"a member less":                          {[]Reading{calm, group(StateStable, member("a", "a-1", 0, 1))}, 1, false},
		"other owners":                           {[]Reading{calm, group(StateStable, member("a", "a-1", 1), member("b", "b-1", 0))}, 1, false},
		"a dynamic member for another":           {[]Reading{group(StateStable, member("", "x", 0)), group(StateStable, member("", "y", 0))}, 1, false},
		"it becomes empty":                       {[]Reading{calm, group(StateEmpty)}, 0, false},
		"two, told apart":                        {[]Reading{calm, group(StatePreparingRebalance), calm, group(StatePreparingRebalance)}, 2, false},
		"counted by the broker":                  {[]Reading{epoch(3), epoch(3), epoch(7)}, 4, true},
		"counted by the broker, and made anew":   {[]Reading{epoch(40), epoch(42), {State: StateDead}, epoch(2), epoch(3)}, 3, true},
	} {
		var n Rebalances
		for i := 1; i < len(c.readings); i++ {
			n.Add(&c.readings[i-1], &c.readings[i])
		}
		if n.Count != c.want || n.Exact != c.exact {
			t.Errorf("%s: %d, exact: %t; want %d, %t", name, n.Count, n.Exact, c.want, c.exact)
		}
	}
}
