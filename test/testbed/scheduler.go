package testbed

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

func (k *Kubelet) wakeScheduler() {
	select {
	case k.schedule <- struct{}{}:
	default:
	}
}

// runScheduler binds pending pods to the nodes with the fewest.
func (k *Kubelet) runScheduler() {
	firstSeen := map[types.UID]time.Time{}
	refused := map[types.UID]string{}
	for {
		wait := k.schedulePending(firstSeen, refused)
		timer := time.NewTimer(wait)
		select {
		case <-k.ctx.Done():
			timer.Stop()
			return
		case <-k.schedule:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// schedulePending makes one pass and says when the next is due.
func (k *Kubelet) schedulePending(firstSeen map[types.UID]time.Time, refused map[types.UID]string) time.Duration {
	wait := time.Minute
	pods, err := k.pods.List(labels.Everything())
	if err != nil {
		k.log.Printf("list pods: %v", err)
		return time.Second
	}
	load, pending := map[string]int{}, []*corev1.Pod{}
	for _, pod := range pods {
		if pod.Spec.NodeName != "" {
			load[pod.Spec.NodeName]++
		} else if pod.DeletionTimestamp == nil && len(pod.Spec.SchedulingGates) == 0 {
			pending = append(pending, pod)
		}
	}
	still := map[types.UID]bool{}
	slices.SortFunc(pending, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, pod := range pending {
		still[pod.UID] = true
		if _, ok := firstSeen[pod.UID]; !ok {
			firstSeen[pod.UID] = time.Now()
		}
		if left := time.Until(firstSeen[pod.UID].Add(k.options.Delays.Schedule)); left > 0 {
			wait = min(wait, left)
			continue
		}
		node, reason := k.chooseNode(pod, load)
		if node == "" {
			if refused[pod.UID] != reason {
				refused[pod.UID] = reason
				k.refuse(pod, reason)
			}
			continue
		}
		if err := k.bind(pod, node); err != nil {
			k.log.Print(err)
			wait = min(wait, time.Second)
			continue
		}
		load[node]++
	}
	forgetOthers(firstSeen, still)
	forgetOthers(refused, still)
	return wait
}

func forgetOthers[V any](known map[types.UID]V, still map[types.UID]bool) {
	for uid := range known {
		if !still[uid] {
			delete(known, uid)
		}
	}
}

// chooseNode finds the node with the fewest pods, or says why there is none.
func (k *Kubelet) chooseNode(pod *corev1.Pod, load map[string]int) (node, reason string) {
	names := k.Nodes()
	cordoned, mismatched := 0, 0
	for _, name := range names {
		candidate, err := k.nodes.Get(name)
		switch {
		case err != nil:
			continue
		case candidate.Spec.Unschedulable:
			cordoned++
			continue
		case !labels.SelectorFromSet(pod.Spec.NodeSelector).Matches(labels.Set(candidate.Labels)):
			mismatched++
			continue
		}
		if node == "" || load[name] < load[node] {
			node = name
		}
	}
	return node, fmt.Sprintf("0/%d nodes are available: %d were unschedulable, %d didn't match Pod's node selector.",
		len(names), cordoned, mismatched)
}

func (k *Kubelet) bind(pod *corev1.Pod, node string) error {
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}
	err := k.client.CoreV1().Pods(pod.Namespace).Bind(k.ctx, binding, metav1.CreateOptions{})
	// A conflict means that it was bound, by the cache's last news not yet seen.
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return fmt.Errorf("bind pod %s/%s to node %s: %w", pod.Namespace, pod.Name, node, err)
	}
	return nil
}

// refuse tells in the pod's status why it is not bound.
func (k *Kubelet) refuse(pod *corev1.Pod, reason string) {
	k.events.Event(pod, corev1.EventTypeWarning, "FailedScheduling", reason)
	err := k.patchStatus(k.ctx, pod, &corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: reason, LastTransitionTime: metav1.Now(),
	}}})
	if err != nil {
		k.log.Print(err)
	}
}
