package rollout

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the stories anew")

// TestStories tells the ordinary cases, one operator that sees everything at
// once: what is done, and what it is done for. The stories are shown in
// docs/rollouts.md.
func TestStories(t *testing.T) {
	stories := []struct {
		name   string
		before func(w *world) // once all slots of r0-good consume
		lasts  time.Duration
		desc   string
	}{
		{
			name: "good-release", lasts: 60 * time.Second,
			desc:   "Three slots, maxUnavailable 1, settledSeconds 5. The user applies a good revision.",
			before: func(w *world) { w.object.spec.Revision = "r1-good" },
		}, {
			name: "bad-release", lasts: 60 * time.Second,
			desc:   "Three slots. The user applies a revision whose consumers join and commit nothing.",
			before: func(w *world) { w.object.spec.Revision = "r1-stalled" },
		}, {
			name: "missing-image", lasts: 200 * time.Second,
			desc:   "Three slots, progressDeadlineSeconds 180. The user applies a revision whose image does not exist.",
			before: func(w *world) { w.object.spec.Revision = "r1-unpullable" },
		}, {
			name: "blue-green", lasts: 60 * time.Second,
			desc:   "Three slots, strategy BlueGreen, keepBlueSeconds 30. The user applies a good revision.",
			before: func(w *world) { w.blueGreen("r1-good") },
		}, {
			name: "blue-green-bad", lasts: 60 * time.Second,
			desc:   "Three slots, strategy BlueGreen. The user applies a revision whose consumers join and commit nothing.",
			before: func(w *world) { w.blueGreen("r1-stalled") },
		}, {
			name: "overlap", lasts: 60 * time.Second,
			desc: "Three slots, strategy BlueGreen, handover Overlap; a program takes 7 seconds and more to start. The user applies a good revision.",
			before: func(w *world) {
				w.blueGreen("r1-good")
				w.object.spec.Handover, w.joinsAfter = v1alpha1.HandoverOverlap, 7*time.Second
			},
		}, {
			name: "overlap-rolling", lasts: 90 * time.Second,
			desc: "Three slots, maxUnavailable 2, handover Overlap; a program takes 5 seconds and more to start. The user applies a good revision.",
			before: func(w *world) {
				spec := &w.object.spec
				spec.Revision, spec.Budget, spec.Handover, w.joinsAfter = "r1-good", 2, v1alpha1.HandoverOverlap, 5*time.Second
			},
		}, {
			name: "overlap-bad", lasts: 90 * time.Second,
			desc: "Three slots, strategy BlueGreen, handover Overlap. The user applies a revision whose consumers never join.",
			before: func(w *world) {
				w.blueGreen("r1-unjoined")
				w.object.spec.Handover = v1alpha1.HandoverOverlap
			},
		}, {
			name: "canary", lasts: 90 * time.Second,
			desc: "Three slots, strategy Canary with one step: partition orders-5, and 30 seconds. The user applies a good revision.",
			before: func(w *world) {
				spec := &w.object.spec
				spec.Revision, spec.Strategy, spec.Then = "r1-good", v1alpha1.StrategyCanary, v1alpha1.StrategyBlueGreen
				spec.Steps = []v1alpha1.CanaryStep{stepOf("5")}
				spec.Steps[0].Pause.Seconds = ptr.To[int32](30)
			},
		}, {
			name: "recreate", lasts: 60 * time.Second,
			desc: "Three slots, strategy Recreate. The user applies a good revision.",
			before: func(w *world) {
				w.object.spec.Revision, w.object.spec.Strategy = "r1-good", v1alpha1.StrategyRecreate
			},
		}, {
			name: "restart", lasts: 60 * time.Second,
			desc:   "Three slots, settledSeconds 5. The user asks for a restart.",
			before: func(w *world) { w.annotate(v1alpha1.AnnotationRestart, w.now.Format(time.RFC3339)) },
		}, {
			name: "harmful-release", lasts: 60 * time.Second,
			desc:   "Three slots, and a query whose value must not be above 1. The user applies a revision that consumes as it should, and does harm.",
			before: func(w *world) { w.object.spec.Revision, w.checks.on = "r1-erring", true },
		}, {
			name: "grow", lasts: 30 * time.Second,
			desc:   "Three slots. Six are desired.",
			before: func(w *world) { w.object.spec.Desired = 6 },
		}, {
			name: "shrink", lasts: 30 * time.Second,
			desc:   "Three slots. One is desired.",
			before: func(w *world) { w.object.spec.Desired = 1 },
		}, {
			name: "pod-deleted", lasts: 20 * time.Second,
			desc:   "Three slots. Somebody deletes the pod of slot 1.",
			before: func(w *world) { w.logf("somebody deletes %s", w.pods[1].Name); w.stopPod(w.pods[1]) },
		}, {
			name: "pod-lost", lasts: 60 * time.Second,
			desc:   "Three slots. The pod of slot 1 is deleted by force: nobody saw its process end.",
			before: func(w *world) { w.logf("%s is deleted by force", w.pods[1].Name); w.losePod(w.pods[1]) },
		},
	}
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			got := story.desc + "\n\n" + strings.Join(tell(t, story.before, story.lasts), "\n") + "\n"
			path := filepath.Join("testdata", story.name+".golden")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if shown[story.name] && !strings.Contains(docs(t), withoutState(got)) {
				t.Errorf("docs/rollouts.md shows another story of %s than the one that is told:\n%s", story.name, withoutState(got))
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the story has changed (-want +got); -update writes it anew:\n%s", diff)
			}
		})
	}
}

// shown stories stand in docs/rollouts.md, without the lines about the state.
var shown = map[string]bool{"good-release": true, "blue-green": true, "overlap": true, "canary": true, "recreate": true, "restart": true, "bad-release": true, "harmful-release": true, "pod-deleted": true, "grow": true}

// blueGreen is a release of a revision by that strategy.
func (w *world) blueGreen(revision string) {
	spec := &w.object.spec
	spec.Revision, spec.Strategy, spec.KeepBlue = revision, v1alpha1.StrategyBlueGreen, 30*time.Second
}

func docs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rollouts.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func withoutState(story string) string {
	var lines []string
	for line := range strings.Lines(story) {
		if !strings.Contains(line, "   state:") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// tell lets three slots start, then something happen, and returns what was done
// from then on, with the phases and messages that people see.
func tell(t *testing.T, happens func(*world), lasts time.Duration) []string {
	t.Helper()
	s := newStage(t, 3)
	s.w.telling, s.w.rebalances = true, 0
	happens(s.w)
	s.w.saveObject()
	s.w.savePods()
	s.goOn(lasts)
	s.w.logf("rebalances: %d", s.w.rebalances)
	return s.w.log
}
