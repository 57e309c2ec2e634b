package e2e

import (
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/twmb/franz-go/pkg/kadm"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

var _ = Describe("Lag", func() {
	It("is served to Burrow's clients and to Prometheus, also of a group that nobody runs", func(ctx SpecContext) {
		g := start(ctx, 2)
		other := g.namespace + "-other"
		offsets := kadm.Offsets{}
		offsets.AddOffset(g.namespace, 0, 0, -1)
		Expect(stage.Kafka.CommitAllOffsets(ctx, other, offsets)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			_, err := stage.Kafka.DeleteGroup(ctx, other)
			Expect(err).NotTo(HaveOccurred())
		})
		cluster := &v1alpha1.KafkaCluster{}
		Expect(stage.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: g.namespace, Name: "kafka"}, cluster)).To(Succeed())
		before := cluster.DeepCopy()
		cluster.Spec.Watch = &v1alpha1.Watch{Allow: []string{g.namespace + "-*"}}
		cluster.Spec.Commits = v1alpha1.CommitsTailed
		Expect(stage.Client.Patch(ctx, cluster, ctrlclient.MergeFrom(before))).To(Succeed())
		Eventually(func(e Gomega) {
			e.Expect(stage.Client.Get(ctx, ctrlclient.ObjectKeyFromObject(cluster), cluster)).To(Succeed())
			e.Expect(cluster.Status.WatchedGroups).To(HaveValue(BeEquivalentTo(1)))
			e.Expect(cluster.Status.Commits).To(Equal(v1alpha1.CommitsTailed))
		}).WithContext(ctx).Should(Succeed())

		Eventually(func(e Gomega) {
			ours, theirs := burrowLag(ctx, e, g.namespace, g.namespace), burrowLag(ctx, e, g.namespace, other)
			e.Expect(ours.PartitionCount).To(Equal(partitions))
			e.Expect(ours.TotalLag).To(BeNumerically("<", 20*rate), "records that wait for a group that keeps up")
			e.Expect(theirs.PartitionCount).To(Equal(1), "partitions to which it has committed")
			e.Expect(theirs.TotalLag).To(BeNumerically(">", 0))
		}).WithContext(ctx).Should(Succeed())
		Eventually(func(e Gomega) {
			text := ask(ctx, e, "8080", "/metrics")
			e.Expect(text).To(ContainSubstring(fmt.Sprintf(
				"kohort_group_lag{cluster=%q,group=%q,name=%q,namespace=%q}", "kafka", g.namespace, groupName, g.namespace)))
			e.Expect(text).To(ContainSubstring(fmt.Sprintf(
				"kohort_group_topic_lag{cluster=%q,group=%q,name=%q,namespace=%q,topic=%q}", "kafka", other, "", g.namespace, g.namespace)))
		}).WithContext(ctx).Should(Succeed())
		g.until(ctx, "rates, and how long the lag takes", func(cg *v1alpha1.ConsumerGroup) bool {
			l := cg.Status.Lag
			return l != nil && l.ProducedPerSecond != nil && *l.ProducedPerSecond > 0 && l.MaxAgeSeconds != nil
		})
	}, SpecTimeout(6*time.Minute))
})

type burrowStatus struct {
	Status         string `json:"status"`
	PartitionCount int    `json:"partition_count"`
	TotalLag       int    `json:"totallag"`
}

// burrowLag asks the operator that leads, for a group of the KafkaCluster of a namespace.
func burrowLag(ctx SpecContext, e Gomega, namespace, group string) burrowStatus {
	GinkgoHelper()
	text := ask(ctx, e, "8000", fmt.Sprintf("/v3/kafka/%s.kafka/consumer/%s/lag", namespace, group))
	var answer struct {
		Status burrowStatus `json:"status"`
	}
	e.Expect(json.Unmarshal([]byte(text), &answer)).To(Succeed())
	return answer.Status
}

// ask asks all operators, and returns what those say that answer.
func ask(ctx SpecContext, e Gomega, port, path string) (text string) {
	GinkgoHelper()
	pods, err := stage.Operators(ctx)
	e.Expect(err).NotTo(HaveOccurred())
	for _, pod := range pods {
		raw, err := stage.Clientset.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, port, path, nil).DoRaw(ctx)
		if err == nil { // who does not lead does not listen
			text += string(raw)
		}
	}
	return text
}
