package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The pods of the world: their objects, the kubelet, and the processes in them.

// kind is how the consumers of a revision behave. It is the last part of the
// revision's name.
type kind string

const (
	good       kind = "good"
	neverWarm  kind = "unpullable"
	crashing   kind = "crashing"
	stalled    kind = "stalled"
	slow       kind = "slow"
	neverJoins kind = "unjoined"
	tooFew     kind = "toofew" // the last of its consumers never joins
)

var badKinds = []kind{neverWarm, crashing, stalled, slow, neverJoins, tooFew}

func kindOf(revision string) kind {
	_, k, _ := strings.Cut(revision, "-")
	return kind(k)
}

// simPod is a pod's object and the truth behind it.
type simPod struct {
	Pod
	warmAt, startAt time.Time // zero: never, or not planned
	endAt           time.Time // the process stops
	seenEndAt       time.Time // the status says so
	goneAt          time.Time // the object goes, if it is not kept
	forsakenAt      time.Time // nobody will say any more that it has ended
	proc            bool      // the consumer's process runs
	released        bool      // it may start, with or without the annotation
	told            bool      // the launcher said that the process has ended
	node            int
	crashedAt       time.Time
	restartAt       time.Time // after a crash
	consumers       []simConsumer
	vanished        bool // the object is gone; the process may live on
	shown           Pod  // as it was when its version last changed
	goneShown       bool
}

// simConsumer is one of those in a process, each with an instance id of its own.
type simConsumer struct {
	id       string
	joinAt   time.Time // zero: it does not join
	memberID string    // "": it is no member
	gaveUp   bool      // it was refused, and does not try again
}

// mayRun says whether the pod's consumer runs, or could start to. A lost pod
// counts as long as its process would come back to the group: that one which
// never shows itself there runs cannot be known (the exception to invariant 1).
func (p *simPod) mayRun() bool {
	lost := p.vanished || !p.forsakenAt.IsZero()
	if lost && (p.joining() == 0 || slices.ContainsFunc(p.consumers, func(c simConsumer) bool { return c.gaveUp })) {
		return false
	}
	return p.released && (p.proc || !p.Deleting && !p.Ended)
}

