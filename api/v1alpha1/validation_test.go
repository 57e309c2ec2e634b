package v1alpha1_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const group = `
apiVersion: kohort.dev/v1alpha1
kind: ConsumerGroup
metadata: {name: orders}
spec:
  kafka: {clusterRef: {name: prod}}
  groupId: orders
  topics: [orders]
  template: {spec: {containers: [{name: app, image: shop/orders:1}]}}
`

const cluster = `
apiVersion: kohort.dev/v1alpha1
kind: KafkaCluster
metadata: {name: prod}
spec: {bootstrapServers: ["kafka:9092"]}
`

// ruleCase shows that a rule lets pass what it should and refuses what it
// should. Changes are laid over the base; null removes a field.
type ruleCase struct {
	rule string
	// old is laid over the base first: the object before an update.
	old        string
	pass, fail string
	// want begins the error that the rule gives.
	want string
}

func text(n int) string { return strings.Repeat("a", n) }

// list has n different entries.
func list(n int, format string) string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf(format, i)
	}
	return "[" + strings.Join(entries, ", ") + "]"
}

// bounds are the two cases of a number with a minimum and a maximum.
func bounds(path string, least, most int) []ruleCase {
	at := func(n int) string {
		value := fmt.Sprint(n)
		parts := strings.Split(path, ".")
		for _, part := range slices.Backward(parts) {
			value = "{" + part + ": " + value + "}"
		}
		return value
	}
	return []ruleCase{
		{
			rule: path + " minimum", pass: at(least), fail: at(least - 1),
			want: fmt.Sprintf("%s: Invalid value: %d: %s in body should be greater than or equal to %d", path, least-1, path, least),
		},
		{
			rule: path + " maximum", pass: at(most), fail: at(most + 1),
			want: fmt.Sprintf("%s: Invalid value: %d: %s in body should be less than or equal to %d", path, most+1, path, most),
		},
	}
}

func TestConsumerGroupRules(t *testing.T) { testRules(t, load(t, "consumergroups"), group, groupRules) }

func TestKafkaClusterRules(t *testing.T) {
	testRules(t, load(t, "kafkaclusters"), cluster, clusterRules)
}

func testRules(t *testing.T, k kind, base string, cases []ruleCase) {
	var shown []string
	for _, tc := range cases {
		shown = append(shown, tc.rule)
		t.Run(tc.rule, func(t *testing.T) {
			from := []string{}
			var old map[string]any
			if tc.old != "" {
				from = append(from, tc.old)
				old = object(t, base, tc.old)
			}
			if errs := k.errors(object(t, base, append(from, tc.pass)...), old); len(errs) > 0 {
				t.Errorf("%s is refused: %s", tc.pass, strings.Join(errs, "\n"))
			}
			errs := k.errors(object(t, base, append(from, tc.fail)...), old)
			if !slices.ContainsFunc(errs, func(err string) bool { return strings.HasPrefix(err, tc.want) }) {
				t.Errorf("%s gives %q, want %q", tc.fail, errs, tc.want)
			}
		})
	}
	slices.Sort(shown)
	all := slices.DeleteFunc(rules("", k.structural), func(rule string) bool {
		return strings.HasPrefix(rule, "status")
	})
	if diff := cmp.Diff(all, slices.Compact(shown)); diff != "" {
		t.Errorf("rules of the schema (-) and the rules that have cases (+):\n%s", diff)
	}
}
