package pods

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

const (
	volumeBin     = "kohort-bin"
	volumePodInfo = "kohort-podinfo"
	volumeToken   = "kohort-token"

	mountBin     = "/kohort"
	mountPodInfo = "/kohort-podinfo"
	mountToken   = "/kohort-token"
	launcherPath = mountBin + "/launcher"
	annotations  = "annotations"
	token        = "token"
	// tokenSeconds is how long the pod's token for the operator is good for; the
	// kubelet renews it.
	tokenSeconds = 3600

	// gatePort is where the gate answers its startup probe, unless the template
	// has the port for itself.
	gatePort     = 8089
	gatePortName = "kohort-gate"
	gatePath     = "/activated"
	// probeTimeoutSeconds is how long one request is held; then the kubelet asks
	// again.
	probeTimeoutSeconds = 3600
	// probeFailures: a pod may wait for years before the kubelet gives up.
	probeFailures = 1_000_000

	// nobody is the user of Kohort's image, for templates whose pods run as root.
	nobody = 65532
	// maxName is how long a container's name may be, in characters.
	maxName = 63
)

// addWaiting adds what lets a pod wait warm until it is activated: Kohort's
// containers and volumes around the template's init containers, and with the
// activation Process what the consumer's container needs.
func addWaiting(spec *corev1.PodSpec, consumer *corev1.Container, in Input) {
	own := corev1.Container{
		Image:           in.LauncherImage,
		ImagePullPolicy: corev1.PullIfNotPresent,
		SecurityContext: restricted(spec.SecurityContext),
		Resources:       ownResources(spec),
	}
	prepared := preparations(own, spec, in)
	containers := slices.Concat(prepared, spec.InitContainers)
	port := freePort(spec)
	if len(prepared) > 0 {
		spec.Volumes = append(spec.Volumes, corev1.Volume{
			Name: volumeBin, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
	}
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name: volumePodInfo, VolumeSource: corev1.VolumeSource{
			DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{
				Path:     annotations,
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations"},
			}}},
		},
	})
	spec.InitContainers = containers
	launcher := consumer
	if in.Activation == v1alpha1.ActivationProcess {
		launch(consumer, port, ptr.Deref(spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds))
	} else {
		spec.InitContainers = append(spec.InitContainers, gate(own, port))
		launcher = &spec.InitContainers[len(containers)]
	}
	if in.Endpoint.URL != "" {
		addEndpoint(spec, launcher, in.Endpoint)
	}
}

// preparations run before the template's own init containers. Each costs up to a
// second, which is how often a kubelet looks for containers that have ended.
func preparations(own corev1.Container, spec *corev1.PodSpec, in Input) []corev1.Container {
	var containers []corev1.Container
	if !in.AtOnce || in.Activation == v1alpha1.ActivationProcess {
		containers = append(containers, install(*own.DeepCopy()))
	}
	if !in.AtOnce {
		containers = append(containers, checks(spec.Containers)...)
	}
	return containers
}

// addEndpoint lets the launcher in a container ask and tell the operator, with a
// token that is good for nothing else.
func addEndpoint(spec *corev1.PodSpec, launcher *corev1.Container, endpoint Endpoint) {
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: volumeToken, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
			ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Audience: v1alpha1.TokenAudience, ExpirationSeconds: ptr.To[int64](tokenSeconds), Path: token,
			},
		}}},
	}})
	launcher.VolumeMounts = append(launcher.VolumeMounts, corev1.VolumeMount{Name: volumeToken, MountPath: mountToken, ReadOnly: true})
	launcher.Env = append(launcher.Env,
		corev1.EnvVar{Name: "KOHORT_ENDPOINT", Value: endpoint.URL},
		corev1.EnvVar{Name: "KOHORT_ENDPOINT_CA", Value: endpoint.CA},
		corev1.EnvVar{Name: "KOHORT_TOKEN", Value: mountToken + "/" + token},
	)
}

// install copies the launcher to where the checks can run it.
func install(own corev1.Container) corev1.Container {
	own.Name = v1alpha1.ContainerInstall
	own.Args = []string{"install", launcherPath}
	own.VolumeMounts = []corev1.VolumeMount{{Name: volumeBin, MountPath: mountBin}}
	return own
}

