package rollout

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

const (
	// noticeAfter is how long a partition without an owner is left to those who subscribe
	// to its topic.
	noticeAfter = 10 * time.Second
	// growthAfter is the same where the topic has owners and has grown: clients ask for
	// its partitions every five minutes (metadata.max.age.ms).
	growthAfter = 5*time.Minute + 30*time.Second
	// forceAgain is how long after the first try the second one is made; each further one
	// takes twice as long.
	forceAgain = 2 * time.Minute
	// forceAgainAtMost bounds that.
	forceAgainAtMost = time.Hour
	// forcedSeen is how long readings are kept, with a margin.
	forcedSeen = 11 * time.Minute
)

// force has the group share its partitions anew where some have no owner, or one that
// does not subscribe to them, and nobody would notice: a static member that comes back
// with another subscription is given what it had before (KAFKA-12759; measured on Kafka
// 4.4 with Java and librdkafka), and a cooperative one that restarts between two
// rebalances leaves what it was to get.
func force(v seen, state *v1alpha1.GroupState) []Action {
	if v.reading == nil || sizeOf(*state) == 0 || resizeLeaves(*state) != "" || len(state.Beside) > 0 || v.anyAbsent(v.slots) {
		return nil
	}
	unowned, unsubscribed := v.reading.Unowned(), v.unsubscribed()
	if len(unowned)+len(unsubscribed) == 0 {
		forgive(v, state)
		return nil
	}
	why := v.unnoticed(*state, unowned, unsubscribed)
	m, there := v.gentlest()
	if why == "" || !there || state.Forced != nil && v.Now.Sub(state.Forced.At.Time) < forcePause(state.Forced.Times) {
		return nil
	}
	next := v1alpha1.ForcedState{At: metav1.NewMicroTime(v.Now), Times: 1}
	if state.Forced != nil {
		next.Times += state.Forced.Times
	}
	state.Forced = &next
	return []Action{{Kind: ForceRebalance, Members: refs([]lag.Member{m}), Reason: why}}
}

// unsubscribed are the partitions that are owned although nobody subscribes to them any
// more. In a group of type consumer the broker sees to that.
func (v seen) unsubscribed() []lag.TopicPartition {
	if v.Group.Consumer {
		return nil
	}
	return v.reading.Unsubscribed()
}

// forgive: what was forced has helped. It is remembered as long as it can be seen that a
// member changed for it.
func forgive(v seen, state *v1alpha1.GroupState) {
	switch f := state.Forced; {
	case f == nil:
	case v.Now.Sub(f.At.Time) > forcedSeen:
		state.Forced = nil
	case f.Times != 0:
		state.Forced = &v1alpha1.ForcedState{At: f.At}
	}
}

func forcePause(times int32) time.Duration {
	return min(forceAgainAtMost, forceAgain<<min(max(times-1, 0), 10))
}

// unnoticed says of some partitions that they have had no owner, or one that does not
// subscribe to them, for so long that nobody is about to notice, although everybody is
// there; "" if not. One that had an owner before does not wait for anything; for others
// there is a rebalance at the end of what is under way, so that it is not one for each
// step.
func (v seen) unnoticed(state v1alpha1.GroupState, unowned, unsubscribed []lag.TopicPartition) string {
	moving := underWay(state.Rollout) || v.paused != "" || len(outdated(v, state)) > 0 || sizeOf(state) != v.Desired
	deserted := v.deserted(unowned)
	calm := v.Window.Tail(func(r *lag.Reading) bool { return r.Err == "" && r.State == lag.StateStable && v.allJoined(state, r) })
	for _, tp := range unowned {
		hadOwner := slices.Contains(deserted, tp)
		if moving && !hadOwner {
			continue
		}
		stands := calm.Tail(func(r *lag.Reading) bool { return !r.Owns(tp) && r.Subscribed(tp.Topic) })
		patience := noticeAfter
		if !hadOwner && ownedInPart(v.reading, tp.Topic) {
			patience = growthAfter
		}
		if len(stands) > 1 && stands.Span() >= patience {
			return fmt.Sprintf("%d partitions have no owner, %s among them, and no consumer notices", len(unowned), tp)
		}
	}
	if len(unsubscribed) == 0 || moving {
		return ""
	}
	kept := calm.Tail(func(r *lag.Reading) bool { return slices.Contains(r.Unsubscribed(), unsubscribed[0]) })
	if len(kept) > 1 && kept.Span() >= noticeAfter {
		return fmt.Sprintf("%d partitions are owned, %s among them, and no consumer subscribes to their topic any more", len(unsubscribed), unsubscribed[0])
	}
	return ""
}

// deserted are those of some partitions that had an owner: the group has committed on
// them, or it was seen.
func (v seen) deserted(unowned []lag.TopicPartition) []lag.TopicPartition {
	if len(unowned) == 0 {
		return nil
	}
	owned := map[lag.TopicPartition]bool{}
	for _, tp := range unowned {
		owned[tp] = v.reading.Partition(tp).Committed != nil
	}
	for i := range v.Window {
		for _, m := range v.Window[i].Members {
			for _, tp := range m.Assigned {
				owned[tp] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(unowned), func(tp lag.TopicPartition) bool { return !owned[tp] })
}

// allJoined: every slot's holder consumes, and is a member by a reading.
func (v seen) allJoined(state v1alpha1.GroupState, r *lag.Reading) bool {
	return !slices.ContainsFunc(v.inSize(state), func(s slot) bool { return !s.holder.consuming() || !v.joined(s, r) })
}

// gentlest is the member whose removal costs least: one that owns nothing, or else the
// one that is least behind, since it processes again what it has not committed.
func (v seen) gentlest() (lag.Member, bool) {
	var members []lag.Member
	for _, s := range v.slots {
		members = append(members, s.members(v.reading)...)
	}
	if len(members) == 0 {
		return lag.Member{}, false
	}
	cost := func(m lag.Member) int64 {
		if len(m.Assigned) == 0 {
			return -1
		}
		if behind, known := v.reading.LagOf(m.Assigned); known {
			return behind
		}
		return math.MaxInt64
	}
	return slices.MinFunc(members, func(a, b lag.Member) int {
		return cmp.Or(cmp.Compare(cost(a), cost(b)), cmp.Compare(len(a.Assigned), len(b.Assigned)))
	}), true
}

// ownedInPart: some of a topic's partitions have an owner.
func ownedInPart(r *lag.Reading, topic string) bool {
	return slices.ContainsFunc(r.Members, func(m lag.Member) bool {
		return slices.ContainsFunc(m.Assigned, func(tp lag.TopicPartition) bool { return tp.Topic == topic })
	})
}
