package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// checker checks the invariants of the product, each by the truth of the world
// where that can be, else by what a decision was made from. It is written
// without the code that it checks.
type checker struct {
	w *world
	// onBad are the slots that were ever activated under a bad revision and own, or
	// last owned, a partition: what an idle one would do with it nobody can know.
	onBad map[string]map[int32]bool
	// attempts at each revision: the next one may begin with other slots.
	attempts map[string]int32
}

func newChecker(w *world) *checker {
	return &checker{w: w, onBad: map[string]map[int32]bool{}, attempts: map[string]int32{}}
}

// truth checks what must hold at every moment.
func (c *checker) truth() string {
	if r := c.w.object.state.Rollout; r != nil && r.Attempt != c.attempts[r.To] {
		c.attempts[r.To] = r.Attempt
		delete(c.onBad, r.To)
	}
	if broken := c.mixed() + c.bounded(); broken != "" {
		return broken
	}
	byID := map[string][]string{}
	for _, p := range c.w.pods {
		if p.mayRun() {
			for _, consumer := range p.consumers {
				byID[consumer.id] = append(byID[consumer.id], p.Name)
			}
		}
		if p.released && !p.vanished && kindOf(p.Revision) != good {
			c.touch(p)
		}
	}
	for id, pods := range byID {
		if len(pods) > 1 {
			return fmt.Sprintf("invariant 1: %s has the consumers %v", id, pods)
		}
	}
	if r := c.w.object.state.Rollout; r != nil && !r.Full && !blueGreen(r) && r.Strategy != v1alpha1.StrategyRecreate && r.Then != v1alpha1.StrategyBlueGreen && kindOf(r.From) == good && len(c.onBad[r.To]) > c.w.object.spec.Budget {
		return fmt.Sprintf("invariant 4: bad revision %s reached the slots %v", r.To, c.onBad[r.To])
	}
	return ""
}

// mixed: by Recreate no consumer of the new revision runs beside one of another.
func (c *checker) mixed() string {
	r := c.w.object.state.Rollout
	if !recreates(r) {
		return ""
	}
	var anew, others []string
	for _, p := range c.w.pods {
		switch {
		case !p.mayRun():
		case p.Revision != r.To:
			others = append(others, p.Name)
		case p.Created.After(r.StartedAt.Time): // and not left there by an earlier rollout
			anew = append(anew, p.Name)
		}
	}
	if len(anew) > 0 && len(others) > 0 {
		return fmt.Sprintf("cut: %v of %s run beside %v", anew, r.To, others)
	}
	return ""
}

// bounded: what a rollout notes as its boundary is where its revision began, or around that.
func (c *checker) bounded() string {
	r := c.w.object.state.Rollout
	if r == nil || len(r.Boundaries) == 0 {
		return ""
	}
	offsets, err := v1alpha1.ReadTopicOffsets(r.Boundaries)
	if err != nil {
		return err.Error()
	}
	for n, noted := range offsets[simTopic] {
		first := slices.IndexFunc(c.w.began[n], func(b simBeginning) bool { return b.revision == r.To && b.at.After(r.StartedAt.Time) })
		if first < 0 {
			continue
		}
		// A partition that another slot had in between was processed by that one.
		is, moved := c.w.began[n][first].offset, int64(c.w.rebalances) > *r.RebalancesBefore
		if is < noted.From || is > noted.To && !moved {
			return fmt.Sprintf("boundary: revision %s began with offset %d of partition %d, and %s is noted", r.To, is, n, noted)
		}
	}
	return ""
}

// touch notes whether a slot under a bad revision has partitions, or had when it passed
// the gate: an idle one passes, and may be given some later.
func (c *checker) touch(p *simPod) {
	if c.onBad[p.Revision] == nil {
		c.onBad[p.Revision] = map[int32]bool{}
	}
	r := c.w.object.state.Rollout
	passed := r != nil && r.To == p.Revision && slices.Contains(r.Passed, p.Ordinal)
	switch {
	case passed && !c.onBad[p.Revision][p.Ordinal]:
	case c.w.owns(p.Ordinal):
		c.onBad[p.Revision][p.Ordinal] = true
	case c.w.memberOf(p) && !c.w.preparing:
		delete(c.onBad[p.Revision], p.Ordinal)
	}
}

