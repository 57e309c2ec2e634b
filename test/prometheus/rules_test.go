package prometheus

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"sigs.k8s.io/yaml"
)

// ruleFile is what Prometheus gets of the PrometheusRule: its spec, as it is.
func ruleFile(t *testing.T) []byte {
	t.Helper()
	text, err := yaml.Marshal(object[monitoring.PrometheusRule](t, "prometheus", "PrometheusRule", "kohort").Spec)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ruleGroups are the groups of rules as Prometheus reads them.
func ruleGroups(t *testing.T) []rulefmt.RuleGroup {
	t.Helper()
	groups, errs := rulefmt.Parse(ruleFile(t), false, model.UTF8Validation, promQL, promslog.NewNopLogger())
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	return groups.Groups
}

var (
	labelInText = regexp.MustCompile(`\$labels\.(\w+)`)
	queryInText = regexp.MustCompile(`printf ("(?:[^"\\]|\\.)*")[^|}]*\| query`)
)

// TestRules: they are such as Prometheus takes, and everything that they name exists.
func TestRules(t *testing.T) {
	operator := servedByOperator(t)
	for _, group := range ruleGroups(t) {
		for _, rule := range group.Rules {
			t.Run(rule.Alert, func(t *testing.T) {
				if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
					t.Errorf("the severity is %q", severity)
				}
				var named []string
				for _, key := range []string{"summary", "description"} {
					text := rule.Annotations[key]
					if text == "" {
						t.Errorf("it has no %s", key)
					}
					for _, match := range labelInText.FindAllStringSubmatch(text, -1) {
						named = append(named, match[1])
					}
				}
				if err := operator.check(rule.Expr, named...); err != nil {
					t.Error(err)
				}
				queries := queryInText.FindAllStringSubmatch(rule.Annotations["description"], -1)
				if n := strings.Count(rule.Annotations["description"], "| query"); n != len(queries) {
					t.Errorf("%d of %d queries of the description are understood", len(queries), n)
				}
				for _, match := range queries {
					query, err := strconv.Unquote(match[1])
					if err != nil {
						t.Fatal(err)
					}
					if err := operator.check(strings.ReplaceAll(query, "%s", `namespace="shop"`)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}
