package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// A pod is forsaken when it was seen to be deleted by force and its kubelet has been
// silent for ten seconds since, however long it was on its way out before.
func TestForsaken(t *testing.T) {
	deleted := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(deleted.Add(time.Second))}}
	for name, c := range map[string]struct {
		grace int64
		state corev1.ContainerState
		heard bool
		after time.Duration
		want  bool
	}{
		"by force, a moment ago":             {state: running, after: 9 * time.Second},
		"by force, ten seconds ago":          {state: running, after: 10 * time.Second, want: true},
		"by force, and it has ended":         {state: ended, after: time.Minute},
		"in peace, an hour ago":              {state: running, grace: 30, after: time.Hour},
		"in peace, and its launcher said so": {state: running, grace: 30, heard: true, after: time.Minute},
	} {
		w := NewWitness()
		stamp := metav1.NewTime(deleted.Add(time.Duration(c.grace) * time.Second))
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				UID: "pod", DeletionTimestamp: &stamp, DeletionGracePeriodSeconds: &c.grace,
				Annotations: map[string]string{v1alpha1.AnnotationConsumer: "app"},
			},
			Spec:   corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "app"}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: c.state}}},
		}
		if c.heard {
			w.Heard("pod", deleted.Add(time.Second))
		}
		seen := deleted.Add(time.Hour) // the operator was away
		if o := w.observe(pod, seen); o.Forsaken {
			t.Errorf("%s: forsaken at once", name)
		}
		o := w.observe(pod, seen.Add(c.after))
		if o.Forsaken != c.want || o.Ended != (c.heard || c.state.Terminated != nil) {
			t.Errorf("%s: forsaken %t, want %t; ended %t", name, o.Forsaken, c.want, o.Ended)
		}
	}
}

// Who ignored SIGTERM is told also when the kubelet's last request has taken the grace
// period out of the object, and whom somebody killed before is not accused.
func TestDeafToSIGTERM(t *testing.T) {
	deleted := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ended time.Duration
		want  bool
	}{
		"killed at the end of its grace period": {ended: 30 * time.Second, want: true},
		"deleted by force before that":          {ended: 10 * time.Second},
	} {
		w, grace, stamp := NewWitness(), int64(30), metav1.NewTime(deleted.Add(30*time.Second))
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				UID: "pod", DeletionTimestamp: &stamp, DeletionGracePeriodSeconds: &grace,
				Annotations: map[string]string{v1alpha1.AnnotationConsumer: "app"},
			},
			Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "app"}}},
		}
		w.observe(pod, deleted)
		grace, stamp = 0, metav1.NewTime(deleted.Add(c.ended))
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, FinishedAt: stamp},
		}}}
		if o := w.observe(pod, deleted.Add(c.ended+time.Second)); !o.Killed || o.Deaf != c.want {
			t.Errorf("%s: killed %t, deaf %t, want %t", name, o.Killed, o.Deaf, c.want)
		}
	}
}
