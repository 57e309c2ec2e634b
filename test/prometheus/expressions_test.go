package prometheus

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	_ "github.com/kohort-dev/kohort/controllers" // registers the operator's metrics
)

var promQL = parser.NewParser(parser.Options{})

// served are the labels of each metric that the operator has, by name.
type served map[string][]string

var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", .*, variableLabels: \{([^}]*)\}\}$`)

// servedByOperator asks the operator's registry. It is asked for descriptions, not for
// values: a metric of which there is no series yet has none.
func servedByOperator(t *testing.T) served {
	t.Helper()
	registry, ok := metrics.Registry.(client.Collector)
	if !ok {
		t.Fatalf("the operator's registry describes nothing: it is a %T", metrics.Registry)
	}
	descriptions := make(chan *client.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	all := served{}
	for d := range descriptions {
		match := described.FindStringSubmatch(d.String())
		if match == nil {
			t.Fatalf("not understood: %s", d)
		}
		all[match[1]] = strings.FieldsFunc(match[2], func(r rune) bool { return r == ',' })
	}
	return all
}

// ofTarget are the labels that a metric gets where it is scraped. Its own namespace is
// kept if it has one.
var ofTarget = []string{"namespace", "pod", "service", "endpoint", "container", "instance", "job"}

// labels that the series which an expression yields can have. It is an error if the
// operator does not serve a metric in it, or if the expression names a label that the
// metric, or what has become of it, does not have: such an expression yields nothing, and
// Prometheus says nothing.
func (s served) labels(expr parser.Expr) ([]string, error) {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		return s.ofSelector(e)
	case *parser.MatrixSelector:
		return s.labels(e.VectorSelector)
	case *parser.SubqueryExpr:
		return s.labels(e.Expr)
	case *parser.ParenExpr:
		return s.labels(e.Expr)
	case *parser.StepInvariantExpr:
		return s.labels(e.Expr)
	case *parser.UnaryExpr:
		return s.labels(e.Expr)
	case *parser.AggregateExpr:
		return s.ofAggregation(e)
	case *parser.BinaryExpr:
		return s.ofOperation(e)
	case *parser.Call:
		return s.ofCall(e)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return nil, nil
	default:
		return nil, fmt.Errorf("%s: this test does not know %T", expr, expr)
	}
}

func (s served) ofSelector(e *parser.VectorSelector) ([]string, error) {
	own, found := s[e.Name]
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(e.Name, suffix); cut && !found {
			own, found = s[base]
			own = append(slices.Clone(own), "le")
		}
	}
	if !found {
		return nil, fmt.Errorf("the operator has no metric %s", e.Name)
	}
	labels := append(slices.Clone(own), ofTarget...)
	for _, m := range e.LabelMatchers {
		if m.Name != "__name__" && !slices.Contains(labels, m.Name) {
			return nil, fmt.Errorf("%s has no label %s, but %v", e.Name, m.Name, own)
		}
	}
	return labels, nil
}

func (s served) ofAggregation(e *parser.AggregateExpr) ([]string, error) {
	labels, err := s.labels(e.Expr)
	if err != nil {
		return nil, err
	}
	for _, label := range e.Grouping {
		if !slices.Contains(labels, label) {
			return nil, fmt.Errorf("%s: there is no label %s, but %v", e, label, labels)
		}
	}
	switch {
	case e.Op == parser.TOPK || e.Op == parser.BOTTOMK:
		return labels, nil
	case e.Without:
		return without(labels, e.Grouping...), nil
	default:
		return e.Grouping, nil
	}
}

func (s served) ofOperation(e *parser.BinaryExpr) ([]string, error) {
	left, err := s.labels(e.LHS)
	if err != nil {
		return nil, err
	}
	right, err := s.labels(e.RHS)
	if err != nil {
		return nil, err
	}
	matching := e.VectorMatching
	if matching == nil { // one of them is a number
		return slices.Concat(left, right), nil
	}
	for _, label := range matching.MatchingLabels {
		if !slices.Contains(left, label) || !slices.Contains(right, label) {
			return nil, fmt.Errorf("%s: not on both sides: %s", e, label)
		}
	}
	one, many := right, left
	if matching.Card == parser.CardOneToMany {
		one, many = left, right
	}
	for _, label := range matching.Include {
		if !slices.Contains(one, label) {
			return nil, fmt.Errorf("%s: there is no label %s, but %v", e, label, one)
		}
	}
	switch {
	case e.Op == parser.LOR:
		return slices.Concat(left, right), nil
	case e.Op.IsSetOperator():
		return left, nil
	case matching.Card == parser.CardOneToOne && matching.On:
		return matching.MatchingLabels, nil
	default:
		return slices.Concat(many, matching.Include), nil
	}
}

func (s served) ofCall(e *parser.Call) ([]string, error) {
	var labels []string
	for _, arg := range e.Args {
		of, err := s.labels(arg)
		if err != nil {
			return nil, err
		}
		labels = append(labels, of...)
	}
	switch e.Func.Name {
	case "absent", "vector", "scalar", "time":
		return nil, nil
	case "histogram_quantile":
		return without(labels, "le"), nil
	default:
		return labels, nil
	}
}

func without(labels []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return slices.Contains(some, l) })
}

// check is for an expression and the labels that texts about its series name.
func (s served) check(text string, named ...string) error {
	expr, err := promQL.ParseExpr(text)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	labels, err := s.labels(expr)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	for _, label := range named {
		if !slices.Contains(labels, label) {
			return fmt.Errorf("%s: it yields no label %s, but %v", text, label, labels)
		}
	}
	return nil
}

// TestCheck shows that what yields nothing is found.
func TestCheck(t *testing.T) {
	s := served{"lag": {"group"}, "up": {"cluster"}, "seconds": {"kind"}}
	for expr, ok := range map[string]bool{
		"lag":                          true,
		"lags":                         false,
		`lag{group="a"}`:               true,
		`lag{groups="a"}`:              false,
		"max by (group) (lag)":         true,
		"max by (groups) (lag)":        false,
		"lag unless on (namespace) up": true,
		"lag unless on (cluster) up":   false,
		"lag * on (namespace) group_left (cluster) up":                    true,
		"lag * on (namespace) group_left (group) up":                      false,
		"max by (cluster) (max by (namespace) (up))":                      false,
		"histogram_quantile(0.5, sum by (le) (rate(seconds_bucket[1h])))": true,
		"max by (le) (seconds)":                                           false,
		"max by (":                                                        false,
	} {
		if err := s.check(expr); (err == nil) != ok {
			t.Errorf("%s: %v", expr, err)
		}
	}
	if err := s.check("max by (group) (lag)", "pod"); err == nil {
		t.Error("a label that is aggregated away is not missed")
	}
}
