package rollout

import (
	"cmp"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// want is what shall become of a slot.
type want struct {
	run  string // the revision that shall hold it; "" = nobody
	keep string // a revision that shall stand warm beside it; "" = none
	// first is why a holder of another revision goes before its successor is warm;
	// "" = it stays until then.
	first string
	// elsewhere is why the holder is followed by another pod of its revision, on another
	// node; "" = it is not.
	elsewhere string
	// again is why it is followed by another pod of its revision, wherever; "" = it is not.
	again string
	// renew: the holder's client has given up, and another shall take its place.
	renew bool
	// barred: a slot that nobody holds is not taken yet.
	barred bool
	// halt is why the holder is stopped, and a slot that nobody holds is not taken; "" = it
	// is as ever.
	halt string
	// leftOut: a slot that nobody holds is not taken yet, and the holder of one is stopped.
	leftOut bool
}

// outlook is what holds for all slots, found out once.
type outlook struct {
	ahead, moving, restarting []int32
	handingOver               bool
	// barred revisions are started in no slot yet.
	barred map[string]bool
}

func outlookOf(v seen, state v1alpha1.GroupState) outlook {
	o := outlook{moving: v.moving(state), restarting: restartsNow(v, state)}
	if rolling(state) {
		o.ahead, o.handingOver = ahead(v, state), handingOver(v, state)
	}
	if r := state.Rollout; recreates(r) {
		o.barred = map[string]bool{r.To: v.isMixed(r.To), state.Stable: v.isMixed(state.Stable)}
	}
	return o
}

// wantOf is what shall become of a slot under a state.
func wantOf(v seen, state v1alpha1.GroupState, s slot, o outlook) want {
	if s.ordinal >= sizeOf(state) {
		if s.ordinal < v.Desired && mayResize(v, state) {
			return want{keep: growthRevision(v, state)}
		}
		return want{}
	}
	w := rollingWant(state, s)
	if state.Move != nil {
		return want{run: w.run, halt: "the group's offsets are moved: " + state.Move.Command}
	}
	w.first = goesFirst(v, state, s, w.run)
	w.renew = v.gaveUp(state, s)
	w.barred = o.barred[w.run]
	w.leftOut = v.leftOut(s) && s.state.Revision == w.run
	if slices.Contains(o.moving, s.ordinal) {
		w.elsewhere = s.holder.Draining
	}
	if slices.Contains(o.restarting, s.ordinal) {
		w.again = "a restart is asked for of all pods that were made before " + restartsFrom(state).UTC().Format(time.RFC3339)
	}
	r := state.Rollout
	if rolling(state) && slices.Contains(o.ahead, s.ordinal) &&
		(s.spare(r.To) != nil || v.paused == "" && goesFirst(v, state, s, r.To) == "" && !o.handingOver) {
		w.keep = r.To
	}
	if w.keep == "" {
		w.keep = keepsBlue(v, state, s)
	}
	return w
}

// goesFirst is why a slot's holder is stopped although no successor of a revision
// is warm; "" if it is not.
func goesFirst(v seen, state v1alpha1.GroupState, s slot, revision string) string {
	spare := s.spare(revision)
	switch {
	case recreates(state.Rollout):
		return "rollout.strategy is Recreate"
	case v.Group.Warm == v1alpha1.WarmNever:
		return "rollout.warm is Never"
	case v.Group.Warm == v1alpha1.WarmAlways:
		return ""
	case spare != nil:
		return spare.Crowded
	default:
		return v.Group.NoRoom
	}
}

// underWay: slots are handed over by the rollout, one way or the other.
func underWay(r *v1alpha1.RolloutState) bool {
	return r != nil && (r.Stage == v1alpha1.RolloutProgressing || r.Stage == v1alpha1.RolloutRollingBack)
}

func rolling(state v1alpha1.GroupState) bool {
	return state.Rollout != nil && state.Rollout.Stage == v1alpha1.RolloutProgressing
}

// rollingWant: what was begun runs the update; everything else stays as it is,
// and an empty slot gets the revision from before. What another release left behind does not
// stay beside a canary, or one that waits for a person, since that may take long; nor where
// Prometheus is asked, whose answer would be about both.
func rollingWant(state v1alpha1.GroupState, s slot) want {
	r := state.Rollout
	switch {
	case r == nil || r.Stage == v1alpha1.RolloutRolledBack || r.Stage == v1alpha1.RolloutRollingBack:
		return want{run: state.Stable}
	case s.holder != nil && r.Stage == v1alpha1.RolloutPaused:
		return want{run: s.holder.Revision}
	case slices.Contains(r.Begun, s.ordinal):
		return want{run: r.To}
	case s.holder != nil && r.Strategy != v1alpha1.StrategyCanary && !r.Awaits && !r.Asks:
		return want{run: s.holder.Revision}
	default:
		return want{run: state.Stable}
	}
}

// queue is the slots that are not begun, in the order in which they shall be:
// those that do not consume, those that are broken otherwise, those that have to leave
// their nodes, then one of each domain, then by ordinal.
func queue(v seen, state v1alpha1.GroupState) []slot {
	missing := unavailable(v, state)
	rank := func(s slot) int {
		switch {
		case missing[s.ordinal]:
			return 0
		case broken(state, s):
			return 1
		case s.holder != nil && s.holder.Draining != "":
			return 2
		default:
			return 3
		}
	}
	type place struct{ rank, turn int }
	var rest []slot
	places, gone := map[int32]place{}, map[string]int{}
	for _, s := range v.inSize(state) {
		if s.holder != nil && slices.Contains(state.Rollout.Begun, s.ordinal) {
			gone[s.holder.Domain]++
		}
	}
	for _, s := range v.inSize(state) {
		if slices.Contains(state.Rollout.Begun, s.ordinal) {
			continue
		}
		at := place{rank: rank(s)}
		if s.holder != nil && s.holder.Domain != "" {
			at.turn = gone[s.holder.Domain]
			gone[s.holder.Domain]++
		}
		places[s.ordinal] = at
		rest = append(rest, s)
	}
	slices.SortStableFunc(rest, func(a, b slot) int {
		return cmp.Or(places[a.ordinal].rank-places[b.ordinal].rank, places[a.ordinal].turn-places[b.ordinal].turn)
	})
	return rest
}

// ahead are the slots whose successors are made warm already: as many as may be
// begun next.
func ahead(v seen, state v1alpha1.GroupState) []int32 {
	var next []int32
	for _, s := range chosen(state.Rollout, queue(v, state)) {
		if len(next) < v.budget(state) {
			next = append(next, s.ordinal)
		}
	}
	return next
}

// handingOver: a slot is between its holders. To make another pod meanwhile would
// take time from it: the kubelet, the disk and the processors are the same.
func handingOver(v seen, state v1alpha1.GroupState) bool {
	r, missing := state.Rollout, unavailable(v, state)
	return slices.ContainsFunc(v.inSize(state), func(s slot) bool {
		return slices.Contains(r.Begun, s.ordinal) && (missing[s.ordinal] || s.beside != nil || s.state.Revision != r.To)
	})
}

// growthRevision is what new slots run: before the first start there is no
// stable revision yet.
func growthRevision(v seen, state v1alpha1.GroupState) string {
	if state.Size == nil {
		return v.Group.Revision
	}
	return state.Stable
}
