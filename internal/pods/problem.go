package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// maxMessage bounds what is quoted of others' messages, in characters.
const maxMessage = 200

// problem says why a pod does not get on: the first of these that applies. consumer
// is the status of its container since the activation.
func problem(pod *corev1.Pod, consumer corev1.ContainerStatus, o Observation, now time.Time) string {
	switch {
	case o.Ended && pod.Status.Phase == corev1.PodFailed && !o.Deleting:
		return failed(pod)
	case o.Ended:
		return ""
	case condemned(pod):
		return "its node is gone, and nobody can say whether the consumer still runs"
	case o.Deleting:
		return lingering(o, now)
	}
	if text := unscheduled(pod); text != "" {
		return text
	}
	for _, s := range pod.Status.InitContainerStatuses {
		if s.State.Terminated != nil && s.State.Terminated.ExitCode == 0 {
			continue // done
		}
		if text := stuck(s, what(s.Name)); text != "" {
			return text
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		name := "container " + s.Name
		if s.Name == consumer.Name {
			s, name = consumer, "consumer"
		}
		if text := stuck(s, name); text != "" {
			return text
		}
	}
	return ""
}

// failed pods were evicted by their kubelet, or never admitted.
func failed(pod *corev1.Pod) string {
	return withMessage("pod failed: "+orElse(pod.Status.Reason, "no reason given"), pod.Status.Message)
}

// lingering pods are still there after their grace period. The kubelet kills
// then, so either the consumer has ignored SIGTERM until now or the kubelet does
// not answer.
func lingering(o Observation, now time.Time) string {
	since := now.Sub(o.DeletedAt)
	if since <= o.Grace {
		return ""
	}
	if !o.Running {
		return fmt.Sprintf("does not end: deleted at %s with %.0f s of grace, and its node has not reported the end: "+
			"if the node is off, taint it node.kubernetes.io/out-of-service, or delete the pod with --force",
			o.DeletedAt.UTC().Format(time.TimeOnly), o.Grace.Seconds())
	}
	return fmt.Sprintf("ignores SIGTERM: deleted at %s with %.0f s of grace", o.DeletedAt.UTC().Format(time.TimeOnly), o.Grace.Seconds())
}

func unscheduled(pod *corev1.Pod) string {
	c := condition(pod, corev1.PodScheduled)
	if c.Status != corev1.ConditionFalse {
		return ""
	}
	if c.Reason == corev1.PodReasonUnschedulable {
		return withMessage("unschedulable", c.Message)
	}
	return withMessage("not scheduled ("+orElse(c.Reason, "no reason given")+")", c.Message)
}

// what names an init container for people.
func what(name string) string {
	switch container, check := strings.CutPrefix(name, v1alpha1.ContainerCheckPrefix); {
	case name == v1alpha1.ContainerInstall, name == v1alpha1.ContainerGate:
		return "Kohort's container " + name
	case check:
		return "the check of container " + container
	default:
		return "init container " + name
	}
}

// The reasons of a kubelet's for a container that waits: its image is not to be had, or it
// could not be started.
var (
	unpulled = []string{
		"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
		"ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed",
	}
	unstarted = []string{
		"CreateContainerConfigError", "CreateContainerError", "RunContainerError",
		"PreStartHookError", "PostStartHookError", "PreCreateHookError",
	}
)

// stuck says what keeps a container from running, or makes it crash.
func stuck(s corev1.ContainerStatus, name string) string {
	if w := s.State.Waiting; w != nil {
		switch {
		case slices.Contains(unpulled, w.Reason):
			return withMessage(fmt.Sprintf("image %s cannot be pulled (%s)", s.Image, w.Reason), w.Message)
		case slices.Contains(unstarted, w.Reason):
			return withMessage(name+" cannot be started ("+w.Reason+")", w.Message)
		case w.Reason == reasonCrashLoop:
			return crashes(s, name) + "; restarts in back-off"
		}
	}
	last := termination(s)
	if last == nil || s.State.Running != nil && (s.Ready || last.ExitCode == 0) {
		return ""
	}
	return crashes(s, name)
}

// crashes counts ends: one more than restarts, unless the last one is past.
func crashes(s corev1.ContainerStatus, name string) string {
	count := s.RestartCount
	if s.State.Running == nil {
		count++
	}
	last := termination(s)
	switch {
	case last == nil:
		return fmt.Sprintf("%s crashed %s", name, times(count))
	case last.ExitCode == 0:
		return fmt.Sprintf("%s ended by itself %s, exit code 0", name, times(count))
	}
	text := fmt.Sprintf("%s crashed %s, exit code %d", name, times(count), last.ExitCode)
	if last.Reason != "" && last.Reason != "Error" {
		text += " (" + last.Reason + ")"
	}
	return withMessage(text, last.Message)
}

func times(n int32) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func withMessage(text, message string) string {
	if message = strings.TrimSpace(message); message == "" {
		return text
	}
	return text + ": " + shorten(message)
}

// shorten keeps a message on one line of bounded length.
func shorten(message string) string {
	line := []rune(strings.Join(strings.Fields(message), " "))
	if len(line) <= maxMessage {
		return string(line)
	}
	return string(line[:maxMessage-1]) + "…"
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
