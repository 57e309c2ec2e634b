package testbed

import (
	"hash/fnv"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Delays are what a real kubelet and scheduler take, and processes on one machine
// do not. The zero value waits nowhere.
type Delays struct {
	// Schedule is from the pod's creation until it is bound to a node; pulling
	// images may be counted in here.
	Schedule time.Duration
	// Sandbox is from being bound until the first container begins to start.
	Sandbox time.Duration
	// Start is what a container takes from the decision to the program's first
	// instruction.
	Start time.Duration
	// Project is the range, evenly spread, from an annotation's change until the
	// downward API's file has it.
	ProjectMin, ProjectMax time.Duration
	// Relist is the period in which the kubelet asks the runtime what became of
	// its containers: a container that ends by itself is noticed then. Every pod
	// has its own place in the period.
	Relist time.Duration
	// Signal is from a pod's deletion until its processes are asked to end.
	Signal time.Duration
	// SidecarStop is from the end of the last other container until a native
	// sidecar is asked to end.
	SidecarStop time.Duration
	// Terminated is from the end of a deleted pod's last process until its status
	// says so, Gone from then until the object is deleted.
	Terminated, Gone time.Duration
}

// RealDelays are those of Kubernetes 1.36 with containerd on a machine with two
// cores that was moderately busy, measured over at least 10 pods each (medians).
// Released by an annotation, a container behind a held startup probe starts about
// 0.4 s later (median), up to 1.1 s.
func RealDelays() Delays {
	return Delays{
		Sandbox:     300 * time.Millisecond,
		Start:       130 * time.Millisecond,
		ProjectMin:  30 * time.Millisecond,
		ProjectMax:  130 * time.Millisecond,
		Relist:      time.Second,
		Signal:      25 * time.Millisecond,
		SidecarStop: 75 * time.Millisecond,
		Terminated:  280 * time.Millisecond,
		Gone:        730 * time.Millisecond,
	}
}

// chance is a number from 0 up to 1 that belongs to a pod and a purpose, so that
// pods differ and a pod is always the same.
func chance(uid types.UID, purpose string) float64 {
	hash := fnv.New64a()
	hash.Write([]byte(purpose))
	hash.Write([]byte(uid))
	// The lower bits of FNV mix well only after some more input.
	hash.Write([]byte(purpose))
	return float64(hash.Sum64()>>11) / (1 << 53)
}

// relist is the first moment from t on at which the kubelet lists a pod's
// containers.
func (d Delays) relist(uid types.UID, t time.Time) time.Time {
	if d.Relist <= 0 {
		return t
	}
	phase := time.Duration(chance(uid, "relist") * float64(d.Relist))
	last := t.Truncate(d.Relist).Add(phase - d.Relist)
	for last.Before(t) {
		last = last.Add(d.Relist)
	}
	return last
}

// projection is how long a pod's changed annotation takes to its file.
func (d Delays) projection(uid types.UID) time.Duration {
	return d.ProjectMin + time.Duration(chance(uid, "projection")*float64(d.ProjectMax-d.ProjectMin))
}

// syncedShare is how many pods are synced again before the next relist although
// an annotation has just changed. Of the released pods that were measured, some
// started within 0.2 s and the others after the relist.
const syncedShare = 0.35

// probed is when the kubelet acts on a startup probe that succeeded at t. A
// change of an annotation syncs the pod, and the next sync waits for container
// statuses newer than that one, which come with the relist.
func (d Delays) probed(uid types.UID, t, annotated time.Time) time.Time {
	if d.Relist <= 0 || t.Sub(annotated) >= d.Relist || chance(uid, "synced") < syncedShare {
		return t
	}
	if relist := d.relist(uid, annotated); relist.After(t) {
		return relist
	}
	return t
}
