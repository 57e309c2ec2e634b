package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/twmb/franz-go/pkg/kerr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/measure"
)

// end holds a case to what every case is held to.
func (g *group) end(ctx SpecContext) {
	if CurrentSpecReport().Failed() {
		g.bundle(ctx)
	} else {
		g.nothingLost(ctx)
	}
	g.delete(ctx)
	Expect(g.logs.Stop()).To(Succeed())
	Expect(stage.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: g.namespace}})).To(Succeed())
	if !CurrentSpecReport().Failed() {
		g.operatorIsCalm(ctx)
	}
}

// nothingLost looks whether all that was produced was processed, and by one pod.
func (g *group) nothingLost(ctx SpecContext) {
	GinkgoHelper()
	written := g.stopProducing(ctx)
	Expect(written).To(BeNumerically(">", 0), "records produced")
	distinct := func(records []measure.Record) int {
		type position struct {
			partition int32
			offset    int64
		}
		all := map[position]bool{}
		for _, r := range records {
			all[position{r.Partition, r.Offset}] = true
		}
		return len(all)
	}
	Eventually(func() int { return distinct(g.records()) }).WithContext(ctx).WithPolling(time.Second).
		Should(Equal(written), "records processed of those that were written")
	sum := measure.Summarize(measure.Outcomes(g.records(), time.Time{}, time.Now()))
	Expect(sum.Lost).To(BeZero(), "records lost")
	Expect(sum.Twice).To(BeNumerically("<=", g.twice), "records processed twice")
	Expect(sum.Contested).To(BeNumerically("<=", g.contested), "records consumed by two pods at once")
}

// delete deletes the group, and looks whether it leaves anything.
func (g *group) delete(ctx SpecContext) {
	GinkgoHelper()
	cg := &v1alpha1.ConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: groupName}}
	Expect(ctrlclient.IgnoreNotFound(stage.Client.Delete(ctx, cg))).To(Succeed())
	Eventually(func(e Gomega) {
		e.Expect(stage.Client.Get(ctx, ctrlclient.ObjectKeyFromObject(cg), cg)).To(MatchError(ContainSubstring("not found")))
		e.Expect(g.pods(ctx)).To(BeEmpty(), "pods")
		var revisions appsv1.ControllerRevisionList
		e.Expect(stage.Client.List(ctx, &revisions, ctrlclient.InNamespace(g.namespace))).To(Succeed())
		e.Expect(revisions.Items).To(BeEmpty(), "revisions")
	}).WithContext(ctx).Should(Succeed())
	Eventually(func() ([]string, error) { return g.members(ctx) }).WithContext(ctx).Should(BeEmpty(), "members of the group")
}

// members of the group, as the broker knows them.
func (g *group) members(ctx SpecContext) (ids []string, err error) {
	described, err := stage.Kafka.DescribeGroups(ctx, g.namespace)
	if err != nil {
		return nil, err
	}
	if errors.Is(described.Error(), kerr.GroupIDNotFound) { // it is none of the classic ones
		return g.membersOfTypeConsumer(ctx)
	}
	for _, m := range described[g.namespace].Members {
		ids = append(ids, ptr.Deref(m.InstanceID, m.MemberID))
	}
	return ids, described.Error()
}

func (g *group) membersOfTypeConsumer(ctx SpecContext) (ids []string, err error) {
	described, err := stage.Kafka.DescribeConsumerGroups(ctx, g.namespace)
	if err != nil {
		return nil, err
	}
	for _, m := range described[g.namespace].Members {
		ids = append(ids, ptr.Deref(m.InstanceID, m.MemberID))
	}
	if err := described.Error(); !errors.Is(err, kerr.GroupIDNotFound) {
		return ids, err
	}
	return ids, nil // there is none at all
}

// operatorIsCalm looks whether an operator restarted by itself, or complained of
// this case's objects without an explanation.
func (g *group) operatorIsCalm(ctx SpecContext) {
	GinkgoHelper()
	operators, err := stage.Operators(ctx)
	Expect(err).NotTo(HaveOccurred())
	for _, pod := range operators {
		if pod.Name == g.mayRestart {
			// The next case must find none that restarted.
			Expect(stage.Client.Delete(ctx, &pod)).To(Succeed())
			continue
		}
		for _, s := range pod.Status.ContainerStatuses {
			Expect(s.RestartCount).To(BeZero(), "restarts of operator %s", pod.Name)
		}
	}
	Expect(g.complaints()).To(BeEmpty(), "errors in the operator's log")
}

// explained are errors that a healthy operator logs, and why.
var explained = []*regexp.Regexp{
	// The lease of an operator that is told to end, or an API server that is slow.
	regexp.MustCompile(`"logger":"leaderelection"|leader election lost`),
	// An event about a case whose namespace has gone meanwhile, or is about to.
	regexp.MustCompile(`Server rejected event.*(not found|being terminated)`),
}

// complaints are the lines of the operators' logs with the level error, from the
// beginning of the case on, about its objects or about none.
func (g *group) complaints() []string {
	GinkgoHelper()
	logs, err := stage.OperatorLogs()
	Expect(err).NotTo(HaveOccurred())
	var found []string
	for _, path := range logs {
	lines:
		for _, line := range strings.Split(read(path), "\n") {
			var entry struct {
				Level, Namespace string
				TS               time.Time
			}
			if json.Unmarshal([]byte(line), &entry) != nil || entry.Level != "error" || entry.TS.Before(g.began.Truncate(time.Second)) ||
				entry.Namespace != "" && entry.Namespace != g.namespace {
				continue
			}
			for _, known := range explained {
				if known.MatchString(line) {
					continue lines
				}
			}
			found = append(found, line)
		}
	}
	return found
}

// read reads the files that match a pattern, one after the other.
func read(pattern string) string {
	GinkgoHelper()
	paths, err := filepath.Glob(pattern)
	Expect(err).NotTo(HaveOccurred())
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		all.Write(text)
	}
	return all.String()
}
