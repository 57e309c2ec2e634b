package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

const (
	// joinPatience is how long a pod may be ready before it is a member.
	joinPatience = 30 * time.Second
	// restartSeen is how soon the restart of a container is seen, with a margin: its new
	// member may be read before.
	restartSeen = 5 * time.Second
	// saidFor is how long something is said that may be over: that another took a slot's
	// id (when both end for it that goes on, in longer and longer steps), or how consumers
	// of a revision ended that does not run any more.
	saidFor = 10 * time.Minute
)

// Assignors, as Kafka names them.
const (
	byRange   = "range"
	byStreams = "stream"
)

// Finding is something about the clients of a group that is not as the spec says.
type Finding struct {
	Reason string // of the condition
	Text   string // what was seen, with numbers, and what to do
}

// findings tells apart the ways in which clients go wrong, the gravest first. They
// change nothing of what is decided.
func (v seen) findings(state v1alpha1.GroupState) []Finding {
	var all []Finding
	for _, check := range []struct {
		reason string
		find   func(seen, v1alpha1.GroupState) string
	}{
		{v1alpha1.ReasonNeverJoins, readyAndNoMember},
		{v1alpha1.ReasonSharedInstanceID, sharedID},
		{v1alpha1.ReasonStranger, stranger},
		{v1alpha1.ReasonSurplusMembers, surplus},
		{v1alpha1.ReasonWrongAssignor, wrongAssignor},
		{v1alpha1.ReasonWrongTopics, wrongTopics},
		{v1alpha1.ReasonIgnoresSIGTERM, deafToSIGTERM},
		{v1alpha1.ReasonUncleanClose, leavesUncleanly},
	} {
		if text := check.find(v, state); text != "" {
			all = append(all, Finding{check.reason, text})
		}
	}
	return all
}

// readyAndNoMember: a pod is ready, and its id is no member's.
func readyAndNoMember(v seen, state v1alpha1.GroupState) string {
	for _, s := range v.inSize(state) {
		if !s.holder.consuming() || !s.holder.Ready || v.joined(s, v.reading) || v.mayHaveJoined(s) {
			continue
		}
		if runs := v.Now.Sub(s.runsSince()); runs >= joinPatience {
			return fmt.Sprintf("pod %s has been running for %d s and is ready; %s; does its program use the group id and the instance id that it is given?",
				s.holder.Name, int(runs.Seconds()), v.notJoined(s, v.reading))
		}
	}
	return ""
}

// sharedID: a slot's member changed although its pod was not restarted, or was only
// afterwards, or did not run: most clients end when another takes their id.
func sharedID(v seen, state v1alpha1.GroupState) string {
	const who = "another client uses the same group.instance.id, or the consumer lost its session for a moment"
	for _, s := range v.inSize(state) {
		changes, last := v.changes(s, v.Window.Since(s.state.Since.Time), state.Forced)
		if changes > 0 && v.Now.Sub(last) >= restartSeen {
			times := "once"
			if changes > 1 {
				times = fmt.Sprintf("%d times", changes)
			}
			return fmt.Sprintf("the member of slot %d (%s) changed %s although its pod was not restarted, the last time at %s: %s",
				s.ordinal, s.name(), times, last.UTC().Format(time.TimeOnly), who)
		}
		if at := s.state.Ousted; at != nil && v.Now.Sub(at.Time) < saidFor {
			return fmt.Sprintf("the member of slot %d (%s) changed at %s, and not since its pod was restarted: %s",
				s.ordinal, s.name(), at.UTC().Format(time.TimeOnly), who)
		}
	}
	return ""
}

// noteOusted: before it crashed the holder's member was seen to be another's.
func noteOusted(v seen, state *v1alpha1.GroupState, s slot) {
	if s.holder.Restarts != s.state.Restarts+1 {
		return // a crash that was not seen may have changed it
	}
	read := v.Window.Since(s.state.Since.Time).Before(s.holder.CrashedAt)
	if n, last := v.changes(s, read, state.Forced); n > 0 {
		slotState(state, s.ordinal).Ousted = micro(last)
	}
}

