package world

import (
	"encoding/json"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// Container is the consumer's in its pods, and the producer's.
const Container = "app"

// Consumer is what a template of a sample consumer says.
type Consumer struct {
	Topic     string
	Version   string
	Image     string   // "": the Go consumer's
	Rate      int      // records per second and pod; 0: as fast as it can
	Command   []string // nil: the Go consumer's
	Behaviour string   // "", slow, stalled, crash, never-joins, hungry, ignores-sigterm
	// StartDelayMillis is how long the program takes before it joins.
	StartDelayMillis int
	// Change changes the template, where a case needs what others do not.
	Change func(*corev1.PodTemplateSpec)
}

// Spring is the Spring Boot consumer with some threads.
func Spring(concurrency int) Consumer {
	return java(SpringImage, "consumer-spring.jar", "/actuator/health/readiness", corev1.EnvVar{Name: "CONCURRENCY", Value: strconv.Itoa(concurrency)})
}

// Quarkus is the Quarkus consumer with some copies of its channel, three at most.
func Quarkus(concurrency int) Consumer {
	return java(QuarkusImage, "quarkus-run.jar", "/q/health/ready", corev1.EnvVar{Name: "CONCURRENCY", Value: strconv.Itoa(concurrency)})
}

// Streams is the Kafka Streams consumer with some threads.
func Streams(threads int) Consumer {
	return java(StreamsImage, "consumer-streams.jar", "/ready", corev1.EnvVar{Name: "THREADS", Value: strconv.Itoa(threads)})
}

// java is a consumer on a JVM that fits beside others.
func java(image, jar, ready string, variable corev1.EnvVar) Consumer {
	return Consumer{
		Image: image, Command: []string{"java", "-jar", jar},
		Change: func(t *corev1.PodTemplateSpec) {
			c := &t.Spec.Containers[0]
			c.Env = append(c.Env,
				corev1.EnvVar{Name: "JDK_JAVA_OPTIONS", Value: "-Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"}, variable)
			c.ReadinessProbe.HTTPGet.Path = ready
		},
	}
}

// Template is the pod template, as restricted as a namespace may ask for.
func (c Consumer) Template() corev1.PodTemplateSpec {
	image, command := c.Image, c.Command
	if image == "" {
		image = ConsumerImage
	}
	if command == nil {
		command = []string{"/consumer"}
	}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "consumer"}},
		Spec: corev1.PodSpec{
			SecurityContext: restrictedPod(),
			Containers: []corev1.Container{{
				Name: Container, Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Command: command,
				Env: []corev1.EnvVar{
					{Name: "TOPICS", Value: c.Topic}, {Name: "VERSION", Value: c.Version},
					{Name: "RATE", Value: strconv.Itoa(c.Rate)}, {Name: "BEHAVIOUR", Value: c.Behaviour},
					{Name: "START_DELAY_MS", Value: strconv.Itoa(c.StartDelayMillis)},
					{Name: "HEALTH_PORT", Value: "8080"}, {Name: "LOG_RECORDS", Value: "1"},
				},
				Ports: []corev1.ContainerPort{{Name: "health", ContainerPort: 8080}},
				ReadinessProbe: &corev1.Probe{
					ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromString("health")}},
					PeriodSeconds: 1,
				},
				Resources:       requests("50m"),
				SecurityContext: restrictedContainer(),
			}},
		},
	}
	if c.Change != nil {
		c.Change(&template)
	}
	return template
}

// Raw is the template as a ConsumerGroup takes it.
func (c Consumer) Raw() runtime.RawExtension {
	raw, err := json.Marshal(c.Template())
	if err != nil {
		panic(fmt.Sprintf("a pod template can be marshalled: %v", err))
	}
	return runtime.RawExtension{Raw: raw}
}

// Producer is the pod of the sample producer.
type Producer struct {
	Namespace, Name  string
	Topic            string
	Partitions, Rate int
	// Burst is how many records it writes at once at its start.
	Burst     int
	Bootstrap string
}

// Pod is the producer's. It stands where the brokers do, so that no test that
// harms a node that works harms it.
func (p Producer) Pod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, Labels: map[string]string{"app": "producer"}},
		Spec: corev1.PodSpec{
			SecurityContext: restrictedPod(),
			RestartPolicy:   corev1.RestartPolicyNever,
			Tolerations: []corev1.Toleration{{
				Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule,
			}},
			Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
					Weight: 100,
					Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
						Key: "node-role.kubernetes.io/control-plane", Operator: corev1.NodeSelectorOpExists,
					}}},
				}},
			}},
			Containers: []corev1.Container{{
				Name: Container, Image: ProducerImage, ImagePullPolicy: corev1.PullIfNotPresent,
				Env: []corev1.EnvVar{
					{Name: "KAFKA_BOOTSTRAP_SERVERS", Value: p.Bootstrap}, {Name: "TOPICS", Value: p.Topic},
					{Name: "RATE", Value: strconv.Itoa(p.Rate)}, {Name: "BURST", Value: strconv.Itoa(p.Burst)},
					{Name: "CREATE_PARTITIONS", Value: strconv.Itoa(p.Partitions)},
				},
				Resources:       requests("50m"),
				SecurityContext: restrictedContainer(),
			}},
		},
	}
}

// requests give a container its share of the processors, among containers that all
// want some.
func requests(cpu string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("32Mi"),
	}}
}

func restrictedPod() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](65532),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func restrictedContainer() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}
