package pods

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

const (
	launcherRun = "run"
	// heldSeconds is how long the template's startup probe can wait for the program
	// to be there: a timeout counts as a failure, of which it allows few.
	heldSeconds = 365 * 24 * 3600
	// spareFailures are those of the startup probe that the program is not to blame
	// for: one before the launcher listens, and the one that was held, which is
	// followed by the next at once.
	spareFailures = 2

	// Kubernetes' defaults of a probe.
	probePeriodSeconds   = 10
	probeFailureLimit    = 3
	probeTimeout         = 1
	terminationMessageAt = corev1.TerminationMessagePathDefault
)

// hooks are what the launcher does in the kubelet's place when the program starts.
type hooks struct {
	StartupProbe         *corev1.Probe            `json:"startupProbe,omitempty"`
	PostStart            *corev1.LifecycleHandler `json:"postStart,omitempty"`
	LivenessDelaySeconds int32                    `json:"livenessDelaySeconds,omitempty"`
	GraceSeconds         int64                    `json:"graceSeconds"`
}

// launch has the launcher run a container's program at the activation. The
// container's one startup probe is answered by the launcher: held until then, so
// that the kubelet asks nothing of a program that is not there, and from then on by
// the template's own.
func launch(c *corev1.Container, port int32, graceSeconds int64) {
	h := hooks{StartupProbe: startupProbe(c), PostStart: takePostStart(c), GraceSeconds: graceSeconds}
	if c.LivenessProbe != nil {
		h.LivenessDelaySeconds = c.LivenessProbe.InitialDelaySeconds
	}
	c.Command = append([]string{launcherPath, launcherRun, "--"}, c.Command...)
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeBin, MountPath: mountBin, ReadOnly: true})
	template := c.StartupProbe
	waitForActivation(c, port)
	if template != nil {
		c.StartupProbe.TimeoutSeconds = heldSeconds
		c.StartupProbe.PeriodSeconds = orDefault(template.PeriodSeconds, probePeriodSeconds)
		c.StartupProbe.FailureThreshold = orDefault(template.FailureThreshold, probeFailureLimit) + spareFailures
		c.StartupProbe.TerminationGracePeriodSeconds = template.TerminationGracePeriodSeconds
	}
	messages := c.TerminationMessagePath
	if messages == "" {
		messages = terminationMessageAt
	}
	c.Env = append(c.Env,
		fieldVariable("KOHORT_POD_IP", "status.podIP"),
		corev1.EnvVar{Name: "KOHORT_TERMINATION_LOG", Value: messages},
		corev1.EnvVar{Name: "KOHORT_HOOKS", Value: h.text()},
	)
}

// text is JSON in which the kubelet finds no $(NAME) to replace.
func (h hooks) text() string {
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // strings and numbers
	}
	return strings.ReplaceAll(string(text), "$", `\u0024`)
}

// startupProbe is the template's, as the launcher performs it: ports are numbers,
// and variables are replaced in its command, as a kubelet does. Nil: there is none.
func startupProbe(c *corev1.Container) *corev1.Probe {
	if c.StartupProbe == nil {
		return nil
	}
	p := c.StartupProbe.DeepCopy()
	p.TimeoutSeconds = orDefault(p.TimeoutSeconds, probeTimeout)
	// These are the kubelet's part.
	p.PeriodSeconds, p.FailureThreshold, p.SuccessThreshold, p.TerminationGracePeriodSeconds = 0, 0, 0, nil
	if p.Exec != nil {
		for i, word := range p.Exec.Command {
			p.Exec.Command[i] = expand(word, c.Env)
		}
	}
	if p.HTTPGet != nil {
		p.HTTPGet.Port = numbered(p.HTTPGet.Port, c)
	}
	if p.TCPSocket != nil {
		p.TCPSocket.Port = numbered(p.TCPSocket.Port, c)
	}
	return p
}

// takePostStart takes the hook out of the container: it would run before the
// program. Nil: there is none.
func takePostStart(c *corev1.Container) *corev1.LifecycleHandler {
	if c.Lifecycle == nil || c.Lifecycle.PostStart == nil {
		return nil
	}
	h := c.Lifecycle.PostStart
	c.Lifecycle.PostStart = nil
	if *c.Lifecycle == (corev1.Lifecycle{}) {
		c.Lifecycle = nil
	}
	if h.HTTPGet != nil {
		h.HTTPGet.Port = numbered(h.HTTPGet.Port, c)
	}
	return h
}

// numbered is a port by its number; 0 if the container has none of the name.
func numbered(port intstr.IntOrString, c *corev1.Container) intstr.IntOrString {
	if port.Type == intstr.Int {
		return port
	}
	for _, p := range c.Ports {
		if p.Name == port.StrVal {
			return intstr.FromInt32(p.ContainerPort)
		}
	}
	// A kubelet takes digits for a number, too.
	n, err := strconv.ParseInt(port.StrVal, 10, 32)
	if err != nil {
		n = 0
	}
	return intstr.FromInt32(int32(n))
}

var reference = regexp.MustCompile(`\$(?:\$|\([^)]*\))`)

// expand replaces $(NAME) by the variable's value, where there is one, and $$ by $.
func expand(text string, env []corev1.EnvVar) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		for i := len(env) - 1; i >= 0; i-- {
			if "$("+env[i].Name+")" == found {
				return env[i].Value
			}
		}
		return found
	})
}

func orDefault(n, otherwise int32) int32 {
	if n == 0 {
		return otherwise
	}
	return n
}

// Launched says whether a pod waits in its consumer's container, in place of the
// program.
func Launched(pod *corev1.Pod) bool {
	c := find(pod.Spec.Containers, consumerName(pod))
	return c != nil && len(c.Command) > 1 && c.Command[0] == launcherPath && c.Command[1] == launcherRun
}

// Activate are the annotations that activate a pod.
func Activate(pod *corev1.Pod) map[string]string {
	all := map[string]string{v1alpha1.AnnotationActivate: string(pod.UID)}
	if n := consumerStatus(pod).RestartCount; n > 0 && Launched(pod) {
		all[v1alpha1.AnnotationWaitRestarts] = strconv.Itoa(int(n))
	}
	return all
}