// decision checks a decision against what it was made from.
func (c *checker) decision(in Input, d Decision) string {
	for _, check := range []func(Input, Decision) string{unknownIsNotZero, whole, calmMembership, oneAtATime, followedFirst, calmLanes, pauseHolds, movesOnRequest, enoughAvailable, beginsTogether, onlyChosen, onlyPersisted, endsAreKept, goesByAnswers} {
		if broken := check(in, d); broken != "" {
			return broken
		}
	}
	return ""
}

func freshReading(in Input) *lag.Reading {
	if n := len(in.Window); n > 0 && in.Window[n-1].Err == "" && in.Now.Sub(in.Window[n-1].At) <= 15*time.Second {
		return &in.Window[n-1]
	}
	return nil
}

// unknownIsNotZero is invariant 3.
func unknownIsNotZero(in Input, d Decision) string {
	if freshReading(in) != nil {
		return ""
	}
	before, after := in.State, d.State
	if before.Size != nil && *before.Size != *after.Size {
		return fmt.Sprintf("invariant 3: size %d -> %d with no reading", *before.Size, *after.Size)
	}
	byWish := in.State.Stable == in.Group.Revision || after.Rollout != nil && after.Rollout.Aborted ||
		after.Override != nil && after.Override.Revision == in.State.Stable
	if forward(before.Rollout, after.Rollout) && !byWish {
		return "invariant 3: a rollout goes on with no reading"
	}
	if b, a := before.Rollout, after.Rollout; b != nil && a != nil && b.Stage == v1alpha1.RolloutProgressing && a.Stage != b.Stage && !byWish {
		return "invariant 3: a rollout is judged with no reading"
	}
	for _, act := range d.Actions {
		if act.Kind == RemoveMembers {
			return "invariant 3: members are removed with no reading"
		}
		if act.Kind == DeletePod && !byWish && after.Move == nil && before.Size != nil && act.Ordinal < *before.Size && consumingIn(in, act.UID) && act.UID == holderIn(in.State, act.Ordinal) {
			return fmt.Sprintf("invariant 3: %s is stopped with no reading", act.Pod)
		}
	}
	return ""
}

// whole is invariant 9: members are removed by both of their ids, as read; and
// those of a slot together, or each would cost a rebalance.
func whole(in Input, d Decision) string {
	for _, act := range d.Actions {
		if act.Kind == RemoveMembers {
			if left := leftBehind(in, d, act); left != "" {
				return "invariant 9: " + left + " is left behind by those of its slot"
			}
		}
		for _, ref := range act.Members {
			if m, ok := freshReading(in).Member(ref.InstanceID); !ok || ref.MemberID == "" || m.MemberID != ref.MemberID {
				return fmt.Sprintf("invariant 9: %v is not what was read", ref)
			}
		}
	}
	return ""
}

// leftBehind is a member whose slot is beyond the size and loses another one by an
// action; "" if there is none.
func leftBehind(in Input, d Decision, act Action) string {
	removed := func(id string) bool {
		return slices.ContainsFunc(act.Members, func(ref MemberRef) bool { return ref.InstanceID == id })
	}
	for _, s := range in.State.Slots {
		ids := idsOf(in.Group.Names.In(s.Lane), s.Ordinal)
		if s.Ordinal < *d.State.Size || !slices.ContainsFunc(ids, removed) || s.LostSince != nil {
			continue // a lost one may have come back with some of them
		}
		for _, id := range ids {
			if _, listed := freshReading(in).Member(id); listed && !removed(id) {
				return id
			}
		}
	}
	return ""
}

