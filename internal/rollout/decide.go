package rollout

import (
	"cmp"
	"slices"
	"sort"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// pollEvery is when to look again while something waits for time or a reading.
const pollEvery = time.Second

// Decide says what shall be done next. It is a function of its input alone.
func Decide(in Input) Decision {
	state := *in.State.DeepCopy()
	v := viewOf(in)
	mend(v, &state)
	v = v.under(state)
	restarts := tune(v, &state)
	noteLeaving(v, &state)
	noteBarred(v, &state)
	v = v.under(state)

	if !in.Group.DeletedAt.IsZero() {
		return wind(v, state)
	}
	noteBoundaries(v, &state)
	last := state.Rollout
	v = v.overridden(&state)
	answer(v, &state)
	v = v.overridden(&state)
	v.paused = pausedBy(v, state)
	var moving []Action
	why, resizing := "", ""
	if state.Move != nil {
		moving, why = advanceMove(v, &state)
	} else {
		why = advance(v, &state)
	}
	notePhase(v, &state)
	v = v.under(state)
	settleLanes(v, &state)
	v = v.under(state)
	if state.Move == nil {
		resizing = resize(v, &state)
	}
	v = v.under(state)
	leaveOut(v, &state)
	v = v.under(state)
	proposals := make([]proposal, 0, len(v.slots))
	outlook := outlookOf(v, state)
	for _, s := range v.slots {
		proposals = append(proposals, propose(s, wantOf(v, state, s, outlook)))
	}
	actions := append(permit(v, &state, proposals), moving...)
	closely, after := readClosely(v.under(state), state)
	if last != nil && state.Rollout != nil && state.Rollout.Number == last.Number {
		last = nil
	}
	return Decision{
		State:        state,
		Ended:        last,
		Actions:      actions,
		MinAvailable: minAvailable(v.under(state), state),
		ReadNow:      readNow(v.under(state), proposals) || handsOver(in.State, state) || closely,
		Restarts:     restarts,
		Report:       reportOf(v.under(state), state, why, resizing),
		After:        after,
	}
}

// seen is the input with its pods sorted into the slots of a state. It does not
// change.
type seen struct {
	Input
	pods    [][]*Pod      // by ordinal, oldest first
	ids     [2][][]string // by lane and ordinal; nil: not asked for yet
	slots   []slot        // each at the index of its ordinal
	reading *lag.Reading
	unknown string // why reading is nil
	paused  string // why nothing new begins; "" if it may
	// template is the revision of the present template; Group.Revision is what is worked
	// towards.
	template string
}

// slot is one slot as it is seen.
type slot struct {
	ordinal int32
	ids     []string
	state   v1alpha1.SlotState // Holder is "" if there is none
	holder  *Pod               // nil: there is none, or it vanished
	others  []*Pod             // all other pods of the slot, oldest first
	beside  *slot              // its other lane, while a pod has it; nil: none does
	overlap overlapping        // how it goes over in the rollout that is under way
}

// viewOf is the input under its own state.
func viewOf(in Input) seen {
	v := seen{Input: in, template: in.Group.Revision}
	v.reading, v.unknown = in.Window.Newest(in.Now)
	for i := range in.Pods {
		p := &in.Pods[i]
		if p.Forsaken && p.Activated {
			continue // its object tells as little as none
		}
		for int(p.Ordinal) >= len(v.pods) {
			v.pods = append(v.pods, nil)
		}
		v.pods[p.Ordinal] = append(v.pods[p.Ordinal], p)
	}
	for _, pods := range v.pods {
		slices.SortFunc(pods, func(a, b *Pod) int {
			return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
		})
	}
	return v.under(in.State)
}

// overridden works towards the revision that a person has gone back to, as long as the
// template is the one that it was then.
func (v seen) overridden(state *v1alpha1.GroupState) seen {
	switch o := state.Override; {
	case o == nil:
	case v.Group.Unchecked || v.Group.Template == o.For && v.template != o.Revision:
		v.Group.Revision = o.Revision
	default:
		state.Override, v.Group.Revision = nil, v.template
	}
	return v
}

// under is the same input under another state. There is a slot for every ordinal
// of which there is anything to say.
func (v seen) under(state v1alpha1.GroupState) seen {
	n := max(sizeOf(state), v.Desired, int32(len(v.pods)))
	for _, s := range state.Held() {
		n = max(n, s.Ordinal+1)
	}
	for lane := range v.ids {
		v.ids[lane] = append(v.ids[lane], make([][]string, max(0, int(n)-len(v.ids[lane])))...)
	}
	v.slots = make([]slot, n)
	for _, s := range state.Slots {
		v.slots[s.Ordinal].state = s
	}
	for i := range v.slots {
		s := &v.slots[i]
		s.ordinal, s.ids = int32(i), v.idsIn(int32(i), s.state.Lane)
		if i < len(v.pods) {
			s.others = v.pods[i]
			s.takeOut()
		}
	}
	return v.withBeside(state)
}

// idsIn are the ids of a slot in a lane.
func (v seen) idsIn(ordinal int32, lane string) []string {
	known := &v.ids[btoi(lane != membership.Plain)][ordinal]
	if *known == nil {
		*known = v.Group.Names.In(lane).IDs(ordinal)
	}
	return *known
}

// takeOut finds the slot's holder among its pods.
func (s *slot) takeOut() {
	if at := slices.IndexFunc(s.others, func(p *Pod) bool { return p.UID == s.state.Holder }); at >= 0 {
		s.holder = s.others[at]
		s.others = slices.Concat(s.others[:at], s.others[at+1:])
	}
}

// lost slots have a holder of which nobody can say whether it still runs.
func (s slot) lost() bool { return s.state.Holder != "" && s.holder == nil }

// warm says whether a pod of a revision stands ready to take the slot over.
func (s slot) warm(revision string) bool {
	spare := s.spare(revision)
	return spare != nil && spare.Warm
}

// spare is a pod of the slot that waits, or will, to take it over: one that can stay on
// its node rather than another, then a warm one.
func (s slot) spare(revision string) *Pod {
	return s.spareIn(s.laneOf(revision), revision)
}

// spareIn is the same for a lane: a pod is told its ids when it is made.
func (s slot) spareIn(lane, revision string) *Pod {
	rank := func(p *Pod) int { return 2*btoi(p.Draining != "") + btoi(!p.Warm) }
	var found *Pod
	for _, p := range s.others {
		if p.spare() && p.Revision == revision && p.Lane == lane && (found == nil || rank(p) < rank(found)) {
			found = p
		}
	}
	return found
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// inSize are the slots that shall have a holder.
func (v seen) inSize(state v1alpha1.GroupState) []slot { return v.slots[:sizeOf(state)] }

func sizeOf(state v1alpha1.GroupState) int32 {
	if state.Size == nil {
		return 0
	}
	return *state.Size
}

// slotState is the persisted part of a slot, made if it is not there.
func slotState(state *v1alpha1.GroupState, ordinal int32) *v1alpha1.SlotState {
	i := sort.Search(len(state.Slots), func(i int) bool { return state.Slots[i].Ordinal >= ordinal })
	if i == len(state.Slots) || state.Slots[i].Ordinal != ordinal {
		state.Slots = append(state.Slots, v1alpha1.SlotState{})
		copy(state.Slots[i+1:], state.Slots[i:])
		state.Slots[i] = v1alpha1.SlotState{Ordinal: ordinal}
	}
	return &state.Slots[i]
}

func forget(state *v1alpha1.GroupState, ordinal int32) {
	for i := range state.Slots {
		if state.Slots[i].Ordinal == ordinal {
			state.Slots = append(state.Slots[:i], state.Slots[i+1:]...)
			return
		}
	}
}

// hold makes a pod the holder of its slot. The pod is activated when that is
// persisted.
func hold(v seen, state *v1alpha1.GroupState, s slot, p *Pod) {
	kept := slotState(state, s.ordinal)
	kept.Holder, kept.Pod, kept.Revision, kept.Lane = p.UID, p.Name, p.Revision, p.Lane
	kept.Since, kept.LostSince = metav1.NewMicroTime(v.Now), nil
	kept.MemberBefore, kept.Restarts, kept.Refused = s.memberBefore(v.Window), 0, 0
	kept.RetryAt, kept.Failure, kept.Barred = nil, "", false
	if kept.Awaited == nil {
		kept.Awaited = &v1alpha1.AwaitedState{Kind: v1alpha1.RestartStart, Since: metav1.NewMicroTime(v.Now)}
	}
}

func micro(t time.Time) *metav1.MicroTime {
	m := metav1.NewMicroTime(t)
	return &m
}
