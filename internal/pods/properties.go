package pods

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf16"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

const volumeProperties = "kohort-properties"

// inFile are the properties that a file has, in their order there.
var inFile = []v1alpha1.Property{
	v1alpha1.PropertyBootstrapServers, v1alpha1.PropertyGroupID, v1alpha1.PropertyGroupInstanceID,
	v1alpha1.PropertySessionTimeout, v1alpha1.PropertyHeartbeatInterval, v1alpha1.PropertyGroupProtocol,
}

// addProperties lets a container find the pod's annotation with the properties as a
// file. The volume is a whole folder: a single file of one would need a subPath, which
// not every runtime can put on a read-only root.
func addProperties(spec *corev1.PodSpec, c *corev1.Container, file string) {
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name: volumeProperties, VolumeSource: corev1.VolumeSource{
			DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{
				Path:     path.Base(file),
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + v1alpha1.AnnotationProperties + "']"},
			}}},
		},
	})
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeProperties, MountPath: path.Dir(file), ReadOnly: true})
}

// propertiesOf are the properties of a container's consumers in the format of
// java.util.Properties. What the template says of one by a variable counts here, too,
// unless a kubelet has yet to find out what it is.
func propertiesOf(in Input, own []corev1.EnvVar) string {
	values, preset := valuesOf(in), presetOf(in.Consumer)
	for _, v := range own {
		if p := preset.property(v.Name); p != "" && v.ValueFrom == nil && !strings.Contains(v.Value, "$(") {
			values[p] = v.Value
		}
	}
	var text strings.Builder
	for _, p := range inFile {
		value, given := values[p]
		if !given {
			continue
		}
		name := string(p)
		if p == v1alpha1.PropertyGroupID && in.Consumer.Inject == v1alpha1.InjectKafkaStreams {
			name = "application.id"
		}
		text.WriteString(name + "=" + escaped(value) + "\n")
	}
	return text.String()
}

// escaped is a value such that Java's Properties.load reads it back, whatever is in it.
func escaped(value string) string {
	var text strings.Builder
	for i, unit := range utf16.Encode([]rune(value)) {
		switch {
		case unit == '\\', unit == ' ' && i == 0:
			text.WriteString(`\` + string(rune(unit)))
		case unit < ' ' || unit > '~':
			fmt.Fprintf(&text, `\u%04x`, unit)
		default:
			text.WriteByte(byte(unit))
		}
	}
	return text.String()
}

// checkPropertiesFile keeps the file's folder apart from what is mounted beside it:
// of two volumes of which one is in the other, one would be hidden or could not be
// mounted.
func checkPropertiesFile(template *corev1.PodTemplateSpec, consumer v1alpha1.Consumer) error {
	if consumer.PropertiesFile == "" {
		return nil
	}
	folder := path.Dir(consumer.PropertiesFile)
	for _, own := range []string{mountBin, mountPodInfo, mountToken} {
		if overlap(folder, own) {
			return fmt.Errorf("consumer.propertiesFile %s is refused: %s is Kohort's own: give the file another folder", consumer.PropertiesFile, own)
		}
	}
	name := Consumer(template, consumer.Container)
	for i, c := range template.Spec.Containers {
		for j, m := range c.VolumeMounts {
			if c.Name == name && overlap(folder, m.MountPath) {
				return fmt.Errorf("consumer.propertiesFile %s is refused: its folder becomes a volume of its own, and template.spec.containers[%d].volumeMounts[%d] "+
					"mounts %s at %s: give the file a folder where nothing is mounted", consumer.PropertiesFile, i, j, m.Name, m.MountPath)
			}
		}
	}
	return nil
}

// overlap says whether one of two folders is the other, or in it.
func overlap(a, b string) bool {
	a, b = path.Clean("/"+a)+"/", path.Clean("/"+b)+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
