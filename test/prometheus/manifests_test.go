// Package prometheus checks the alerts in config/prometheus and the dashboard in
// config/grafana with the libraries of those who read them: Prometheus, its operator,
// Grafana and kustomize. It is a module of its own: they are large.
package prometheus

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const docs = "../../docs/monitoring.md"

// object is what `kubectl apply -k` sends of a folder of config, strictly decoded: a field
// that its kind does not have is an error.
func object[T any](t *testing.T, folder, kind, name string) *T {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../config/"+folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Resources() {
		if r.GetKind() != kind || r.GetName() != name {
			continue
		}
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		out := new(T)
		if err := yaml.UnmarshalStrict(text, out); err != nil {
			t.Fatalf("%s %s: %v", kind, name, err)
		}
		return out
	}
	t.Fatalf("config/%s has no %s %s", folder, kind, name)
	return nil
}

// TestMonitorFindsOperator follows the way from the ServiceMonitor to the port of the
// operator's pods.
func TestMonitorFindsOperator(t *testing.T) {
	monitor := object[monitoring.ServiceMonitor](t, "prometheus", "ServiceMonitor", "kohort")
	service := object[corev1.Service](t, "prometheus", "Service", "kohort-metrics")
	deployment := object[appsv1.Deployment](t, "default", "Deployment", "kohort")
	manager := deployment.Spec.Template.Spec.Containers[0]

	if monitor.Namespace != service.Namespace || service.Namespace != deployment.Namespace {
		t.Errorf("the ServiceMonitor is in %s, the Service in %s, the operator in %s", monitor.Namespace, service.Namespace, deployment.Namespace)
	}
	if !within(monitor.Spec.Selector.MatchLabels, service.Labels) {
		t.Errorf("the ServiceMonitor selects %v, the Service has %v", monitor.Spec.Selector.MatchLabels, service.Labels)
	}
	// The operator's other Services would be scraped as well, and have no such port.
	for _, other := range []string{"kohort-activation", "kohort-burrow"} {
		if within(monitor.Spec.Selector.MatchLabels, object[corev1.Service](t, "default", "Service", other).Labels) {
			t.Errorf("the ServiceMonitor selects Service %s, too", other)
		}
	}
	if !within(service.Spec.Selector, deployment.Spec.Template.Labels) {
		t.Errorf("the Service selects %v, the pods have %v", service.Spec.Selector, deployment.Spec.Template.Labels)
	}
	endpoint, port := monitor.Spec.Endpoints[0], service.Spec.Ports[0]
	if endpoint.Port != port.Name || !endpoint.HonorLabels {
		t.Errorf("the ServiceMonitor asks port %q (honorLabels %t), the Service has %q", endpoint.Port, endpoint.HonorLabels, port.Name)
	}
	at := slices.IndexFunc(manager.Ports, func(p corev1.ContainerPort) bool { return p.Name == port.TargetPort.String() })
	if at < 0 || !slices.Contains(manager.Args, "--metrics-bind-address=:8080") || manager.Ports[at].ContainerPort != 8080 {
		t.Errorf("the Service leads to port %s, where the operator does not serve metrics: %v %v", &port.TargetPort, manager.Ports, manager.Args)
	}
}

// within says whether all of some labels are among others.
func within(some, others map[string]string) bool {
	for key, value := range some {
		if others[key] != value {
			return false
		}
	}
	return len(some) > 0
}

// TestDocsHaveEveryAlert compares the alerts with the headings of their page.
func TestDocsHaveEveryAlert(t *testing.T) {
	page, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, heading := range regexp.MustCompile(`(?m)^### (Kohort\w+)$`).FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, heading[1])
	}
	var alerts []string
	for _, rule := range ruleGroups(t)[0].Rules {
		if !slices.Contains(alerts, rule.Alert) { // some have two expressions
			alerts = append(alerts, rule.Alert)
		}
		if at, want := rule.Annotations["runbook"], "docs/monitoring.md#"+strings.ToLower(rule.Alert); at != want {
			t.Errorf("the runbook of %s is %q, want %q", rule.Alert, at, want)
		}
	}
	if diff := cmp.Diff(alerts, documented); diff != "" {
		t.Errorf("-alerts +headings of docs/monitoring.md\n%s", diff)
	}
}
