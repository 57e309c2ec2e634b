package whole

import (
	"fmt"
	"strings"

	. "github.com/onsi/gomega"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/measure"
	"github.com/kohort-dev/kohort/test/testbed/broker"
)

// record is that of a rollout, when it has the result.
func (g group) record(number int, result v1alpha1.RolloutResult) *v1alpha1.RolloutRecord {
	g.t.Helper()
	record := &v1alpha1.RolloutRecord{}
	g.Eventually(func(e Gomega) {
		key := ctrlclient.ObjectKey{Namespace: namespace, Name: fmt.Sprintf("%s-%d", g.name, number)}
		e.Expect(world.Client.Get(g.ctx(), key, record)).To(Succeed())
		e.Expect(record.Status.Result).To(Equal(result))
	}).Should(Succeed())
	return record
}

// bounded looks whether a record's boundaries are what the consumers that run now logged as
// the first records that they processed.
func (g group) bounded(record *v1alpha1.RolloutRecord) {
	g.t.Helper()
	boundaries, err := v1alpha1.ReadTopicOffsets(record.Status.Boundaries)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(boundaries[g.name]).To(HaveLen(partitions), "partitions with a boundary")
	g.Eventually(func(e Gomega) { e.Expect(g.firsts()).To(HaveLen(partitions)) }).Should(Succeed(), "partitions that were processed since")
	exact := 0
	for partition, first := range g.firsts() {
		boundary := boundaries[g.name][partition]
		g.Expect(first).To(And(BeNumerically(">=", boundary.From), BeNumerically("<=", boundary.To)), "the first record processed of partition %d; its boundary is %s", partition, boundary)
		if boundary.Exact() {
			exact++
		}
	}
	g.t.Logf("%d of %d boundaries are exact", exact, partitions)
	if world.Broker.Kind != broker.Kfake {
		g.Expect(exact).To(Equal(partitions), "boundaries that are no range: %v", record.Status.Boundaries)
	}
}

// firsts are the first offsets that the pods processed that are there now, by partition.
func (g group) firsts() map[int32]int64 {
	g.t.Helper()
	firsts := map[int32]int64{}
	for _, pod := range g.pods() {
		records, err := measure.Records(world.Logs(namespace, g.name))
		g.Expect(err).NotTo(HaveOccurred())
		for _, r := range records {
			if first, seen := firsts[r.Partition]; strings.Contains(r.Owner, pod.Name) && (!seen || r.Offset < first) {
				firsts[r.Partition] = r.Offset
			}
		}
	}
	return firsts
}
