package rollout

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutations take one guard of an invariant away each. The simulation must see it.
var mutations = []struct {
	name, file, guard, without string
	breaks                     string
}{
	{
		"a deleted pod counts as ended", "decide.go",
		"p := &in.Pods[i]", "p := &in.Pods[i]; p.Ended = p.Ended || p.Deleting",
		"invariant 1",
	}, {
		"the id of a lost pod is used at once", "mend.go",
		"return len(away) > 1 && away.Span() >= awayHeartbeats*v.Group.Heartbeat", "return true",
		"invariant 1",
	}, {
		"the group grows while an id is absent", "resize.go",
		"if v.anyAbsent(v.inSize(*state)) {", "if false {",
		"invariant 2",
	}, {
		"a holder is stopped with no reading", "permit.go",
		"if v.reading == nil && !blind {", "if false {",
		"invariant 3",
	}, {
		"an old reading is acted on", "../lag/window.go",
		"age > FreshFor", "age > 10*FreshFor",
		"invariant 3",
	}, {
		"the gate does not look at lag and commits", "gate.go",
		"{exceeds, restarts, joined, standing, slower, bounds, queries, settled}", "{exceeds, restarts, joined, bounds, queries, settled}",
		"invariant 4",
	}, {
		"the gate does not wait for members", "gate.go",
		"{exceeds, restarts, joined, standing, slower, bounds, queries, settled}", "{exceeds, restarts, bounds, queries}",
		"invariant 3", // a query says nothing of who is no member yet
	}, {
		"a query that is not known counts as 0", "queries.go",
		`case last.Unknown != "":`, "case false:",
		"invariant 3",
	}, {
		"a slot goes on although a query is above its bound", "queries.go",
		"case value > q.most(r):", "case false:",
		"invariant 4",
	}, {
		"what the query is later is noted as what it was before", "queries.go",
		"if len(r.Begun) > 0 {", "if false {",
		"invariant 4",
	}, {
		"more than the budget is stopped", "permit.go",
		"if !out && (unsteady || len(missing) >= v.budget(state)) {", "if !out && (unsteady || len(missing) >= v.budget(state)+1) {",
		"invariant 5",
	}, {
		"BlueGreen begins before all successors are warm", "bluegreen.go",
		"ready < len(next) {", "ready < len(next)-1 {",
		"invariant 5",
	}, {
		"a revision starts before the other one has ended", "wants.go",
		"w.barred = o.barred[w.run]", "",
		"cut",
	}, {
		"offsets are set while pods may consume", "offsets.go",
		`if left := v.left(); left != "" {`, `if left := v.left(); false && left != "" {`,
		"invariant 8",
	}, {
		"offsets are set while the group has members", "offsets.go",
		"if n := len(v.reading.Members); n > 0 {", "if n := len(v.reading.Members); n > 99 {",
		"invariant 8",
	}, {
		"a pause by annotation holds nothing", "commands.go",
		"case rolling(state) && v.Group.Commands", "case false && v.Group.Commands",
		"pause",
	}, {
		"a holder is activated before it is persisted", "permit.go",
		"hold(v, state, p.slot, p.pod)", "",
		"invariant 6",
	}, {
		"the object of a holder goes before its end is written", "permit.go",
		"p.Forsaken || !holders[p.UID] && !p.active()", "p.Forsaken || holders[p.UID] || !p.active()",
		"invariant 6",
	}, {
		"a member is removed by its instance id alone", "members.go",
		"refs = append(refs, MemberRef{m.InstanceID, m.MemberID})", "refs = append(refs, MemberRef{m.InstanceID, m.MemberID[:0]})",
		"invariant 9",
	}, {
		"of a slot's members one is removed", "remove.go",
		"gone = append(gone, members...)", "gone = append(gone, members[:min(1, len(members))]...)",
		"invariant 9",
	}, {
		"one consumer of a slot is enough to have joined", "members.go",
		"for i, id := range ids {", "for i, id := range ids[:1] {",
		"invariant 5",
	}, {
		"a slot comes anew while another is absent", "permit.go",
		"if v.disturbs(p.slot) || v.refused(p.slot) {", "if v.refused(p.slot) {",
		"invariant 2",
	}, {
		"more slots are left out than the budget", "leaveout.go",
		"case len(missing) <= v.Group.Budget ", "case len(missing) <= v.Group.Budget+9 ",
		"invariant 5",
	}, {
		"a holder gives way before its successor is a member", "overlap.go",
		"return b.holder.consuming() && v.joined(b, v.reading)", "return b.holder.consuming()",
		"overlap",
	}, {
		"successors join while an id is absent", "overlap.go",
		"removing || v.anyAbsent(v.slots) {", "removing {",
		"invariant 2",
	}, {
		"a slot is absent when all of its ids are", "members.go",
		"return !s.holder.consuming() && len(s.members(r)) > 0", "return !s.holder.consuming() && len(s.members(r)) == len(s.ids)",
		"invariant 2",
	},
}

// TestMutations shows that the simulation tests the guards: without one of them
// it fails, and names the invariant.
func TestMutations(t *testing.T) {
	if os.Getenv("KOHORT_MUTATED") != "" {
		return
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel() // a compiler keeps hardly more than one core busy
			path, err := filepath.Abs(m.file)
			if err != nil {
				t.Fatal(err)
			}
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), m.guard); n != 1 {
				t.Fatalf("the guard is %d times in %s", n, m.file)
			}
			mutated := strings.Replace(string(source), m.guard, m.without, 1)
			out := runMutated(t, path, mutated)
			if !strings.Contains(out, m.breaks+":") {
				t.Errorf("the simulation does not see it; want %q, got:\n%s", m.breaks, out)
			}
		})
	}
}

// runMutated runs the simulation with another text for one file.
func runMutated(t *testing.T, path, text string) string {
	t.Helper()
	dir := t.TempDir()
	replacement := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(replacement, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-vet=off", "-overlay", overlayFile, "-run", "TestSimulate", ".", "-seeds", "5000")
	cmd.Env = append(os.Environ(), "KOHORT_MUTATED=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("the simulation passes")
	}
	return string(out)
}
