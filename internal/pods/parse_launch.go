package pods

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// launcherVariables begin the names of what the launcher is told in the consumer's
// container. It keeps them from the program.
const launcherVariables = "KOHORT_"

// checkLaunch refuses what the launcher cannot do in the kubelet's place. The API
// server does not see it: it is not in the pod.
func checkLaunch(template *corev1.PodTemplateSpec, consumer v1alpha1.Consumer) error {
	name := Consumer(template, consumer.Container)
	for i := range template.Spec.Containers {
		c := &template.Spec.Containers[i]
		if c.Name != name {
			continue
		}
		path := fmt.Sprintf("template.spec.containers[%d]", i)
		if len(c.Command) == 0 || c.Command[0] == "" {
			return fmt.Errorf("%s.command is missing: with membership.activation Process Kohort starts the program itself, "+
				"and the image's entrypoint is not known to it: set command to what the image starts, or use activation Sidecar", path)
		}
		for _, v := range c.Env {
			if strings.HasPrefix(v.Name, launcherVariables) {
				return fmt.Errorf("%s.env sets %s, which is refused: with membership.activation Process names that begin with %s "+
					"are Kohort's own, and the program does not get them", path, v.Name, launcherVariables)
			}
		}
		return checkHooks(path, c)
	}
	return nil
}

func checkHooks(path string, c *corev1.Container) error {
	if p := c.StartupProbe; p != nil {
		path := path + ".startupProbe"
		switch {
		case p.InitialDelaySeconds < 0:
			return negative(path+".initialDelaySeconds", int64(p.InitialDelaySeconds))
		case p.TimeoutSeconds < 0:
			return negative(path+".timeoutSeconds", int64(p.TimeoutSeconds))
		case p.SuccessThreshold > 1:
			return fmt.Errorf("%s.successThreshold %d is refused: of a startup probe it must be 1", path, p.SuccessThreshold)
		}
		h := handlers{exec: p.Exec, httpGet: p.HTTPGet, tcpSocket: p.TCPSocket, grpc: p.GRPC}
		if err := h.check(path, "exec, httpGet, tcpSocket and grpc", c); err != nil {
			return err
		}
	}
	if c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
		p := c.Lifecycle.PostStart
		h := handlers{exec: p.Exec, httpGet: p.HTTPGet, sleep: p.Sleep}
		return h.check(path+".lifecycle.postStart", "exec, httpGet and sleep", c)
	}
	return nil
}

// handlers of a probe or a hook, of which one is set.
type handlers struct {
	exec      *corev1.ExecAction
	httpGet   *corev1.HTTPGetAction
	tcpSocket *corev1.TCPSocketAction
	grpc      *corev1.GRPCAction
	sleep     *corev1.SleepAction
}

func (h handlers) check(path, kinds string, c *corev1.Container) error {
	set := 0
	for _, is := range []bool{h.exec != nil, h.httpGet != nil, h.tcpSocket != nil, h.grpc != nil, h.sleep != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%s has %d handlers: it must have one of %s", path, set, kinds)
	}
	switch {
	case h.exec != nil && len(h.exec.Command) == 0:
		return fmt.Errorf("%s.exec.command is empty: it must be a program and its arguments", path)
	case h.sleep != nil && h.sleep.Seconds < 0:
		return negative(path+".sleep.seconds", h.sleep.Seconds)
	case h.httpGet != nil:
		return checkPort(path+".httpGet", h.httpGet.Port, c)
	case h.tcpSocket != nil:
		return checkPort(path+".tcpSocket", h.tcpSocket.Port, c)
	case h.grpc != nil:
		return checkPort(path+".grpc", intstr.FromInt32(h.grpc.Port), c)
	}
	return nil
}

func checkPort(path string, port intstr.IntOrString, c *corev1.Container) error {
	if n := numbered(port, c).IntVal; n < 1 || n > 65535 {
		return fmt.Errorf("%s.port %s is refused: it must be the name of one of the container's ports, or a number from 1 to 65535", path, port.String())
	}
	return nil
}

func negative(path string, n int64) error {
	return fmt.Errorf("%s %d is refused: it must not be negative", path, n)
}
