package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// A topic that is added with a release holds the release up by nothing, and is given
// owners by one rebalance after it.
func TestTopicAddedByARelease(t *testing.T) {
	s := newStage(t, 3)
	s.w.rebalances = 0
	s.w.addTopic(2)
	s.apply("r1-good")
	s.endsOn("r1-good", "")
	if s.w.rebalances != 0 {
		t.Errorf("%d rebalances in the release", s.w.rebalances)
	}
	began := s.w.now
	if !s.until(time.Minute, func() bool { return s.last.Report.Settled == "" && s.w.rebalances > 0 }) {
		t.Fatalf("it is not owned: %s", s.told)
	}
	if s.w.rebalances > 2 || s.w.now.Sub(began) > noticeAfter+10*time.Second {
		t.Errorf("%d rebalances, after %v", s.w.rebalances, s.w.now.Sub(began))
	}
	s.goOn(forcedSeen)
	if s.state().Forced != nil {
		t.Errorf("%+v is remembered", s.state().Forced)
	}
}

// It is over between two readings of a group that is left alone, whose members are others
// then: no client is accused of that.
func TestForcedRebalanceAccusesNobody(t *testing.T) {
	s := newStage(t, 3)
	s.w.readEvery, s.w.rebalances = 5*time.Second, 0
	s.w.addTopic(2)
	if !s.until(2*time.Minute, func() bool { return s.w.rebalances > 0 && s.last.Report.Settled == "" }) {
		t.Fatalf("nothing is forced: %s", s.told)
	}
	if s.until(time.Minute, func() bool { return s.found(v1alpha1.ReasonSharedInstanceID) != "" }) {
		t.Error(s.found(v1alpha1.ReasonSharedInstanceID))
	}
}

// A topic that grows is left to the clients for as long as they need to notice, and
// then a rebalance is forced.
func TestTopicThatGrows(t *testing.T) {
	s := newStage(t, 3)
	s.w.keepReadings = 10 * time.Minute
	s.w.rebalances = 0
	s.w.addTopic(1)
	s.goOn(growthAfter - 10*time.Second)
	if s.w.rebalances != 0 {
		t.Errorf("%d rebalances", s.w.rebalances)
	}
	if !s.until(time.Minute, func() bool { return s.last.Report.Settled == "" && s.w.rebalances > 0 }) {
		t.Errorf("it is not owned: %s", s.told)
	}
}

// So is one that nobody subscribes to any more, and that is owned as before.
func TestTopicThatIsRemoved(t *testing.T) {
	s := newStage(t, 3)
	s.w.rebalances = 0
	removed := lag.TopicPartition{Topic: "removed", Partition: 0}
	s.w.distort = func(r *lag.Reading) {
		for i := range r.Members {
			r.Members[i].Topics = []string{simTopic}
		}
		if m := &r.Members[1]; s.w.rebalances == 0 {
			m.Assigned = append(m.Assigned, removed)
		}
	}
	var why string
	if !s.until(noticeAfter+5*time.Second, func() bool {
		for _, a := range s.last.Actions {
			if a.Kind == ForceRebalance {
				why = a.Reason
			}
		}
		return why != ""
	}) {
		t.Fatal("nothing is forced")
	}
	if want := "1 partitions are owned, removed-0 among them, and no consumer subscribes to their topic any more"; why != want {
		t.Errorf("%q, want %q", why, want)
	}
	if !s.until(time.Minute, s.finished) || s.w.rebalances > 2 {
		t.Errorf("%d rebalances; %s", s.w.rebalances, s.unfinished())
	}
}

// A release that removes a topic is judged by the others: a member may own partitions of it
// as before, of which nothing is read any more.
func TestReleaseThatRemovesATopic(t *testing.T) {
	s := newStage(t, 2)
	s.w.distort = func(r *lag.Reading) {
		for i := range r.Members {
			r.Members[i].Assigned = append(r.Members[i].Assigned, lag.TopicPartition{Topic: "removed", Partition: int32(i)})
		}
	}
	s.apply("r1-good")
	s.endsOn("r1-good", "")
}

// It is not tried again and again, if it does not help.
func TestForcedRebalancesGetRarer(t *testing.T) {
	s := newStage(t, 2)
	s.w.addTopic(2)
	s.w.distort = func(r *lag.Reading) {
		for i := range r.Members {
			r.Members[i].Assigned = slices.DeleteFunc(r.Members[i].Assigned, func(tp lag.TopicPartition) bool { return tp.Topic == addedName })
		}
	}
	forced := 0
	s.until(30*time.Minute, func() bool {
		if slices.ContainsFunc(s.last.Actions, func(a Action) bool { return a.Kind == ForceRebalance }) {
			forced++
		}
		return false
	})
	if forced < 3 || forced > 4 {
		t.Errorf("%d rebalances were forced in half an hour", forced)
	}
}

// It is the member that owns nothing whose removal costs nothing, or else the one that is
// least behind.
func TestGentlestMember(t *testing.T) {
	reading := &lag.Reading{}
	for n, behind := range []int64{70, 5, 30} {
		tp, zero := lag.TopicPartition{Topic: simTopic, Partition: int32(n)}, int64(0)
		reading.Members = append(reading.Members, lag.Member{InstanceID: fmt.Sprintf("a-%04d", n), MemberID: fmt.Sprint(n), Assigned: []lag.TopicPartition{tp}})
		reading.Partitions = append(reading.Partitions, lag.Partition{TopicPartition: tp, Committed: &zero, End: behind})
	}
	v := seen{reading: reading}
	for n := range int32(4) {
		v.slots = append(v.slots, slot{ordinal: n, ids: []string{fmt.Sprintf("a-%04d", n)}, state: v1alpha1.SlotState{}})
	}
	if m, _ := v.gentlest(); m.MemberID != "1" {
		t.Errorf("%+v, want the one that is least behind", m)
	}
	reading.Members = append(reading.Members, lag.Member{InstanceID: "a-0003", MemberID: "3"})
	if m, _ := v.gentlest(); m.MemberID != "3" {
		t.Errorf("%+v, want the idle one", m)
	}
}

// A partition that the group has committed on had an owner, also where no reading shows it
// any more: a release does not begin beside it.
func TestPartitionThatLostItsOwnerLongAgo(t *testing.T) {
	s := newStage(t, 2)
	s.w.distort = func(r *lag.Reading) {
		for i := range r.Members {
			r.Members[i].Topics = nil // so that nothing is forced
			r.Members[i].Assigned = slices.DeleteFunc(r.Members[i].Assigned, func(tp lag.TopicPartition) bool { return tp.Partition == 0 })
		}
	}
	s.goOn(2 * time.Minute) // the readings are kept for one
	s.apply("r1-good")
	s.goOn(30 * time.Second)
	if r := s.state().Rollout; r == nil || len(r.Begun) > 0 || !strings.Contains(s.told, "1 partitions have no owner") {
		t.Errorf("the rollout is %+v: %s", r, s.told)
	}
}
