package controllers

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/kohort-dev/kohort/internal/pods"
)

// witnessFor is how long the end of a pod is remembered after its object went.
const witnessFor = 10 * time.Minute

// Witness remembers what is seen or heard of the ends of pods and is in no object:
// pods that had ended when their objects went, so that an end which comes and goes
// between two passes is not taken for a loss; and the words of launchers.
type Witness struct {
	mu    sync.Mutex
	seen  map[types.UID]testimony
	heard map[types.UID]time.Time
}

type testimony struct {
	pod *corev1.Pod
	at  time.Time
}

// NewWitness makes a witness that has seen nothing.
func NewWitness() *Witness {
	return &Witness{seen: map[types.UID]testimony{}, heard: map[types.UID]time.Time{}}
}

// Watch makes it see all pods of a cache.
func (w *Witness) Watch(ctx context.Context, pods cache.Cache) error {
	informer, err := pods.GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watching how pods end: %w", err)
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(object any) {
		switch gone := object.(type) {
		case *corev1.Pod:
			w.Saw(gone, true, time.Now())
		case toolscache.DeletedFinalStateUnknown:
			if pod, ok := gone.Obj.(*corev1.Pod); ok {
				w.Saw(pod, false, time.Now())
			}
		}
	}})
	if err != nil {
		return fmt.Errorf("watching how pods end: %w", err)
	}
	return nil
}

// Saw is told of a pod whose object went. last says that this is the object's
// last state, and not one from which it may have gone on unseen.
func (w *Witness) Saw(pod *corev1.Pod, last bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	neverScheduled := last && pod.Spec.NodeName == ""
	if neverScheduled || w.read(pod, now).Ended {
		w.seen[pod.UID] = testimony{pod: pod, at: now}
	}
}

// forget forgets what is long ago.
func (w *Witness) forget(now time.Time) {
	maps.DeleteFunc(w.seen, func(_ types.UID, t testimony) bool { return now.Sub(t.at) > witnessFor })
	maps.DeleteFunc(w.heard, func(_ types.UID, at time.Time) bool { return now.Sub(at) > witnessFor })
}

// Heard is told of the word of a pod's launcher, while the pod was being deleted,
// that the consumer has ended.
func (w *Witness) Heard(uid types.UID, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	w.heard[uid] = now
}

// observe reads a pod, in the light of what its launcher said.
func (w *Witness) observe(pod *corev1.Pod, now time.Time) pods.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.read(pod, now)
}

func (w *Witness) read(pod *corev1.Pod, now time.Time) pods.Observation {
	o := pods.Observe(pod, now)
	if at, heard := w.heard[pod.UID]; heard && pods.WordCounts(pod, at) {
		o.Ended = true
	}
	return o
}

// ended is the last state of a pod that is gone and has ended; nil if nobody saw
// that.
func (w *Witness) ended(uid types.UID) *corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[uid].pod
}