// calmMembership is invariant 2: no new id while an id of the group is absent,
// and no removal but of absent ids.
func calmMembership(in Input, d Decision) string {
	r := freshReading(in)
	if r == nil || in.State.Size == nil || in.Group.Consumer { // whose rebalances wait for nobody
		return ""
	}
	grows := *d.State.Size > *in.State.Size
	anew := comesAnew(in, d, r)
	var removed []string
	forced := false
	for _, act := range d.Actions {
		if act.Kind == ForceRebalance {
			forced = true // of a member that consumes, by its nature
			continue
		}
		for _, ref := range act.Members {
			removed = append(removed, ref.InstanceID)
		}
	}
	for ordinal := range *in.State.Size {
		runs := consumingIn(in, holderIn(in.State, ordinal))
		for _, id := range idsOf(in.Group.Names.In(laneIn(in.State, ordinal)), ordinal) {
			_, listed := r.Member(id)
			switch {
			case forced && listed && !runs:
				return fmt.Sprintf("invariant 2: a rebalance is forced while nobody runs under %s", id)
			case (grows || anew) && listed && !runs:
				return fmt.Sprintf("invariant 2: the group grows while %s is absent", id)
			case grows && r.State == lag.StatePreparingRebalance:
				return "invariant 2: the group grows in the middle of a rebalance"
			case runs && slices.Contains(removed, id) && ordinal < *d.State.Size:
				return fmt.Sprintf("invariant 2: %s is removed and consumes", id)
			}
		}
	}
	return ""
}

// oneAtATime is a part of invariant 2: who is being handed over is absent, and a removal
// opens a rebalance.
func oneAtATime(in Input, d Decision) string {
	removes, hands := "", ""
	for _, act := range d.Actions {
		switch {
		case act.Kind == RemoveMembers:
			removes = act.Reason
		case act.Kind == DeletePod && act.Ordinal < sizeOf(d.State) && act.UID == holderIn(in.State, act.Ordinal) && availableIn(in, act.Ordinal) && !failedIn(d.State, act.Ordinal):
			hands = act.Pod
		}
	}
	if removes != "" && hands != "" && !in.Group.Consumer && d.State.Move == nil { // for which all stop
		return fmt.Sprintf("invariant 2: %s is stopped while members are removed: %s", hands, removes)
	}
	return ""
}

// pauseHolds: what a person has paused does not go on.
func pauseHolds(in Input, d Decision) string {
	before, after := in.State.Rollout, d.State.Rollout
	if before == nil || after == nil || before.To != after.To || before.StartedAt != after.StartedAt || after.Stage != v1alpha1.RolloutProgressing {
		return ""
	}
	if in.Group.Commands[v1alpha1.AnnotationPause] == after.To && forward(before, after) {
		return "pause: a rollout goes on that a person has paused"
	}
	return ""
}

// movesOnRequest is invariant 8: offsets are set when a person has asked for it, to what the
// state says, when nobody consumes and what was committed is written down.
func movesOnRequest(in Input, d Decision) string {
	for _, act := range d.Actions {
		if act.Kind != SetOffsets {
			continue
		}
		m := in.State.Move
		switch {
		case m == nil || !m.Noted || d.State.Move == nil || !slices.Equal(ExactOffsets(act.Offsets), d.State.Move.Offsets):
			return "invariant 8: offsets are set that nobody has asked for"
		case freshReading(in) == nil || len(freshReading(in).Members) > 0:
			return "invariant 8: offsets are set while the group has members, or nobody knows"
		}
		for _, p := range in.Pods {
			if p.Activated && !p.Ended && !p.Forsaken {
				return fmt.Sprintf("invariant 8: offsets are set while %s may consume", p.Name)
			}
		}
	}
	return ""
}

