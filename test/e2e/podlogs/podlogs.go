// Package podlogs keeps the logs of pods, which a cluster forgets when their pods
// go: a consumer's journal is what a test reads, long after the consumer ended.
package podlogs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// pollInterval is how often pods are looked for, and how soon a log that broke
// off is asked for again.
const pollInterval = 500 * time.Millisecond

// Options say what is kept where.
type Options struct {
	Namespace string
	// Dir takes the logs as POD_CONTAINER.log; what a container that was restarted had
	// said before is in the same file.
	Dir string
	// Timestamps begins each line with the time at which the kubelet got it.
	Timestamps bool
}

// Keeper follows the logs of all containers of a namespace.
type Keeper struct {
	Options
	clientset kubernetes.Interface

	stop    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	states map[string]state // by UID and container
	errs   []error
}

// state is what was last seen of a container.
type state struct {
	restarts int32
	running  bool
	gone     bool // with its pod
}

// Keep follows until Stop.
func Keep(clientset kubernetes.Interface, options Options) (*Keeper, error) {
	if err := os.MkdirAll(options.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for logs: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	k := &Keeper{Options: options, clientset: clientset, stop: stop, states: map[string]state{}}
	k.running.Go(func() { k.look(ctx) })
	return k, nil
}

// Pattern finds the logs of a container in all pods whose names begin with a
// prefix (filepath.Glob).
func (k *Keeper) Pattern(prefix, container string) string { return k.Path(prefix+"*", container) }

// Path is the log of a container in a pod.
func (k *Keeper) Path(pod, container string) string {
	return filepath.Join(k.Dir, pod+"_"+container+".log")
}

// Stop ends following, and says what could not be kept.
func (k *Keeper) Stop() error {
	k.stop()
	k.running.Wait()
	return errors.Join(k.errs...)
}

func (k *Keeper) failed(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.errs = append(k.errs, err)
}

// look sees what becomes of the containers, and begins to follow new ones.
func (k *Keeper) look(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx) {
		pods, err := k.clientset.CoreV1().Pods(k.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		now := map[string]state{}
		for i := range pods.Items {
			pod := &pods.Items[i]
			for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				if s.ContainerID != "" {
					now[key(pod, s.Name)] = state{restarts: s.RestartCount, running: s.State.Running != nil}
				}
			}
		}
		old := k.see(now)
		for i := range pods.Items {
			pod := &pods.Items[i]
			for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				if _, known := old[key(pod, s.Name)]; !known && s.ContainerID != "" {
					k.follow(ctx, pod, s.Name)
				}
			}
		}
	}
}

func key(pod *corev1.Pod, container string) string { return string(pod.UID) + container }

// see notes what there is, and gives what was known before.
func (k *Keeper) see(now map[string]state) map[string]state {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := maps.Clone(k.states)
	for name := range k.states {
		if _, there := now[name]; !there {
			now[name] = state{gone: true}
		}
	}
	k.states = now
	return old
}

func (k *Keeper) state(name string) state {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.states[name]
}

func (k *Keeper) follow(ctx context.Context, pod *corev1.Pod, container string) {
	l := &log{keeper: k, pod: pod, container: container, lines: map[uint64]bool{}, seed: maphash.MakeSeed()}
	k.running.Go(func() {
		if err := l.keep(ctx); err != nil {
			k.failed(fmt.Errorf("keep the log of container %s of pod %s: %w", container, pod.Name, err))
		}
	})
}

// log is that of one container of one pod.
type log struct {
	keeper    *Keeper
	pod       *corev1.Pod
	container string
	file      *os.File
	// lines that are kept. A log that broke off is read from its beginning.
	lines map[uint64]bool
	seed  maphash.Seed
}

func (l *log) keep(ctx context.Context) (err error) {
	l.file, err = os.OpenFile(l.keeper.Path(l.pod.Name, l.container), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.file.Close()) }()
	for restarts := int32(0); ctx.Err() == nil; {
		before := l.keeper.state(key(l.pod, l.container))
		if err := l.read(ctx, false); err != nil {
			return err
		}
		// One that had ended before it was read has no more to say.
		for now := before; now == before && !now.running; now = l.keeper.state(key(l.pod, l.container)) {
			if ctx.Err() != nil || now.gone {
				return nil
			}
			pause(ctx)
		}
		if now := l.keeper.state(key(l.pod, l.container)); now.restarts != restarts && !now.gone {
			restarts = now.restarts
			if err := l.read(ctx, true); err != nil {
				return err
			}
		}
		pause(ctx)
	}
	return nil
}

// read adds the lines that are new: of the container as it runs, until it ends,
// or of the one before its last restart. A node that does not answer is asked
// again; only what fails here is an error.
func (l *log) read(ctx context.Context, previous bool) error {
	stream, err := l.keeper.clientset.CoreV1().Pods(l.pod.Namespace).GetLogs(l.pod.Name,
		&corev1.PodLogOptions{Container: l.container, Follow: !previous, Previous: previous, Timestamps: l.keeper.Timestamps}).Stream(ctx)
	if err != nil {
		return nil
	}
	defer stream.Close()
	// Logs are asked for by name, and a StatefulSet's next pod has the same: what was
	// opened is this pod's if it is still there afterwards.
	if now, err := l.keeper.clientset.CoreV1().Pods(l.pod.Namespace).Get(ctx, l.pod.Name, metav1.GetOptions{}); err != nil || now.UID != l.pod.UID {
		return nil //nolint:nilerr // the loop asks again, or sees that the pod has gone
	}
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // what has no end is read again
			return nil //nolint:nilerr // the loop asks again, or sees that the pod has gone
		}
		sum := maphash.Bytes(l.seed, line)
		if l.lines[sum] {
			continue
		}
		l.lines[sum] = true
		if _, err := l.file.Write(line); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pollInterval):
	}
}
