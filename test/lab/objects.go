package lab

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// Bootstrap is the broker's address, as consumers take it.
func (l *Lab) Bootstrap() string { return strings.Join(l.Broker.Bootstrap(), ",") }

// clusterName is the KafkaCluster's of the lab's broker.
const clusterName = "lab"

// Cluster is the KafkaCluster of the lab's broker.
func (l *Lab) Cluster(namespace string) *v1alpha1.KafkaCluster {
	return &v1alpha1.KafkaCluster{
		ObjectMeta: metav1.ObjectMeta{Name: clusterName, Namespace: namespace},
		Spec:       v1alpha1.KafkaClusterSpec{BootstrapServers: l.Broker.Bootstrap()},
	}
}

// Version is what a template of the sample consumer says: its version, how many
// records per second it processes, and how it misbehaves.
type Version struct {
	Name      string
	Topics    string // separated by commas; "": the one that the template is for
	Rate      int    // 0: as fast as it can
	Behaviour string // "", slow, stalled, crash, never-joins, ignores-sigterm
	Image     string // "": the program's
	Program   Program
	Command   string // "": the image's entrypoint
	Records   bool   // logs every record
	// StartupProbe asks whether the program answers, before anything else asks.
	StartupProbe bool
	// Consumers is how many run in a pod (consumer.consumersPerPod); 0: one.
	Consumers int
	// StartDelayMillis is how long the program takes before it joins.
	StartDelayMillis int
	// StartFile is what it waits for then, so that several join at the same moment; "": nothing.
	StartFile string
	// GraceSeconds is the pod's terminationGracePeriodSeconds; 0: 30.
	GraceSeconds int
}

// Template is a pod template of the sample consumer for a topic.
func (v Version) Template(topic string) map[string]any {
	image := cmp.Or(v.Image, v.Program.Image, ConsumerImage)
	env := []any{
		variable("TOPICS", cmp.Or(v.Topics, topic)), variable("VERSION", v.Name), variable("RATE", strconv.Itoa(v.Rate)),
		variable("BEHAVIOUR", v.Behaviour), variable("HEALTH_PORT", "8080"),
		variable("START_DELAY_MS", strconv.Itoa(v.StartDelayMillis)), variable("START_FILE", v.StartFile),
	}
	if v.Records {
		env = append(env, variable("LOG_RECORDS", "1"))
	}
	if v.Consumers > 0 {
		env = append(env, variable("CONSUMERS", strconv.Itoa(v.Consumers)))
	}
	grace := v.GraceSeconds
	if grace == 0 {
		grace = 30
	}
	app := map[string]any{
		"name": Container, "image": image, "env": env,
		"ports": []any{map[string]any{"name": "health", "containerPort": 8080}},
		"readinessProbe": map[string]any{
			"httpGet":       map[string]any{"path": cmp.Or(v.Program.Ready, "/ready"), "port": "health"},
			"periodSeconds": 1,
		},
	}
	if v.Command != "" {
		app["command"] = []any{v.Command}
	}
	if v.StartupProbe {
		app["startupProbe"] = map[string]any{"tcpSocket": map[string]any{"port": "health"}, "periodSeconds": 1, "failureThreshold": 60}
	}
	return map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": topic}},
		"spec":     map[string]any{"terminationGracePeriodSeconds": grace, "containers": []any{app}},
	}
}

// Raw is the template as the API takes it.
func (v Version) Raw(topic string) runtime.RawExtension {
	raw, err := json.Marshal(v.Template(topic))
	if err != nil {
		panic(err) // plain strings, numbers, maps and slices
	}
	return runtime.RawExtension{Raw: raw}
}

func variable(name, value string) map[string]any { return map[string]any{"name": name, "value": value} }

// Group is a ConsumerGroup of the sample consumer: group, topic and object share
// a name.
func (l *Lab) Group(namespace, name string, replicas int32, version Version) *v1alpha1.ConsumerGroup {
	return &v1alpha1.ConsumerGroup{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec: v1alpha1.ConsumerGroupSpec{
			Kafka:    v1alpha1.KafkaRef{ClusterRef: v1alpha1.ClusterRef{Name: clusterName}},
			Topics:   []string{name},
			Replicas: &replicas,
			Template: version.Raw(name),
		},
	}
}

// Log is the path of the log of a pod's consumer, or a pattern if the name is one.
func (l *Lab) Log(namespace, pod string) string { return l.Kubelet.Log(namespace, pod, Container) }

// Logs is the pattern of the logs of a group's consumers.
func (l *Lab) Logs(namespace, name string) string { return l.Log(namespace, name+"-*") }
