package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// small is a world of three slots that is so small that all of its ways can be gone: in each
// step an operator makes a pass, by what there is or by what there was a step ago, and is
// killed before, in the middle of, or after what it does; or something becomes of a pod.
type small struct {
	strategy v1alpha1.Strategy
	now      time.Time
	state    v1alpha1.GroupState
	version  int
	pods     []Pod
	members  [smallSlots]string // who joined last
	made     map[string]int     // pods by name
	harmed   bool               // a pod was deleted by somebody
	before   *small             // a step ago; nil: there is no such step
}

const smallSlots = 3

// newSmall is one in which a release has begun: its successors stand warm, and the next pass
// stops the first holder, or all.
func newSmall(strategy v1alpha1.Strategy) *small {
	w := &small{strategy: strategy, now: simEpoch, made: map[string]int{}}
	w.state = v1alpha1.GroupState{Size: ptr.To[int32](smallSlots), Stable: "r0", SessionSeconds: 45}
	for ordinal := range int32(smallSlots) {
		p := Pod{
			Name: fmt.Sprint("old-", ordinal), UID: types.UID(fmt.Sprint("old-", ordinal)), Version: "1", Ordinal: ordinal, Revision: "r0",
			Created: w.now.Add(-time.Hour), Activated: true, Running: true, Ready: true, Kept: true, StartedAt: w.now.Add(-time.Hour),
		}
		w.pods = append(w.pods, p)
		w.members[ordinal] = string(p.UID)
		w.state.Slots = append(w.state.Slots, v1alpha1.SlotState{
			Ordinal: ordinal, Holder: p.UID, Pod: p.Name, Revision: "r0", Since: *micro(w.now.Add(-time.Hour)),
		})
		w.pods = append(w.pods, Pod{
			Name: fmt.Sprint("new-", ordinal), UID: types.UID(fmt.Sprint("new-", ordinal)), Version: "1", Ordinal: ordinal, Revision: "r1",
			Created: w.now.Add(-time.Minute), Warm: true, Kept: true,
		})
	}
	begun := []int32{0}
	if strategy != v1alpha1.StrategyRolling {
		begun = []int32{0, 1, 2}
	}
	w.state.Rollout = &v1alpha1.RolloutState{
		From: "r0", To: "r1", Stage: v1alpha1.RolloutProgressing, Strategy: strategy, Begun: begun,
		StartedAt: *micro(w.now.Add(-time.Minute)), ProgressAt: *micro(w.now),
	}
	return w
}

// next is a copy, a step later.
func (w *small) next() *small {
	n := *w
	n.state, n.pods, n.now = *w.state.DeepCopy(), slices.Clone(w.pods), w.now.Add(10*time.Second)
	n.made = make(map[string]int, len(w.made))
	for name, times := range w.made {
		n.made[name] = times
	}
	n.before = &small{state: w.state, version: w.version, pods: w.pods}
	return &n
}

func (w *small) reading(at time.Time) lag.Reading {
	r := lag.Reading{At: at, State: lag.StateStable, Assignor: byRange}
	for ordinal, uid := range w.members {
		tp := lag.TopicPartition{Topic: simTopic, Partition: int32(ordinal)}
		r.Members = append(r.Members, lag.Member{
			InstanceID: fmt.Sprintf("%s-%04d", simPrefix, ordinal), MemberID: uid, Assigned: []lag.TopicPartition{tp},
		})
		r.Partitions = append(r.Partitions, lag.Partition{TopicPartition: tp, Committed: ptr.To[int64](7), End: 7})
	}
	return r
}

// input is what an operator sees, by the truth or by what was true a step ago.
func (w *small) input(sees *small) Input {
	return Input{
		Now: w.now, State: *sees.state.DeepCopy(), Pods: slices.Clone(sees.pods), Desired: smallSlots,
		Window: lag.Window{w.reading(w.now.Add(-2 * time.Second)), w.reading(w.now.Add(-time.Second))},
		Group: Group{
			Names: membership.Naming{Prefix: simPrefix}, Assignor: byRange, Topics: []string{simTopic}, Revision: "r1", Budget: 1,
			Strategy: w.strategy, Deadline: time.Hour, Heartbeat: simHeartbeat, SessionMin: simSession, SessionMax: simSessionMax,
		},
	}
}

// ways are all worlds that may come next.
func (w *small) ways() []*small {
	var all []*small
	views := []*small{w}
	if w.before != nil {
		views = append(views, w.before)
	}
	for _, sees := range views {
		d := Decide(w.input(sees))
		written := !sameState(sees.state, d.State)
		if written && sees.version != w.version {
			continue // somebody has written since
		}
		for done := range len(d.Actions) + 1 {
			if done > 2 && done < len(d.Actions) {
				continue // killed before the first, after it, after the second, or not at all
			}
			n := w.next()
			if written {
				n.state, n.version = *d.State.DeepCopy(), w.version+1
			}
			for _, a := range d.Actions[:done] {
				n.apply(a)
			}
			all = append(all, n)
		}
	}
	for i := range w.pods {
		all = append(all, w.events(i)...)
	}
	return all
}

