package testbed

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// minimumGrace is the least that a kubelet gives a container, also of a pod that
// was deleted by force, and a sidecar when the others have used up the grace.
const minimumGrace = 2 * time.Second

// ending is the end of a pod. The order is a kubelet's: SIGTERM to the containers,
// then, when they have ended, to the sidecars, last one first; then the last
// status, with its phase; then, if the pod was deleted, the object.
type ending struct {
	began time.Time
	// lastEnd is when the last process so far ended.
	lastEnd time.Time
	// asked are the containers that got SIGTERM, and when they are killed.
	killAt map[*container]time.Time
	// reportedAt is when the last status was written.
	reportedAt time.Time
	deleteAt   time.Time
}

func (w *podWorker) beginEnding() {
	w.ending = &ending{began: w.now, lastEnd: w.now, killAt: map[*container]time.Time{}}
	if w.status.frozen {
		w.ending.reportedAt = w.now
	}
	// A kubelet says nothing more until all have ended.
	w.status.frozen = true
	for _, c := range w.containers {
		c.stopProbes()
		if c.stage == stageStarting {
			c.backToBefore()
		}
		if c.stage == stageEnded {
			c.waiting = nil
		}
	}
}

// end makes one step towards the end and says whether it is reached.
func (w *podWorker) end(ctx context.Context) bool {
	e := w.ending
	for _, c := range w.containers {
		if c.process == nil && c.exit != nil && c.stage == stageRunning {
			w.setEnded(c)
		}
		if c.exit != nil && c.exit.FinishedAt.After(e.lastEnd) {
			e.lastEnd = c.exit.FinishedAt
		}
	}
	if !w.due(e.began.Add(w.k.options.Delays.Signal)) || !w.endProcesses() {
		return false
	}
	if w.gone {
		return true
	}
	if e.reportedAt.IsZero() {
		if !w.due(e.lastEnd.Add(w.k.options.Delays.Terminated)) || !w.reportEnd(ctx) {
			return false
		}
	}
	if w.pod.DeletionTimestamp == nil {
		return false
	}
	return w.due(e.reportedAt.Add(w.k.options.Delays.Gone)) && w.due(e.deleteAt) && w.deleteObject(ctx)
}

// endProcesses asks in order and says whether all have ended.
func (w *podWorker) endProcesses() bool {
	running := false
	for _, c := range w.containers {
		if c.stage == stageRunning && !c.sidecar {
			w.endProcess(c, w.grace())
			running = true
		}
	}
	if running {
		return false
	}
	for _, c := range slices.Backward(w.inits()) {
		if c.stage != stageRunning {
			continue
		}
		if w.due(w.ending.lastEnd.Add(w.k.options.Delays.SidecarStop)) {
			w.endProcess(c, w.grace()-w.now.Sub(w.ending.began))
		}
		return false
	}
	return true
}

// grace is how long the pod's containers have from the beginning of its end. A
// later deletion may shorten it.
func (w *podWorker) grace() time.Duration {
	seconds := w.pod.Spec.TerminationGracePeriodSeconds
	if w.pod.DeletionGracePeriodSeconds != nil {
		seconds = w.pod.DeletionGracePeriodSeconds
	}
	if w.gone || seconds == nil {
		return minimumGrace
	}
	return time.Duration(*seconds) * time.Second
}

func (w *podWorker) endProcess(c *container, grace time.Duration) {
	grace = max(grace, minimumGrace)
	killAt, asked := w.ending.killAt[c]
	if !asked {
		w.event(corev1.EventTypeNormal, "Killing", "Stopping container "+c.spec.Name)
		if err := c.process.Signal(syscall.SIGTERM); err != nil {
			w.k.log.Printf("pod %s/%s: %v", w.namespace, w.name, err)
		}
		killAt = w.now.Add(grace)
	} else if !c.sidecar {
		killAt = earlier(killAt, w.ending.began.Add(w.k.options.Delays.Signal+grace))
	}
	w.ending.killAt[c] = killAt
	if w.due(killAt) {
		c.process.Kill()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// reportEnd writes the status with the terminal phase. It must arrive before the
// object is deleted, or whoever waits for the end of the processes would only see
// the object vanish.
func (w *podWorker) reportEnd(ctx context.Context) bool {
	w.phase = w.terminalPhase()
	w.status.frozen = false
	written := w.report(ctx)
	w.status.frozen = true
	if !written {
		return false
	}
	w.ending.reportedAt = time.Now()
	return true
}

// terminalPhase is Succeeded when every container ran and exited with 0. A pod
// that was deleted before they started has failed.
func (w *podWorker) terminalPhase() corev1.PodPhase {
	for _, c := range w.inits() {
		if !c.sidecar && !c.succeeded() {
			return corev1.PodFailed
		}
	}
	for _, c := range w.mains() {
		if !c.succeeded() {
			return corev1.PodFailed
		}
	}
	return corev1.PodSucceeded
}

// deleteObject completes the deletion, of this very pod and no namesake.
func (w *podWorker) deleteObject(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	err := w.k.client.CoreV1().Pods(w.namespace).Delete(ctx, w.name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &w.uid},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		w.k.log.Print(fmt.Errorf("delete pod %s/%s: %w", w.namespace, w.name, err))
		w.ending.deleteAt = w.now.Add(retryPeriod)
		w.due(w.ending.deleteAt)
		return false
	}
	return true
}
