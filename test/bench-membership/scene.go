package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/measure"
	"github.com/kohort-dev/kohort/test/subjects"
)

// room is the label of nodes that have room, which all pods ask for.
const (
	room     = "room"
	roomLeft = "left"
)

func needsRoom(t *corev1.PodTemplateSpec) {
	t.Spec.NodeSelector = map[string]string{room: roomLeft}
}

// scene is a group in the lab, run by a subject.
type scene struct {
	*lab.Lab
	subjects.Group
	subject subjects.Subject
	// watch is how long a crash loop is watched.
	watch time.Duration
}

// makeRoom lets there be as many nodes as there were, with room, whatever happened to them
// before.
func (s scene) makeRoom(ctx context.Context) error {
	for len(s.Kubelet.Nodes()) < nodes {
		if err := s.Kubelet.AddNode(ctx); err != nil {
			return err
		}
	}
	return s.label(ctx, roomLeft)
}

// fill leaves no room for further pods. Those that are there stay.
func (s scene) fill(ctx context.Context) error { return s.label(ctx, "none") }

func (s scene) label(ctx context.Context, text string) error {
	for _, name := range s.Kubelet.Nodes() {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, room, text)
		if err := s.Lab.Client.Patch(ctx, node, ctrlclient.RawPatch("application/merge-patch+json", patch)); err != nil {
			return fmt.Errorf("label node %s: %w", name, err)
		}
	}
	return nil
}

// pods of the group, by name.
func (s scene) pods(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := s.Lab.Client.List(ctx, &pods, ctrlclient.InNamespace(s.Namespace), ctrlclient.MatchingLabels{"app": s.Name}); err != nil {
		return nil, fmt.Errorf("list the pods of %s: %w", s.Name, err)
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods.Items, nil
}

// until waits until something holds for the group's pods.
func (s scene) until(ctx context.Context, what string, holds func([]corev1.Pod) bool) error {
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		pods, err := s.pods(ctx)
		return err == nil && holds(pods), err
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", what, errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// consumes waits until so many pods consume, and all that is in the topic by now is
// processed.
func (s scene) consumes(ctx context.Context, replicas int) error {
	if err := s.ConsumesAgain(ctx, s.Name); err != nil {
		return err
	}
	return s.until(ctx, fmt.Sprintf("%d consumers", replicas), func(pods []corev1.Pod) bool { return len(working(pods)) == replicas })
}

// scaled is consumes, where nothing else is left.
func (s scene) scaled(ctx context.Context, replicas int) error {
	err := s.until(ctx, fmt.Sprintf("%d pods", replicas), func(pods []corev1.Pod) bool {
		return len(pods) == replicas && len(working(pods)) == replicas
	})
	return errors.Join(err, s.ConsumesAgain(ctx, s.Name))
}

// working are those of some pods that consume, by what their kubelet said last.
func working(pods []corev1.Pod) []corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
	})
}

// victim is the pod of a consumer that is to die: neither the first nor the last one, and
// one that has partitions by now.
func (s scene) victim(ctx context.Context) (corev1.Pod, error) {
	pods, err := s.pods(ctx)
	if err != nil {
		return corev1.Pod{}, err
	}
	if pods = working(pods); len(pods) < 2 {
		return corev1.Pod{}, fmt.Errorf("%d pods consume: too few for one to die", len(pods))
	}
	victim := pods[1]
	return victim, s.until(ctx, "records that "+victim.Name+" processes", func([]corev1.Pod) bool {
		records, err := measure.Records(s.Log(s.Namespace, victim.Name))
		return err == nil && slices.ContainsFunc(records, func(r measure.Record) bool { return time.Since(r.At) < time.Second })
	})
}

// follows says whether a pod is another one, or has taken its place under its identity.
func follows(pod, other corev1.Pod) bool {
	slot, has := other.Labels[v1alpha1.LabelSlot]
	return pod.Name == other.Name || has && pod.Labels[v1alpha1.LabelSlot] == slot
}