// comesAnew: a slot whose ids have left the group gets a holder that will join it.
func comesAnew(in Input, d Decision, r *lag.Reading) bool {
	return slices.ContainsFunc(d.State.Slots, func(s v1alpha1.SlotState) bool {
		adopted := slices.ContainsFunc(in.Pods, func(p Pod) bool { return p.UID == s.Holder && p.Activated })
		if s.Holder == "" || s.Holder == holderIn(in.State, s.Ordinal) || adopted {
			return false
		}
		return !slices.ContainsFunc(idsOf(in.Group.Names.In(s.Lane), s.Ordinal), func(id string) bool {
			_, listed := r.Member(id)
			return listed
		})
	})
}

// enoughAvailable is invariant 5: with what a decision stops, no more than the
// budget of slots is missing; a slot that does not consume may always be stopped.
func enoughAvailable(in Input, d Decision) string {
	if in.State.Size == nil || !in.Group.DeletedAt.IsZero() || d.State.Move != nil {
		return "" // all stop
	}
	available := func(ordinal int32) bool { return availableIn(in, ordinal) && !failedIn(d.State, ordinal) }
	stopped := map[int32]bool{}
	for _, act := range d.Actions {
		followed := holderIn(d.State, act.Ordinal) != "" && besideIn(in.State, act.Ordinal).Holder == holderIn(d.State, act.Ordinal)
		if act.Kind == DeletePod && act.UID == holderIn(in.State, act.Ordinal) && available(act.Ordinal) && !followed {
			stopped[act.Ordinal] = true
		}
	}
	missing, stops := 0, 0
	for ordinal := range min(*in.State.Size, *d.State.Size) {
		if !available(ordinal) {
			missing++
		} else if stopped[ordinal] {
			stops++
		}
	}
	if out := leftOutBy(in, d); out > 0 && missing > in.Group.Budget {
		return fmt.Sprintf("invariant 5: %d slots are left out, %d are missing, the budget is %d", out, missing, in.Group.Budget)
	}
	budget := viewOf(in).budget(d.State)
	if stops > 0 && missing+stops > budget {
		return fmt.Sprintf("invariant 5: %d slots are missing and %d are stopped, the budget is %d", missing, stops, budget)
	}
	return ""
}

// beginsTogether is a part of invariant 5: a rollout by BlueGreen begins all slots, when a
// successor of each stands warm or has no room before its predecessor has gone.
func beginsTogether(in Input, d Decision) string {
	before, after := in.State.Rollout, d.State.Rollout
	if !blueGreen(after) || len(after.Begun) == 0 || before != nil && before.To == after.To && len(before.Begun) > 0 {
		return ""
	}
	if len(after.Begun) != int(*d.State.Size) {
		return fmt.Sprintf("invariant 5: %d of %d slots are begun by BlueGreen", len(after.Begun), *d.State.Size)
	}
	for _, ordinal := range after.Begun {
		if !slices.ContainsFunc(in.Pods, func(p Pod) bool {
			taken := p.UID == holderIn(in.State, ordinal)
			return p.Ordinal == ordinal && p.Revision == after.To && !p.Deleting && (p.Warm || taken || p.Crowded != "")
		}) && in.Group.NoRoom == "" {
			return fmt.Sprintf("invariant 5: BlueGreen begins, and no successor of slot %d stands warm", ordinal)
		}
	}
	return ""
}

// onlyChosen is a part of invariant 4: a canary begins no slot but those of its steps, and
// these are as many as they say.
func onlyChosen(in Input, d Decision) string {
	r := d.State.Rollout
	if !inSteps(r) || r.Stage != v1alpha1.RolloutProgressing {
		return ""
	}
	for _, ordinal := range r.Begun {
		if !slices.Contains(r.Chosen, ordinal) {
			return fmt.Sprintf("invariant 4: slot %d is begun, and the canary has %v", ordinal, r.Chosen)
		}
	}
	most := 0
	for _, step := range r.Steps[:r.Step+1] {
		named := 0
		for _, p := range step.Partitions {
			named += len(p.Numbers())
		}
		share := (int(*d.State.Size)*int(ptr.Deref(step.SharePercent, 0)) + 99) / 100
		most = max(most+named, int(ptr.Deref(step.Slots, 0)), share)
	}
	if len(r.Chosen) > most {
		return fmt.Sprintf("invariant 4: the canary has %v at step %d", r.Chosen, r.Step+1)
	}
	return ""
}

