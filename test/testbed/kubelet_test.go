package testbed_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/test/testbed"
)

func TestUnknownImageKeepsThePodPending(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	pod := b.create(corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "nowhere:1"}}})
	b.await(pod.Name, "back-off", func(pod *corev1.Pod) bool {
		waiting := pod.Status.ContainerStatuses
		return len(waiting) == 1 && waiting[0].State.Waiting != nil && waiting[0].State.Waiting.Reason == "ImagePullBackOff" &&
			strings.Contains(waiting[0].State.Waiting.Message, `"nowhere:1": not found`) && pod.Status.Phase == corev1.PodPending
	})
	eventually(t, "an event says so", func() bool {
		events, err := client.CoreV1().Events(b.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=Failed"})
		return err == nil && len(events.Items) > 0 && strings.Contains(events.Items[0].Message, "nowhere:1")
	})
	b.SetImage("nowhere:1", testbed.Image{Entrypoint: []string{os.Args[0], "app"}, Env: map[string]string{programVariable: "1"}})
	b.await(pod.Name, "it runs once the image exists", ready)
}

func TestInitContainersInOrderAndAHeldGate(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	pod := b.awaitHeld(b.create(gatePod()).Name)
	if diff := cmp.Diff([]shape{
		{"first", "Completed 0/0", true, 0}, {"second", "Completed 0/0", true, 0}, {"gate", "running", false, 0},
	}, shapes(pod.Status.InitContainerStatuses)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]shape{{"app", "PodInitializing", false, 0}}, shapes(pod.Status.ContainerStatuses)); diff != "" {
		t.Error(diff)
	}
	if pod.Status.Phase != corev1.PodPending || *pod.Status.InitContainerStatuses[2].Started {
		t.Errorf("a held pod shows phase %s and a gate that has started: %t", pod.Status.Phase, *pod.Status.InitContainerStatuses[2].Started)
	}

	b.activate(pod)

	b.await(pod.Name, "ready", ready)
	var order []time.Time
	for _, name := range []string{"first", "second", "gate", "app"} {
		order = append(order, b.stamp(pod.Name, name, "begin"))
		if begins := b.stamps(pod.Name, name, "begin"); len(begins) != 1 {
			t.Fatalf("container %s began %d times", name, len(begins))
		}
	}
	order = append(order[:3], b.stamp(pod.Name, "gate", "activated"), order[3])
	b.awaitLog(pod.Name, "app", "up")
	for i := 1; i < len(order); i++ {
		if !order[i].After(order[i-1]) {
			t.Errorf("step %d came before step %d: %v", i, i-1, order)
		}
	}

	states := b.watch(pod.Name)
	b.delete(pod.Name)
	b.last(states)
	appEnded, gateEnded := b.stamps(pod.Name, "app", "end"), b.stamps(pod.Name, "gate", "end")
	if len(appEnded) != 1 || len(gateEnded) != 1 || !gateEnded[0].After(appEnded[0]) {
		t.Errorf("the sidecar ended at %v, the application at %v", gateEnded, appEnded)
	}
}

func TestCrashesAreRestartedWithBackOff(t *testing.T) {
	const base = 400 * time.Millisecond
	b := newBench(t, testbed.KubeletOptions{BackOff: base})
	pod := b.create(corev1.PodSpec{Containers: []corev1.Container{container("app", "exit", "7")}})
	got := b.await(pod.Name, "three restarts", func(pod *corev1.Pod) bool {
		return len(pod.Status.ContainerStatuses) == 1 && pod.Status.ContainerStatuses[0].RestartCount == 3 &&
			pod.Status.ContainerStatuses[0].State.Waiting != nil
	})
	if diff := cmp.Diff([]shape{{"app", "CrashLoopBackOff", false, 3}}, shapes(got.Status.ContainerStatuses)); diff != "" {
		t.Error(diff)
	}
	last := got.Status.ContainerStatuses[0].LastTerminationState.Terminated
	if last == nil || last.ExitCode != 7 || last.Reason != "Error" {
		t.Errorf("its last state is %+v", last)
	}
	begins, ends := b.stamps(pod.Name, "app", "begin"), b.stamps(pod.Name, "app", "end")
	for i, atLeast := range []time.Duration{0, base, 2 * base} {
		if pause := begins[i+1].Sub(ends[i]); pause < atLeast || i == 0 && pause > base {
			t.Errorf("restart %d came after %s, want %s", i+1, pause, atLeast)
		}
	}
}

func TestAKilledContainerComesBackAndItsGateIsNotAskedAgain(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	pod := b.awaitHeld(b.create(gatePod()).Name)
	b.activate(pod)
	b.await(pod.Name, "ready", ready)
	pid, ok := b.PID(b.namespace, pod.Name, "app")
	if !ok {
		t.Fatal("a running container has no process id")
	}
	if err := b.Kill(b.namespace, pod.Name, "app"); err != nil {
		t.Fatal(err)
	}
	got := b.await(pod.Name, "it runs again", func(pod *corev1.Pod) bool {
		return pod.Status.ContainerStatuses[0].RestartCount == 1 && ready(pod)
	})
	last := got.Status.ContainerStatuses[0].LastTerminationState.Terminated
	if last == nil || last.ExitCode != 137 || last.Signal != int32(syscall.SIGKILL) {
		t.Errorf("its last state is %+v", last)
	}
	if again, _ := b.PID(b.namespace, pod.Name, "app"); again == pid {
		t.Errorf("the process is still %d", pid)
	}
	if begins := b.stamps(pod.Name, "gate", "begin"); len(begins) != 1 {
		t.Errorf("the gate began %d times", len(begins))
	}
}

