package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func TestWitness(t *testing.T) {
	deleted := metav1.NewTime(time.Date(2026, 1, 1, 12, 0, 30, 0, time.UTC))
	grace := int64(30)
	object := func(change func(*corev1.Pod)) *corev1.Pod {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				UID: "pod", DeletionTimestamp: &deleted, DeletionGracePeriodSeconds: &grace,
				Annotations: map[string]string{v1alpha1.AnnotationConsumer: "app"},
			},
			Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "app"}}},
		}
		change(pod)
		return pod
	}
	status := func(state corev1.ContainerState) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: state}}
		}
	}
	terminated := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(deleted.Add(-29 * time.Second))}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	unscheduled := func(pod *corev1.Pod) { pod.Spec.NodeName, pod.DeletionTimestamp = "", nil }

	for name, c := range map[string]struct {
		pod   *corev1.Pod
		last  bool
		after time.Duration
		ended bool
	}{
		"the consumer had ended":                        {pod: object(status(terminated)), last: true, ended: true},
		"it had ended in a state that was not the last": {pod: object(status(terminated)), ended: true},
		"it ran":            {pod: object(status(running)), last: true},
		"it ran on no node": {pod: object(unscheduled), last: true, ended: true},
		"it ran on no node in a state before the last": {pod: object(unscheduled)},
		"it had ended, 9 minutes ago":                  {pod: object(status(terminated)), last: true, after: 9 * time.Minute, ended: true},
		"it had ended, more than ten minutes ago":      {pod: object(status(terminated)), last: true, after: 11 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWitness()
			w.Saw(c.pod, c.last, deleted.Time)
			w.Saw(object(status(running)), true, deleted.Add(c.after))
			if got := w.ended("pod") != nil; got != c.ended {
				t.Errorf("ended is %t, want %t", got, c.ended)
			}
		})
	}
}
