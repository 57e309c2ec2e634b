package prometheus

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

var update = flag.Bool("update", false, "write what the alerts say into testdata")

// interval at which samples come and rules are evaluated.
const interval = 30 * time.Second

// scenario is something that happens to groups, and what the alerts say to it: in
// testdata, under the scenario's name.
type scenario struct {
	name string
	// series in the notation of promtool's tests, a sample every 30 seconds. ORDERS stands
	// for the labels of a group. An operator leads, unless something is said of it.
	series string
	until  time.Duration
	// fires are the alerts that there must be, and no other.
	fires []string
}

const (
	orders = `namespace="shop",cluster="prod",group="orders",name="orders"`
	leads  = `leader_election_master_status{name="kohort.dev",pod="kohort-a"} 1x400`
)

// TestAlerts evaluates the rules as `promtool test rules` does, and tells when an alert
// fires and when it ends.
func TestAlerts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, ruleFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	never := map[string]bool{}
	for _, rule := range ruleGroups(t)[0].Rules {
		never[rule.Alert] = true
	}
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			got, fired := story(t, file, c)
			if diff := cmp.Diff(c.fires, fired); diff != "" {
				t.Errorf("-the alerts that are to fire +those that did\n%s", diff)
			}
			golden := filepath.Join("testdata", strings.NewReplacer(" ", "_", ",", "").Replace(c.name)+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for _, alert := range fired {
				delete(never, alert)
			}
		})
	}
	if len(never) > 0 {
		t.Errorf("no scenario shows that these fire: %v", never)
	}
}

// story of a scenario, and the alerts in it, in the order in which they fired.
func story(t *testing.T, file string, c scenario) (text string, fired []string) {
	t.Helper()
	samples, groups := load(t, file, c)
	var log strings.Builder
	before := map[string]*rules.Alert{}
	for at := time.Duration(0); at <= c.until; at += interval {
		now := time.Unix(0, 0).UTC().Add(at)
		samples.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, group := range groups {
				group.Eval(samples.Context(), now)
			}
		})
		firing := firingOf(t, groups)
		for _, key := range slices.Sorted(maps.Keys(firing)) {
			if before[key] == nil {
				fired = append(fired, firing[key].Labels.Get("alertname"))
				fmt.Fprintf(&log, "%7s  %s\n%s", at, key, said(t, firing[key]))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(before)) {
			if firing[key] == nil {
				fmt.Fprintf(&log, "%7s  %s ends\n", at, key)
			}
		}
		before = firing
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		fmt.Fprintf(&log, "%7s  %s goes on\n", c.until, key)
	}
	if log.Len() == 0 {
		return "no alert\n", fired
	}
	return log.String(), fired
}

// load prepares the samples of a scenario, and the rules of a file to be evaluated on them.
func load(t *testing.T, file string, c scenario) (*promqltest.LazyLoader, map[string]*rules.Group) {
	t.Helper()
	series := strings.ReplaceAll(c.series, "ORDERS", orders)
	if !strings.Contains(series, "leader_election_master_status") {
		series += "\n" + leads
	}
	samples, err := promqltest.NewLazyLoader(fmt.Sprintf("load %s\n%s", interval, indented(series)), promqltest.LazyLoaderOpts{
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: promQL,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { samples.Close() })
	manager := rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		QueryFunc:            rules.EngineQueryFunc(samples.QueryEngine(), samples.Storage()),
		AppendableV2:         samples.Storage(),
		Context:              context.Background(),
		NotifyFunc:           func(context.Context, string, ...*rules.Alert) {},
		Logger:               promslog.NewNopLogger(),
		Parser:               promQL,
	})
	groups, errs := manager.LoadGroups(interval, labels.EmptyLabels(), "", nil, false, file)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return samples, groups
}

// firingOf are the alerts that fire now, by their labels.
func firingOf(t *testing.T, groups map[string]*rules.Group) map[string]*rules.Alert {
	t.Helper()
	firing := map[string]*rules.Alert{}
	for _, group := range groups {
		for _, rule := range group.Rules() {
			if err := rule.LastError(); err != nil {
				t.Fatalf("%s: %v", rule.Name(), err)
			}
			for _, alert := range rule.(*rules.AlertingRule).ActiveAlerts() {
				if alert.State == rules.StateFiring {
					firing[title(alert)] = alert
				}
			}
		}
	}
	return firing
}

// indented is how a test of promtool writes series.
func indented(series string) string {
	var out strings.Builder
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(&out, "  %s\n", line)
		}
	}
	return out.String()
}

func title(a *rules.Alert) string {
	return fmt.Sprintf("%s %s", a.Labels.Get("alertname"), a.Labels.MatchLabels(false, "alertname"))
}

// said is what somebody reads who is woken. A label that there is not leaves a gap in a
// text: two spaces, or one before a full stop.
func said(t *testing.T, a *rules.Alert) string {
	t.Helper()
	var out strings.Builder
	for _, key := range []string{"summary", "description"} {
		text := a.Annotations.Get(key)
		if strings.Contains(text, "<error") || strings.Contains(text, "<no value>") || regexp.MustCompile(`  | [.,;:]|\(/|/\)|^ | $`).MatchString(text) {
			t.Errorf("%s: a gap in %q", title(a), text)
		}
		fmt.Fprintf(&out, "         %s\n", text)
	}
	return out.String()
}
