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

// forsakenAfter is how long a kubelet has to say that a pod has ended which was
// deleted by force. One that is there does so within two seconds.
const forsakenAfter = 10 * time.Second

// Witness remembers what is in no object, or not any more: the words of launchers, that
// their consumers have ended; when a grace period ends, and since when a deletion is by
// force (until 1.33 the time of a deletion stays that of its beginning). With it nothing
// is lost but time, and who ignored SIGTERM.
type Witness struct {
	mu                       sync.Mutex
	heard, deadlines, forced map[types.UID]time.Time
}

// NewWitness makes a witness that has heard nothing.
func NewWitness() *Witness {
	return &Witness{heard: map[types.UID]time.Time{}, deadlines: map[types.UID]time.Time{}, forced: map[types.UID]time.Time{}}
}

// Heard is told of the word of a pod's launcher, while the pod was being deleted,
// that the consumer has ended.
func (w *Witness) Heard(uid types.UID, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	w.heard[uid] = now
}

// forget forgets what is long ago.
func (w *Witness) forget(now time.Time) {
	for _, kept := range []map[types.UID]time.Time{w.heard, w.deadlines, w.forced} {
		maps.DeleteFunc(kept, func(_ types.UID, at time.Time) bool { return now.Sub(at) > witnessFor })
	}
}

// observe reads a pod, in the light of what is remembered.
func (w *Witness) observe(pod *corev1.Pod, now time.Time) pods.Observation {
	o := pods.Observe(pod, now)
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, heard := w.heard[pod.UID]; heard && pods.WordCounts(pod, at) {
		o.Ended, o.Forsaken = true, false
		return o
	}
	deadline, known := w.deadlines[pod.UID]
	switch {
	case known:
		o.Deaf = o.Deaf || o.Ended && pods.KilledAt(pod, deadline)
	case o.Deleting && o.Grace > 0:
		w.forget(now)
		w.deadlines[pod.UID] = o.DeletedAt.Add(o.Grace)
	}
	if o.Forced {
		since, known := w.forced[pod.UID]
		if !known {
			w.forget(now)
			since, w.forced[pod.UID] = now, now
		}
		o.Forsaken = o.Forsaken || now.Sub(since) >= forsakenAfter
	}
	return o
}
