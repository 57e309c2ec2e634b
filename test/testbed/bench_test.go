package testbed_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kohort-dev/kohort/test/testbed"
)

// image is the test binary as a container image.
const image = "program:1"

// bench is a kubelet with a namespace of its own.
type bench struct {
	*testing.T
	*testbed.Kubelet
	namespace string
}

func newBench(t *testing.T, options testbed.KubeletOptions) *bench {
	t.Helper()
	b := &bench{T: t, namespace: newNamespace(t)}
	options.Config, options.Namespace, options.NodePrefix = plane.Config, b.namespace, b.namespace
	options.Images = map[string]testbed.Image{
		image: {Entrypoint: []string{os.Args[0]}, Env: map[string]string{programVariable: "1"}},
	}
	options.Dir = t.TempDir()
	if options.BackOff == 0 {
		options.BackOff = 100 * time.Millisecond
	}
	var err error
	b.Kubelet, err = testbed.StartKubelet(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func container(name string, args ...string) corev1.Container {
	return corev1.Container{Name: name, Image: image, Args: args}
}

func sidecar(name string, args ...string) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	c := container(name, args...)
	c.RestartPolicy = &always
	return c
}

func (b *bench) create(spec corev1.PodSpec) *corev1.Pod {
	b.Helper()
	pod, err := client.CoreV1().Pods(b.namespace).Create(b.Context(),
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"}, Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return pod
}

func (b *bench) get(name string) *corev1.Pod {
	b.Helper()
	pod, err := client.CoreV1().Pods(b.namespace).Get(b.Context(), name, metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return pod
}

// await waits until the pod is as the condition says.
func (b *bench) await(name, what string, condition func(*corev1.Pod) bool) *corev1.Pod {
	b.Helper()
	var pod *corev1.Pod
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if pod = b.get(name); condition(pod) {
			return pod
		}
	}
	b.Fatalf("not after %s: %s; its status is %+v", patience, what, pod.Status)
	return nil
}

func (b *bench) delete(name string) {
	b.Helper()
	if err := client.CoreV1().Pods(b.namespace).Delete(b.Context(), name, metav1.DeleteOptions{}); err != nil {
		b.Fatal(err)
	}
}

// watch collects a pod's states from now on; the channel is closed when the object
// is gone.
func (b *bench) watch(name string) <-chan *corev1.Pod {
	b.Helper()
	watcher, err := client.CoreV1().Pods(b.namespace).Watch(b.Context(), metav1.SingleObject(metav1.ObjectMeta{Name: name}))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(watcher.Stop)
	states := make(chan *corev1.Pod, 100)
	go func() {
		defer close(states)
		for event := range watcher.ResultChan() {
			if event.Type == watch.Deleted {
				return
			}
			states <- event.Object.(*corev1.Pod)
		}
	}()
	return states
}

// last is the last state before the object was gone.
func (b *bench) last(states <-chan *corev1.Pod) *corev1.Pod {
	b.Helper()
	var last *corev1.Pod
	timeout := time.After(patience)
	for {
		select {
		case pod, ok := <-states:
			if !ok {
				return last
			}
			last = pod
		case <-timeout:
			b.Fatalf("not gone after %s: %+v", patience, last)
		}
	}
}

func (b *bench) log(pod, container string) string {
	b.Helper()
	content, err := os.ReadFile(b.Log(b.namespace, pod, container))
	if err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	return string(content)
}

// stamps are the times of a log's lines with a text.
func (b *bench) stamps(pod, container, text string) []time.Time {
	b.Helper()
	var times []time.Time
	for line := range strings.Lines(b.log(pod, container)) {
		number, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		nanoseconds, err := strconv.ParseInt(number, 10, 64)
		if err == nil && strings.HasPrefix(rest, text) {
			times = append(times, time.Unix(0, nanoseconds))
		}
	}
	return times
}

// stamp is the time of the first such line, once it is written.
func (b *bench) stamp(pod, container, text string) time.Time {
	b.Helper()
	eventually(b.T, fmt.Sprintf("%s wrote %q", container, text), func() bool {
		return len(b.stamps(pod, container, text)) > 0
	})
	return b.stamps(pod, container, text)[0]
}

func (b *bench) awaitLog(pod, container, text string) {
	b.Helper()
	eventually(b.T, fmt.Sprintf("%s wrote %q", container, text), func() bool {
		return strings.Contains(b.log(pod, container), text)
	})
}

func ready(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// shape is what a test compares of a container's status.
type shape struct {
	Name, State  string
	Ready        bool
	RestartCount int32
}

func shapes(statuses []corev1.ContainerStatus) []shape {
	var all []shape
	for _, status := range statuses {
		s := shape{Name: status.Name, Ready: status.Ready, RestartCount: status.RestartCount}
		switch state := status.State; {
		case state.Waiting != nil:
			s.State = state.Waiting.Reason
		case state.Running != nil:
			s.State = "running"
		case state.Terminated != nil:
			s.State = fmt.Sprintf("%s %d/%d", state.Terminated.Reason, state.Terminated.ExitCode, state.Terminated.Signal)
		}
		all = append(all, s)
	}
	return all
}

// gatePod has two init containers, a sidecar whose startup probe is held until the
// annotation "activate" is the pod's UID, and an application.
func gatePod() corev1.PodSpec {
	gate := sidecar("gate", "gate", "/info/annotations")
	gate.Env = []corev1.EnvVar{
		{Name: "GATE_PORT", Value: "8089"},
		{Name: "UID_OF_POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.uid"}}},
	}
	gate.Ports = []corev1.ContainerPort{{Name: "gate", ContainerPort: 8089}}
	gate.VolumeMounts = []corev1.VolumeMount{{Name: "info", MountPath: "/info"}}
	gate.StartupProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/activated", Port: intstr.FromString("gate")}},
		PeriodSeconds: 1, TimeoutSeconds: 3600, FailureThreshold: 1000,
	}
	return corev1.PodSpec{
		InitContainers: []corev1.Container{container("first", "exit", "0"), container("second", "exit", "0"), gate},
		Containers:     []corev1.Container{container("app", "app")},
		Volumes: []corev1.Volume{{Name: "info", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{
			Items: []corev1.DownwardAPIVolumeFile{{
				Path: "annotations", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations"},
			}},
		}}}},
	}
}

func (b *bench) awaitHeld(name string) *corev1.Pod {
	b.Helper()
	return b.await(name, "the gate is held", func(pod *corev1.Pod) bool {
		status := pod.Status.InitContainerStatuses
		return len(status) == 3 && status[2].State.Running != nil && strings.Contains(b.log(name, "gate"), "up")
	})
}

// activate writes the annotation and gives the time at which that was asked for.
func (b *bench) activate(pod *corev1.Pod) time.Time {
	b.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"activate":%q}}}`, pod.UID)
	began := time.Now()
	_, err := client.CoreV1().Pods(b.namespace).Patch(b.Context(), pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return began
}
