package pods

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBuild makes a pod from each testdata/NAME.template.yaml and compares it
// with NAME.pod.yaml.
func TestBuild(t *testing.T) {
	files, err := filepath.Glob("testdata/*.template.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates found: %v", err)
	}
	for _, file := range files {
		base := file[:len(file)-len(".template.yaml")]
		t.Run(filepath.Base(base), func(t *testing.T) {
			in := input(t, file)
			if filepath.Base(base) != "minimal" {
				in.Endpoint = Endpoint{URL: "https://kohort-activation.kohort-system.svc:8443", CA: "the PEM of a certificate"}
			}
			if filepath.Base(base) == "process" {
				in.Activation = v1alpha1.ActivationProcess
			}
			pod, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(pod)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(base+".pod.yaml", got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(base + ".pod.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("the pod differs (-want +got); if it should, run with -update:\n%s", diff)
			}
		})
	}
}

func TestBuildLeavesTemplateAlone(t *testing.T) {
	in := input(t, "testdata/everything.template.yaml")
	before := in.Template.DeepCopy()
	pod, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range pod.Spec.InitContainers {
		pod.Spec.InitContainers[i].SecurityContext = nil
	}
	pod.Labels["app"] = "changed"
	if diff := cmp.Diff(before, in.Template); diff != "" {
		t.Errorf("the template was changed (-before +after):\n%s", diff)
	}
}

func TestBuildIsTheSameEachTime(t *testing.T) {
	first, err := Build(input(t, "testdata/everything.template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Build(input(t, "testdata/everything.template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("another pod from the same input:\n%s", diff)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"building a pod of ConsumerGroup orders: the launcher's image is not known": func(in *Input) {
			in.LauncherImage = ""
		},
		`building a pod of ConsumerGroup orders: the template has no container "gone"`: func(in *Input) {
			in.Consumer = v1alpha1.Consumer{Container: "gone"}
		},
	} {
		in := input(t, "testdata/minimal.template.yaml")
		change(&in)
		if _, err := Build(in); err == nil || err.Error() != name {
			t.Errorf("got error %v, want %s", err, name)
		}
	}
}

// A pod says which session timeout its consumers have, also if the template sets it.
func TestBuildSaysTheSessionTimeout(t *testing.T) {
	for name, want := range map[string]string{"KAFKA_SESSION_TIMEOUT_MS": "90", "OTHER": "45"} {
		in := input(t, "testdata/minimal.template.yaml")
		in.Template = parse(t, "spec: {containers: [{name: app, image: a, env: [{name: "+name+", value: '90000'}]}]}", v1alpha1.Consumer{})
		pod, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := pod.Annotations[v1alpha1.AnnotationSessionTimeout]; got != want {
			t.Errorf("with %s it says %q, want %q", name, got, want)
		}
	}
}

// TestBuildAtOnce: while nobody consumes, a pod proves nothing before it starts.
func TestBuildAtOnce(t *testing.T) {
	for activation, want := range map[v1alpha1.Activation][]string{
		v1alpha1.ActivationSidecar: {"migrate", v1alpha1.ContainerGate},
		v1alpha1.ActivationProcess: {v1alpha1.ContainerInstall, "migrate"},
	} {
		in := input(t, "testdata/minimal.template.yaml")
		in.Template = parse(t, "spec: {containers: [{name: app, image: a, command: [c]}], initContainers: [{name: migrate, image: a}]}", v1alpha1.Consumer{})
		in.Activation, in.AtOnce = activation, true
		pod, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range pod.Spec.InitContainers {
			names = append(names, c.Name)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: init containers (-want +got):\n%s", activation, diff)
		}
		installed := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == volumeBin })
		if installed != (activation == v1alpha1.ActivationProcess) {
			t.Errorf("%s: the volume for the launcher is there: %t", activation, installed)
		}
	}
}

