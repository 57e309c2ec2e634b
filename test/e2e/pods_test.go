package e2e

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

// commitsEvery is how many records a pod of a group with three slots processes
// between two commits, at most: what a kill repeats.
const commitsEvery = 2 * rate

// repeatsOneCommit lets a case kill one pod's consumer. It waits until the records are committed
// that were there before the group: the first second of a consumer has all of them.
func (g *group) repeatsOneCommit(ctx SpecContext) {
	GinkgoHelper()
	g.until(ctx, "commits of all partitions", func(cg *v1alpha1.ConsumerGroup) bool {
		return cg.Status.Lag != nil && cg.Status.Lag.Max <= rate
	})
	g.twice = commitsEvery
}

var _ = Describe("A release", func() {
	It("of an image that is not on the nodes leaves the old pods consuming, and can be mended", func(ctx SpecContext) {
		g := start(ctx, 3)
		before, holders := g.rebalances(), g.holders(ctx)
		g.release(ctx, world.Consumer{Version: "v2", Image: "kohort-example/not-there:v2"})
		g.says(ctx, "image kohort-example/not-there:v2 cannot be pulled")
		Expect(g.holders(ctx)).To(Equal(holders))
		g.release(ctx, world.Consumer{Version: "v3"})
		g.released(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("that crashes is rolled back", func(ctx SpecContext) {
		g := start(ctx, 3)
		before := g.rebalances()
		g.release(ctx, world.Consumer{Version: "v2", Behaviour: "crash"})
		g.rolledBack(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))
})

var _ = Describe("A consumer", func() {
	It("that is killed for want of memory comes back under its identity", func(ctx SpecContext) {
		g := create(ctx, 3, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Template = world.Consumer{Topic: cg.Namespace, Version: "v1", Behaviour: "hungry", Change: func(t *corev1.PodTemplateSpec) {
				t.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
			}}.Raw()
		})
		g.says(ctx, "OOMKilled")
		g.twice = 100 * commitsEvery // it is killed again and again
		g.release(ctx, world.Consumer{Version: "v2"})
		g.released(ctx, 3)
	}, SpecTimeout(8*time.Minute))

	It("whose pod is deleted by force is replaced when its process has gone", func(ctx SpecContext) {
		g := start(ctx, 3)
		before, pod := g.rebalances(), g.holder(ctx, 1)
		g.repeatsOneCommit(ctx)
		Expect(stage.Client.Delete(ctx, &pod, ctrlclient.GracePeriodSeconds(0))).To(Succeed())
		g.heldByAnother(ctx, 1, pod)
		g.running(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))

	It("whose pod its kubelet evicts is replaced, and nobody else notices", func(ctx SpecContext) {
		g := start(ctx, 3, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Template = world.Consumer{Topic: cg.Namespace, Version: "v1", Change: func(t *corev1.PodTemplateSpec) {
				t.Spec.Volumes = append(t.Spec.Volumes, corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{
					EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse("1Mi"))},
				}})
				c := &t.Spec.Containers[0]
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "scratch", MountPath: "/scratch"})
			}}.Raw()
		})
		before, pod := g.rebalances(), g.holder(ctx, 1)
		g.repeatsOneCommit(ctx)
		_, err := stage.OnNode(ctx, pod.Spec.NodeName, "dd", "if=/dev/zero", "bs=1M", "count=2",
			"of=/var/lib/kubelet/pods/"+string(pod.UID)+"/volumes/kubernetes.io~empty-dir/scratch/too-much")
		Expect(err).NotTo(HaveOccurred())
		g.heldByAnother(ctx, 1, pod)
		g.running(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
		for _, now := range g.pods(ctx) {
			Expect(now.Status.Reason).NotTo(Equal("Evicted"), "%s is left behind", now.Name)
		}
	}, SpecTimeout(6*time.Minute))

	It("whose process is killed is started again, and nobody else notices", func(ctx SpecContext) {
		g := start(ctx, 3)
		before, pod := g.rebalances(), g.holder(ctx, 2)
		g.repeatsOneCommit(ctx)
		killProcess(ctx, pod)
		g.until(ctx, "a restart", func(*v1alpha1.ConsumerGroup) bool {
			for _, now := range g.pods(ctx) {
				if now.UID == pod.UID && now.Status.ContainerStatuses[0].RestartCount > 0 {
					return true
				}
			}
			return false
		})
		g.running(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(6*time.Minute))
})

// holders are the UIDs of all slots' holders.
func (g *group) holders(ctx SpecContext) (uids []string) {
	for _, slot := range g.get(ctx).Status.State.Slots {
		uids = append(uids, string(slot.Holder))
	}
	return uids
}

// says waits until the group's message, or that of its conditions, has a text.
func (g *group) says(ctx SpecContext, text string) {
	GinkgoHelper()
	g.until(ctx, "a message with: "+text, func(cg *v1alpha1.ConsumerGroup) bool {
		if strings.Contains(cg.Status.Message, text) {
			return true
		}
		for _, c := range cg.Status.Conditions {
			if strings.Contains(c.Message, text) {
				return true
			}
		}
		return false
	})
}

// rolledBack waits until a release was taken back.
func (g *group) rolledBack(ctx SpecContext, replicas int32) {
	GinkgoHelper()
	g.until(ctx, "the release is rolled back", func(cg *v1alpha1.ConsumerGroup) bool {
		r := cg.Status.State.Rollout
		return r != nil && r.Stage == v1alpha1.RolloutRolledBack && cg.Status.ReadyReplicas == replicas
	})
	Expect(g.get(ctx).Status.UpdatedReplicas).To(BeZero())
}

// heldByAnother waits until a slot's holder is another pod.
func (g *group) heldByAnother(ctx SpecContext, ordinal int32, than corev1.Pod) {
	GinkgoHelper()
	g.until(ctx, "another holder than "+than.Name, func(cg *v1alpha1.ConsumerGroup) bool {
		holder := cg.Status.State.Slots[ordinal].Holder
		return holder != "" && holder != than.UID
	})
}
