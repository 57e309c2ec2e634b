package rollout

import (
	"flag"
	"fmt"
	"math/rand"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/membership"
)

var (
	seeds = flag.Int("seeds", 4_700, "how many groups to simulate; they begin more than 10,000 rollouts")
	seed  = flag.Int64("seed", -1, "simulate this one and print its story")
)

const (
	turmoil = 150 * time.Second // for so long anything can happen
	atMost  = 20 * time.Minute  // by then all must have come to an end
)

// TestSimulate runs Decide against the world, with two operators that see it
// late and are killed at any moment, while a user and bad luck interfere. The
// invariants are checked at each step, and that it comes to the right end.
func TestSimulate(t *testing.T) {
	if *seed >= 0 {
		s := simulate(*seed, true)
		t.Logf("seed %d\n%s", *seed, strings.Join(s.w.log, "\n"))
		if s.broken != "" {
			t.Fatal(s.broken)
		}
		return
	}
	// A run makes much garbage and keeps little.
	before := debug.SetGCPercent(800)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	const shards = 4
	var rollouts, begun atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d simulated groups, %d rollouts begun", *seeds, begun.Load())
		if rollouts.Load() > 100 && begun.Load() == 0 {
			t.Error("no simulated group began a rollout: the simulation tests nothing")
		}
	})
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			for n := int64(shard); n < int64(*seeds); n += shards {
				s := simulate(n, false)
				rollouts.Add(1)
				begun.Add(int64(s.begun))
				if s.broken != "" {
					log := simulate(n, true).w.log
					t.Fatalf("seed %d: %s\n%s", n, s.broken, strings.Join(log[max(0, len(log)-60):], "\n"))
				}
			}
		})
	}
}

// simulation is one run.
type simulation struct {
	w         *world
	operators []*simOperator
	checker   *checker
	revisions int
	broken    string
	begun     int
	tries     int // of a user, once all is calm
}

func simulate(seed int64, telling bool) *simulation {
	w := newWorld(seed, simSpec{}, membership.Naming{Prefix: simPrefix})
	w.telling, w.endpoint = telling, w.rng.Intn(4) > 0
	if w.kip848 = w.rng.Intn(3) == 0; w.kip848 {
		w.unclean, w.quitters, w.exits = w.rng.Intn(3) == 0, w.rng.Intn(3) == 0, w.rng.Intn(3) == 0
	}
	if w.rng.Intn(2) == 0 {
		w.names.PerPod, w.names.Numbered = 1+int32(w.rng.Intn(3)), w.rng.Intn(2) == 0
		w.names.FirstNumber = int32(seed & 1)
	}
	if w.rng.Intn(2) == 0 {
		w.warm = []v1alpha1.Warm{v1alpha1.WarmAuto, v1alpha1.WarmAlways, v1alpha1.WarmNever}[w.rng.Intn(3)]
	}
	if w.warm != v1alpha1.WarmAlways && w.rng.Intn(2) == 0 {
		w.room = []room{cramped, quota}[w.rng.Intn(2)]
	}
	if chance := rand.New(rand.NewSource(seed)); chance.Intn(2) == 0 {
		w.overlaps, w.joinsAfter = chance, time.Duration(chance.Intn(8))*time.Second
	}
	w.object.spec = simSpec{Revision: "r0-good", Desired: 1 + int32(w.rng.Intn(6)), Budget: 1 + w.rng.Intn(2)}
	w.readsAtOnce, w.pauseOnChange = seed%2 == 0, seed%3 == 0
	w.drawStrategy()
	w.awaitsPromotion = w.rng.Intn(4) == 0
	w.drawChecks(seed)
	w.saveObject()
	s := &simulation{w: w, checker: newChecker(w)}
	s.operators = []*simOperator{newOperator(w)}
	for w.now.Sub(simEpoch) < turmoil && s.broken == "" {
		s.interfere()
		s.interfereWithChecks()
		s.step()
	}
	s.calm()
	for s.broken == "" && !s.finished() {
		if w.now.Sub(simEpoch) > atMost {
			s.broken = "it does not come to an end: " + s.unfinished()
		}
		s.tryAgain()
		s.promote()
		s.step()
	}
	return s
}