// joining is how many of its consumers join the group.
func (p *simPod) joining() int {
	switch kindOf(p.Revision) {
	case neverJoins:
		return 0
	case tooFew:
		return len(p.consumers) - 1
	default:
		return len(p.consumers)
	}
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// movePod is a kubelet with its delays, and the process in the pod.
func (w *world) movePod(p *simPod) {
	w.crowd(p)
	p.Draining = ""
	if w.cordoned[p.node] {
		p.Draining = fmt.Sprintf("node %d is cordoned", p.node)
	}
	if due(p.warmAt, w.now) && !p.Deleting {
		p.Warm, p.warmAt = true, time.Time{}
	}
	if p.released && p.Warm && !p.Deleting && !p.Running && p.startAt.IsZero() && p.restartAt.IsZero() {
		if w.unstarted != nil && w.unstarted(p) {
			p.Warm, p.Unstartable, p.Problem, p.warmAt = false, true, "its image cannot be pulled", w.now.Add(time.Second)
		} else {
			p.startAt, p.Unstartable, p.Problem = w.now.Add(w.between(0, time.Second)), false, ""
		}
	}
	if due(p.startAt, w.now) && !p.Deleting {
		w.startProcess(p)
	}
	if due(p.restartAt, w.now) && !p.Deleting {
		p.restartAt = time.Time{}
		p.Restarts, p.CrashedAt = p.Restarts+1, p.crashedAt
		w.startProcess(p)
	}
	if p.proc && (kindOf(p.Revision) == crashing || w.crashes != nil && w.crashes(p)) {
		w.crash(p)
	}
	if due(p.endAt, w.now) {
		w.leave(p)
		p.proc, p.endAt = false, time.Time{}
		p.told = w.endpoint && p.Deleting && !p.vanished
	}
	if p.vanished {
		return
	}
	switch {
	case due(p.forsakenAt, w.now) && !p.Ended:
		p.Forsaken = true
		p.vanished = !p.Kept
	case p.Ended && due(p.goneAt, w.now):
		p.vanished = !p.Kept
	case due(p.seenEndAt, w.now) && !p.proc:
		p.Ended, p.Running, p.Ready = true, false, false
	}
}

// crowd keeps a pod that waits off every node while an older one of its slot is
// there.
func (w *world) crowd(p *simPod) {
	p.Crowded = ""
	if w.room != cramped || p.Warm || p.released || p.Deleting || !w.second(p) {
		return
	}
	if w.now.Sub(p.Created) >= 5*time.Second {
		p.Crowded = "no node has room for two"
	}
	if !p.warmAt.IsZero() {
		p.warmAt = w.now.Add(time.Second)
	}
}

// second says whether an older pod of its slot is there.
func (w *world) second(p *simPod) bool {
	for _, other := range w.pods {
		if other == p {
			return false
		}
		if other.Ordinal == p.Ordinal && !other.vanished {
			return true
		}
	}
	return false
}

// leave is the close of a process's clients in order.
func (w *world) leave(p *simPod) {
	for _, c := range p.consumers {
		if w.kip848 && !w.unclean && p.proc && w.isMember(c) {
			w.members[c.id].left = true
		}
	}
}

func (w *world) startProcess(p *simPod) {
	p.startAt = time.Time{}
	p.proc, p.Running, p.Warm, p.StartedAt, p.Down, p.BackingOff = true, true, false, w.now, false, false
	p.Ready = true
	for i := range p.joining() {
		p.consumers[i].gaveUp = false
		p.consumers[i].joinAt = w.now.Add(w.joinsAfter + w.between(0, 2*time.Second))
	}
}

// crash ends a process by itself; the kubelet restarts it with back-off.
func (w *world) crash(p *simPod) {
	p.proc, p.Running, p.Ready, p.StartedAt, p.crashedAt = false, false, false, time.Time{}, w.now
	for i := range p.consumers {
		p.consumers[i] = simConsumer{id: p.consumers[i].id}
	}
	backoff := []time.Duration{500 * time.Millisecond, 10 * time.Second, 20 * time.Second, 40 * time.Second}
	p.restartAt = w.now.Add(backoff[min(int(p.Restarts), len(backoff)-1)])
	if p.Down = true; p.Restarts > 0 {
		p.BackingOff, p.CrashedAt = true, w.now
	}
	p.Problem = "crashes"
}

// stopPod is what the API server and the kubelet do with a deletion.
func (w *world) stopPod(p *simPod) {
	if p.Deleting {
		return
	}
	p.Deleting, p.Warm, p.DeletedAt = true, false, w.now
	end := w.now
	if p.proc {
		end = w.now.Add(w.between(0, time.Second))
		if w.rng.Intn(20) == 0 {
			end = w.now.Add(podGrace) // ignores SIGTERM
		}
		p.endAt = end
	}
	p.seenEndAt = end.Add(w.between(100*time.Millisecond, 1500*time.Millisecond))
	p.goneAt = p.seenEndAt.Add(w.between(200*time.Millisecond, 2*time.Second))
}

// evict is one try of whoever drains nodes, as a PodDisruptionBudget allows it: the
// pods that are not ready may go, of the others so many as leave enough.
func (w *world) evict() {
	if w.now.Before(w.evictsFrom) {
		return
	}
	ready := int32(0)
	for _, p := range w.pods {
		if p.Ready && !p.Deleting && !p.vanished {
			ready++
		}
	}
	for _, p := range w.pods {
		if w.cordoned[p.node] && !p.Deleting && !p.vanished && (!p.Ready || ready > w.minAvailable) {
			w.logf("%s is evicted", p.Name)
			w.evicted += btoi(p.Ready)
			w.stopPod(p)
			return
		}
	}
}

// forcePod is a deletion by force: the kubelet ends the process at once, or is not
// there, and the process lives on for a while.
func (w *world) forcePod(p *simPod) {
	if w.rng.Intn(2) == 0 {
		w.stopPod(p)
		return
	}
	p.Deleting, p.Warm, p.DeletedAt = true, false, w.now
	if p.proc {
		p.endAt = w.now.Add(w.between(0, 25*time.Second))
	}
	p.forsakenAt = w.now.Add(10 * time.Second)
	p.startAt, p.restartAt = time.Time{}, time.Time{}
}

// losePod takes a pod's object away: somebody does not let it be kept. Its process
// may live on for a while.
func (w *world) losePod(p *simPod) {
	p.vanished, p.Deleting = true, true
	if p.proc {
		p.endAt = w.now.Add(w.between(0, 25*time.Second))
	}
	p.startAt, p.restartAt = time.Time{}, time.Time{}
}

func (w *world) createPod(a Action) {
	ordinal, revision, session := a.Ordinal, a.Revision, a.Session
	name := fmt.Sprintf("orders-%d-%s", ordinal, a.Suffix)
	for _, p := range w.pods {
		if p.Name == name && !p.vanished {
			return
		}
	}
	if w.room == quota && w.second(&simPod{Pod: Pod{Ordinal: ordinal}}) {
		w.refusedAt = w.now
		return
	}
	w.uids++
	p := &simPod{Pod: Pod{Name: name, UID: types.UID(fmt.Sprintf("uid-%d", w.uids)), Ordinal: ordinal, Lane: a.Lane, Revision: revision, Created: w.now, Kept: true, Session: session}, node: w.uids % simNodes}
	for i := 0; i < simNodes && w.cordoned[p.node]; i++ {
		p.node = (p.node + 1) % simNodes
	}
	for _, id := range idsOf(w.names.In(a.Lane), ordinal) {
		p.consumers = append(p.consumers, simConsumer{id: id})
	}
	if kindOf(revision) != neverWarm && (w.unpulled == nil || !w.unpulled(p)) {
		p.warmAt = w.now.Add(w.between(500*time.Millisecond, 3*time.Second))
	} else {
		p.Problem = "its image cannot be pulled"
	}
	w.pods = append(w.pods, p)
	w.savePods()
}

// find is a pod that exists, by name and UID.
func (w *world) find(name string, uid types.UID) *simPod {
	for _, p := range w.pods {
		if p.Name == name && p.UID == uid && !p.vanished {
			return p
		}
	}
	return nil
}

func (w *world) live() []*simPod {
	var live []*simPod
	for _, p := range w.pods {
		if p.proc {
			live = append(live, p)
		}
	}
	return live
}