func TestEnvironmentPathsAndPorts(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	_, err := client.CoreV1().ConfigMaps(b.namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"KEY": "from config", "file": "content"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	app := container("app", "env", "PLAIN", "EXPANDED", "NODE", "ADDRESS", "PATH_IN_VOLUME", "OTHER_PATH", "HTTP_PORT", "PORT_NUMBER", "ALL_KEY")
	app.Env = []corev1.EnvVar{
		{Name: "PLAIN", Value: "plain"}, {Name: "EXPANDED", Value: "$(PLAIN) $(UNKNOWN) $$(PLAIN)"},
		{Name: "NODE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}},
		{Name: "ADDRESS", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
		{Name: "PATH_IN_VOLUME", Value: "/settings/file"}, {Name: "OTHER_PATH", Value: "/settings-of-another"},
		{Name: "HTTP_PORT", Value: "8080"}, {Name: "PORT_NUMBER", Value: "8080"},
	}
	app.EnvFrom = []corev1.EnvFromSource{{Prefix: "ALL_", ConfigMapRef: &corev1.ConfigMapEnvSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
	app.Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
	app.VolumeMounts = []corev1.VolumeMount{{Name: "settings", MountPath: "/settings"}}
	pod := b.create(corev1.PodSpec{Containers: []corev1.Container{app}, Volumes: []corev1.Volume{{
		Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
	}}})
	b.awaitLog(pod.Name, "app", "up")

	got := map[string]string{}
	for line := range strings.Lines(b.log(pod.Name, "app")) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			got[name] = value
		}
	}
	port, ok := b.Port(b.namespace, pod.Name, 8080)
	if !ok {
		t.Fatal("the declared port has none on the host")
	}
	content, err := os.ReadFile(got["PATH_IN_VOLUME"])
	if err != nil || string(content) != "content" {
		t.Errorf("the volume's file is %q, %v", content, err)
	}
	delete(got, "PATH_IN_VOLUME")
	if diff := cmp.Diff(map[string]string{
		"PLAIN": "plain", "EXPANDED": "plain $(UNKNOWN) $(PLAIN)", "NODE": b.namespace + "-1", "ADDRESS": "127.0.0.1",
		"OTHER_PATH": "/settings-of-another", "HTTP_PORT": strconv.Itoa(port), "PORT_NUMBER": "8080", "ALL_KEY": "from config",
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestProbes(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	dir := t.TempDir()
	unready, dead := filepath.Join(dir, "unready"), filepath.Join(dir, "dead")
	app := container("app", "serve", unready)
	app.Env = []corev1.EnvVar{{Name: "HTTP_PORT", Value: "8080"}}
	app.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
	app.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1, ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: "healthy", Port: intstr.FromInt32(8080)}}}
	app.LivenessProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1, ProbeHandler: corev1.ProbeHandler{
		Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "! test -e " + dead}}}}
	app.StartupProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 30, ProbeHandler: corev1.ProbeHandler{
		TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")}}}
	pod := b.create(corev1.PodSpec{Containers: []corev1.Container{app}})
	b.await(pod.Name, "ready", ready)

	touch(t, unready)
	b.await(pod.Name, "unready", func(pod *corev1.Pod) bool { return !ready(pod) })
	if err := os.Remove(unready); err != nil {
		t.Fatal(err)
	}
	b.await(pod.Name, "ready again", ready)
	if restarts := b.get(pod.Name).Status.ContainerStatuses[0].RestartCount; restarts != 0 {
		t.Errorf("the readiness probe restarted it %d times", restarts)
	}

	touch(t, dead)
	b.await(pod.Name, "restarted by the liveness probe", func(pod *corev1.Pod) bool {
		return pod.Status.ContainerStatuses[0].RestartCount > 0
	})
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCordonedNodesGetNoPods(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{Nodes: 2})
	_, err := client.CoreV1().Nodes().Patch(t.Context(), b.namespace+"-1", types.MergePatchType,
		[]byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spec := corev1.PodSpec{
		Containers:   []corev1.Container{container("app", "app")},
		NodeSelector: map[string]string{corev1.LabelHostname: b.namespace + "-1"},
	}
	pod := b.create(spec)
	b.await(pod.Name, "unschedulable", func(pod *corev1.Pod) bool {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonUnschedulable {
				return strings.Contains(condition.Message, "0/2 nodes are available")
			}
		}
		return false
	})
	_, err = client.CoreV1().Nodes().Patch(t.Context(), b.namespace+"-1", types.MergePatchType,
		[]byte(`{"spec":{"unschedulable":false}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.await(pod.Name, "ready", ready); got.Spec.NodeName != b.namespace+"-1" {
		t.Errorf("it runs on %s", got.Spec.NodeName)
	}
}