// tryAgain is what a user does whose fix was rolled back to something bad, or for
// an outage: what nobody had read when the rollout began is known by now.
func (s *simulation) tryAgain() {
	state := s.w.object.state
	r := state.Rollout
	if r == nil || r.To != s.w.object.spec.Revision {
		return
	}
	if r.Stage == v1alpha1.RolloutPaused { // the canary has other partitions
		if kindOf(r.To) == good {
			s.sets(v1alpha1.AnnotationRetry, nextAttempt(r))
		} else {
			s.sets(v1alpha1.AnnotationAbort, r.To)
		}
		return
	}
	changed := strings.HasPrefix(r.Failure, "a rebalance has given the canary")
	if (r.Aborted || changed) && r.Stage == v1alpha1.RolloutRolledBack && kindOf(r.To) == good {
		s.sets(v1alpha1.AnnotationRetry, nextAttempt(r))
		return
	}
	// With no other slot to compare with, an outage is put down to the release.
	blamed := kindOf(r.To) == good && r.StartedAt.Time.Before(s.w.noCommits)
	if kindOf(state.Stable) == good && !blamed {
		return
	}
	// Going back to something bad may never end: its slots are never available.
	stuck := r.Stage == v1alpha1.RolloutRollingBack && s.w.now.Sub(r.ProgressAt.Time) > 5*time.Minute
	if s.tries == 2 && kindOf(r.To) == good && r.Stage == v1alpha1.RolloutProgressing {
		// What an even worse release has left behind may hold a query above its bound, and
		// not be gone back from, since the stable revision does not consume.
		s.sets(v1alpha1.AnnotationPromoteFull, r.To)
	}
	if (stuck || r.Stage == v1alpha1.RolloutRolledBack) && s.tries < 2 {
		s.tries++
		s.revisions++
		s.w.object.spec.Revision = fmt.Sprintf("r%d-good", s.revisions)
		s.w.logf("the user tries again with %s", s.w.object.spec.Revision)
		s.w.saveObject()
	}
}

// promote is what a user does who waits for a release: sets the annotation, or removes it if
// it is an old one.
func (s *simulation) promote() {
	state := s.w.object.state
	if r := state.Rollout; r == nil || len(r.Begun) > 0 && r.StepDone == nil {
		return
	}
	s.sets(v1alpha1.AnnotationPromote, promotionOf(state.Rollout))
}

// sets an annotation as the message says: one that has been answered is removed first.
func (s *simulation) sets(name, value string) {
	if c := answered(s.w.object.state, name); c != nil && c.Value == value {
		value = ""
	}
	if s.w.commands[name] != value {
		s.w.annotate(name, value)
	}
}

// step is one tick of the world and of every operator.
func (s *simulation) step() {
	w := s.w
	w.step()
	for i, o := range s.operators {
		o.look()
		if o.nextRun.After(w.now) {
			continue
		}
		o.nextRun = w.now.Add(w.between(0, time.Second))
		killAfter := -1
		if w.now.Sub(simEpoch) < turmoil && w.rng.Intn(40) == 0 {
			killAfter = w.rng.Intn(4)
		}
		in, d, killed := o.run(killAfter)
		s.note(in, d)
		s.fault(s.checker.decision(in, d))
		if killed {
			w.logf("operator %d is killed", i)
			s.operators[i] = newOperator(w)
		}
	}
	s.fault(s.checker.truth())
}

func (s *simulation) fault(broken string) {
	if s.broken == "" {
		s.broken = broken
	}
}

// note tells the story.
func (s *simulation) note(in Input, d Decision) {
	if s.w.telling {
		for _, a := range d.Actions {
			if a.Kind != ReleasePod { // each end would be told twice
				s.w.logf("%s", describe(a))
			}
		}
	}
	if told := summary(d.State); s.w.telling && told != summary(in.State) {
		s.w.logf("%s", told)
	}
	before, after := in.State.Rollout, d.State.Rollout
	if after != nil && (before == nil || before.To != after.To) {
		s.begun++
	}
}

