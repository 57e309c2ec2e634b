package v1alpha1_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

const checksPath = "spec.rollout.gate.prometheus"

// checks is a gate with some queries.
func checks(list string) string { return `{spec: {rollout: {gate: {prometheus: ` + list + `}}}}` }

// check is one with a name, a query and a bound.
func check(name, query, most string) string {
	return checks(fmt.Sprintf(`[{name: %q, query: %q, max: %q}]`, name, query, most))
}

var gateRules = slices.Concat(
	bounds("spec.rollout.gate.maxAgeSeconds", 1, 30*24*3600),
	bounds("spec.rollout.gate.maxLagGrowthPerSecond", 0, math.MaxInt32)[:1],
	[]ruleCase{
		{
			rule: checksPath + " maxItems",
			pass: checks(list(8, `{name: c%d, query: up, max: "1"}`)), fail: checks(list(9, `{name: c%d, query: up, max: "1"}`)),
			want: checksPath + ": Too many: 9: must have at most 8 items",
		}, {
			rule: checksPath + " map",
			pass: checks(`[{name: a, query: up, max: "1"}, {name: b, query: up, max: "1"}]`),
			fail: checks(`[{name: a, query: up, max: "1"}, {name: a, query: down, max: "2"}]`),
			want: checksPath + `[1]: Duplicate value: {"name":"a"}`,
		}, {
			rule: checksPath + "[] required name",
			pass: check("a", "up", "1"), fail: checks(`[{query: up, max: "1"}]`), want: checksPath + "[0].name: Required value",
		}, {
			rule: checksPath + "[] required query",
			pass: check("a", "up", "1"), fail: checks(`[{name: a, max: "1"}]`), want: checksPath + "[0].query: Required value",
		}, {
			rule: checksPath + "[] required max",
			pass: check("a", "up", "1"), fail: checks(`[{name: a, query: up}]`), want: checksPath + "[0].max: Required value",
		}, {
			rule: checksPath + "[].name minLength",
			pass: check("a", "up", "1"), fail: check("", "up", "1"),
			want: checksPath + `[0].name: Invalid value: "": ` + checksPath + "[0].name in body should be at least 1 chars long",
		}, {
			rule: checksPath + "[].name maxLength",
			pass: check(text(63), "up", "1"), fail: check(text(64), "up", "1"),
			want: checksPath + "[0].name: Too long: may not be more than 63 bytes",
		}, {
			rule: checksPath + "[].name pattern",
			pass: check("error-rate", "up", "1"), fail: check("error rate", "up", "1"),
			want: checksPath + `[0].name: Invalid value: "error rate": ` + checksPath + "[0].name in body should match",
		}, {
			rule: checksPath + "[].query minLength",
			pass: check("a", "up", "1"), fail: check("a", "", "1"),
			want: checksPath + `[0].query: Invalid value: "": ` + checksPath + "[0].query in body should be at least 1 chars long",
		}, {
			rule: checksPath + "[].query maxLength",
			pass: check("a", text(2048), "1"), fail: check("a", text(2049), "1"),
			want: checksPath + "[0].query: Too long: may not be more than 2048 bytes",
		}, {
			rule: checksPath + "[].max maxLength",
			pass: check("a", "up", "-123456789012345.123456789012345e-10"), fail: check("a", "up", text(41)),
			want: checksPath + "[0].max: Too long: may not be more than 40 bytes",
		}, {
			rule: checksPath + "[].max pattern",
			pass: check("a", "up", "0.05"), fail: check("a", "up", "5%"),
			want: checksPath + `[0].max: Invalid value: "5%": ` + checksPath + "[0].max in body should match",
		}, {
			rule: checksPath + "[].max pattern",
			pass: check("a", "up", "-1.5e-3"), fail: check("a", "up", "NaN"),
			want: checksPath + `[0].max: Invalid value: "NaN": ` + checksPath + "[0].max in body should match",
		},
	},
)

// TestQueryFor: what a query is filled in with, and what is left as it stands.
func TestQueryFor(t *testing.T) {
	g := &v1alpha1.ConsumerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	g.Spec.GroupID = `say "hi"`
	for query, want := range map[string]string{
		`errors{namespace="$namespace",name="$name",revision="$revision"}`: `errors{namespace="shop",name="orders",revision="5f6"}`,
		`lag{group="$groupId"}`:                   `lag{group="say \"hi\""}`,
		`up{job=~"^a$|$named|$name_x|$other"} $1`: `up{job=~"^a$|$named|$name_x|$other"} $1`,
		`$name$name-$names`:                       `ordersorders-$names`,
	} {
		if got := g.QueryFor(v1alpha1.PrometheusCheck{Query: query}, "5f6"); got != want {
			t.Errorf("%s\n becomes %s\n    want %s", query, got, want)
		}
	}
	for query, want := range map[string]bool{`a{r="$revision"}`: true, `a{r="$revisions"}`: false, `$name`: false} {
		if got := (v1alpha1.PrometheusCheck{Query: query}).OfRevision(); got != want {
			t.Errorf("%s is about the revision: %v", query, got)
		}
	}
}

func TestBound(t *testing.T) {
	for text, want := range map[string]float64{"0.05": 0.05, "-1.5e-3": -0.0015, "999999999999999e99": 999999999999999e99, "?": math.Inf(-1)} {
		if got := (v1alpha1.PrometheusCheck{Max: text}).Bound(); got != want {
			t.Errorf("%s is %g, want %g", text, got, want)
		}
	}
}
