package whole

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/testbed/broker"
)

// TestReleaseGoesOnAfterTheOperatorWasKilled at each of its slots.
func TestReleaseGoesOnAfterTheOperatorWasKilled(t *testing.T) {
	g := start(t, "operator-killed", 3)
	g.rebalances(0, func() {
		g.release(lab.Version{Name: "v2"})
		for begun := 1; begun <= 3; begun++ {
			g.until("the next slot", func(cg *v1alpha1.ConsumerGroup) bool {
				r := cg.Status.State.Rollout
				return r == nil && cg.Status.StableRevision == cg.Status.UpdateRevision || r != nil && len(r.Begun) >= begun
			})
			world.KillOperator()
			g.Expect(world.StartOperator(g.ctx())).To(Succeed())
		}
		g.released(3)
	})
	g.nothingLost(0)
}

// TestReleaseGoesOnAfterTheBrokerWasRestarted in the middle of it.
func TestReleaseGoesOnAfterTheBrokerWasRestarted(t *testing.T) {
	if world.Broker.Kind == broker.Kfake {
		t.Skip("kfake keeps no group over a restart")
	}
	g := start(t, "broker-restart", 3)
	g.release(lab.Version{Name: "v2"})
	g.until("the first slot", func(cg *v1alpha1.ConsumerGroup) bool {
		r := cg.Status.State.Rollout
		return r != nil && len(r.Begun) > 0
	})
	g.Expect(world.Broker.Restart(g.ctx())).To(Succeed())
	g.released(3)
	// Commits that were under way are lost with the broker: up to a second of
	// records for each consumer that had to begin again.
	g.nothingLost(3 * 60 * 5)
}
