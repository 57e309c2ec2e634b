package e2e

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/cluster"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("A node", Serial, func() {
	It("that is drained gives its slots up one by one, as a PodDisruptionBudget asks for", func(ctx SpecContext) {
		g := start(ctx, 4)
		node := g.holder(ctx, 0).Spec.NodeName
		budget := &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: "three-at-least"},
			Spec: policyv1.PodDisruptionBudgetSpec{
				MinAvailable: &intstr.IntOrString{IntVal: 3},
				Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelGroup: groupName}},
			},
		}
		Expect(stage.Client.Create(ctx, budget)).To(Succeed())
		// No pod can be evicted that is in two of them, and kubectl gives up at once.
		Eventually(func() error {
			return stage.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: g.namespace, Name: groupName}, &policyv1.PodDisruptionBudget{})
		}).WithContext(ctx).Should(Satisfy(apierrors.IsNotFound), "Kohort's own budget gives way")
		DeferCleanup(func(ctx SpecContext) {
			_, err := stage.Kubectl(ctx, "uncordon", node)
			Expect(err).NotTo(HaveOccurred())
		})
		least := g.leastConsuming(ctx, func() {
			_, err := stage.Kubectl(ctx, "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=app=consumer", "--timeout=180s")
			Expect(err).NotTo(HaveOccurred())
		})
		Expect(least).To(BeNumerically(">=", 3), "pods that consumed")
		for _, pod := range g.pods(ctx) {
			Expect(pod.Spec.NodeName).NotTo(Equal(node), pod.Name)
		}
		g.running(ctx, 4)
	}, SpecTimeout(8*time.Minute))

	It("that is drained hands its slots over first, and nothing is evicted", func(ctx SpecContext) {
		g := start(ctx, 3)
		before, node := g.rebalances(), g.holder(ctx, 0).Spec.NodeName
		DeferCleanup(func(ctx SpecContext) {
			_, err := stage.Kubectl(ctx, "uncordon", node)
			Expect(err).NotTo(HaveOccurred())
		})
		_, err := stage.Kubectl(ctx, "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=app=consumer", "--timeout=180s")
		Expect(err).NotTo(HaveOccurred())
		for _, pod := range g.pods(ctx) {
			Expect(pod.Spec.NodeName).NotTo(Equal(node), pod.Name)
		}
		g.running(ctx, 3)
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(8*time.Minute))

	It("whose kubelet stops keeps its consumers, and their slots", func(ctx SpecContext) {
		g := start(ctx, 3)
		before, holders, node := g.rebalances(), g.holders(ctx), g.holder(ctx, 0).Spec.NodeName
		kubelet := func(verb string) func(SpecContext) {
			return func(ctx SpecContext) {
				_, err := stage.OnNode(ctx, node, "systemctl", verb, "kubelet")
				Expect(err).NotTo(HaveOccurred())
			}
		}
		DeferCleanup(kubelet("start"))
		kubelet("stop")(ctx)
		// The node is not ready after some 40 s; its pods are evicted after five
		// minutes more.
		ready(ctx, node, corev1.ConditionUnknown)
		processed := len(g.processed())
		Expect(g.get(ctx).Status.Conditions).NotTo(BeEmpty())
		kubelet("start")(ctx)
		ready(ctx, node, corev1.ConditionTrue)
		g.running(ctx, 3)
		Expect(g.holders(ctx)).To(Equal(holders))
		Expect(len(g.processed())).To(BeNumerically(">", processed))
		Expect(g.rebalances()-before).To(BeZero(), "rebalances")
	}, SpecTimeout(8*time.Minute))

	It("that is gone has its slots replaced, and the rest consume on", func(ctx SpecContext) {
		if stage.Kind == "" {
			Skip("only a kind cluster's nodes can be taken away")
		}
		g := start(ctx, 3)
		lost := g.holder(ctx, 0)
		node := lost.Spec.NodeName
		// Of this one a person has to say that its consumer is dead.
		careful := start(ctx, 1, func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Membership.LostNode = v1alpha1.LostNodeWait
			cg.Spec.Template = world.Consumer{Topic: cg.Namespace, Version: "v1", Change: rather(node)}.Raw()
		})
		awaited := careful.holder(ctx, 0)
		Expect(awaited.Spec.NodeName).To(Equal(node))
		// What their consumers processed and had not committed is processed again.
		g.twice, careful.twice = 3*commitsEvery, 3*commitsEvery
		restore := func(ctx SpecContext) {
			_, err := cluster.Run(ctx, "", "docker", "start", node)
			Expect(err).NotTo(HaveOccurred())
			ready(ctx, node, corev1.ConditionTrue)
		}
		DeferCleanup(restore)
		_, err := cluster.Run(ctx, "", "docker", "kill", node)
		Expect(err).NotTo(HaveOccurred())
		Expect(g.logs.Salvage(ctx, node)).To(Succeed())
		Expect(careful.logs.Salvage(ctx, node)).To(Succeed())
		ready(ctx, node, corev1.ConditionUnknown)
		// A person says that it is off for good.
		_, err = stage.Kubectl(ctx, "taint", "node", node, "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			_, err := stage.Kubectl(ctx, "taint", "node", node, "node.kubernetes.io/out-of-service-")
			Expect(err).NotTo(HaveOccurred())
		})
		g.heldByAnother(ctx, 0, lost)
		g.running(ctx, 3)

		careful.says(ctx, "set the annotation "+v1alpha1.AnnotationReplaceLost+"="+awaited.Name)
		for _, pod := range careful.pods(ctx) {
			Expect(pod.UID == awaited.UID || pod.Annotations[v1alpha1.AnnotationActivate] == "").To(BeTrue(), "%s consumes", pod.Name)
		}
		_, err = stage.Kubectl(ctx, "annotate", "consumergroup", groupName, "--namespace", careful.namespace,
			v1alpha1.AnnotationReplaceLost+"="+awaited.Name)
		Expect(err).NotTo(HaveOccurred())
		careful.heldByAnother(ctx, 0, awaited)
		careful.running(ctx, 1)
	}, SpecTimeout(12*time.Minute))
})

// rather puts pods on a node if it has room.
func rather(node string) func(*corev1.PodTemplateSpec) {
	return func(t *corev1.PodTemplateSpec) {
		t.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
				Weight: 100,
				Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
				}}},
			}},
		}}
	}
}

// ready waits until a node says that it is ready, or the cluster that it does not
// know.
func ready(ctx SpecContext, node string, want corev1.ConditionStatus) {
	GinkgoHelper()
	Eventually(func() (string, error) {
		return stage.Kubectl(ctx, "get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
	}).WithContext(ctx).WithPolling(time.Second).Should(Equal(string(want)), "node %s ready", node)
}

// leastConsuming is the least number of activated pods that were there and not
// about to go, while something was done.
func (g *group) leastConsuming(ctx SpecContext, do func()) int {
	GinkgoHelper()
	done, least := make(chan struct{}), make(chan int, 1)
	go func() {
		defer GinkgoRecover()
		n := int(^uint(0) >> 1)
		for {
			alive := 0
			for _, pod := range g.pods(ctx) {
				if pod.DeletionTimestamp == nil && pod.Annotations[v1alpha1.AnnotationActivate] == string(pod.UID) {
					alive++
				}
			}
			n = min(n, alive)
			select {
			case <-done:
				least <- n
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	do()
	close(done)
	return <-least
}

// processed are the distinct records that were processed.
func (g *group) processed() map[string]bool {
	all := map[string]bool{}
	for _, r := range g.records() {
		all[fmt.Sprintf("%d/%d", r.Partition, r.Offset)] = true
	}
	return all
}
