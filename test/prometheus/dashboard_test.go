package prometheus

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	query "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	corev1 "k8s.io/api/core/v1"
)

// columns of Grafana's grid.
const columns = 24

// strictly decodes a dashboard by Grafana's own types: what they do not have is an error,
// and what they must have and is not there. It is the classic schema: sidecars of any age
// load it.
func strictly(text string) error {
	err := new(dashboard.Dashboard).UnmarshalJSONStrict([]byte(text))
	var all cog.BuildErrors
	if errors.As(err, &all) && len(all) == 0 { // a nil slice, which is no nil error
		return nil
	}
	return err
}

// TestStrictly shows that mistakes are found, also within panels.
func TestStrictly(t *testing.T) {
	text := dashboardText(t)
	for _, name := range []string{"schemaVersion", "gridPos", "expr", "reduceOptions", "spanNulls", "mergeValues", "renameByName", "cellHeight", "includeAll", "refresh"} {
		wrong := strings.ReplaceAll(text, `"`+name+`":`, `"x`+name+`":`)
		if wrong == text {
			t.Errorf("the dashboard has no field %s", name)
		}
		free := name == "renameByName" // what transformations take is not told
		if err := strictly(wrong); (err == nil) != free {
			t.Errorf("with x%s: %v", name, err)
		}
	}
}

// dashboardText is the dashboard as Grafana's sidecar finds it.
func dashboardText(t *testing.T) string {
	t.Helper()
	kinds := cog.NewRuntime()
	kinds.RegisterDataqueryVariant(query.VariantConfig())
	kinds.RegisterPanelcfgVariant(stat.VariantConfig())
	kinds.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	kinds.RegisterPanelcfgVariant(table.VariantConfig())
	kinds.RegisterPanelcfgVariant(timeseries.VariantConfig())

	config := object[corev1.ConfigMap](t, "grafana", "ConfigMap", "kohort-dashboard")
	if config.Labels["grafana_dashboard"] != "1" {
		t.Errorf("Grafana's sidecar does not find a ConfigMap with the labels %v", config.Labels)
	}
	return config.Data["kohort.json"]
}

func dashboardOfConfig(t *testing.T) dashboard.Dashboard {
	t.Helper()
	text := dashboardText(t)
	if err := strictly(text); err != nil {
		t.Fatal(err)
	}
	var d dashboard.Dashboard
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboard: Grafana takes it, and each panel can be seen and says what it shows.
func TestDashboard(t *testing.T) {
	d := dashboardOfConfig(t)
	if latest := dashboard.NewDashboard().SchemaVersion; d.SchemaVersion != latest {
		t.Errorf("the schema is of version %d, Grafana's of %d", d.SchemaVersion, latest)
	}
	alerts := map[string]bool{}
	for _, rule := range ruleGroups(t)[0].Rules {
		alerts[rule.Alert] = true
	}
	ids, taken := map[uint32]string{}, map[[2]uint32]string{}
	for _, p := range d.Panels {
		title, id, at := "", uint32(0), dashboard.GridPos{}
		if row := p.RowPanel; row != nil {
			title, id, at = *row.Title, row.Id, *row.GridPos
		} else {
			title, id, at = *p.Panel.Title, *p.Panel.Id, *p.Panel.GridPos
			describe(t, *p.Panel, alerts)
		}
		if other, found := ids[id]; found || id == 0 {
			t.Errorf("%q has id %d, as %q", title, id, other)
		}
		ids[id] = title
		if at.W == 0 || at.H == 0 || at.X+at.W > columns {
			t.Errorf("%q is at %+v", title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, found := taken[[2]uint32{x, y}]; found {
					t.Fatalf("%q lies on %q at %d, %d", title, other, x, y)
				}
				taken[[2]uint32{x, y}] = title
			}
		}
	}
}

// describe checks the description of a panel: it is there, and what it leads to as well.
func describe(t *testing.T, p dashboard.Panel, alerts map[string]bool) {
	t.Helper()
	if p.Description == nil || *p.Description == "" {
		t.Errorf("%q has no description", *p.Title)
		return
	}
	for _, alert := range regexp.MustCompile(`Kohort[A-Z]\w+`).FindAllString(*p.Description, -1) {
		if !alerts[alert] {
			t.Errorf("%q: there is no alert %s", *p.Title, alert)
		}
	}
	for _, match := range regexp.MustCompile(`(docs/\w+\.md)(?:, ([A-Z][^.]+)\.)?`).FindAllStringSubmatch(*p.Description, -1) {
		page, err := os.ReadFile("../../" + match[1])
		if err != nil {
			t.Errorf("%q: %v", *p.Title, err)
		}
		if heading := match[2]; heading != "" && !strings.HasPrefix(heading, "Kohort") && !strings.Contains(string(page), "# "+heading+"\n") {
			t.Errorf("%q: %s has no heading %q", *p.Title, match[1], heading)
		}
	}
}

var (
	labelInLegend = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	variableUsed  = regexp.MustCompile(`\$\{?(\w+)\}?`)
	valuesOf      = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
)

// TestDashboardQueries: everything that they name exists.
func TestDashboardQueries(t *testing.T) {
	d, operator := dashboardOfConfig(t), servedByOperator(t)
	known := []string{}
	for _, v := range d.Templating.List {
		if v.Type == dashboard.VariableTypeQuery {
			text := fmt.Sprint(v.Query.Map["query"])
			if *v.Definition != text {
				t.Errorf("variable %s is defined as %q and queries %q", v.Name, *v.Definition, text)
			}
			match := valuesOf.FindStringSubmatch(text)
			if match == nil {
				t.Fatalf("variable %s: not understood: %s", v.Name, text)
			}
			variables(t, "variable "+v.Name, text, known)
			if err := operator.check(match[1], match[2]); err != nil {
				t.Errorf("variable %s: %v", v.Name, err)
			}
		}
		known = append(known, v.Name)
	}
	for _, p := range d.Panels {
		if p.Panel == nil {
			continue
		}
		if *p.Panel.Datasource.Uid != "${datasource}" || len(p.Panel.Targets) == 0 {
			t.Errorf("%q asks %s, and that %d times", *p.Panel.Title, *p.Panel.Datasource.Uid, len(p.Panel.Targets))
		}
		for _, target := range p.Panel.Targets {
			q := target.(*query.Dataquery)
			variables(t, *p.Panel.Title, q.Expr, known)
			var named []string
			if q.LegendFormat != nil {
				for _, match := range labelInLegend.FindAllStringSubmatch(*q.LegendFormat, -1) {
					named = append(named, match[1])
				}
			}
			if err := operator.check(q.Expr, named...); err != nil {
				t.Errorf("%q: %v", *p.Panel.Title, err)
			}
		}
	}
}

// variables checks that those in an expression exist.
func variables(t *testing.T, what, expr string, known []string) {
	t.Helper()
	for _, match := range variableUsed.FindAllStringSubmatch(expr, -1) {
		if !slices.Contains(known, match[1]) {
			t.Errorf("%s: there is no variable %s", what, match[1])
		}
	}
}
