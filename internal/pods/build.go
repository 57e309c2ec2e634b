package pods

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// Input is what a pod is made from.
type Input struct {
	// Group owns the pod.
	Group *v1alpha1.ConsumerGroup
	// Template as Parse returned it. It is not changed.
	Template *corev1.PodTemplateSpec
	// Consumer says which container consumes and how it is configured.
	Consumer v1alpha1.Consumer
	// Activation of the pod; empty means the default.
	Activation v1alpha1.Activation
	// Revision that the template is.
	Revision string
	// Ordinal of the slot.
	Ordinal int32
	// InstanceID is what the pod is given as its group.instance.id.
	InstanceID string
	// Session timeout of its consumers.
	Session time.Duration
	// Suffix ends the pod's name, so that a successor can stand beside its
	// predecessor.
	Suffix string
	// AtOnce leaves out what proves beforehand that the pod can run: nobody consumes
	// until it does.
	AtOnce bool
	// LauncherImage holds the launcher, as its entrypoint.
	LauncherImage string
	// BootstrapServers of the KafkaCluster.
	BootstrapServers []string
	// Endpoint of the operator, which the launcher asks and tells; none if its URL
	// is empty.
	Endpoint Endpoint
}

// Endpoint is the operator's activation endpoint, as pods reach it.
type Endpoint struct {
	// URL is https://host:port.
	URL string
	// CA is the PEM of the authority of its certificate.
	CA string
}

// Name is the name of the pod of a slot.
func Name(group string, ordinal int32, suffix string) string {
	return fmt.Sprintf("%s-%d-%s", group, ordinal, suffix)
}

// Build makes the pod of a slot. The same input makes the same pod.
func Build(in Input) (*corev1.Pod, error) {
	if in.LauncherImage == "" {
		return nil, fmt.Errorf("building a pod of ConsumerGroup %s: the launcher's image is not known", in.Group.Name)
	}
	consumer := Consumer(in.Template, in.Consumer.Container)
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metadata(in, consumer),
		Spec:       *in.Template.Spec.DeepCopy(),
	}
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	container := find(pod.Spec.Containers, consumer)
	if container == nil {
		return nil, fmt.Errorf("building a pod of ConsumerGroup %s: the template has no container %q",
			in.Group.Name, consumer)
	}
	if in.Consumer.PropertiesFile != "" {
		pod.Annotations[v1alpha1.AnnotationProperties] = propertiesOf(in, container.Env)
		addProperties(&pod.Spec, container, in.Consumer.PropertiesFile)
	}
	container.Env = append(identity(in, container.Env), container.Env...)
	addWaiting(&pod.Spec, container, in)
	return pod, nil
}

func metadata(in Input, consumer string) metav1.ObjectMeta {
	labels := withoutPrefix(in.Template.Labels)
	labels[v1alpha1.LabelGroup] = in.Group.Name
	labels[v1alpha1.LabelSlot] = strconv.Itoa(int(in.Ordinal))
	labels[v1alpha1.LabelRevision] = in.Revision
	annotations := withoutPrefix(in.Template.Annotations)
	annotations[v1alpha1.AnnotationInstanceID] = in.InstanceID
	annotations[v1alpha1.AnnotationConsumer] = consumer
	annotations[v1alpha1.AnnotationSessionTimeout] = strconv.Itoa(int(sessionOf(in, consumer) / time.Second))
	owner := metav1.NewControllerRef(in.Group, v1alpha1.GroupVersion.WithKind("ConsumerGroup"))
	return metav1.ObjectMeta{
		Name:            Name(in.Group.Name, in.Ordinal, in.Suffix),
		Namespace:       in.Group.Namespace,
		Labels:          labels,
		Annotations:     annotations,
		OwnerReferences: []metav1.OwnerReference{*owner},
		Finalizers:      []string{v1alpha1.FinalizerPod},
	}
}

// withoutPrefix is a copy without Kohort's own keys: a template that carries an
// activation must activate nothing.
func withoutPrefix(all map[string]string) map[string]string {
	kept := make(map[string]string, len(all))
	maps.Copy(kept, all)
	maps.DeleteFunc(kept, func(key, _ string) bool { return strings.HasPrefix(key, v1alpha1.Prefix) })
	return kept
}

func find(containers []corev1.Container, name string) *corev1.Container {
	for i := range containers {
		if containers[i].Name == name {
			return &containers[i]
		}
	}
	return nil
}
