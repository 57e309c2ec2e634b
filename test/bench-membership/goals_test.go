package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/test/subjects"
)

func TestVerdicts(t *testing.T) {
	failover := func(seconds ...int) (costs subjects.Costs) {
		for _, s := range seconds {
			costs = append(costs, subjects.Cost{Failover: time.Duration(s) * time.Second})
		}
		return costs
	}
	measured := []subjects.Event{
		{Name: eventRestart, Costs: map[string]subjects.Costs{"kohort": {{}, {Rebalances: 1}, {}}}},
		{Name: eventDeath, Costs: map[string]subjects.Costs{"kohort": failover(3, 6, 4), "statefulset": failover(39, 39, 39)}},
		{Name: eventGone, Costs: map[string]subjects.Costs{"kohort": failover(4, 5, 4), "statefulset": failover(90, 120, 121)}},
		{Name: eventCrashLoop, Costs: map[string]subjects.Costs{"statefulset": failover(1)}},
	}
	var got []string
	for _, g := range goals {
		got = append(got, g.verdict(measured))
	}
	want := []string{
		"not met: a planned restart costs no rebalance (at most 1)",
		"not met: after the death of a node all partitions are consumed again within 5 s (at most 6.0 s)",
		"not met: and at least 10 times as fast as with static members (9.8 times)",
		"met: after a death to which nobody can follow they are within 5 s (at most 5.0 s)",
		"met: and at least 10 times as fast as with static members (30.0 times)",
		"not measured: a crash loop of one costs the others at most 2 rebalances",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