// describe an action on one line.
func describe(a Action) string {
	switch a.Kind {
	case CreatePod:
		text := fmt.Sprintf("create pod orders-%d-%s of %s", a.Ordinal, a.Suffix, a.Revision)
		if a.AtOnce {
			text += ", at once"
		}
		return text
	case ActivatePod:
		return fmt.Sprintf("activate %s (%s)", a.Pod, a.UID)
	case DeletePod:
		return fmt.Sprintf("delete %s: %s", a.Pod, a.Reason)
	case SetOffsets:
		return fmt.Sprintf("set the offsets %v: %s", ExactOffsets(a.Offsets), a.Reason)
	default:
		var ids []string
		for _, m := range a.Members {
			ids = append(ids, m.MemberID)
		}
		return fmt.Sprintf("remove the members %s: %s", strings.Join(ids, ", "), a.Reason)
	}
}

// summary of a state on one line: each slot with its holder and revision.
func summary(state v1alpha1.GroupState) string {
	var b strings.Builder
	size := "not started"
	if state.Size != nil {
		size = fmt.Sprintf("size %d", *state.Size)
	}
	fmt.Fprintf(&b, "   state: %s, stable %s:", size, state.Stable)
	for _, s := range state.Slots {
		fmt.Fprintf(&b, " %d=%s(%s)", s.Ordinal, s.Holder, s.Revision)
		if s.Lane != "" {
			b.WriteString(s.Lane)
		}
		if s.LostSince != nil {
			b.WriteString(" lost")
		}
	}
	for _, s := range state.Beside {
		fmt.Fprintf(&b, " beside %d=%s(%s)%s", s.Ordinal, s.Holder, s.Revision, s.Lane)
		if s.Leaving {
			b.WriteString(" leaving")
		}
	}
	if state.Blue != nil {
		fmt.Fprintf(&b, "; %s stands warm", state.Blue.Revision)
	}
	if r := state.Rollout; r != nil {
		fmt.Fprintf(&b, "; %s to %s, begun %v, passed %v %s", r.Stage, r.To, r.Begun, r.Passed, r.Failure)
		if r.Strategy == v1alpha1.StrategyCanary {
			fmt.Fprintf(&b, ", step %d has %v", r.Step+1, r.Chosen)
		}
	}
	return b.String()
}

// calm ends all interference; what is stable must be fit to run.
func (s *simulation) calm() {
	w := s.w
	w.logf("all is calm from here on")
	w.object.spec.Paused = false
	nothingRuns := len(w.live()) == 0 || w.object.spec.Desired == 0
	// What goes on without the gate may be bad, and never end.
	full := w.object.state.Rollout != nil && w.object.state.Rollout.Full && kindOf(w.object.state.Rollout.To) != good
	full = full || w.object.state.Override != nil && kindOf(w.object.state.Override.Revision) != good
	if kindOf(w.object.state.Stable) != good || nothingRuns || full || w.rng.Intn(2) == 0 {
		s.revisions++
		w.object.spec.Revision = fmt.Sprintf("r%d-good", s.revisions)
	}
	w.brokerAway, w.unreadUntil, w.noCommits, w.unrest = w.now, w.now, w.now, w.now
	w.commands = map[string]string{v1alpha1.AnnotationRestart: w.commands[v1alpha1.AnnotationRestart]}
	w.checks.awayUntil, w.checks.highUntil, w.checks.blindUntil = w.now, w.now, w.now
	w.strangers, w.crashes, w.cordoned = nil, nil, [simNodes]bool{}
	s.operators = s.operators[:1]
	w.saveObject()
}

