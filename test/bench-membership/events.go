package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/subjects"
)

// event is something that happens to a group.
type event struct {
	name, title string
	// slots before it.
	slots int32
	// happen returns when the group should have got over it.
	happen func(context.Context, scene) (subjects.Death, error)
}

const few, many = 3, 9

// The events that are goals' own.
const (
	eventRestart   = "restart"
	eventDeath     = "death"
	eventGone      = "gone"
	eventCrashLoop = "crash-loop"
)

var events = []event{
	{eventRestart, "restart of all", slots, restart},
	{"up", fmt.Sprintf("%d to %d", few, many), few, func(ctx context.Context, s scene) (subjects.Death, error) { return scale(ctx, s, many) }},
	{"down", fmt.Sprintf("%d to %d", many, few), many, func(ctx context.Context, s scene) (subjects.Death, error) { return scale(ctx, s, few) }},
	{"kill", "one process killed", slots, kill},
	{eventDeath, "one node destroyed", slots, death},
	{eventGone, "one pod gone, no room", slots, gone},
	{eventCrashLoop, "one crash loop", slots, crashLoop},
	{"absent", "one joins, one is away", slots, absent},
}

// restart replaces every pod, as a release or a planned restart does.
func restart(ctx context.Context, s scene) (none subjects.Death, err error) {
	return none, s.subject.Release(ctx, s.Group)
}

func scale(ctx context.Context, s scene, replicas int) (none subjects.Death, err error) {
	if err := s.subject.Scale(ctx, s.Group, int32(replicas)); err != nil {
		return none, err
	}
	return none, s.scaled(ctx, replicas)
}

// kill ends a process, once: its kubelet starts it again.
func kill(ctx context.Context, s scene) (d subjects.Death, err error) {
	pod, err := s.victim(ctx)
	if err != nil {
		return d, err
	}
	if err := s.Kubelet.Kill(s.Namespace, pod.Name, lab.Container); err != nil {
		return d, err
	}
	d = subjects.Death{Pod: pod.Name, At: time.Now()}
	return d, s.consumes(ctx, slots)
}

// death destroys a node with its one consumer. What becomes of the pod's object is up to
// the pod garbage collector, which takes 40 to 60 s to find that the node is gone.
func death(ctx context.Context, s scene) (d subjects.Death, err error) {
	pod, err := s.victim(ctx)
	if err != nil {
		return d, err
	}
	if err := s.Kubelet.DestroyNode(ctx, pod.Spec.NodeName); err != nil {
		return d, err
	}
	d = subjects.Death{Pod: pod.Name, At: time.Now()}
	return d, s.consumes(ctx, slots)
}

// gone deletes a pod by force when there is no room for another one.
func gone(ctx context.Context, s scene) (d subjects.Death, err error) {
	if err := s.fill(ctx); err != nil {
		return d, err
	}
	if d, err = leave(ctx, s); err != nil {
		return d, err
	}
	return d, s.consumes(ctx, slots-1)
}

// leave deletes a pod by force, and waits until its process has ended.
func leave(ctx context.Context, s scene) (d subjects.Death, err error) {
	pod, err := s.victim(ctx)
	if err != nil {
		return d, err
	}
	if err := s.Lab.Client.Delete(ctx, &pod, ctrlclient.GracePeriodSeconds(0)); err != nil {
		return d, fmt.Errorf("delete pod %s by force: %w", pod.Name, err)
	}
	err = wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(context.Context) (bool, error) {
		_, runs := s.Kubelet.PID(s.Namespace, pod.Name, lab.Container)
		return !runs, nil
	})
	return subjects.Death{Pod: pod.Name, At: time.Now()}, err
}

// crashLoop ends a consumer whenever it is a member, for as long as is watched.
func crashLoop(ctx context.Context, s scene) (none subjects.Death, err error) {
	pod, err := s.victim(ctx)
	if err != nil {
		return none, err
	}
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(s.watch); time.Now().Before(end); {
		pods, err := s.pods(ctx)
		if err != nil {
			return none, err
		}
		for _, p := range working(pods) {
			if follows(p, pod) {
				_ = s.Kubelet.Kill(p.Namespace, p.Name, lab.Container) // it may be dead, and its status late
			}
		}
		select {
		case <-ctx.Done():
			return none, context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return none, nil
}

// absent has one more consumer join while another one is away: its pod is deleted by
// force when the new one has a node, and there is room for no other.
func absent(ctx context.Context, s scene) (d subjects.Death, err error) {
	before, err := s.pods(ctx)
	if err != nil {
		return d, err
	}
	if err := s.subject.Scale(ctx, s.Group, slots+1); err != nil {
		return d, err
	}
	err = s.until(ctx, "one that is about to join", func(pods []corev1.Pod) bool {
		return slices.ContainsFunc(pods, func(p corev1.Pod) bool {
			known := slices.ContainsFunc(before, func(b corev1.Pod) bool { return b.UID == p.UID })
			return !known && p.Spec.NodeName != ""
		})
	})
	if err != nil {
		return d, err
	}
	if err := s.fill(ctx); err != nil {
		return d, err
	}
	if d, err = leave(ctx, s); err != nil {
		return d, err
	}
	return d, s.consumes(ctx, slots)
}
