package testbed_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/test/testbed"
)

func TestAHeldPodThatIsDeletedHasFailed(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	pod := b.awaitHeld(b.create(gatePod()).Name)
	states := b.watch(pod.Name)
	b.delete(pod.Name)
	last := b.last(states)
	if last.Status.Phase != corev1.PodFailed {
		t.Errorf("its last phase was %s", last.Status.Phase)
	}
	if diff := cmp.Diff([]shape{{"app", "PodInitializing", false, 0}}, shapes(last.Status.ContainerStatuses)); diff != "" {
		t.Error(diff)
	}
	if got := shapes(last.Status.InitContainerStatuses)[2]; got != (shape{"gate", "Completed 0/0", false, 0}) {
		t.Errorf("the gate's last state was %+v", got)
	}
}

func TestTheEndIsReportedBeforeTheObjectGoes(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	pod := b.create(corev1.PodSpec{Containers: []corev1.Container{container("app", "app"), container("other", "app")}})
	b.await(pod.Name, "ready", ready)
	b.awaitLog(pod.Name, "app", "up")
	b.awaitLog(pod.Name, "other", "up")
	states := b.watch(pod.Name)
	b.delete(pod.Name)
	last := b.last(states)
	if diff := cmp.Diff([]shape{{"app", "Completed 0/0", false, 0}, {"other", "Completed 0/0", false, 0}},
		shapes(last.Status.ContainerStatuses)); diff != "" {
		t.Error(diff)
	}
	if last.Status.Phase != corev1.PodSucceeded {
		t.Errorf("its last phase was %s", last.Status.Phase)
	}
	ended := b.stamp(pod.Name, "app", "end")
	reported := last.Status.ContainerStatuses[0].State.Terminated.FinishedAt.Time
	if difference := reported.Sub(ended.Truncate(time.Second)); difference < 0 || difference > 5*time.Second {
		t.Errorf("it ended at %v and the status says %v", ended, reported)
	}
}

func TestAProcessThatIgnoresTheSignalIsKilledAfterItsGrace(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	grace := int64(3)
	pod := b.create(corev1.PodSpec{
		Containers: []corev1.Container{container("app", "stubborn")}, TerminationGracePeriodSeconds: &grace,
	})
	b.awaitLog(pod.Name, "app", "up")
	b.await(pod.Name, "ready", ready)
	states := b.watch(pod.Name)
	began := time.Now()
	b.delete(pod.Name)
	last := b.last(states)
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("it was killed after %s of 3 s", took)
	}
	if diff := cmp.Diff([]shape{{"app", "Error 137/9", false, 0}}, shapes(last.Status.ContainerStatuses)); diff != "" {
		t.Error(diff)
	}
	if last.Status.Phase != corev1.PodFailed {
		t.Errorf("its last phase was %s", last.Status.Phase)
	}
}

func TestAPodThatDoesNotRestartComesToItsEnd(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	for code, phase := range map[string]corev1.PodPhase{"0": corev1.PodSucceeded, "1": corev1.PodFailed} {
		pod := b.create(corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{container("app", "exit", code)},
			InitContainers: []corev1.Container{sidecar("beside", "app")},
		})
		b.await(pod.Name, "its end", func(pod *corev1.Pod) bool { return pod.Status.Phase == phase })
		states := b.watch(pod.Name)
		b.delete(pod.Name)
		if last := b.last(states); last != nil && last.Status.Phase != phase {
			t.Errorf("after its deletion its phase was %s", last.Status.Phase)
		}
	}
}

func TestRealDelays(t *testing.T) {
	delays := testbed.RealDelays()
	b := newBench(t, testbed.KubeletOptions{Delays: delays})
	pod := b.awaitHeld(b.create(gatePod()).Name)
	activated := b.activate(pod)
	b.await(pod.Name, "ready", ready)
	release := b.stamp(pod.Name, "app", "begin").Sub(activated)
	if release < delays.ProjectMin+delays.Start {
		t.Errorf("a released container began after %s", release)
	}
	states := b.watch(pod.Name)
	b.delete(pod.Name)
	b.last(states)
	gone := time.Since(b.stamp(pod.Name, "gate", "end"))
	if gone < delays.Terminated+delays.Gone {
		t.Errorf("the object was gone %s after its last process", gone)
	}
	t.Logf("released after %s, gone %s after its last process", release, gone)
}

func TestNothingRunsAfterStop(t *testing.T) {
	namespace := newNamespace(t)
	kubelet, err := testbed.StartKubelet(t.Context(), testbed.KubeletOptions{
		Config: plane.Config, Namespace: namespace, NodePrefix: namespace, Dir: t.TempDir(),
		Images: map[string]testbed.Image{image: {Entrypoint: []string{os.Args[0]}, Env: map[string]string{programVariable: "1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, Kubelet: kubelet, namespace: namespace}
	pod := b.create(corev1.PodSpec{Containers: []corev1.Container{container("app", "app"), container("stubborn", "stubborn")}})
	b.await(pod.Name, "ready", ready)
	pids := map[string]int{}
	for _, name := range []string{"app", "stubborn"} {
		b.awaitLog(pod.Name, name, "up")
		pids[name], _ = b.PID(namespace, pod.Name, name)
	}
	if err := kubelet.Stop(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("process %d of container %s: %v", pid, name, err)
		}
	}
	nodes, err := client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{FieldSelector: "metadata.name=" + namespace + "-1"})
	if err != nil || len(nodes.Items) > 0 {
		t.Errorf("its nodes are %v, %v", nodes.Items, err)
	}
}