// intruded says whether, and when last, somebody joined under the ids of a slot that
// nobody holds.
func (v seen) intruded(s slot) (last time.Time, yes bool) {
	if s.holder != nil {
		return time.Time{}, false
	}
	var before *lag.Reading
	read := v.Window.Since(s.state.Since.Time)
	for i := range read {
		r := &read[i]
		if r.Err != "" {
			continue
		}
		if before != nil && len(s.members(r)) > 0 && s.marks(before) != s.marks(r) && len(s.members(before)) <= len(s.members(r)) {
			last, yes = r.At, true
		}
		before = r
	}
	return last, yes
}

// changes counts how often the members of a slot's holder became others between two
// readings of a stable group, by themselves, and says when that was last.
func (v seen) changes(s slot, read lag.Window, forced *v1alpha1.ForcedState) (n int, last time.Time) {
	var before *lag.Reading
	for i := range read {
		r := &read[i]
		if r.Err != "" || r.State != lag.StateStable {
			before = nil
			continue
		}
		byForce := forced != nil && !r.At.Before(forced.At.Time) && r.At.Sub(forced.At.Time) < v.Group.Heartbeat+restartSeen
		if before != nil && s.marks(before) != s.marks(r) && v.joined(s, before) && v.joined(s, r) && !byForce {
			n, last = n+1, r.At
		}
		before = r
	}
	return n, last
}

// stranger: a member that is none of the group's slots'.
func stranger(v seen, _ v1alpha1.GroupState) string {
	known := map[string]bool{}
	for _, s := range v.slots {
		for _, id := range s.ids {
			known[id] = true
		}
		if s.beside != nil {
			for _, id := range s.beside.ids {
				known[id] = true
			}
		}
	}
	var strangers []string
	for _, m := range v.reading.Members {
		if _, stray := v.Group.Names.Stray(m.InstanceID); !known[m.InstanceID] && !stray {
			strangers = append(strangers, describeMember(m))
		}
	}
	if len(strangers) == 0 {
		return ""
	}
	who := "a member of the group is not of this ConsumerGroup, and takes partitions"
	if len(strangers) > 1 {
		who = fmt.Sprintf("%d members of the group are not of this ConsumerGroup, and take partitions", len(strangers))
	}
	return fmt.Sprintf("%s: %s; stop what should not be there, or give it a group of its own", who, strings.Join(strangers[:min(len(strangers), 3)], ", "))
}

// describeMember says of a member what helps to find its program.
func describeMember(m lag.Member) string {
	text := "a dynamic one"
	if m.InstanceID != "" {
		text = "instance id " + m.InstanceID
	}
	return fmt.Sprintf("%s (client id %s, host %s)", text, m.ClientID, m.Host)
}

// surplus: the slots have members that they should not have, although all of theirs
// are there.
func surplus(v seen, state v1alpha1.GroupState) string {
	strays := v.strays(v.reading, func(int32) bool { return true })
	if len(strays) == 0 || unsettled(v, state, v.reading) != "" {
		return ""
	}
	return fmt.Sprintf("consumer.consumersPerPod is %d; %s in the group as well: does the program run more consumers?", len(v.Group.Names.IDs(0)), areIDs(strays))
}

// wrongAssignor: the group shares its partitions by another assignor.
func wrongAssignor(v seen, _ v1alpha1.GroupState) string {
	is := v.reading.Assignor
	if is == "" || v.Group.Assignor == "" || is == v.Group.Assignor || len(v.reading.Members) == 0 {
		return ""
	}
	if is == byStreams || v.Group.Assignor == byStreams {
		return fmt.Sprintf("the group shares its partitions by the assignor %s, and not by %s: consumer.inject KafkaStreams is for programs of Kafka Streams, and they need it; "+
			"correct the program, or create the ConsumerGroup anew", is, v.Group.Assignor)
	}
	property := "partition.assignment.strategy"
	if v.Group.Consumer {
		property = "group.remote.assignor"
	}
	return fmt.Sprintf("the group shares its partitions by the assignor %s, membership.assignor asks for %s: how many slots can own a partition, and which, "+
		"depends on it; correct one of the two (the consumers' %s)", is, v.Group.Assignor, property)
}

