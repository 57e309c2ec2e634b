package testbed

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

const (
	// retryPeriod is how soon something is tried again that the API server or a
	// missing object kept from working.
	retryPeriod = time.Second
	// stopPatience is how long processes may take to end when the stand-in itself
	// is stopped.
	stopPatience = 2 * time.Second
)

// podWorker runs one pod. Its goroutine alone touches its state; what happens
// elsewhere (a watched change, the end of a process, a probe's result) arrives in
// the inbox. After every message and at every moment that something is due, it
// makes one step: it compares what is with what should be, and does what is due.
type podWorker struct {
	k               *Kubelet
	uid             types.UID
	namespace, name string
	node            string
	dir             string
	seenAt          time.Time
	// ports are the host's ports for the declared ones; set once.
	ports map[int32]int

	inbox inbox
	// processes are those that run, for readers outside the worker.
	processesMu sync.Mutex
	processes   map[string]*process.Process

	pod        *corev1.Pod
	gone       bool
	vanished   bool
	now, wake  time.Time
	containers []*container
	volumes    map[string]*volume
	// prepareAt is when the sandbox is there, or when it is tried again.
	prepareAt   time.Time
	prepared    bool
	initialized bool
	annotatedAt time.Time
	ending      *ending
	// phase is the terminal one, once it is decided.
	phase  corev1.PodPhase
	status statusReport
}

// inbox holds what the worker has not looked at yet.
type inbox struct {
	mu       sync.Mutex
	pod      *corev1.Pod
	gone     bool
	vanished bool
	messages []func()
	arrived  chan struct{}
}

func newPodWorker(k *Kubelet, pod *corev1.Pod) *podWorker {
	now := time.Now()
	w := &podWorker{
		k: k, uid: pod.UID, namespace: pod.Namespace, name: pod.Name, node: pod.Spec.NodeName,
		dir:    filepath.Join(k.options.Dir, "pods", string(pod.UID)),
		seenAt: now, prepareAt: now.Add(k.options.Delays.Sandbox), pod: pod,
		ports: map[int32]int{}, processes: map[string]*process.Process{}, volumes: map[string]*volume{},
		inbox: inbox{pod: pod, arrived: make(chan struct{}, 1)},
	}
	w.status.startTime = now
	for i := range pod.Spec.InitContainers {
		w.containers = append(w.containers, w.newContainer(&pod.Spec.InitContainers[i], true))
	}
	for i := range pod.Spec.Containers {
		w.containers = append(w.containers, w.newContainer(&pod.Spec.Containers[i], false))
	}
	return w
}

func (w *podWorker) setPod(pod *corev1.Pod) {
	w.inbox.mu.Lock()
	w.inbox.pod = pod
	w.inbox.mu.Unlock()
	w.notify()
}

func (w *podWorker) setGone() {
	w.inbox.mu.Lock()
	w.inbox.gone = true
	w.inbox.mu.Unlock()
	w.notify()
}

// vanish ends all processes at once, without a word to anybody.
func (w *podWorker) vanish() {
	w.inbox.mu.Lock()
	w.inbox.vanished = true
	w.inbox.mu.Unlock()
	w.processesMu.Lock()
	for _, running := range w.processes {
		running.Kill()
	}
	w.processesMu.Unlock()
	w.notify()
}

// tell lets the worker's goroutine do something.
func (w *podWorker) tell(message func()) {
	w.inbox.mu.Lock()
	w.inbox.messages = append(w.inbox.messages, message)
	w.inbox.mu.Unlock()
	w.notify()
}

func (w *podWorker) notify() {
	select {
	case w.inbox.arrived <- struct{}{}:
	default:
	}
}

// run works until the pod's object is deleted, its node vanishes or the stand-in stops.
func (w *podWorker) run(ctx context.Context) {
	defer w.cleanUp()
	for ctx.Err() == nil {
		w.now, w.wake = time.Now(), time.Time{}
		w.read()
		if w.vanished || w.step(ctx) {
			return
		}
		w.report(ctx)
		w.sleep(ctx)
	}
}

