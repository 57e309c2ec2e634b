package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestConfigs(t *testing.T) {
	var template corev1.PodTemplateSpec
	err := yaml.UnmarshalStrict([]byte(`
spec:
  imagePullSecrets: [{name: registry}]
  volumes:
  - {name: a, configMap: {name: files}}
  - {name: b, secret: {secretName: keys}}
  - {name: c, projected: {sources: [{configMap: {name: more}}, {secret: {name: token}}, {downwardAPI: {}}]}}
  - {name: d, emptyDir: {}}
  initContainers:
  - {name: prepare, envFrom: [{secretRef: {name: keys}}]}
  containers:
  - name: app
    envFrom: [{configMapRef: {name: settings}}]
    env:
    - {name: A, value: b}
    - {name: B, valueFrom: {configMapKeyRef: {name: files, key: b}}}
    - {name: C, valueFrom: {secretKeyRef: {name: password, key: c}}}
    - {name: D, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
`), &template)
	if err != nil {
		t.Fatal(err)
	}
	want := []Config{
		{KindConfigMap, "files"}, {KindConfigMap, "more"}, {KindConfigMap, "settings"},
		{KindSecret, "keys"}, {KindSecret, "password"}, {KindSecret, "token"},
	}
	if diff := cmp.Diff(want, Configs(&template)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Every difference of what is configured is another revision, and nothing else is.
func TestRevisionWith(t *testing.T) {
	files, keys := Config{KindConfigMap, "files"}, Config{KindSecret, "keys"}
	of := func(a, b map[string][]byte) map[Config]map[string][]byte {
		return map[Config]map[string][]byte{files: a, keys: b}
	}
	data := func(pairs ...string) map[string][]byte {
		m := map[string][]byte{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = []byte(pairs[i+1])
		}
		return m
	}
	seen := map[string]int{}
	for i, contents := range []map[Config]map[string][]byte{
		of(data("a", "1", "b", "2"), nil),
		of(data("a", "1", "b", "3"), nil),
		of(data("a", "1"), data("b", "2")),
		of(data("a", "1", "b", "2"), data()),
		of(nil, data("a", "1", "b", "2")),
		{files: data("a", "1", "b", "2")},
	} {
		revision := RevisionWith("r", contents)
		if before, known := seen[revision]; known {
			t.Errorf("cases %d and %d are the same revision", before, i)
		}
		seen[revision] = i
		if again := RevisionWith("r", contents); again != revision {
			t.Errorf("case %d is %s and %s", i, revision, again)
		}
	}
	if RevisionWith("r", of(nil, nil)) == RevisionWith("s", of(nil, nil)) {
		t.Error("two templates are the same revision")
	}
}
