package whole

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
	"github.com/kohort-dev/kohort/test/measure"
)

// line is where programs wait that are to join at the same moment (lab.Version.StartFile).
//
// Members that join together cost one rebalance, unless a heartbeat of the others comes
// between them: the rebalance for the first ends with it, and the others open another. All
// members heartbeat at the same time after a rebalance, and it came between four programs that
// started by themselves in 2 of 48 cases. No test that counts rebalances leaves that to chance.
type line struct {
	file string
	// passed are the programs of the group that are not to be waited for.
	passed int
}

// startLine is one that nobody waits at yet.
func startLine(t *testing.T) *line {
	t.Helper()
	l := &line{file: filepath.Join(t.TempDir(), "go")}
	if err := os.WriteFile(l.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// hold has the programs wait that start from now on.
func (l *line) hold(g group) {
	g.t.Helper()
	l.passed, _ = g.started()
	g.Expect(os.Remove(l.file)).To(Succeed())
}

// let waits until so many programs stand at the line, and lets all of them join, in the middle
// between two heartbeats of the others.
func (l *line) let(g group, programs int) {
	g.t.Helper()
	g.Eventually(func() int {
		all, _ := g.started()
		return all - l.passed
	}).Should(Equal(programs), "programs that start before one of them has joined")
	beat := g.get().Spec.Membership.Heartbeat()
	_, settled := g.started()
	time.Sleep((beat/2 - time.Since(settled)%beat + beat) % beat)
	g.Expect(os.WriteFile(l.file, nil, 0o600)).To(Succeed())
}

// started is how many programs of the group have started by now, and when one was last
// assigned partitions.
func (g group) started() (programs int, assigned time.Time) {
	g.t.Helper()
	g.Expect(measure.Entries(world.Logs(namespace, g.name), func(_ string, e journal.Entry) {
		switch at := time.UnixMilli(e.T); {
		case e.Event == journal.Start:
			programs++
		case e.Event == journal.Assigned && at.After(assigned):
			assigned = at
		}
	})).To(Succeed())
	return programs, assigned
}
