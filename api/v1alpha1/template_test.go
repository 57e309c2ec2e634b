package v1alpha1_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// strangeTemplate has what a schema of its own would drop, fill in or rewrite.
const strangeTemplate = `
apiVersion: kohort.dev/v1alpha1
kind: ConsumerGroup
metadata: {name: orders}
spec:
  kafka: {clusterRef: {name: prod}}
  topics: [orders]
  template:
    metadata:
      creationTimestamp: null
      labels: {app: orders}
      annotations: {kohort.dev/activate: kept here, left out of the pods}
      fieldOfTheFuture: {a: [1, 2.5, null]}
    spec:
      containers:
      - name: app
        image: shop/orders:1
        ports: [{containerPort: 8080}]
        resources: {limits: {cpu: 1000m, memory: 0.5Gi}}
        fieldOfTheFuture: true
      - {}
`

// TestTemplateIsKeptAsWritten: pruning and defaulting change nothing in it, nor
// anything else of a spec.
func TestTemplateIsKeptAsWritten(t *testing.T) {
	k := load(t, "consumergroups")
	want, got := object(t, strangeTemplate), object(t, strangeTemplate)
	k.store(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the stored object differs from what was applied (-applied +stored):\n%s", diff)
	}
	if errs := k.errors(got, nil); len(errs) > 0 {
		t.Errorf("it is refused: %s", strings.Join(errs, "\n"))
	}
}

// TestOtherUnknownFieldsAreDropped shows that the test above can fail.
func TestOtherUnknownFieldsAreDropped(t *testing.T) {
	k := load(t, "consumergroups")
	got := object(t, group, `{spec: {replica: 3}}`)
	k.store(got)
	if diff := cmp.Diff(object(t, group), got); diff != "" {
		t.Errorf("the misspelt field is still there:\n%s", diff)
	}
}

// TestTemplateMustBeAnObject: the one thing that the schema knows about it.
func TestTemplateMustBeAnObject(t *testing.T) {
	errs := load(t, "consumergroups").errors(object(t, group, `{spec: {template: app}}`), nil)
	want := []string{`spec.template: Invalid value: "string": spec.template in body must be of type object: "string"`}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Error(diff)
	}
}

// TestTypesAddNothing: an object that Kohort reads and writes is what a person
// applied, without empty blocks and null times, which the schema would refuse.
func TestTypesAddNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		plural, base string
		into         any
	}{
		"ConsumerGroup":        {"consumergroups", group, &v1alpha1.ConsumerGroup{}},
		"its template":         {"consumergroups", strangeTemplate, &v1alpha1.ConsumerGroup{}},
		"with blocks":          {"consumergroups", group + "  scaling: {maxReplicas: 3, targets: {lagPerReplica: 10}}\n", &v1alpha1.ConsumerGroup{}},
		"with a slot's state":  {"consumergroups", group + "status: {replicas: 0, readyReplicas: 0, updatedReplicas: 0, desiredReplicas: 0, state: {size: 1, slots: [{ordinal: 0}]}}\n", &v1alpha1.ConsumerGroup{}},
		"KafkaCluster":         {"kafkaclusters", cluster, &v1alpha1.KafkaCluster{}},
		"KafkaCluster and TLS": {"kafkaclusters", cluster + "status: {brokers: 1}\n", &v1alpha1.KafkaCluster{}},
	} {
		t.Run(name, func(t *testing.T) {
			want := object(t, tc.base)
			if err := yaml.UnmarshalStrict([]byte(tc.base), tc.into); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(tc.into)
			if err != nil {
				t.Fatal(err)
			}
			got := object(t, string(text))
			// A report is made anew each time; counts in it may be zero.
			if _, has := want["status"]; !has {
				delete(got, "status")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-applied +written):\n%s", diff)
			}
			if errs := load(t, tc.plural).errors(object(t, string(text)), nil); len(errs) > 0 {
				t.Errorf("what is written is refused: %s", strings.Join(errs, "\n"))
			}
		})
	}
}

func TestSamplesAreValid(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples found: %v", err)
	}
	kinds := map[string]struct {
		plural string
		into   any
	}{
		"ConsumerGroup": {"consumergroups", &v1alpha1.ConsumerGroup{}},
		"KafkaCluster":  {"kafkaclusters", &v1alpha1.KafkaCluster{}},
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			o := object(t, document)
			name, _ := o["kind"].(string)
			k, known := kinds[name]
			if !known {
				t.Errorf("%s: no test for kind %q", file, name)
				continue
			}
			if errs := load(t, k.plural).errors(o, nil); len(errs) > 0 {
				t.Errorf("%s is refused: %s", file, strings.Join(errs, "\n"))
			}
			if err := yaml.UnmarshalStrict([]byte(document), k.into); err != nil {
				t.Errorf("%s has fields that do not exist: %v", file, err)
			}
		}
	}
}