// TestBuildKeepsQuality: a pod that is Guaranteed or BestEffort without Kohort is
// so with it.
func TestBuildKeepsQuality(t *testing.T) {
	limits := `resources: {limits: {cpu: 100m, memory: 64Mi}}`
	for name, tc := range map[string]struct {
		spec string
		want bool // resources on Kohort's own containers
	}{
		"none":                  {spec: `{containers: [{name: app, image: a}]}`},
		"of the pod":            {spec: `{resources: {limits: {cpu: 1}}, containers: [{name: app, image: a}]}`},
		"of a container":        {spec: `{containers: [{name: app, image: a, ` + limits + `}]}`, want: true},
		"of an init container":  {spec: `{containers: [{name: app, image: a}], initContainers: [{name: i, image: a, ` + limits + `}]}`, want: true},
		"requests of one, only": {spec: `{containers: [{name: app, image: a, resources: {requests: {cpu: 1}}}, {name: b, image: b}]}`, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(t, "testdata/minimal.template.yaml")
			in.Template = parse(t, "spec: "+tc.spec, v1alpha1.Consumer{})
			pod, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{v1alpha1.ContainerInstall, v1alpha1.ContainerGate} {
				c := find(pod.Spec.InitContainers, name)
				if got := len(c.Resources.Limits) > 0; got != tc.want {
					t.Errorf("%s has limits: %t, want %t", name, got, tc.want)
				}
				if diff := cmp.Diff(c.Resources.Requests, c.Resources.Limits); diff != "" {
					t.Errorf("%s has requests that are not its limits:\n%s", name, diff)
				}
			}
		})
	}
}

func TestLongContainerNames(t *testing.T) {
	long := "a-container-whose-name-has-as-many-characters-as-a-name-can-have"[:63]
	for position, want := range []string{
		"kohort-check-a-container-whose-name-has-as-many-characters-as-0",
		"kohort-check-a-container-whose-name-has-as-many-characters-as-1",
	} {
		got := checkName(long, position)
		if got != want || len(got) > maxName {
			t.Errorf("got %s (%d characters), want %s", got, len(got), want)
		}
	}
}

// consumers are what the specs say beside the templates, by the name of their file.
var consumers = map[string]v1alpha1.Consumer{
	"spring-boot":   {Inject: v1alpha1.InjectSpringBoot},
	"quarkus":       {Inject: v1alpha1.InjectQuarkus},
	"kafka-streams": {Inject: v1alpha1.InjectKafkaStreams, PropertiesFile: "/etc/kohort/streams.properties"},
	"custom": {Inject: v1alpha1.InjectCustom, Variables: []v1alpha1.Variable{
		{Name: "MY_GROUP", Property: v1alpha1.PropertyGroupID}, {Name: "MY_ID", Property: v1alpha1.PropertyGroupInstanceID},
		{Name: "MY_BROKERS", Property: v1alpha1.PropertyBootstrapServers}, {Name: "ALSO_BROKERS", Property: v1alpha1.PropertyBootstrapServers},
	}},
	"process": {PropertiesFile: "/app/config/consumer.properties"},
}

func input(t *testing.T, file string) Input {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	consumer := consumers[strings.TrimSuffix(filepath.Base(file), ".template.yaml")]
	consumer.Container = "app"
	return Input{
		Group: &v1alpha1.ConsumerGroup{
			ObjectMeta: metav1.ObjectMeta{
				Name:      "orders",
				Namespace: "shop",
				UID:       "0d3c5a1e-7d3f-4a52-9a53-5f8b6f1f2a10",
			},
			Spec: v1alpha1.ConsumerGroupSpec{
				GroupID:    "orders-eu",
				Membership: v1alpha1.Membership{HeartbeatSeconds: ptr.To(int32(5))},
			},
		},
		Template:         parse(t, string(text), consumer),
		Consumer:         consumer,
		Revision:         "7c8d9bb4f5",
		Ordinal:          3,
		InstanceID:       "orders-3f9a2-0003",
		Suffix:           "x7k2p",
		LauncherImage:    "kohort-launcher:v0.1.0",
		BootstrapServers: []string{"kafka-0:9092", "kafka-1:9092"},
		Session:          45 * time.Second,
	}
}

func parse(t *testing.T, text string, consumer v1alpha1.Consumer) *corev1.PodTemplateSpec {
	t.Helper()
	template, err := Parse(raw(t, text), consumer, "")
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func raw(t *testing.T, text string) runtime.RawExtension {
	t.Helper()
	json, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: json}
}
