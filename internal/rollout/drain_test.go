package rollout

import (
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// onNode is how many pods of the group are on a node.
func (s *stage) onNode(node int) (n int) {
	for _, p := range s.w.pods {
		if p.node == node && !p.vanished {
			n++
		}
	}
	return n
}

// A node that is cordoned is left slot by slot, each to a successor that waits warm on
// another node: no eviction, and no rebalance.
func TestCordonedNodeIsLeft(t *testing.T) {
	s := newStage(t, 6)
	node := s.holder(0).node
	if s.onNode(node) < 2 {
		t.Fatalf("%d pods are on node %d", s.onNode(node), node)
	}
	s.w.rebalances, s.w.cordoned[node], s.w.evictsFrom = 0, true, s.w.now.Add(5*time.Second)
	least := 6
	if !s.until(2*time.Minute, func() bool {
		least = min(least, int(s.last.Report.Active))
		return s.onNode(node) == 0 && s.last.Report.Phase == v1alpha1.PhaseRunning
	}) {
		t.Fatalf("%d pods are still there: %s", s.onNode(node), s.told)
	}
	if s.w.rebalances != 0 || s.w.evicted != 0 || least < 5 {
		t.Errorf("%d rebalances, %d evictions, at least %d slots were held", s.w.rebalances, s.w.evicted, least)
	}
	s.goOn(10 * time.Second)
	if s.last.MinAvailable != 5 {
		t.Errorf("afterwards %d pods must stay available, want 5", s.last.MinAvailable)
	}
}

// Where no successor is to be had, a drain goes on as it would without Kohort, as many
// at a time as may be missing.
func TestCordonedNodeWithNoSuccessor(t *testing.T) {
	s := newStage(t, 3)
	s.w.unpulled = func(*simPod) bool { return true }
	node := s.holder(0).node
	s.w.cordoned[node] = true
	if !s.until(time.Minute, func() bool { return s.onNode(node) == 0 }) {
		t.Fatalf("the node cannot be drained: %s", s.told)
	}
	if s.w.evicted == 0 {
		t.Error("nothing was evicted")
	}
}

// Without a reading nothing is handed over, and a drain does not wait for it.
func TestCordonedNodeAndNoReading(t *testing.T) {
	s := newStage(t, 3)
	node := s.holder(0).node
	s.w.brokerAway = s.w.now.Add(time.Hour)
	s.goOn(time.Minute)
	// The successor is warm by the time of the first eviction.
	s.w.cordoned[node], s.w.evictsFrom = true, s.w.now.Add(10*time.Second)
	if !s.until(5*time.Minute, func() bool { return s.onNode(node) == 0 }) {
		t.Fatalf("the node cannot be drained: %s", s.told)
	}
}

// A release begins with the slots that have to leave their nodes.
func TestReleaseBeginsOnCordonedNodes(t *testing.T) {
	s := newStage(t, 3)
	s.w.evictsFrom = s.w.now.Add(time.Hour)
	s.apply("r1-good")
	s.w.cordoned[s.holder(2).node] = true
	if !s.until(time.Minute, func() bool { r := s.state().Rollout; return r != nil && len(r.Begun) > 0 }) {
		t.Fatal("nothing begins")
	}
	if begun := s.state().Rollout.Begun; begun[0] != 2 {
		t.Errorf("slot %d was begun first", begun[0])
	}
	s.endsOn("r1-good", "")
}