func (w *podWorker) read() {
	w.inbox.mu.Lock()
	pod, messages := w.inbox.pod, w.inbox.messages
	w.gone, w.vanished = w.inbox.gone, w.inbox.vanished
	w.inbox.messages = nil
	w.inbox.mu.Unlock()
	if !maps.Equal(pod.Annotations, w.pod.Annotations) || !maps.Equal(pod.Labels, w.pod.Labels) {
		w.annotatedAt = w.now
	}
	w.pod = pod
	for _, message := range messages {
		message()
	}
}

// step does what is due and says whether the work is done.
func (w *podWorker) step(ctx context.Context) bool {
	if w.ending == nil && (w.gone || w.pod.DeletionTimestamp != nil) {
		w.beginEnding()
	}
	if w.ending != nil {
		return w.end(ctx)
	}
	if !w.prepared && finished(w.pod.Status.Phase) {
		// An earlier run of the stand-in has brought it to its end.
		w.status.frozen = true
		return false
	}
	w.sync(ctx)
	return w.ending != nil && w.end(ctx)
}

// due says whether t has come, and makes sure of a step then if not.
func (w *podWorker) due(t time.Time) bool {
	if !t.After(w.now) {
		return true
	}
	if w.wake.IsZero() || t.Before(w.wake) {
		w.wake = t
	}
	return false
}

func (w *podWorker) sleep(ctx context.Context) {
	var alarm <-chan time.Time
	if !w.wake.IsZero() {
		timer := time.NewTimer(time.Until(w.wake))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
	case <-w.inbox.arrived:
	case <-alarm:
	}
}

// process is the one of a container that runs, else nil. It may be called from
// outside the worker.
func (w *podWorker) process(container string) *process.Process {
	w.processesMu.Lock()
	defer w.processesMu.Unlock()
	return w.processes[container]
}

func (w *podWorker) setProcess(container string, running *process.Process) {
	w.processesMu.Lock()
	defer w.processesMu.Unlock()
	if running == nil {
		delete(w.processes, container)
		return
	}
	w.processes[container] = running
}

// setPorts and hostPortOf share the lock of the processes: both are read from
// outside.
func (w *podWorker) setPorts(ports map[int32]int) {
	w.processesMu.Lock()
	defer w.processesMu.Unlock()
	w.ports = ports
}

func (w *podWorker) hostPortOf(containerPort int32) (int, bool) {
	w.processesMu.Lock()
	defer w.processesMu.Unlock()
	port, ok := w.ports[containerPort]
	return port, ok
}

// cleanUp ends what still runs and gives back what the pod held.
func (w *podWorker) cleanUp() {
	var stopping sync.WaitGroup
	for _, c := range w.containers {
		c.stopProbes()
		if c.process != nil && w.vanished {
			c.process.Kill()
		}
		if c.process != nil {
			stopping.Go(func() { c.process.Stop(stopPatience) })
		}
	}
	stopping.Wait()
	for _, port := range w.ports {
		releasePort(port)
	}
	if err := os.RemoveAll(w.dir); err != nil {
		w.k.log.Printf("pod %s/%s: remove its folder: %v", w.namespace, w.name, err)
	}
}

// finished says whether a phase is one that a pod never leaves.
func finished(phase corev1.PodPhase) bool {
	return slices.Contains([]corev1.PodPhase{corev1.PodSucceeded, corev1.PodFailed}, phase)
}

func (w *podWorker) event(kind, reason, message string) {
	w.k.events.Event(w.pod, kind, reason, message)
}

// inits and mains are the two groups of containers, in their order.
func (w *podWorker) inits() []*container { return w.containers[:len(w.pod.Spec.InitContainers)] }
func (w *podWorker) mains() []*container { return w.containers[len(w.pod.Spec.InitContainers):] }
