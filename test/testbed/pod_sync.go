package testbed

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// sync brings a pod that shall run nearer to running.
func (w *podWorker) sync(ctx context.Context) {
	if !w.prepared && !w.prepare(ctx) {
		return
	}
	w.project()
	for _, c := range w.containers {
		w.noticeEnd(c)
		w.enforceKill(c)
	}
	if !w.initialized {
		w.initialize(ctx)
		if !w.initialized {
			return
		}
	}
	for _, c := range w.inits() {
		if c.sidecar && c.stage != stageRunning {
			w.begin(ctx, c)
		}
	}
	w.runMains(ctx)
}

// prepare makes the volumes.
func (w *podWorker) prepare(ctx context.Context) bool {
	if !w.due(w.prepareAt) {
		return false
	}
	if err := w.makeVolumes(ctx); err != nil {
		w.event(corev1.EventTypeWarning, "FailedMount", err.Error())
		w.prepareAt = w.now.Add(retryPeriod)
		w.due(w.prepareAt)
		return false
	}
	if err := w.assignPorts(); err != nil {
		w.event(corev1.EventTypeWarning, "FailedCreatePodSandBox", err.Error())
		w.prepareAt = w.now.Add(retryPeriod)
		w.due(w.prepareAt)
		return false
	}
	w.prepared = true
	return true
}

// initialize runs the init containers, each when the one before it has ended, or,
// for a native sidecar, has started. Sidecars that ended in the meantime are
// started again, as a kubelet does, before a later one is looked at.
func (w *podWorker) initialize(ctx context.Context) {
	for _, c := range w.inits() {
		switch {
		case c.succeeded() && !c.sidecar:
			continue
		case c.stage == stageEnded && !w.restarts(c):
			w.finish(fmt.Sprintf("init container %s %s", c.spec.Name, c.exit))
			return
		case c.stage != stageRunning:
			w.begin(ctx, c)
		}
		if !c.sidecar || c.stage != stageRunning || !c.started {
			return
		}
		if !w.due(c.startedAt) {
			return
		}
	}
	w.initialized = true
}

// runMains keeps the containers running, or ends the pod when all have ended for
// good.
func (w *podWorker) runMains(ctx context.Context) {
	done := true
	for _, c := range w.mains() {
		if c.stage == stageEnded && !w.restarts(c) {
			continue
		}
		done = false
		if c.stage != stageRunning {
			w.begin(ctx, c)
		}
	}
	if done {
		w.finish("all containers have ended")
	}
}

// restarts says whether a container that ended is started again.
func (w *podWorker) restarts(c *container) bool {
	policy := w.pod.Spec.RestartPolicy
	switch {
	case c.sidecar:
		return true
	case c.init && policy == corev1.RestartPolicyAlways:
		return !c.succeeded()
	case policy == corev1.RestartPolicyAlways:
		return true
	case policy == corev1.RestartPolicyOnFailure:
		return !c.succeeded()
	}
	return false
}

// finish ends a pod whose containers are not started again; its object stays.
func (w *podWorker) finish(why string) {
	w.k.log.Printf("pod %s/%s: %s", w.namespace, w.name, why)
	w.beginEnding()
}
