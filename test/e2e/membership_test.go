package e2e

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("A consumer", func() {
	It("that crashes over and over is left out of the group, until its template is changed", func(ctx SpecContext) {
		g := start(ctx, 2)
		before, pod := g.rebalances(), g.holder(ctx, 1)
		g.twice = 5 * commitsEvery
		g.until(ctx, "slot 1 is left out", func(cg *v1alpha1.ConsumerGroup) bool {
			if cg.Status.State.Slots[1].RetryAt != nil {
				return true
			}
			killProcess(ctx, pod)
			return false
		})
		g.says(ctx, "slot 1 is left out of the group until ")
		g.until(ctx, "slot 0 has all partitions, and nobody holds slot 1", func(cg *v1alpha1.ConsumerGroup) bool {
			slots := cg.Status.Slots
			return slots[0].Partitions == fmt.Sprintf("%s:0-%d", g.namespace, partitions-1) && slots[1].Pod == ""
		})
		Expect(g.rebalances()-before).To(Equal(1), "rebalances when it was left out")
		g.release(ctx, world.Consumer{Version: "v2"})
		g.released(ctx, 2)
		Expect(g.rebalances()-before).To(Equal(2), "rebalances when it is back")
	}, SpecTimeout(8*time.Minute))
})

// killProcess kills the consumer of a pod, if it runs.
func killProcess(ctx SpecContext, pod corev1.Pod) {
	GinkgoHelper()
	uid := string(pod.UID)
	slice := strings.ReplaceAll(uid, "-", "_") // as systemd has it in the name of the cgroup
	_, err := stage.OnNode(ctx, pod.Spec.NodeName, "sh", "-c",
		`for p in $(pgrep -f ^/consumer); do if grep -qE "`+uid+`|`+slice+`" /proc/$p/cgroup; then kill -9 $p; fi; done`)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("A group of type consumer", func() {
	It("is released, and has a killed consumer back, without a rebalance that it need not have", func(ctx SpecContext) {
		consumer := func(version string) world.Consumer {
			return world.Consumer{Version: version, Change: func(t *corev1.PodTemplateSpec) {
				c := &t.Spec.Containers[0]
				c.Env = append(c.Env, corev1.EnvVar{Name: "KAFKA_GROUP_PROTOCOL", Value: "consumer"})
			}}
		}
		g := create(ctx, 3, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Membership.Protocol = v1alpha1.ProtocolConsumer
			of := consumer("v1")
			of.Topic = cg.Namespace
			cg.Spec.Template = of.Raw()
		})
		g.running(ctx, 3)
		counted := func() int64 { return g.get(ctx).Status.Rebalances.Count }
		g.until(ctx, "an exact count of rebalances", func(cg *v1alpha1.ConsumerGroup) bool {
			return cg.Status.Rebalances != nil && cg.Status.Rebalances.Exact
		})
		before := counted()
		g.release(ctx, consumer("v2"))
		g.released(ctx, 3)
		Expect(counted()-before).To(BeZero(), "rebalances in the release")
		pod := g.holder(ctx, 2)
		g.twice = commitsEvery
		killProcess(ctx, pod)
		g.until(ctx, "the crash is noted", func(cg *v1alpha1.ConsumerGroup) bool { return cg.Status.State.Slots[2].Restarts > 0 })
		g.running(ctx, 3)
		Expect(counted()-before).To(BeNumerically(">", 0), "rebalances since the one before had to be removed")
	}, SpecTimeout(8*time.Minute))
})
