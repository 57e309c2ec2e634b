package whole

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
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

// unhurried is for how many milliseconds a program starts whose boundaries have to be exact:
// one that joins before what is committed was read has ranges, as it may on a busy machine.
const unhurried = 1000

// bounded looks whether a record's boundaries hold what the consumers that run now logged as
// the first records that they processed, and tells how many are exact.
func (g group) bounded(record *v1alpha1.RolloutRecord) int {
	g.t.Helper()
	boundaries, err := v1alpha1.ReadTopicOffsets(record.Status.Boundaries)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(boundaries[g.name]).To(HaveLen(partitions), "partitions with a boundary")
	g.Eventually(g.firsts).Should(HaveLen(partitions), "partitions that were processed since")
	exact := 0
	for partition, first := range g.firsts() {
		boundary := boundaries[g.name][partition]
		g.Expect(first).To(And(BeNumerically(">=", boundary.From), BeNumerically("<=", boundary.To)), "the first record processed of partition %d; its boundary is %s", partition, boundary)
		if boundary.Exact() {
			exact++
		}
	}
	g.t.Logf("%d of %d boundaries are exact", exact, partitions)
	return exact
}

// boundedExactly is the same where all of them have to be exact.
func (g group) boundedExactly(record *v1alpha1.RolloutRecord) {
	g.t.Helper()
	if exact := g.bounded(record); world.Broker.Kind != broker.Kfake {
		g.Expect(exact).To(Equal(partitions), "boundaries that are no range: %v", record.Status.Boundaries)
	}
}

// firsts are the first offsets that the pods processed that are there now, by partition.
func (g group) firsts() map[int32]int64 {
	g.t.Helper()
	records, err := measure.Records(world.Logs(namespace, g.name))
	g.Expect(err).NotTo(HaveOccurred())
	firsts := map[int32]int64{}
	for _, pod := range g.pods() {
		for _, r := range records {
			if first, seen := firsts[r.Partition]; strings.Contains(r.Owner, pod.Name) && (!seen || r.Offset < first) {
				firsts[r.Partition] = r.Offset
			}
		}
	}
	return firsts
}

// TestRollbackInTime: a release that went through is gone back from to its boundary: what it
// has processed is processed again by the version before, and nothing else.
func TestRollbackInTime(t *testing.T) {
	t.Parallel()
	g := start(t, "rollback", 3)
	from := g.get().Status.StableRevision
	g.release(lab.Version{Name: "v2", StartDelayMillis: unhurried})
	g.released(3)
	record := g.record(1, v1alpha1.RolloutSucceeded)
	g.boundedExactly(record)
	second := g.firsts()
	g.change(func(cg *v1alpha1.ConsumerGroup) {
		metav1.SetMetaDataAnnotation(&cg.ObjectMeta, v1alpha1.AnnotationRollback, record.Name+",offsets=boundary")
	})
	g.until("the version before, consuming", func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.StableRevision == from && s.State.Move == nil && s.ReadyReplicas == 3 && s.UpdatedReplicas == 3
	})
	g.Eventually(g.firsts).Should(Equal(second),
		"the first records that the version before processed again, and those that the new one did")
	moved := g.record(2, v1alpha1.RolloutSucceeded)
	g.Expect(moved.Status.Offsets).To(Equal(record.Status.Boundaries))
	g.Expect(moved.Status.OffsetsBefore).NotTo(BeEmpty())
	g.Expect(moved.Spec.RequestedBy).To(Equal(v1alpha1.AnnotationRollback + "=" + record.Name + ",offsets=boundary"))
	g.producer.Stop()
	g.Eventually(g.behind).Should(BeZero(), "records not committed")
	g.Consistently(func() string { return g.get().Status.StableRevision }).Should(Equal(from), "the template's revision is not begun again")
}

// TestResetOffsets to the beginning: everything is processed again.
func TestResetOffsets(t *testing.T) {
	t.Parallel()
	g := start(t, "reset", 2)
	g.change(func(cg *v1alpha1.ConsumerGroup) {
		metav1.SetMetaDataAnnotation(&cg.ObjectMeta, v1alpha1.AnnotationResetOffsets, "earliest")
	})
	g.until("the offsets are set", func(cg *v1alpha1.ConsumerGroup) bool {
		return len(cg.Status.State.Commands) == 1 && cg.Status.State.Move == nil && cg.Status.ReadyReplicas == 2
	})
	g.Eventually(func(e Gomega) {
		firsts := g.firsts()
		e.Expect(firsts).To(HaveLen(partitions))
		for partition, first := range firsts {
			e.Expect(first).To(BeZero(), "the first record of partition %d that was processed since", partition)
		}
	}).Should(Succeed())
}
