package whole

import (
	"context"
	"regexp"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
)

// finds waits until a condition has a status for a reason, and says something.
func (g group) finds(condition string, status metav1.ConditionStatus, reason, says string) {
	g.t.Helper()
	g.until("the condition "+condition+" with "+reason, func(cg *v1alpha1.ConsumerGroup) bool {
		c := meta.FindStatusCondition(cg.Status.Conditions, condition)
		return c != nil && c.Status == status && c.Reason == reason
	})
	c := meta.FindStatusCondition(g.get().Status.Conditions, condition)
	g.Expect(c.Message).To(MatchRegexp(says))
}

// disturbed has a consumer beside those in pods until the test ends, which is started
// again whenever it ends.
func (g group) disturbed(variables ...string) {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.ctx())
	var starts sync.WaitGroup
	starts.Go(func() {
		for ctx.Err() == nil {
			stray, err := world.Consume(ctx, g.name, variables...)
			if err != nil {
				g.t.Errorf("start a consumer beside the pods: %v", err)
				return
			}
			select {
			case <-stray.Done():
			case <-ctx.Done():
				stray.Kill()
			}
		}
	})
	g.t.Cleanup(func() { cancel(); starts.Wait() })
}

// TestClientsThatDoNotConform are told apart, each by what it does.
func TestClientsThatDoNotConform(t *testing.T) {
	t.Parallel()
	template := func(v lab.Version) func(*v1alpha1.ConsumerGroup) {
		return func(cg *v1alpha1.ConsumerGroup) { v.Name = "v1"; cg.Spec.Template = v.Raw(cg.Name) }
	}
	for reason, c := range map[string]struct {
		group string
		how   func(*v1alpha1.ConsumerGroup)
		// stray are the variables of a consumer that is none of the group's; nil: there
		// is none.
		stray func(cg *v1alpha1.ConsumerGroup) []string
		// restart has a pod deleted.
		restart bool
		says    string
	}{
		v1alpha1.ReasonNeverJoins: {
			group: "never-joins", how: template(lab.Version{Behaviour: "never-joins"}),
			says: "is ready; slot 0 (",
		},
		v1alpha1.ReasonStranger: {
			group: "stranger", stray: func(*v1alpha1.ConsumerGroup) []string { return nil },
			says: "a member of the group is not of this ConsumerGroup, and takes partitions: a dynamic one (client id kohort-sample-consumer, host ",
		},
		v1alpha1.ReasonSharedInstanceID: {
			group: "shared-id", stray: func(cg *v1alpha1.ConsumerGroup) []string {
				return []string{"KAFKA_GROUP_INSTANCE_ID=" + cg.Status.Slots[0].InstanceIDs[0]}
			},
			says: "another client uses the same group.instance.id",
		},
		v1alpha1.ReasonWrongAssignor: {
			group: "wrong-assignor", how: func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Membership.Assignor = v1alpha1.AssignorSticky },
			says: "the group shares its partitions by the assignor range, membership.assignor asks for sticky",
		},
		v1alpha1.ReasonWrongTopics: {
			group: "wrong-topics", how: func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Topics = append(cg.Spec.Topics, "stranger") },
			says: "subscribes to wrong-topics, spec.topics has stranger, wrong-topics",
		},
		v1alpha1.ReasonSurplusMembers: {
			group: "surplus", how: func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Consumer.ConsumersPerPod = ptr.To[int32](2)
				template(lab.Version{Consumers: 3})(cg)
			},
			says: "consumer.consumersPerPod is 2; instance id",
		},
		v1alpha1.ReasonIgnoresSIGTERM: {
			group: "ignores-sigterm", how: template(lab.Version{Behaviour: "ignores-sigterm", GraceSeconds: 3}), restart: true,
			says: "the last consumer of slot 0 did not end within its grace period after SIGTERM, and was killed",
		},
	} {
		t.Run(c.group, func(t *testing.T) {
			t.Parallel()
			how := []func(*v1alpha1.ConsumerGroup){}
			if c.how != nil {
				how = append(how, c.how)
			}
			g := create(t, c.group, 2, how...)
			if c.stray != nil {
				g.running(2)
				g.disturbed(c.stray(g.get())...)
			}
			if c.restart {
				g.running(2)
				pod := g.pods()[0]
				g.Expect(world.Client.Delete(g.ctx(), &pod)).To(Succeed())
			}
			g.finds(v1alpha1.ConditionClientsConform, metav1.ConditionFalse, reason, regexp.QuoteMeta(c.says))
		})
	}
}

// TestPartitionsSharedByAnotherAssignor are told of. That is no fault.
func TestPartitionsSharedByAnotherAssignor(t *testing.T) {
	t.Parallel()
	g := start(t, "own-assignor", 2, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Template = lab.Version{Name: "v1", Behaviour: "own-assignor"}.Raw(cg.Name)
	})
	g.finds(v1alpha1.ConditionClientsConform, metav1.ConditionTrue, v1alpha1.ReasonOwnershipDiffers,
		`^by the assignor range own-assignor-.*-0000 would own partitions 0 to 2 of topic own-assignor, and owns partitions \d, \d, \d: .*an assignor of its own by this name$`)
}

// TestConsumerThatCommitsNothing is told of, although it is a member like any other. A
// release mends it.
func TestConsumerThatCommitsNothing(t *testing.T) {
	t.Parallel()
	g := start(t, "commits-nothing", 2, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Template = lab.Version{Name: "v1", Behaviour: "stalled"}.Raw(cg.Name)
	})
	g.finds(v1alpha1.ConditionLagHealthy, metav1.ConditionFalse, v1alpha1.ReasonCommitsStand,
		`^slot \d \(commits-nothing-.*\) has never committed on commits-nothing-\d+, and [1-9]\d* records came in \d+ s$`)
	g.release(lab.Version{Name: "v2"})
	g.released(2)
	g.until("the condition LagHealthy", func(cg *v1alpha1.ConsumerGroup) bool {
		return meta.IsStatusConditionTrue(cg.Status.Conditions, v1alpha1.ConditionLagHealthy)
	})
	g.nothingLost(0)
}
