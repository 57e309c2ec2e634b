package testbed_test

import (
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/test/testbed"
)

// Nobody hears of the end of what ran on a node that was destroyed.
func TestDestroyedNode(t *testing.T) {
	b := newBench(t, testbed.KubeletOptions{})
	spec := corev1.PodSpec{Containers: []corev1.Container{container("app", "app")}}
	lost := b.await(b.create(spec).Name, "ready", ready)
	b.awaitLog(lost.Name, "app", "up")
	pid, running := b.PID(b.namespace, lost.Name, "app")
	if !running {
		t.Fatal("the process of a ready pod has no id")
	}
	if err := b.DestroyNode(t.Context(), b.Nodes()[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its process is gone", func() bool { return syscall.Kill(pid, 0) != nil })
	if ends := b.stamps(lost.Name, "app", "end"); len(ends) > 0 {
		t.Errorf("it ended in order at %v", ends)
	}

	if err := b.AddNode(t.Context()); err != nil {
		t.Fatal(err)
	}
	if next := b.await(b.create(spec).Name, "ready", ready); next.Spec.NodeName == lost.Spec.NodeName {
		t.Errorf("the new node has the name of the lost one, %s", lost.Spec.NodeName)
	}
	if now := b.get(lost.Name); !ready(now) || now.Status.ContainerStatuses[0].RestartCount > 0 {
		t.Errorf("somebody has written its status: %+v", now.Status)
	}
}
