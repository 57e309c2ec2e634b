package rollout

import (
	"fmt"
	"math/rand"
	"sort"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// The world of the simulation: what is true of pods, processes and the group,
// while operators see parts of it, late. It moves in steps of tick.
const (
	tick           = 500 * time.Millisecond
	simHeartbeat   = 3 * time.Second
	simSession     = 20 * time.Second
	simPartitions  = 12
	simRate        = 20 // records per partition and second
	simPrefix      = "orders-0000a"
	simTopic       = "orders"
	podGrace       = 6 * time.Second
	removalFlight  = 3 * time.Second // a LeaveGroup may land so late
	brokerSettling = 1 * time.Second
)

var simEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

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
)

var badKinds = []kind{neverWarm, crashing, stalled, slow, neverJoins}

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
	goneAt          time.Time // the object goes
	proc            bool      // the consumer's process runs
	released        bool      // it may start, with or without the annotation
	told            bool      // the launcher said that the process has ended
	restartAt       time.Time // after a crash
	joinAt          time.Time
	memberID        string
	vanished        bool // the object is gone; the process may live on
	shown           Pod  // as it was when its version last changed
	goneShown       bool
}

// mayRun says whether the pod's consumer runs, or could start to. A lost pod
// counts as long as its process would come back to the group: that one which
// never shows itself there runs cannot be known (the exception to invariant 1).
func (p *simPod) mayRun() bool {
	if p.vanished && kindOf(p.Revision) == neverJoins {
		return false
	}
	return p.released && (p.proc || !p.Deleting && !p.Ended)
}

type simMember struct {
	memberID string
	lastSeen time.Time
}

type simOffsets struct{ end, committed int64 }

// simSpec is what the user asks for.
type simSpec struct {
	Revision  string
	Desired   int32
	Budget    int
	Paused    bool
	DeletedAt time.Time
}

// object is the ConsumerGroup at the API server.
type object struct {
	version int
	spec    simSpec
	state   v1alpha1.GroupState
}

type removal struct {
	at      time.Time
	members []MemberRef
}

type world struct {
	rng *rand.Rand
	now time.Time

	object  object
	objects []object // all versions, for stale views
	pods    []*simPod
	podLog  [][]Pod // all versions of the list of pods

	members     map[string]*simMember
	owners      map[string][]int32 // as of the last rebalance
	joining     map[string]bool    // while rebalancing: who has joined again
	preparing   bool
	prepared    time.Time // when the rebalance began
	offsets     [simPartitions]simOffsets
	brokerAway  time.Time // until
	unreadUntil time.Time // no reading is taken until then, not even a failed one
	removals    []removal
	rebalances  int

	// distort changes what is read; stands says whose consumers commit nothing. For
	// what is told and not drawn by lot.
	distort func(*lag.Reading)
	stands  func(*simPod) bool

	endpoint bool // pods may be activated before their annotation, and tell their end
	uids     int
	telling  bool // keep a log
	log      []string
}

func newWorld(seed int64, spec simSpec) *world {
	w := &world{
		rng: rand.New(rand.NewSource(seed)), now: simEpoch,
		members: map[string]*simMember{}, owners: map[string][]int32{}, joining: map[string]bool{},
	}
	w.object.spec = spec
	w.saveObject()
	w.savePods()
	return w
}

