package rollout

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// simOperator is one process of the operator: what it has seen so far, each of
// the three sources at its own pace, and never backwards.
type simOperator struct {
	w       *world
	objects int // index of the version of the object that it sees
	pods    int // likewise of the pods
	window  lag.Window
	heard   map[types.UID]bool // pods whose launcher told it of the end
	nextRun time.Time
	late    []lag.Reading // taken, not yet seen
	answers []Answer
}

// newOperator starts from a past of its own choosing.
func newOperator(w *world) *simOperator {
	past := func(n int) int { return max(0, n-1-w.rng.Intn(15)) }
	return &simOperator{w: w, heard: map[types.UID]bool{}, objects: past(len(w.objects)), pods: past(len(w.podLog))}
}

// look moves the views on.
func (o *simOperator) look() {
	w := o.w
	o.objects += w.rng.Intn(len(w.objects) - o.objects)
	pods := o.pods + w.rng.Intn(len(w.podLog)-o.pods)
	if w.rng.Intn(2) == 0 { // mostly up to date
		o.objects, pods = len(w.objects)-1, len(w.podLog)-1
	}
	o.pods = pods
	o.listen()
	o.listenToPrometheus()
	if w.now.Sub(o.lastRead()) >= cmp.Or(w.readEvery, time.Second) && !w.now.Before(w.unreadUntil) {
		o.late = append(o.late, w.read())
	}
	for len(o.late) > 0 && (w.rng.Intn(3) > 0 || len(o.late) > 4) {
		o.window = append(o.window, o.late[0])
		o.late = o.late[1:]
	}
	for len(o.window) > 0 && w.now.Sub(o.window[0].At) > cmp.Or(w.keepReadings, time.Minute) {
		o.window = o.window[1:]
	}
}

// listen hears the launchers' word, which is said once, to whoever leads then; a
// word may be lost.
func (o *simOperator) listen() {
	for _, p := range o.w.pods {
		if p.told {
			p.told = false
			o.heard[p.UID] = o.w.rng.Intn(4) > 0
		}
	}
}

// readNow takes a reading as soon as the state is written: before what is activated joins.
func (o *simOperator) readNow() {
	r := o.w.read()
	r.At, r.CommitsFirst = r.At.Add(time.Millisecond), true
	o.late = append(o.late, r)
}

// podsSeen is what exists.
func (o *simOperator) podsSeen() []Pod {
	pods := slices.Clone(o.w.podLog[o.pods])
	for i := range pods {
		p := &pods[i]
		p.Ended = p.Ended || p.Deleting && o.heard[p.UID]
	}
	return pods
}

func (o *simOperator) lastRead() time.Time {
	if n := len(o.late); n > 0 {
		return o.late[n-1].At
	}
	if n := len(o.window); n > 0 {
		return o.window[n-1].At
	}
	return time.Time{}
}

// input is what the controller would hand to Decide.
func (o *simOperator) input() Input {
	w := o.w
	obj := w.objects[o.objects]
	in := Input{
		Now:     w.now,
		State:   *obj.state.DeepCopy(),
		Pods:    o.podsSeen(),
		Window:  o.window,
		Desired: obj.spec.Desired,
		// What was counted, however late the rest is seen.
		Rebalances: lag.Rebalances{Count: int64(w.rebalances), Since: simEpoch},
		Found:      w.found(),
		Group: Group{
			Consumer: w.kip848, Names: w.names, Assignor: "range", Topics: w.topics(), Revision: obj.spec.Revision, Template: obj.spec.Revision, Budget: obj.spec.Budget,
			SettledFor: 5 * time.Second, Deadline: 3 * time.Minute, Heartbeat: simHeartbeat,
			SessionMin: simSession, SessionMax: simSessionMax, CrashBackOff: cmp.Or(w.crashBackOff, simCrashBackOff), LostWaits: w.lostWaits, LostDead: w.lostDead,
			Paused: obj.spec.Paused, DeletedAt: obj.spec.DeletedAt,
		},
	}
	o.checksOf(&in)
	in.Group.Warm = w.warm
	in.Group.PauseOnFailure = w.pauseOnFailure
	in.Group.AwaitsPromotion, in.Group.Commands = w.awaitsPromotion, w.commands
	in.Group.PauseOnChange = w.pauseOnChange
	in.Group.Steps, in.Group.Then = obj.spec.Steps, obj.spec.Then
	in.Group.Handover = obj.spec.Handover
	in.Group.Strategy, in.Group.KeepBlue = obj.spec.Strategy, obj.spec.KeepBlue
	if !w.refusedAt.IsZero() && w.now.Sub(w.refusedAt) < time.Minute {
		in.Group.NoRoom = "exceeded quota"
	}
	if holderMissing(in) {
		o.pods = len(w.podLog) - 1
		in.Pods = o.podsSeen()
	}
	return in
}