// onlyPersisted is what invariants 1 and 6 rest on: only the holder that was
// persisted first is activated.
func onlyPersisted(in Input, d Decision) string {
	for _, act := range d.Actions {
		if act.Kind == ActivatePod && act.UID != holderIn(d.State, act.Ordinal) && act.UID != besideIn(d.State, act.Ordinal).Holder {
			return fmt.Sprintf("invariant 6: %s is activated before it is persisted", act.Pod)
		}
	}
	return ""
}

// endsAreKept is a part of invariant 6: the object of a holder goes when its end is
// written, or when nobody will ever tell of it.
func endsAreKept(in Input, d Decision) string {
	for _, act := range d.Actions {
		holds := act.UID == holderIn(d.State, act.Ordinal) || act.UID == besideIn(d.State, act.Ordinal).Holder
		if act.Kind == ReleasePod && holds && !forsakenIn(in, act.UID) {
			return fmt.Sprintf("invariant 6: %s is let go and its end is not written", act.Pod)
		}
	}
	return ""
}

func forsakenIn(in Input, uid types.UID) bool {
	return slices.ContainsFunc(in.Pods, func(p Pod) bool { return p.UID == uid && p.Forsaken })
}

func holderIn(state v1alpha1.GroupState, ordinal int32) types.UID {
	for _, s := range state.Slots {
		if s.Ordinal == ordinal {
			return s.Holder
		}
	}
	return ""
}

func consumingIn(in Input, uid types.UID) bool {
	for _, p := range in.Pods {
		if p.UID == uid && uid != "" {
			return p.Activated && p.Running && !p.Deleting && !p.Ended
		}
	}
	return false
}

// availableIn: the slot's holder runs, and is a member with each of its consumers
// if that is known.
func availableIn(in Input, ordinal int32) bool {
	if !consumingIn(in, holderIn(in.State, ordinal)) {
		return false
	}
	r := freshReading(in)
	if r == nil {
		return true
	}
	i := slices.IndexFunc(in.State.Slots, func(s v1alpha1.SlotState) bool { return s.Ordinal == ordinal })
	if i < 0 || !r.At.After(in.State.Slots[i].Since.Time) {
		return false
	}
	for _, id := range idsOf(in.Group.Names.In(in.State.Slots[i].Lane), ordinal) {
		m, listed := r.Member(id)
		if !listed || m.Left || m.MemberID == "" || before(in.State.Slots[i].MemberBefore, m.MemberID) {
			return false
		}
	}
	return true
}

// before says whether a member id is one of those of before, which stand there by
// their ends if there are several.
func before(all, memberID string) bool {
	return slices.ContainsFunc(strings.Split(all, ","), func(end string) bool {
		return end != "" && strings.HasSuffix(memberID, end)
	})
}

// leftOutBy is how many slots a decision leaves out of the group.
func leftOutBy(in Input, d Decision) (n int) {
	for _, s := range d.State.Slots {
		before := slices.IndexFunc(in.State.Slots, func(b v1alpha1.SlotState) bool { return b.Ordinal == s.Ordinal })
		if s.RetryAt != nil && (before < 0 || in.State.Slots[before].RetryAt == nil) {
			n++
		}
	}
	return n
}

// failedIn: a rollout is undone because the slot's pod has failed the gate.
func failedIn(state v1alpha1.GroupState, ordinal int32) bool {
	r := state.Rollout
	if r == nil || r.Stage != v1alpha1.RolloutRollingBack || r.Failure == "" || slices.Contains(r.Passed, ordinal) {
		return false
	}
	return slices.ContainsFunc(state.Slots, func(s v1alpha1.SlotState) bool { return s.Ordinal == ordinal && s.Revision == r.To })
}