// drawStrategy is how the next release goes.
func (w *world) drawStrategy() {
	spec := &w.object.spec
	spec.Strategy, spec.KeepBlue, spec.Steps, spec.Then = "", 0, nil, ""
	if w.overlaps != nil {
		spec.Handover = []v1alpha1.Handover{v1alpha1.HandoverOverlap, v1alpha1.HandoverOverlap, v1alpha1.HandoverAuto, v1alpha1.HandoverSameID}[w.overlaps.Intn(4)]
	}
	if w.rng.Intn(4) == 0 {
		spec.Strategy, spec.Then = v1alpha1.StrategyCanary, v1alpha1.StrategyRolling
		if w.warm != v1alpha1.WarmNever && w.rng.Intn(2) == 0 {
			spec.Then = v1alpha1.StrategyBlueGreen
		}
		spec.Steps = []v1alpha1.CanaryStep{step(1, nil), step(1+w.rng.Int31n(3), nil)}
		if w.rng.Intn(2) == 0 {
			spec.Steps[0] = step(1, ptr.To(1+w.rng.Int31n(20)))
		}
		if w.rng.Intn(4) == 0 {
			spec.Steps[0].Pause = &v1alpha1.CanaryPause{Records: ptr.To(1 + w.rng.Int63n(2000))}
		}
		if w.rng.Intn(4) == 0 {
			spec.Steps[1] = v1alpha1.CanaryStep{SharePercent: ptr.To(1 + w.rng.Int31n(60))}
		} else if w.rng.Intn(2) == 0 {
			spec.Steps[1] = step(*spec.Steps[1].Slots, ptr.To[int32](0))
		}
		return
	}
	if w.rng.Intn(5) == 0 {
		spec.Strategy = v1alpha1.StrategyRecreate
		return
	}
	if w.warm != v1alpha1.WarmNever && w.rng.Intn(3) == 0 {
		spec.Strategy, spec.KeepBlue = v1alpha1.StrategyBlueGreen, time.Duration(w.rng.Intn(2))*time.Minute
	}
}

// step of a canary: so many slots, and a pause of some seconds; 0: until it is promoted; nil:
// none.
func step(slots int32, seconds *int32) v1alpha1.CanaryStep {
	s := v1alpha1.CanaryStep{Slots: &slots}
	if seconds != nil {
		s.Pause = &v1alpha1.CanaryPause{}
		if *seconds > 0 {
			s.Pause.Seconds = seconds
		}
	}
	return s
}

// stepOf is one of a partition, until it is promoted.
func stepOf(partition string) v1alpha1.CanaryStep {
	return v1alpha1.CanaryStep{
		Partitions: []v1alpha1.CanaryPartitions{{Topic: simTopic, Partitions: partition}}, Pause: &v1alpha1.CanaryPause{},
	}
}

// finished: everything is as the user wants it, or was rolled back.
func (s *simulation) finished() bool { return s.unfinished() == "" }

func (s *simulation) unfinished() string {
	w, state := s.w, s.w.object.state
	if kindOf(state.Stable) != good {
		return "the stable revision is bad"
	}
	if state.Size == nil || *state.Size != w.object.spec.Desired || len(state.Slots) != int(w.object.spec.Desired) {
		return fmt.Sprintf("size %v with %d slots, desired are %d", state.Size, len(state.Slots), w.object.spec.Desired)
	}
	if len(state.Beside) > 0 {
		return twoLanes(state)
	}
	if state.Rollout != nil && state.Rollout.Stage != v1alpha1.RolloutRolledBack {
		return "the rollout is " + string(state.Rollout.Stage)
	}
	if state.Move != nil {
		return "the offsets are being moved"
	}
	wanted := w.object.spec.Revision
	if o := state.Override; o != nil && o.For == wanted {
		wanted = o.Revision
	}
	if state.Rollout == nil && state.Stable != wanted {
		return "revision " + w.object.spec.Revision + " did not begin"
	}
	if kindOf(w.object.spec.Revision) == good && state.Rollout != nil {
		return "a good revision was rolled back: " + state.Rollout.Failure
	}
	if w.added != nil && w.unowned(0) && w.object.spec.Desired > 0 {
		return "the second topic has no owner"
	}
	running := 0
	for _, p := range w.pods {
		switch {
		case p.proc && p.Created.Before(restartsFrom(state)):
			return p.Name + " was made before the restart"
		case p.proc && (p.Revision != state.Stable || !w.memberOf(p)):
			return p.Name + " still runs"
		case p.proc:
			running++
		case !p.vanished:
			return p.Name + " is left over"
		}
	}
	if running != int(w.object.spec.Desired) || len(w.members) != running*len(idsOf(w.names, 0)) || !w.quiet() {
		return fmt.Sprintf("%d run, %d members", running, len(w.members))
	}
	return ""
}

// forward says whether a rollout went on between two states: began a slot or
// passed one.
func forward(before, after *v1alpha1.RolloutState) bool {
	if after == nil || before == nil || before.To != after.To {
		return after != nil && len(after.Begun) > 0
	}
	return !slices.Equal(before.Begun, after.Begun) || !slices.Equal(before.Passed, after.Passed)
}