// record keeps what becomes of a rollout.
func (w *world) record(was, is *v1alpha1.RolloutState) {
	if was != nil && (is == nil || is.Number != was.Number) {
		w.records = append(w.records, simRecord{was.From, was.To, was.Boundaries, was.Number})
	}
}

// found is what the controller looks up: the last rollout's record, whatever its name.
func (w *world) found() map[string]Found {
	found := map[string]Found{}
	for _, name := range []string{v1alpha1.AnnotationRollback, v1alpha1.AnnotationResetOffsets} {
		f := Found{Value: w.commands[name]}
		switch {
		case f.Value == "":
			continue
		case f.Value == ToEarliest || f.Value == ToLatest:
		case len(w.records) == 0:
			f.Refused = "there is no such RolloutRecord"
		default:
			last := w.records[len(w.records)-1]
			f.Revision, f.Offsets, f.Number = last.from, last.boundaries, last.number
			if r := w.object.state.Rollout; r != nil && r.Number == f.Number {
				f.Offsets = r.Boundaries
			}
			f.Rewind = name == v1alpha1.AnnotationResetOffsets || strings.HasSuffix(f.Value, rewinds)
		}
		found[name] = f
	}
	return found
}

// rewinds ends the value of a rollback that goes back to a boundary.
const rewinds = ",offsets=boundary"

func holderMissing(in Input) bool {
	known := map[string]bool{}
	for _, p := range in.Pods {
		known[string(p.UID)] = true
	}
	for _, s := range in.State.Held() {
		if s.Holder != "" && !known[string(s.Holder)] {
			return true
		}
	}
	return false
}

// run is one pass of the controller. It can be killed before any write. It
// returns what was decided from what, and whether it was killed.
func (o *simOperator) run(killAfter int) (in Input, d Decision, killed bool) {
	w := o.w
	in = o.input()
	d = Decide(in)
	seen := w.objects[o.objects]
	if !sameState(seen.state, d.State) {
		if killAfter == 0 {
			return in, d, true
		}
		killAfter--
		if seen.version != w.object.version {
			return in, Decision{State: in.State}, false
		}
		w.record(w.object.state.Rollout, d.State.Rollout)
		w.object.state = *d.State.DeepCopy()
		w.saveObject()
		o.objects = len(w.objects) - 1
	}
	for _, a := range d.Actions {
		if killAfter == 0 {
			return in, d, true
		}
		killAfter--
		w.apply(a)
	}
	w.minAvailable = d.MinAvailable
	if d.ReadNow && w.readsAtOnce {
		o.readNow()
	}
	return in, d, false
}

// apply does what an action asks of the API server or of Kafka.
func (w *world) apply(a Action) {
	switch a.Kind {
	case CreatePod:
		w.createPod(a)
	case ActivatePod:
		p := w.find(a.Pod, a.UID)
		switch {
		case p == nil:
		case !p.released && w.endpoint && w.rng.Intn(2) == 0:
			// Its open request is answered; the annotation follows in a later pass.
			p.released = true
		case !p.Activated:
			p.released, p.Activated = true, true
			w.savePods()
		}
	case DeletePod:
		if p := w.find(a.Pod, a.UID); p != nil && !p.Deleting && p.Version == a.Version {
			w.stopPod(p)
			w.savePods()
		}
	case ReleasePod:
		if p := w.find(a.Pod, a.UID); p != nil {
			p.Kept = false
			w.savePods()
		}
	case SetOffsets:
		w.sets = append(w.sets, setting{w.now.Add(w.between(0, removalFlight)), a.Offsets})
	case RemoveMembers, ForceRebalance:
		w.removals = append(w.removals, removal{w.now.Add(w.between(0, removalFlight)), a.Members})
	}
}

// sameState says whether two states mean the same. Most are simply equal, which reflect
// finds in half the time.
func sameState(a, b v1alpha1.GroupState) bool {
	return reflect.DeepEqual(a, b) || equality.Semantic.DeepEqual(a, b)
}
