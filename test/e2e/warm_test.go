package e2e

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("A successor that has no room beside its predecessor", func() {
	for name, c := range map[string]struct {
		change func(*corev1.PodTemplateSpec)
		quota  bool
		says   string
	}{
		"because of anti-affinity": {change: apart, says: "anti-affinity"},
		"because of a quota":       {quota: true, says: "exceeded quota"},
	} {
		It(name+" follows it", func(ctx SpecContext) {
			g := create(ctx, 2, func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Template = world.Consumer{Topic: cg.Namespace, Version: "v1", Change: c.change}.Raw()
				if c.quota {
					// The producer and two consumers.
					Expect(stage.Client.Create(ctx, &corev1.ResourceQuota{
						ObjectMeta: metav1.ObjectMeta{Namespace: cg.Namespace, Name: "pods"},
						Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("3")}},
					})).To(Succeed())
				}
			})
			g.running(ctx, 2)
			before, said := g.rebalances(), false
			g.release(ctx, world.Consumer{Version: "v2", Change: c.change})
			g.until(ctx, "the release", func(cg *v1alpha1.ConsumerGroup) bool {
				s := cg.Status
				said = said || strings.Contains(s.Message, "goes first") && strings.Contains(s.Message, c.says)
				return s.ObservedGeneration == cg.Generation && s.StableRevision == s.UpdateRevision && s.ReadyReplicas == 2
			})
			Expect(said).To(BeTrue(), "the message said that the predecessor goes first: %s", c.says)
			Expect(g.rebalances()-before).To(BeZero(), "rebalances")
		}, SpecTimeout(6*time.Minute))
	}
})

// apart wants a node for each pod of the group.
func apart(t *corev1.PodTemplateSpec) {
	t.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey:   corev1.LabelHostname,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelGroup: groupName}},
		}},
	}}
}
