package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("A ConsumerGroup", func() {
	It("and another of the same name in another namespace do not meet", func(ctx SpecContext) {
		one, other := start(ctx, 2), start(ctx, 2)
		before := other.rebalances()
		one.release(ctx, world.Consumer{Version: "v2"})
		one.released(ctx, 2)
		Expect(other.get(ctx).Status.UpdateRevision).To(Equal(other.get(ctx).Status.StableRevision))
		Expect(other.rebalances()-before).To(BeZero(), "rebalances of the other")
		for _, slot := range one.get(ctx).Status.Slots {
			for _, theirs := range other.get(ctx).Status.Slots {
				Expect(slot.InstanceIDs).NotTo(Equal(theirs.InstanceIDs))
			}
		}
	}, SpecTimeout(6*time.Minute))

	It("that is deleted and applied again goes on where it was", func(ctx SpecContext) {
		g := start(ctx, 2)
		manifest := g.manifest(ctx)
		_, err := stage.Kubectl(ctx, "delete", "-f", manifest)
		Expect(err).NotTo(HaveOccurred())
		for _, pod := range g.pods(ctx) { // their consumers have ended
			Expect(pod.DeletionTimestamp).NotTo(BeNil(), "pod %s when kubectl delete has returned", pod.Name)
		}
		_, err = stage.Kubectl(ctx, "apply", "-f", manifest)
		Expect(err).NotTo(HaveOccurred())
		g.running(ctx, 2)
	}, SpecTimeout(6*time.Minute))

	It("that is replaced by force goes on where it was", func(ctx SpecContext) {
		g := start(ctx, 2)
		manifest := g.manifest(ctx)
		_, err := stage.Kubectl(ctx, "replace", "--force", "-f", manifest)
		Expect(err).NotTo(HaveOccurred())
		g.running(ctx, 2)
	}, SpecTimeout(6*time.Minute))
})

// manifest writes the object as its user keeps it: without what the cluster added.
func (g *group) manifest(ctx SpecContext) string {
	GinkgoHelper()
	cg := g.get(ctx)
	text, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "ConsumerGroup",
		"metadata": map[string]any{"name": cg.Name, "namespace": cg.Namespace}, "spec": cg.Spec,
	})
	Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(stage.Out, g.namespace, "consumergroup.json")
	Expect(os.WriteFile(path, text, 0o644)).To(Succeed())
	return path
}
