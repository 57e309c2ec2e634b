package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// Parse reads a template, and refuses one that cannot become a pod of a group.
// activation is spec.membership.activation.
//
// The API server checks the rest, by a dry run of the pod.
func Parse(raw runtime.RawExtension, consumer v1alpha1.Consumer, activation v1alpha1.Activation) (*corev1.PodTemplateSpec, error) {
	template, _, err := decode(raw)
	if err != nil {
		return nil, err
	}
	checks := []func(*corev1.PodTemplateSpec, v1alpha1.Consumer) error{
		checkRestartPolicy, checkGrace, checkNames, checkConsumer, checkPropertiesFile,
	}
	if activation == v1alpha1.ActivationProcess {
		checks = append(checks, checkLaunch)
	}
	for _, check := range checks {
		if err := check(template, consumer); err != nil {
			return nil, err
		}
	}
	return template, nil
}

// Unknown lists what a template says that this version of Kohort does not know
// and leaves out of the pods: misspelt fields, and fields of a newer Kubernetes.
func Unknown(raw runtime.RawExtension) []string {
	_, unknown, err := decode(raw)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(unknown))
	for _, u := range unknown {
		names = append(names, u.Error())
	}
	return names
}

// Consumer is the name of the container that consumes; consumer is
// spec.consumer.container.
func Consumer(template *corev1.PodTemplateSpec, consumer string) string {
	if consumer == "" && len(template.Spec.Containers) > 0 {
		return template.Spec.Containers[0].Name
	}
	return consumer
}

// Overridden lists the variables of the preset that the template sets itself in
// the consumer's container. The template's values win.
func Overridden(template *corev1.PodTemplateSpec, consumer v1alpha1.Consumer) []string {
	name, preset := Consumer(template, consumer.Container), presetOf(consumer)
	var names []string
	for _, c := range template.Spec.Containers {
		if c.Name != name {
			continue
		}
		for _, v := range c.Env {
			if preset.property(v.Name) != "" {
				names = append(names, v.Name)
			}
		}
	}
	return names
}

// decode keeps apart what cannot be read from what is not known.
func decode(raw runtime.RawExtension) (*corev1.PodTemplateSpec, []error, error) {
	text := strings.TrimSpace(string(raw.Raw))
	if text == "" || text == "null" {
		return nil, nil, errors.New("template is empty: it must be a pod template with spec.containers")
	}
	if !strings.HasPrefix(text, "{") {
		return nil, nil, errors.New("template must be an object with metadata and spec, as in a Deployment")
	}
	template := &corev1.PodTemplateSpec{}
	unknown, err := kjson.UnmarshalStrict(raw.Raw, template)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return nil, nil, fmt.Errorf("template.%s must be %s, but it is %s", wrong.Field, kindOf(wrong), found(wrong.Value))
	case err != nil:
		return nil, nil, fmt.Errorf("template cannot be read: %w", err)
	case len(template.Spec.Containers) == 0:
		return nil, nil, errors.New("template.spec.containers is empty: at least the consumer's container is needed")
	}
	return template, unknown, nil
}

// kindOf says in words of YAML what a field should have been.
func kindOf(wrong *json.UnmarshalTypeError) string {
	switch kind := wrong.Type.Kind().String(); kind {
	case "struct", "map":
		return "an object"
	case "slice", "array":
		return "a list"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	default:
		return "a number (" + kind + ")"
	}
}

// found says in words of YAML what a field is; value is "array", "number 1.5".
func found(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	switch kind {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	default:
		return "a " + kind
	}
}

func checkRestartPolicy(template *corev1.PodTemplateSpec, _ v1alpha1.Consumer) error {
	switch p := template.Spec.RestartPolicy; p {
	case "", corev1.RestartPolicyAlways:
		return nil
	default:
		return fmt.Errorf("template.spec.restartPolicy %s is refused: only Always lets a crashed consumer "+
			"come back in its own pod, under the identity that it has", p)
	}
}

// checkGrace: with no grace period every deletion is one by force.
func checkGrace(template *corev1.PodTemplateSpec, _ v1alpha1.Consumer) error {
	if s := template.Spec.TerminationGracePeriodSeconds; s != nil && *s < 1 {
		return fmt.Errorf("template.spec.terminationGracePeriodSeconds %d is refused: it must be at least 1, "+
			"or a consumer gets no time to commit and to leave in peace", *s)
	}
	return nil
}

// checkNames keeps the names of Kohort's containers and volumes free.
func checkNames(template *corev1.PodTemplateSpec, _ v1alpha1.Consumer) error {
	for i, c := range template.Spec.InitContainers {
		if strings.HasPrefix(c.Name, v1alpha1.ContainerPrefix) {
			return reserved("initContainers", i, c.Name)
		}
	}
	for i, c := range template.Spec.Containers {
		if strings.HasPrefix(c.Name, v1alpha1.ContainerPrefix) {
			return reserved("containers", i, c.Name)
		}
	}
	for i, v := range template.Spec.Volumes {
		if strings.HasPrefix(v.Name, v1alpha1.ContainerPrefix) {
			return reserved("volumes", i, v.Name)
		}
	}
	return nil
}

func reserved(list string, i int, name string) error {
	return fmt.Errorf("template.spec.%s[%d].name %q is refused: names that begin with %q are Kohort's own",
		list, i, name, v1alpha1.ContainerPrefix)
}

func checkConsumer(template *corev1.PodTemplateSpec, consumer v1alpha1.Consumer) error {
	for _, c := range template.Spec.InitContainers {
		if consumer.Container != "" && c.Name == consumer.Container {
			return fmt.Errorf("consumer.container %q is an init container of the template: "+
				"it must be one of spec.containers", consumer.Container)
		}
	}
	name := Consumer(template, consumer.Container)
	names := make([]string, 0, len(template.Spec.Containers))
	for i, c := range template.Spec.Containers {
		if c.Name == name {
			return checkConsumerContainer(fmt.Sprintf("template.spec.containers[%d]", i), c, presetOf(consumer))
		}
		names = append(names, c.Name)
	}
	return fmt.Errorf("consumer.container %q is not in the template, which has %s",
		name, strings.Join(names, ", "))
}

func checkConsumerContainer(path string, c corev1.Container, preset preset) error {
	if c.RestartPolicy != nil && *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		return fmt.Errorf("%s.restartPolicy %s is refused: a crashed consumer must come back in its own pod",
			path, *c.RestartPolicy)
	}
	for _, v := range c.Env {
		switch preset.property(v.Name) {
		case v1alpha1.PropertyGroupID:
			return fmt.Errorf("%s.env sets %s, which is refused: the pods would be in another group than the one "+
				"that Kohort reads; set spec.groupId", path, v.Name)
		case v1alpha1.PropertyGroupInstanceID:
			return fmt.Errorf("%s.env sets %s, which is refused: all pods would get one id and fence each "+
				"other out of the group; Kohort gives each pod its own", path, v.Name)
		}
	}
	return nil
}
