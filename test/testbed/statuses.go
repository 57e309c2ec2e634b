package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// statusReport is what was told to the API server.
type statusReport struct {
	startTime time.Time
	last      *corev1.PodStatus
	// frozen: nothing more is told for now.
	frozen bool
}

// report writes the status if it differs from what was written last, and says
// whether the API server has it now.
func (w *podWorker) report(ctx context.Context) bool {
	if w.status.frozen {
		return false
	}
	status := w.podStatus()
	if w.status.last != nil && apiequality.Semantic.DeepEqual(w.status.last, status) {
		return true
	}
	err := w.k.patchStatus(ctx, w.pod, status)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		w.k.log.Print(err)
		w.due(w.now.Add(retryPeriod))
		return false
	}
	w.status.last = status
	return true
}

// patchStatus writes those parts of a status that are a kubelet's: conditions of
// others stay. The UID makes it fail on a namesake.
func (k *Kubelet) patchStatus(ctx context.Context, pod *corev1.Pod, status *corev1.PodStatus) error {
	// A request under way is not broken off when the stand-in stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestPatience)
	defer cancel()
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status":   status,
	})
	if err == nil {
		_, err = k.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name,
			types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	if err != nil {
		return fmt.Errorf("report the status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

func (w *podWorker) podStatus() *corev1.PodStatus {
	start := metav1.NewTime(w.status.startTime)
	status := &corev1.PodStatus{
		ObservedGeneration: w.pod.Generation,
		StartTime:          &start,
		HostIP:             loopback, HostIPs: []corev1.HostIP{{IP: loopback}},
	}
	if w.prepared {
		status.PodIP, status.PodIPs = loopback, []corev1.PodIP{{IP: loopback}}
	}
	for _, c := range w.inits() {
		status.InitContainerStatuses = append(status.InitContainerStatuses, w.containerStatus(c))
	}
	for _, c := range w.mains() {
		status.ContainerStatuses = append(status.ContainerStatuses, w.containerStatus(c))
	}
	status.Phase = w.phase
	if status.Phase == "" {
		status.Phase = w.livePhase(status.ContainerStatuses)
	}
	status.Conditions = w.conditions(status)
	return status
}

// livePhase is the phase of a pod that has not come to its end. As a kubelet
// counts, a container that never ran keeps the pod Pending.
func (w *podWorker) livePhase(mains []corev1.ContainerStatus) corev1.PodPhase {
	if !w.initialized {
		return corev1.PodPending
	}
	for _, status := range mains {
		if status.State.Waiting != nil && status.LastTerminationState.Terminated == nil {
			return corev1.PodPending
		}
	}
	return corev1.PodRunning
}

func (w *podWorker) containerStatus(c *container) corev1.ContainerStatus {
	status := corev1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, RestartCount: int32(max(0, c.runs-1)), Ready: c.ready,
	}
	if c.runs > 0 {
		status.ImageID = "testbed://" + c.spec.Image
		status.ContainerID = fmt.Sprintf("process://%s-%s-%d", w.uid, c.spec.Name, c.runs)
	}
	started := c.started
	status.Started = &started
	if c.last != nil {
		status.LastTerminationState.Terminated = c.last
	}
	switch {
	case c.stage == stageRunning:
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(c.ranFrom)}
	case c.waiting != nil:
		status.State.Waiting = c.waiting
		if c.exit != nil {
			status.LastTerminationState.Terminated = c.terminated()
		}
	case c.exit != nil:
		status.State.Terminated = c.terminated()
		// What an init container shows when it is done.
		status.Ready = c.init && !c.sidecar && c.exit.Code == 0
	default:
		status.State.Waiting = w.waitingForItsTurn()
	}
	return status
}

func (w *podWorker) waitingForItsTurn() *corev1.ContainerStateWaiting {
	if len(w.inits()) > 0 {
		return &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
	}
	return &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
}

// terminated is how the last process ended.
func (c *container) terminated() *corev1.ContainerStateTerminated {
	reason := "Completed"
	if c.exit.Code != 0 {
		reason = "Error"
	}
	return &corev1.ContainerStateTerminated{
		ExitCode: int32(c.exit.Code), Signal: int32(c.exit.Signal), Reason: reason,
		StartedAt: metav1.NewTime(c.ranFrom), FinishedAt: metav1.NewTime(c.exit.FinishedAt),
	}
}

// conditions are those that a kubelet owns.
func (w *podWorker) conditions(status *corev1.PodStatus) []corev1.PodCondition {
	var notInitialized, notReady []string
	for i, c := range w.inits() {
		state := status.InitContainerStatuses[i]
		done := c.succeeded()
		if c.sidecar {
			done = c.started
		}
		if !w.initialized && !done {
			notInitialized = append(notInitialized, c.spec.Name)
		}
		if c.sidecar && !state.Ready {
			notReady = append(notReady, c.spec.Name)
		}
	}
	for _, state := range status.ContainerStatuses {
		if !state.Ready {
			notReady = append(notReady, state.Name)
		}
	}
	completed := status.Phase == corev1.PodSucceeded
	reason := func(otherwise string) string {
		if completed {
			return "PodCompleted"
		}
		return otherwise
	}
	initialized := w.condition(corev1.PodInitialized, w.initialized, reason("ContainersNotInitialized"),
		"containers with incomplete status: ["+strings.Join(notInitialized, " ")+"]")
	containersReady := w.condition(corev1.ContainersReady, len(notReady) == 0 && !finished(status.Phase),
		reason("ContainersNotReady"), "containers with unready status: ["+strings.Join(notReady, " ")+"]")
	ready := containersReady
	ready.Type = corev1.PodReady
	if missing := w.missingGates(); containersReady.Status == corev1.ConditionTrue && len(missing) > 0 {
		ready = w.condition(corev1.PodReady, false, "ReadinessGatesNotReady",
			"the conditions of these readiness gates are not True: "+strings.Join(missing, ", "))
	}
	conditions := []corev1.PodCondition{
		w.condition(corev1.PodScheduled, true, "", ""),
		w.condition(corev1.PodReadyToStartContainers, w.prepared && w.ending == nil, "", ""),
		initialized, containersReady, ready,
	}
	w.keepTransitions(conditions)
	return conditions
}

func (w *podWorker) missingGates() []string {
	var missing []string
	for _, gate := range w.pod.Spec.ReadinessGates {
		met := slices.ContainsFunc(w.pod.Status.Conditions, func(condition corev1.PodCondition) bool {
			return condition.Type == gate.ConditionType && condition.Status == corev1.ConditionTrue
		})
		if !met {
			missing = append(missing, string(gate.ConditionType))
		}
	}
	return missing
}

func (w *podWorker) condition(kind corev1.PodConditionType, holds bool, reason, message string) corev1.PodCondition {
	if holds {
		return corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue}
	}
	return corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message}
}

// keepTransitions dates each condition: from now if it changed, else as before.
func (w *podWorker) keepTransitions(conditions []corev1.PodCondition) {
	for i := range conditions {
		condition := &conditions[i]
		condition.ObservedGeneration = w.pod.Generation
		condition.LastTransitionTime = metav1.NewTime(w.now)
		before := w.pod.Status.Conditions
		if w.status.last != nil {
			before = w.status.last.Conditions
		}
		for _, previous := range before {
			if previous.Type == condition.Type && previous.Status == condition.Status {
				condition.LastTransitionTime = previous.LastTransitionTime
			}
		}
	}
}
