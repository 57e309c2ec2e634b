package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

// stage is where a container is in its life, as the kubelet knows it.
type stage int

const (
	stageWaiting stage = iota
	// stageStarting: it was decided to start it.
	stageStarting
	stageRunning
	// stageEnded: its process has ended, and that was noticed.
	stageEnded
)

// container is one of the pod's, with everything about its present process.
type container struct {
	spec          *corev1.Container
	init, sidecar bool

	stage stage
	// waiting says why it does not run, when that is not just its turn.
	waiting *corev1.ContainerStateWaiting
	// startAt is when a decided start happens, retryAt when one that failed is
	// tried again.
	startAt, retryAt time.Time
	// image is what the decided start found.
	image   Image
	process *process.Process
	runs    int
	ranFrom time.Time
	// exit is how the process ended; noticeAt is when the kubelet learns of it.
	exit     *process.ExitStatus
	noticeAt time.Time
	last     *corev1.ContainerStateTerminated

	// started: the startup probe succeeded, or there is none; startedAt is when
	// the kubelet acts on it.
	started   bool
	startedAt time.Time
	ready     bool
	probes    context.CancelFunc
	// killAt is when a container that a probe found dead, and that was asked to
	// end, is killed.
	killAt time.Time

	restartWait backOff
	pullWait    backOff
	// pullShownUntil is how long a failed pull is shown as an error.
	pullShownUntil time.Time
}

func (w *podWorker) newContainer(spec *corev1.Container, init bool) *container {
	options := &w.k.options
	return &container{
		spec: spec, init: init, probes: func() {},
		sidecar:     init && spec.RestartPolicy != nil && *spec.RestartPolicy == corev1.ContainerRestartPolicyAlways,
		restartWait: backOff{base: options.BackOff, limit: options.MaxBackOff},
		pullWait:    backOff{base: options.BackOff, limit: options.MaxBackOff},
	}
}

// succeeded says whether the last process exited with 0 and none runs.
func (c *container) succeeded() bool {
	return c.stage == stageEnded && c.exit != nil && c.exit.Code == 0
}

// backToBefore takes a decided start back.
func (c *container) backToBefore() {
	c.stage = stageWaiting
	if c.exit != nil {
		c.stage = stageEnded
	}
}

func (c *container) stopProbes() {
	c.probes()
	c.probes = func() {}
}

// backOff is the wait between attempts: none before the second, then base, and
// double each time.
type backOff struct {
	base, limit, wait time.Duration
	until             time.Time
}

// next counts an attempt that ended at t.
func (b *backOff) next(t time.Time, first time.Duration) {
	b.until = t.Add(b.wait)
	if b.wait == 0 {
		b.until = t.Add(first)
		b.wait = first
	}
	b.wait = min(max(2*b.wait, b.base), b.limit)
}

// begin starts a container, or says in its state why that is not possible now. It
// is called at every step until the container runs.
func (w *podWorker) begin(ctx context.Context, c *container) {
	if c.stage != stageStarting && !w.decideStart(c) {
		return
	}
	if !w.due(c.startAt) {
		return
	}
	child, reason, err := w.launch(ctx, c)
	if err != nil {
		w.failLaunch(c, reason, err)
		return
	}
	w.running(c, child)
}

// decideStart makes sure that nothing speaks against a start.
func (w *podWorker) decideStart(c *container) bool {
	if !w.due(c.restartWait.until) {
		w.showCrashLoop(c)
		return false
	}
	if !w.due(c.pullWait.until) {
		w.showPullWait(c)
		return false
	}
	if !w.due(c.retryAt) {
		return false
	}
	image, err := w.k.image(c.spec.Image)
	if err != nil {
		w.failPull(c, err)
		return false
	}
	c.image, c.pullWait = image, backOff{base: c.pullWait.base, limit: c.pullWait.limit}
	c.stage, c.startAt = stageStarting, w.now.Add(w.k.options.Delays.Start)
	return true
}

// showCrashLoop says that the container waits to be started again.
func (w *podWorker) showCrashLoop(c *container) {
	wait := c.restartWait.until.Sub(c.exit.FinishedAt).Round(time.Millisecond)
	message := fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)", wait, c.spec.Name, w.name, w.namespace, w.uid)
	if c.waiting == nil || c.waiting.Message != message {
		w.event(corev1.EventTypeWarning, "BackOff",
			fmt.Sprintf("Back-off restarting failed container %s in pod %s_%s(%s)", c.spec.Name, w.name, w.namespace, w.uid))
	}
	c.waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: message}
}

