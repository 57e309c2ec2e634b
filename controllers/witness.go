package controllers

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/internal/pods"
)

// witnessFor is how long a word is remembered: longer than a pod takes to end.
const witnessFor = 10 * time.Minute

// Witness remembers the words of launchers, that their consumers have ended. The
// kubelet says the same, later; so nothing is lost with it.
type Witness struct {
	mu    sync.Mutex
	heard map[types.UID]time.Time
}

// NewWitness makes a witness that has heard nothing.
func NewWitness() *Witness { return &Witness{heard: map[types.UID]time.Time{}} }

// Heard is told of the word of a pod's launcher, while the pod was being deleted,
// that the consumer has ended.
func (w *Witness) Heard(uid types.UID, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.heard, func(_ types.UID, at time.Time) bool { return now.Sub(at) > witnessFor })
	w.heard[uid] = now
}

// observe reads a pod, in the light of what its launcher said.
func (w *Witness) observe(pod *corev1.Pod, now time.Time) pods.Observation {
	o := pods.Observe(pod, now)
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, heard := w.heard[pod.UID]; heard && pods.WordCounts(pod, at) {
		o.Ended, o.Forsaken = true, false
	}
	return o
}