// wrongTopics: a consumer of the present revision subscribes to other topics.
func wrongTopics(v seen, state v1alpha1.GroupState) string {
	if len(v.Group.Topics) == 0 || rolling(state) {
		return ""
	}
	want := slices.Sorted(slices.Values(v.Group.Topics))
	for _, s := range v.inSize(state) {
		if s.holder == nil || s.holder.Revision != v.Group.Revision || !v.joined(s, v.reading) {
			continue
		}
		for _, m := range s.members(v.reading) {
			if m.Topics != nil && !slices.Equal(m.Topics, want) {
				return fmt.Sprintf("the consumer %s of slot %d subscribes to %s, spec.topics has %s: correct one of the two", m.InstanceID, s.ordinal,
					orNothing(m.Topics), strings.Join(want, ", "))
			}
		}
	}
	return ""
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// deafToSIGTERM: consumers had to be killed.
func deafToSIGTERM(v seen, state v1alpha1.GroupState) string {
	deaf := v.lastOnes(state, func(s v1alpha1.SlotState) bool { return s.Deaf })
	if deaf == "" {
		return ""
	}
	return fmt.Sprintf("the last consumer of slot %s did not end within its grace period after SIGTERM, and was killed: what it had not committed is processed again, "+
		"and a handover waits so long; let the program end on SIGTERM, or raise terminationGracePeriodSeconds", deaf)
}

// lastOnes are the slots whose last consumer did something. What those of another
// revision did is said for a while only: it may have been mended.
func (v seen) lastOnes(state v1alpha1.GroupState, did func(v1alpha1.SlotState) bool) string {
	var ordinals []string
	for _, s := range state.Slots {
		if did(s) && (s.RevisionBefore == s.Revision || v.Now.Sub(s.Since.Time) < saidFor) {
			ordinals = append(ordinals, fmt.Sprint(s.Ordinal))
		}
	}
	return strings.Join(ordinals, ", ")
}

// differs is how the partitions are shared otherwise than the assignor Range would by
// the ids.
func (v seen) differs() string {
	if v.Group.Assignor != byRange || v.reading.Assignor != byRange {
		return ""
	}
	var ids []string
	for _, m := range v.reading.Members {
		ids = append(ids, m.InstanceID)
	}
	counts := v.reading.PartitionCounts()
	for _, topic := range slices.Sorted(slices.Values(v.Group.Topics)) {
		for _, predicted := range membership.PredictRange(ids, counts[topic]) {
			m, _ := v.reading.Member(predicted.InstanceID)
			if expected, owned := predicted.Partitions(), m.Of(topic); !slices.Equal(expected, owned) {
				return fmt.Sprintf("by the assignor range %s would own %s of topic %s, and owns %s: %s", predicted.InstanceID,
					partitions(expected), topic, partitions(owned), v.whyDiffers())
			}
		}
	}
	return ""
}

func (v seen) whyDiffers() string {
	if slices.ContainsFunc(v.reading.Members, func(m lag.Member) bool { return m.Rack != "" }) {
		return "some consumers say in which rack they are (client.rack)"
	}
	return "the group was last shared when it had other members or topics, or the program has an assignor of its own by this name"
}

// partitions in their order, for people: a long list is named by its first runs.
func partitions(owned []int32) string {
	const most = 5
	var runs []string
	for from := 0; from < len(owned); {
		to := from + 1
		for to < len(owned) && owned[to] == owned[to-1]+1 {
			to++
		}
		if len(runs) == most {
			runs = append(runs, fmt.Sprintf("%d more", len(owned)-from))
			break
		}
		runs = append(runs, span(owned[from], owned[to-1]))
		from = to
	}
	switch len(owned) {
	case 0:
		return "no partition"
	case 1:
		return "partition " + runs[0]
	default:
		return "partitions " + strings.Join(runs, ", ")
	}
}

func span(first, last int32) string {
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d to %d", first, last)
}
