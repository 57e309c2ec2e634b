package main

import (
	"fmt"
	"time"

	"github.com/kohort-dev/kohort/test/subjects"
)

// goal is something that the table is to show of Kohort.
type goal struct {
	title, event string
	// judge says whether it is met, and what was seen.
	judge func(kohort, static subjects.Costs) (met bool, seen string)
}

const (
	// failoverAtMost is how long partitions stand still after a death for good.
	failoverAtMost = 5 * time.Second
	// timesFaster than static members with the same session timeout.
	timesFaster = 10
)

var goals = []goal{
	{"a planned restart costs no rebalance", eventRestart, rebalances(0)},
	{"after the death of a node all partitions are consumed again within 5 s", eventDeath, within},
	{"and at least 10 times as fast as with static members", eventDeath, faster},
	{"after a death to which nobody can follow they are within 5 s", eventGone, within},
	{"and at least 10 times as fast as with static members", eventGone, faster},
	{"a crash loop of one costs the others at most 2 rebalances", eventCrashLoop, rebalances(2)},
}

func rebalances(atMost int) func(kohort, static subjects.Costs) (bool, string) {
	return func(kohort, _ subjects.Costs) (bool, string) {
		_, most := kohort.Rebalances()
		return most <= atMost, fmt.Sprintf("at most %d", most)
	}
}

func within(kohort, _ subjects.Costs) (bool, string) {
	_, longest := kohort.Failover()
	return longest <= failoverAtMost, fmt.Sprintf("at most %.1f s", longest.Seconds())
}

// faster compares medians.
func faster(kohort, static subjects.Costs) (bool, string) {
	if len(static) == 0 {
		return false, "static members were not measured"
	}
	mine, _ := kohort.Failover()
	theirs, _ := static.Failover()
	times := theirs.Seconds() / mine.Seconds()
	return times >= timesFaster, fmt.Sprintf("%.1f times", times)
}

// verdict is a line for people.
func (g goal) verdict(measured []subjects.Event) string {
	for _, e := range measured {
		if e.Name != g.event || len(e.Costs[kohort.Name]) == 0 {
			continue
		}
		met, seen := g.judge(e.Costs[kohort.Name], e.Costs[subjects.StatefulSet.Name])
		if met {
			return fmt.Sprintf("met: %s (%s)", g.title, seen)
		}
		return fmt.Sprintf("not met: %s (%s)", g.title, seen)
	}
	return "not measured: " + g.title
}