func (w *world) logf(format string, args ...any) {
	if !w.telling {
		return
	}
	w.log = append(w.log, fmt.Sprintf("%6.1fs  ", w.now.Sub(simEpoch).Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int63n(int64(b-a)+1))
}

func (w *world) saveObject() {
	w.object.version++
	kept := w.object
	kept.state = *w.object.state.DeepCopy()
	w.objects = append(w.objects, kept)
}

// savePods keeps a version of the list of pods, if it changed.
func (w *world) savePods() {
	changed := len(w.podLog) == 0
	for _, p := range w.pods {
		shown := p.Pod
		shown.Version = ""
		if shown != p.shown || p.vanished && !p.goneShown {
			p.shown, p.goneShown, changed = shown, p.vanished, true
			p.Version = strconv.Itoa(len(w.podLog))
		}
	}
	if !changed {
		return
	}
	var list []Pod
	for _, p := range w.pods {
		if !p.vanished {
			list = append(list, p.Pod)
		}
	}
	w.podLog = append(w.podLog, list)
}

// step moves the truth on by one tick.
func (w *world) step() {
	w.now = w.now.Add(tick)
	for _, p := range w.pods {
		w.movePod(p)
	}
	w.savePods()
	if w.now.After(w.brokerAway) {
		w.moveGroup()
	}
	w.moveOffsets()
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// movePod is a kubelet with its delays, and the process in the pod.
func (w *world) movePod(p *simPod) {
	if due(p.warmAt, w.now) && !p.Deleting {
		p.Warm, p.warmAt = true, time.Time{}
	}
	if p.released && p.Warm && !p.Deleting && !p.Running && p.startAt.IsZero() && p.restartAt.IsZero() {
		p.startAt = w.now.Add(w.between(0, time.Second))
	}
	if due(p.startAt, w.now) && !p.Deleting {
		w.startProcess(p)
	}
	if due(p.restartAt, w.now) && !p.Deleting {
		p.restartAt = time.Time{}
		p.Restarts++
		w.startProcess(p)
	}
	if p.proc && kindOf(p.Revision) == crashing {
		w.crash(p)
	}
	if due(p.endAt, w.now) {
		p.proc, p.endAt = false, time.Time{}
		p.told = w.endpoint && p.Deleting && !p.vanished
	}
	if p.vanished {
		return
	}
	if p.Ended && due(p.goneAt, w.now) {
		p.vanished = true
	} else if due(p.seenEndAt, w.now) && !p.proc {
		p.Ended, p.Running, p.Ready = true, false, false
	}
}

func (w *world) startProcess(p *simPod) {
	p.startAt = time.Time{}
	p.proc, p.Running, p.Warm = true, true, false
	p.Ready = true
	if kindOf(p.Revision) != neverJoins {
		p.joinAt = w.now.Add(w.between(0, 2*time.Second))
	}
}

// crash ends a process by itself; the kubelet restarts it with back-off.
func (w *world) crash(p *simPod) {
	p.proc, p.Running, p.Ready, p.joinAt, p.memberID = false, false, false, time.Time{}, ""
	backoff := []time.Duration{500 * time.Millisecond, 10 * time.Second, 20 * time.Second, 40 * time.Second}
	p.restartAt = w.now.Add(backoff[min(int(p.Restarts), len(backoff)-1)])
	p.Problem = "crashes"
}

// stopPod is what the API server and the kubelet do with a deletion.
func (w *world) stopPod(p *simPod) {
	if p.Deleting {
		return
	}
	p.Deleting, p.Warm = true, false
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

// losePod takes a pod's object away. Its process may live on for a while.
func (w *world) losePod(p *simPod) {
	p.vanished, p.Deleting = true, true
	if p.proc {
		p.endAt = w.now.Add(w.between(0, 25*time.Second))
	}
	p.startAt, p.restartAt = time.Time{}, time.Time{}
}

func (w *world) createPod(ordinal int32, revision, suffix string) {
	name := fmt.Sprintf("orders-%d-%s", ordinal, suffix)
	for _, p := range w.pods {
		if p.Name == name && !p.vanished {
			return
		}
	}
	w.uids++
	p := &simPod{Pod: Pod{Name: name, UID: types.UID(fmt.Sprintf("uid-%d", w.uids)), Ordinal: ordinal, Revision: revision, Created: w.now}}
	if kindOf(revision) != neverWarm {
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

func sortedKeys[K ~string, V any](m map[K]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, string(k))
	}
	sort.Strings(keys)
	return keys
}

func idOf(ordinal int32) string { return membership.InstanceID(simPrefix, ordinal) }