// failPull says that the image does not exist.
func (w *podWorker) failPull(c *container, err error) {
	w.event(corev1.EventTypeWarning, "Failed", err.Error())
	w.event(corev1.EventTypeWarning, "Failed", "Error: ErrImagePull")
	c.waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: err.Error()}
	c.pullWait.next(w.now, c.pullWait.base)
	// The error stands until the kubelet looks at the pod again.
	c.pullShownUntil = w.now.Add(min(time.Second, c.pullWait.base/2))
	w.due(c.pullShownUntil)
	w.due(c.pullWait.until)
}

// showPullWait says that the container waits for the next attempt to pull.
func (w *podWorker) showPullWait(c *container) {
	if c.waiting == nil || c.waiting.Reason != "ErrImagePull" || !w.due(c.pullShownUntil) {
		return
	}
	w.event(corev1.EventTypeNormal, "BackOff", fmt.Sprintf("Back-off pulling image %q", c.spec.Image))
	message := fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", c.spec.Image, c.waiting.Message)
	c.waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: message}
}

// launch makes the process. The reason is the one that a kubelet shows.
func (w *podWorker) launch(ctx context.Context, c *container) (child *process.Process, reason string, err error) {
	spec, err := w.processSpec(ctx, c)
	if err != nil {
		return nil, "CreateContainerConfigError", err
	}
	log, err := openLog(w.k.Log(w.namespace, w.name, c.spec.Name))
	if err != nil {
		return nil, "CreateContainerError", err
	}
	spec.Stdout, spec.Stderr = log, log
	child, err = process.Start(context.Background(), spec)
	// The child has its own descriptor; nothing of ours is lost with this one.
	_ = log.Close()
	return child, "RunContainerError", err
}

// failLaunch shows an error that the next attempt may not meet.
func (w *podWorker) failLaunch(c *container, reason string, err error) {
	if c.waiting == nil || c.waiting.Message != err.Error() {
		w.event(corev1.EventTypeWarning, "Failed", "Error: "+err.Error())
	}
	c.backToBefore()
	c.waiting = &corev1.ContainerStateWaiting{Reason: reason, Message: err.Error()}
	c.retryAt = w.now.Add(retryPeriod)
	w.due(c.retryAt)
}

// running takes note of a new process and waits for its end.
func (w *podWorker) running(c *container, child *process.Process) {
	if c.exit != nil {
		c.last = c.terminated()
	}
	c.process, c.stage, c.waiting, c.exit = child, stageRunning, nil, nil
	c.runs++
	c.ranFrom = child.StartedAt()
	c.started, c.ready, c.killAt = false, false, time.Time{}
	w.setProcess(c.spec.Name, child)
	w.event(corev1.EventTypeNormal, "Started", "Started container "+c.spec.Name)
	w.startProbes(c)
	go func() {
		status := child.Wait()
		w.setProcess(c.spec.Name, nil)
		w.tell(func() { w.processEnded(c, status) })
	}()
}

// processEnded takes note; the kubelet learns of it at its next relist.
func (w *podWorker) processEnded(c *container, status process.ExitStatus) {
	c.process, c.exit = nil, &status
	c.noticeAt = w.k.options.Delays.relist(w.uid, status.FinishedAt)
}

// noticeEnd turns the end of a process into the container's end.
func (w *podWorker) noticeEnd(c *container) {
	if c.stage != stageRunning || c.process != nil || !w.due(c.noticeAt) {
		return
	}
	w.setEnded(c)
	if c.exit.FinishedAt.Sub(c.ranFrom) > 2*c.restartWait.limit {
		c.restartWait = backOff{base: c.restartWait.base, limit: c.restartWait.limit}
	}
	c.restartWait.next(c.exit.FinishedAt, 0)
}

func (w *podWorker) setEnded(c *container) {
	c.stopProbes()
	c.stage, c.started, c.ready = stageEnded, false, false
}

// kill ends a container that a probe has found dead.
func (w *podWorker) kill(c *container, probe *corev1.Probe, why string) {
	if c.stage != stageRunning || c.process == nil || !c.killAt.IsZero() {
		return
	}
	w.event(corev1.EventTypeNormal, "Killing", fmt.Sprintf("Container %s failed %s, will be restarted", c.spec.Name, why))
	grace := w.grace()
	if probe.TerminationGracePeriodSeconds != nil {
		grace = time.Duration(*probe.TerminationGracePeriodSeconds) * time.Second
	}
	if err := c.process.Signal(syscall.SIGTERM); err != nil {
		w.k.log.Printf("pod %s/%s: %v", w.namespace, w.name, err)
	}
	c.killAt = w.now.Add(max(grace, minimumGrace))
}

// enforceKill ends what did not end when asked to.
func (w *podWorker) enforceKill(c *container) {
	if c.stage == stageRunning && c.process != nil && !c.killAt.IsZero() && w.due(c.killAt) {
		c.process.Kill()
	}
}

// openLog opens a container's log, to which every restart appends.
func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for logs: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, errors.Join(errors.New("open the container's log"), err)
	}
	return file, nil
}