// checks prove, one per container, that its image can be pulled and that a
// program can start in it under its settings.
func checks(containers []corev1.Container) []corev1.Container {
	all := make([]corev1.Container, 0, len(containers))
	for i, c := range containers {
		all = append(all, corev1.Container{
			Name:            checkName(c.Name, i),
			Image:           c.Image,
			ImagePullPolicy: c.ImagePullPolicy,
			SecurityContext: c.SecurityContext.DeepCopy(),
			Resources:       *c.Resources.DeepCopy(),
			Command:         []string{launcherPath, "check"},
			VolumeMounts:    []corev1.VolumeMount{{Name: volumeBin, MountPath: mountBin, ReadOnly: true}},
		})
	}
	return all
}

// checkName is cut where it would be too long; the position then keeps it
// apart from others.
func checkName(container string, position int) string {
	name := v1alpha1.ContainerCheckPrefix + container
	if len(name) <= maxName {
		return name
	}
	end := fmt.Sprintf("-%d", position)
	return name[:maxName-len(end)] + end
}

// gate is the native sidecar whose startup probe is held until the activation.
func gate(own corev1.Container, port int32) corev1.Container {
	own.Name = v1alpha1.ContainerGate
	own.Args = []string{"wait"}
	own.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	waitForActivation(&own, port)
	return own
}

// waitForActivation is what a container needs whose startup probe the launcher holds
// until the activation.
func waitForActivation(c *corev1.Container, port int32) {
	c.Env = append(c.Env,
		fieldVariable("KOHORT_POD_UID", "metadata.uid"),
		corev1.EnvVar{Name: "KOHORT_PODINFO", Value: mountPodInfo + "/" + annotations},
		corev1.EnvVar{Name: "KOHORT_GATE_PORT", Value: strconv.Itoa(int(port))},
	)
	c.Ports = append(c.Ports, corev1.ContainerPort{Name: gatePortName, ContainerPort: port, Protocol: corev1.ProtocolTCP})
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumePodInfo, MountPath: mountPodInfo, ReadOnly: true})
	c.StartupProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: gatePath,
			Port: intstr.FromInt32(port),
		}},
		PeriodSeconds:    1,
		TimeoutSeconds:   probeTimeoutSeconds,
		FailureThreshold: probeFailures,
	}
}

func fieldVariable(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

// freePort is the first port from gatePort on that the template does not name:
// the containers of a pod share their ports.
func freePort(spec *corev1.PodSpec) int32 {
	taken := map[int32]bool{}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range list {
			for _, p := range c.Ports {
				taken[p.ContainerPort] = true
			}
		}
	}
	port := int32(gatePort)
	for taken[port] {
		port++
	}
	return port
}

// restricted is what the Pod Security Standard of that name asks for. The image
// brings a user of its own; only where the pod says root must it be named here.
func restricted(pod *corev1.PodSecurityContext) *corev1.SecurityContext {
	s := &corev1.SecurityContext{
		RunAsNonRoot:             ptr.To(true),
		AllowPrivilegeEscalation: ptr.To(false),
		ReadOnlyRootFilesystem:   ptr.To(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if pod != nil && pod.RunAsUser != nil && *pod.RunAsUser == 0 {
		s.RunAsUser = ptr.To(int64(nobody))
	}
	return s
}

// ownResources keep the pod's quality of service as the template has it:
// requests that equal their limits keep a pod Guaranteed, none at all keep it
// BestEffort. Resources of the whole pod say it all.
func ownResources(spec *corev1.PodSpec) corev1.ResourceRequirements {
	if spec.Resources != nil || !anyResources(spec) {
		return corev1.ResourceRequirements{}
	}
	small := func() corev1.ResourceList {
		return corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("50m"),
			corev1.ResourceMemory: resource.MustParse("32Mi"),
		}
	}
	return corev1.ResourceRequirements{Requests: small(), Limits: small()}
}

func anyResources(spec *corev1.PodSpec) bool {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range list {
			if len(c.Resources.Requests) > 0 || len(c.Resources.Limits) > 0 {
				return true
			}
		}
	}
	return false
}
