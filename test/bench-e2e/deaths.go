package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/test/e2e/world"
	"github.com/kohort-dev/kohort/test/subjects"
)

// death is a way for one consumer to die.
type death struct {
	title string
	// session is the session timeout of all consumers.
	session time.Duration
	// kill harms a pod, and returns when the group should have got over it.
	kill func(context.Context, *world.World, corev1.Pod) error
}

var deaths = map[string]*death{
	"kill": {"is killed once (kill -9)", 45 * time.Second, func(ctx context.Context, w *world.World, pod corev1.Pod) error {
		if err := killed(ctx, w, pod); err != nil {
			return err
		}
		// The dynamic members of a group wait for the dead one's session to end.
		return pause(ctx, 55*time.Second)
	}},
	"crash-loop": {"is killed whenever it runs", 120 * time.Second, func(ctx context.Context, w *world.World, pod corev1.Pod) error {
		for end := time.Now().Add(135 * time.Second); time.Now().Before(end); {
			if err := killed(ctx, w, pod); ctrlclient.IgnoreNotFound(err) != nil {
				return err
			}
			if err := pause(ctx, 250*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}},
	"force-delete": {"has its pod deleted by force", 120 * time.Second, func(ctx context.Context, w *world.World, pod corev1.Pod) error {
		if err := w.Client.Delete(ctx, &pod, ctrlclient.GracePeriodSeconds(0)); err != nil {
			return fmt.Errorf("delete pod %s: %w", pod.Name, err)
		}
		return pause(ctx, 30*time.Second)
	}},
}

// of has a consumer of the group die, and names its pod.
func (d *death) of(ctx context.Context, w *world.World, g subjects.Group) (string, error) {
	var pods corev1.PodList
	if err := w.Client.List(ctx, &pods, ctrlclient.InNamespace(g.Namespace)); err != nil {
		return "", fmt.Errorf("list the pods of %s: %w", g.Namespace, err)
	}
	i := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return strings.HasPrefix(p.Name, g.Name) })
	if i < 0 {
		return "", errors.New("there is no consumer to die")
	}
	return pods.Items[i].Name, d.kill(ctx, w, pods.Items[i])
}

// killed kills what runs in the consumer's container of a pod; nothing, if nothing
// does.
func killed(ctx context.Context, w *world.World, pod corev1.Pod) error {
	now := &corev1.Pod{}
	if err := w.Client.Get(ctx, ctrlclient.ObjectKeyFromObject(&pod), now); err != nil {
		return fmt.Errorf("read pod %s: %w", pod.Name, err)
	}
	for _, c := range now.Status.ContainerStatuses {
		_, id, _ := strings.Cut(c.ContainerID, "://")
		if c.Name != world.Container || c.State.Running == nil || now.UID != pod.UID {
			continue
		}
		// The processes of a container are those in its cgroup.
		script := "grep -ls " + id + " /proc/[0-9]*/cgroup | cut -d/ -f3 | xargs -r kill -9 2>/dev/null || true"
		if _, err := w.OnNode(ctx, now.Spec.NodeName, "sh", "-c", script); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
