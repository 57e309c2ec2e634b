package whole

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/testbed/broker"
)

// The samples with other client libraries have a make target of their own.

func TestSpring(t *testing.T) { program(t, "java", "java", "mvn") }
func TestPython(t *testing.T) { program(t, "librdkafka", "python3") }

func program(t *testing.T, name string, needs ...string) {
	for _, command := range needs {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("this needs %s: %v", command, err)
		}
	}
	if world.Broker.Kind == broker.Kfake {
		t.Skip("kfake differs in what is asserted here")
	}
	p := lab.Programs[name]
	NewWithT(t).Expect(world.Install(t.Context(), p, os.Stderr)).To(Succeed())
	t.Run("topics", func(t *testing.T) { topicsChange(t, name+"-topics", p) })
	t.Run("protocol consumer", func(t *testing.T) { protocolConsumer(t, name+"-kip-848", p) })
}

// runs has a group run a program.
func runs(p lab.Program, v lab.Version) func(*v1alpha1.ConsumerGroup) {
	return func(cg *v1alpha1.ConsumerGroup) {
		v.Program, v.Records = p, true
		cg.Spec.Template = v.Raw(cg.Name)
		if p.Change != nil {
			p.Change(cg)
		}
	}
}

// topicsChange: a static member that comes back with other topics is given what it had
// before, by these clients; Kohort sees to it that the group shares its partitions anew.
func topicsChange(t *testing.T, name string, p lab.Program) {
	g := start(t, name, 2, runs(p, lab.Version{Name: "v1"}))
	second := name + "-second"
	g.Expect(world.Broker.CreateTopic(g.ctx(), second, 2)).To(Succeed())
	owned := func() (owned bool) {
		for _, s := range g.get().Status.Slots {
			owned = owned || strings.Contains(s.Partitions, second+":")
		}
		return owned
	}
	subscribe := func(version string, topics ...string) {
		g.change(func(cg *v1alpha1.ConsumerGroup) {
			cg.Spec.Topics = topics
			runs(p, lab.Version{Name: version, Topics: strings.Join(topics, ",")})(cg)
		})
		g.released(2)
	}
	settled := func() {
		g.until("that it is settled and the clients conform", func(cg *v1alpha1.ConsumerGroup) bool {
			return meta.IsStatusConditionTrue(cg.Status.Conditions, v1alpha1.ConditionSettled) &&
				meta.IsStatusConditionTrue(cg.Status.Conditions, v1alpha1.ConditionClientsConform)
		})
	}
	subscribe("v2", name, second)
	g.Eventually(owned).Should(BeTrue(), "somebody owns the topic that was added")
	settled()
	subscribe("v3", name)
	g.Eventually(owned).Should(BeFalse(), "nobody owns the topic that was removed")
	settled()
	g.nothingLost(60 * 5 * 2)
}

// protocolConsumer (KIP-848): a release costs no rebalance, a consumer that is killed comes
// back long before its session is over, and the group's configuration is the
// ConsumerGroup's for as long as that exists.
func protocolConsumer(t *testing.T, name string, p lab.Program) {
	g := start(t, name, 3, runs(p, lab.Version{Name: "v1"}), func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Membership.Protocol = v1alpha1.ProtocolConsumer
	})
	counted := func() int64 {
		r := g.get().Status.Rebalances
		g.Expect(r).NotTo(BeNil())
		g.Expect(r.Exact).To(BeTrue(), "%+v", r)
		return r.Count
	}
	before := counted()
	g.rebalances(0, func() {
		g.change(runs(p, lab.Version{Name: "v2"}))
		g.released(3)
	})
	g.Expect(counted()-before).To(BeZero(), "rebalances of the release")
	g.Expect(world.GroupConfig(g.ctx(), g.name)).To(HaveKeyWithValue("consumer.session.timeout.ms", "45000"))

	pod := g.pods()[1]
	began := time.Now()
	g.Expect(world.Kubelet.Kill(pod.Namespace, pod.Name, lab.Container)).To(Succeed())
	g.until("its restart", func(cg *v1alpha1.ConsumerGroup) bool { return cg.Status.ReadyReplicas < 3 })
	g.running(3)
	g.Expect(time.Since(began)).To(BeNumerically("<", 40*time.Second), "the broker would have refused it for 45 s")
	g.nothingLost(60 * 2)
}
