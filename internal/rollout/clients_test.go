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

// found is the finding with a reason in the last report; "" if there is none.
func (s *stage) found(reason string) string {
	for _, f := range s.last.Report.Findings {
		if f.Reason == reason {
			return f.Text
		}
	}
	return ""
}

func (s *stage) finds(reason, want string) {
	s.t.Helper()
	if got := s.found(reason); got != want {
		s.t.Errorf("%s: %q, want %q", reason, got, want)
	}
}

// Clients as they should be give no cause for anything, also through a release.
func TestNothingIsFound(t *testing.T) {
	s := newStage(t, 3)
	s.apply("r1-good")
	s.until(2*time.Minute, func() bool {
		if len(s.last.Report.Findings) > 0 || s.last.Report.Differs != "" {
			t.Fatalf("%v %q", s.last.Report.Findings, s.last.Report.Differs)
		}
		return s.state().Stable == "r1-good"
	})
}

func TestReadyAndNoMember(t *testing.T) {
	s := newStage(t, 2)
	s.w.joinsAfter = time.Hour
	s.w.stopPod(s.holder(1))
	s.w.savePods()
	if !s.until(2*time.Minute, func() bool { return s.found(v1alpha1.ReasonNeverJoins) != "" }) {
		t.Fatalf("not found: %s", s.told)
	}
	s.finds(v1alpha1.ReasonNeverJoins, fmt.Sprintf("pod %s has been running for 30 s and is ready; slot 1 (orders-0000a-0001) is not a member of the group; "+
		"does its program use the group id and the instance id that it is given?", s.holder(1).Name))
}

func TestSharedInstanceID(t *testing.T) {
	s := newStage(t, 2)
	from := s.w.now
	s.w.distort = func(r *lag.Reading) {
		r.Members[1].MemberID += fmt.Sprint(int(r.At.Sub(from) / (10 * time.Second))) // another one takes it every ten seconds
	}
	s.goOn(36 * time.Second)
	s.finds(v1alpha1.ReasonSharedInstanceID, "the member of slot 1 (orders-0000a-0001) changed 4 times although its pod was not restarted, the last time at 00:01:07: "+
		"another client uses the same group.instance.id, or the consumer lost its session for a moment")
}

// Most clients end when another one takes their id, and are started again.
func TestSharedInstanceIDOfClientsThatEnd(t *testing.T) {
	s := newStage(t, 2)
	s.goOn(10 * time.Second)
	own := s.w.members["orders-0000a-0001"].memberID
	s.w.distort = func(r *lag.Reading) {
		if m := &r.Members[1]; m.MemberID == own {
			m.MemberID = "another"
		}
	}
	s.goOn(3 * time.Second)
	s.w.crash(s.holder(1))
	s.w.savePods()
	s.goOn(20 * time.Second)
	s.finds(v1alpha1.ReasonSharedInstanceID, "the member of slot 1 (orders-0000a-0001) changed at 00:00:48, and not since its pod was restarted: "+
		"another client uses the same group.instance.id, or the consumer lost its session for a moment")
	s.goOn(saidFor)
	if text := s.found(v1alpha1.ReasonSharedInstanceID); text != "" {
		t.Error("still said:", text)
	}
}

// One that comes back whenever it is removed is not removed for ever.
func TestSharedInstanceIDOfAParkedSlot(t *testing.T) {
	s := newStage(t, 3)
	s.w.crashBackOff = 10 * time.Minute
	s.w.crashes = func(p *simPod) bool { return p.Ordinal == 1 }
	s.until(time.Minute, func() bool { return s.w.members["orders-0000a-0001"] == nil })
	removals := 0
	s.w.distort = func(r *lag.Reading) {
		r.Members = slices.Insert(r.Members, 1, lag.Member{InstanceID: "orders-0000a-0001", MemberID: fmt.Sprint("another-", removals), ClientID: "another"})
	}
	s.until(time.Minute, func() bool {
		if slices.ContainsFunc(s.last.Actions, func(a Action) bool { return a.Kind == RemoveMembers }) {
			removals++
		}
		return false
	})
	if text := s.found(v1alpha1.ReasonSharedInstanceID); !strings.Contains(text, "another client uses the same group.instance.id") {
		t.Errorf("found %q", text)
	}
	if removals > 2 { // until it is seen that it is not the slot's
		t.Errorf("it was removed %d times", removals)
	}
}

// A restart is no other client.
func TestRestartIsNoSharedInstanceID(t *testing.T) {
	s := newStage(t, 2)
	s.w.crash(s.holder(1))
	s.w.savePods()
	if s.until(time.Minute, func() bool { return s.found(v1alpha1.ReasonSharedInstanceID) != "" }) {
		t.Error(s.found(v1alpha1.ReasonSharedInstanceID))
	}
}

