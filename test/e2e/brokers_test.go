package e2e

import (
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/kafka"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("The brokers", Serial, func() {
	It("can be restarted one by one in the middle of a release", func(ctx SpecContext) {
		g := start(ctx, 3)
		g.twice = 3 * commitsEvery // commits that a broker going away did not take
		g.release(ctx, world.Consumer{Version: "v2"})
		for i := range stage.Brokers {
			_, err := stage.Kubectl(ctx, "-n", kafka.Namespace, "delete", "pod", "kafka-"+strconv.Itoa(i))
			Expect(err).NotTo(HaveOccurred())
			Expect(kafka.Ready(ctx, stage.Cluster)).To(Succeed())
		}
		g.released(ctx, 3)
	}, SpecTimeout(10*time.Minute))

	It("can all be away for a minute, and nothing is done meanwhile", func(ctx SpecContext) {
		g := start(ctx, 3)
		g.twice = 3 * commitsEvery
		holders := g.holders(ctx)
		scale := func(replicas int) func(SpecContext) {
			return func(ctx SpecContext) {
				_, err := stage.Kubectl(ctx, "-n", kafka.Namespace, "scale", "statefulset/kafka", "--replicas="+strconv.Itoa(replicas))
				Expect(err).NotTo(HaveOccurred())
			}
		}
		DeferCleanup(scale(stage.Brokers))
		scale(0)(ctx)
		g.release(ctx, world.Consumer{Version: "v2"})
		g.says(ctx, "the group was last read at")
		Consistently(func() []string { return g.holders(ctx) }).WithContext(ctx).WithTimeout(time.Minute).WithPolling(time.Second).
			Should(Equal(holders), "nothing is handed over without a reading")
		scale(stage.Brokers)(ctx)
		Expect(kafka.Ready(ctx, stage.Cluster)).To(Succeed())
		g.released(ctx, 3)
		Expect(g.get(ctx).Status.Phase).To(Equal(v1alpha1.PhaseRunning))
	}, SpecTimeout(10*time.Minute))
})