// events are what may become of a pod.
func (w *small) events(i int) []*small {
	var all []*small
	happens := func(how func(n *small, p *Pod)) {
		n := w.next()
		how(n, &n.pods[i])
		if i < len(n.pods) {
			n.pods[i].Version += "'"
		}
		all = append(all, n)
	}
	switch p := w.pods[i]; {
	case p.Deleting && p.Ended && !p.Kept:
		n := w.next()
		n.pods = slices.Delete(n.pods, i, i+1)
		return append(all, n)
	case p.Deleting && p.Ended:
		return nil
	case p.Deleting:
		happens(func(_ *small, p *Pod) { p.Ended, p.Running = true, false })
	case !p.Activated && !p.Warm:
		happens(func(_ *small, p *Pod) { p.Warm = true })
	case p.Activated && !p.Running:
		happens(func(n *small, p *Pod) {
			p.Running, p.Ready, p.StartedAt = true, true, n.now
			n.members[p.Ordinal] = string(p.UID)
		})
	}
	if p := w.pods[i]; !p.Deleting && !w.harmed {
		happens(func(n *small, p *Pod) { p.Deleting, p.DeletedAt, n.harmed = true, n.now, true })
	}
	return all
}

// apply does what an action asks of the API server.
func (w *small) apply(a Action) {
	at := slices.IndexFunc(w.pods, func(p Pod) bool { return p.Name == a.Pod && p.UID == a.UID })
	switch {
	case a.Kind == CreatePod:
		name := fmt.Sprintf("%d-%s", a.Ordinal, a.Suffix)
		if slices.ContainsFunc(w.pods, func(p Pod) bool { return p.Name == name }) {
			return
		}
		w.made[name]++
		w.pods = append(w.pods, Pod{
			Name: name, UID: types.UID(fmt.Sprintf("%s#%d", name, w.made[name])), Version: "1", Ordinal: a.Ordinal, Revision: a.Revision,
			Created: w.now, Kept: true,
		})
	case at < 0:
	case a.Kind == ActivatePod && !w.pods[at].Ended:
		w.pods[at].Activated = true
		w.pods[at].Version += "a"
	case a.Kind == DeletePod && !w.pods[at].Deleting && w.pods[at].Version == a.Version:
		w.pods[at].Deleting, w.pods[at].DeletedAt = true, w.now
		w.pods[at].Version += "d"
		// Nothing of it ever ran.
		w.pods[at].Ended = !w.pods[at].Activated
	case a.Kind == ReleasePod && w.pods[at].Deleting:
		w.pods[at].Kept = false
	}
}

// two says which slot has two pods that may consume; "" if none does.
func (w *small) two() string {
	var may [smallSlots][]string
	for _, p := range w.pods {
		if p.Activated && !p.Ended {
			may[p.Ordinal] = append(may[p.Ordinal], p.Name)
		}
	}
	for ordinal, pods := range may {
		if len(pods) > 1 {
			return fmt.Sprintf("invariant 1: slot %d has %v", ordinal, pods)
		}
	}
	return ""
}

// key is the same for worlds from which the same can follow.
func (w *small) key() string {
	var b strings.Builder
	write := func(w *small) {
		for _, p := range w.pods {
			fmt.Fprintf(&b, "%s %v %v %v %v %v|", p.UID, p.Warm, p.Activated, p.Running, p.Deleting, p.Ended)
		}
		for _, s := range w.state.Slots {
			fmt.Fprintf(&b, "%s %s %s|", s.Holder, s.Revision, s.MemberBefore)
		}
		if r := w.state.Rollout; r != nil {
			fmt.Fprint(&b, r.To, r.Stage, r.Begun, r.Passed, r.Bounded)
		}
		fmt.Fprint(&b, w.state.Stable, "\n")
	}
	write(w)
	if w.before != nil {
		write(w.before)
		fmt.Fprint(&b, w.version-w.before.version)
	}
	fmt.Fprint(&b, w.members, w.harmed)
	return b.String()
}

// TestSmallWorld goes all ways of a release in a world of three slots, up to so many steps:
// no slot ever has two pods that may consume.
func TestSmallWorld(t *testing.T) {
	for strategy, steps := range map[v1alpha1.Strategy]int{
		v1alpha1.StrategyRolling: 8, v1alpha1.StrategyBlueGreen: 7, v1alpha1.StrategyRecreate: 7,
	} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			worlds, taken := []*small{newSmall(strategy)}, 0
			for step := 1; step <= steps; step++ {
				var next []*small
				for _, w := range worlds {
					for _, n := range w.ways() {
						if broken := n.two(); broken != "" {
							t.Fatalf("after %d steps: %s\n%s", step, broken, summary(n.state))
						}
						if key := n.key(); !seen[key] {
							seen[key] = true
							next = append(next, n)
							taken += btoi(slices.ContainsFunc(n.state.Slots, func(s v1alpha1.SlotState) bool { return s.Holder != "" && s.Revision == "r1" }))
						}
					}
				}
				worlds = next
			}
			t.Logf("%d worlds, in %d of which a slot was taken over", len(seen), taken)
			if taken == 0 {
				t.Error("no slot was ever taken over: that tests nothing")
			}
		})
	}
}