func TestStrangers(t *testing.T) {
	s := newStage(t, 2)
	s.w.distort = func(r *lag.Reading) {
		r.Members = slices.Insert(r.Members, 0, lag.Member{MemberID: "consumer-1-xyz", ClientID: "consumer-1", Host: "10.0.0.7"})
		r.Members = append(r.Members, lag.Member{InstanceID: "payments-1", MemberID: "x", ClientID: "c", Host: "10.0.0.8"})
	}
	s.goOn(2 * time.Second)
	s.finds(v1alpha1.ReasonStranger, "2 members of the group are not of this ConsumerGroup, and take partitions: a dynamic one (client id consumer-1, host 10.0.0.7), "+
		"instance id payments-1 (client id c, host 10.0.0.8); stop what should not be there, or give it a group of its own")
}

func TestWrongAssignor(t *testing.T) {
	s := newStage(t, 2)
	s.w.distort = func(r *lag.Reading) { r.Assignor = "cooperative-sticky" }
	s.goOn(2 * time.Second)
	s.finds(v1alpha1.ReasonWrongAssignor, "the group shares its partitions by the assignor cooperative-sticky, membership.assignor asks for range: how many slots can own a partition, "+
		"and which, depends on it; correct one of the two (the consumers' partition.assignment.strategy)")
}

func TestNoKafkaStreams(t *testing.T) {
	s := newStage(t, 2)
	s.w.distort = func(r *lag.Reading) { r.Assignor = "stream" }
	s.goOn(2 * time.Second)
	s.finds(v1alpha1.ReasonWrongAssignor, "the group shares its partitions by the assignor stream, and not by range: consumer.inject KafkaStreams is for programs of Kafka Streams, "+
		"and they need it; correct the program, or create the ConsumerGroup anew")
}

func TestWrongTopics(t *testing.T) {
	s := newStage(t, 2)
	s.w.distort = func(r *lag.Reading) {
		r.Members[0].Topics, r.Members[1].Topics = []string{simTopic}, []string{"refunds"}
	}
	s.goOn(2 * time.Second)
	s.finds(v1alpha1.ReasonWrongTopics, "the consumer orders-0000a-0001 of slot 1 subscribes to refunds, spec.topics has orders: correct one of the two")
}

func TestPartitionsForPeople(t *testing.T) {
	for want, owned := range map[string][]int32{
		"no partition":                          nil,
		"partition 7":                           {7},
		"partitions 4 to 7":                     {4, 5, 6, 7},
		"partitions 0, 2, 4 to 5":               {0, 2, 4, 5},
		"partitions 0, 2, 4, 6, 8":              {0, 2, 4, 6, 8},
		"partitions 0 to 1, 3, 5, 7, 9, 3 more": {0, 1, 3, 5, 7, 9, 11, 12, 14},
	} {
		if got := partitions(owned); got != want {
			t.Errorf("%v: %q, want %q", owned, got, want)
		}
	}
}

// A consumer that had to be killed is named until one in its place ends by itself.
func TestDeafConsumer(t *testing.T) {
	s := newStage(t, 2)
	pod := s.holder(1)
	s.w.stopPod(pod)
	pod.Killed, pod.Deaf = true, true
	s.w.savePods()
	if !s.until(time.Minute, func() bool {
		return s.found(v1alpha1.ReasonIgnoresSIGTERM) != "" && s.last.Report.Phase == v1alpha1.PhaseRunning
	}) {
		t.Fatalf("not found: %s", s.told)
	}
	s.finds(v1alpha1.ReasonIgnoresSIGTERM, "the last consumer of slot 1 did not end within its grace period after SIGTERM, and was killed: what it had not committed is processed again, "+
		"and a handover waits so long; let the program end on SIGTERM, or raise terminationGracePeriodSeconds")
	s.w.stopPod(s.holder(1))
	s.w.savePods()
	if !s.until(time.Minute, func() bool { return s.found(v1alpha1.ReasonIgnoresSIGTERM) == "" }) {
		t.Error("it is still found")
	}
}

func TestPartitionsSharedOtherwise(t *testing.T) {
	s := newStage(t, 3)
	s.w.distort = func(r *lag.Reading) {
		r.Members[0].Assigned, r.Members[1].Assigned = r.Members[1].Assigned, r.Members[0].Assigned
	}
	s.goOn(2 * time.Second)
	const differs = "by the assignor range orders-0000a-0000 would own partitions 0 to 3 of topic orders, and owns partitions 4 to 7: "
	if want := differs + "the group was last shared when it had other members or topics, or the program has an assignor of its own by this name"; s.last.Report.Differs != want {
		t.Errorf("%q, want %q", s.last.Report.Differs, want)
	}
	distort := s.w.distort
	s.w.distort = func(r *lag.Reading) { distort(r); r.Members[2].Rack = "a" }
	s.goOn(2 * time.Second)
	if want := differs + "some consumers say in which rack they are (client.rack)"; s.last.Report.Differs != want {
		t.Errorf("%q, want %q", s.last.Report.Differs, want)
	}
}
