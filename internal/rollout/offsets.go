package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// Offsets are moved when a person has asked for that move, and while nobody consumes: all
// pods are stopped, the members of their slots are removed from the group, which is empty
// then, what is committed is written down, the offsets are set and read again, and the pods
// start. Each of these steps can be repeated, and the state says which is next.

// Where a move goes that is not named by offsets. They are taken from the logs when nobody
// consumes any more.
const (
	ToEarliest = "earliest"
	ToLatest   = "latest"
)

// beginMove stops the group for a move of its offsets.
func beginMove(v seen, state *v1alpha1.GroupState, command string, to []v1alpha1.TopicOffsets) {
	state.Rollouts++
	state.Move = &v1alpha1.MoveState{
		Command: command, Number: state.Rollouts, From: state.Stable, StartedAt: metav1.NewMicroTime(v.Now), Offsets: to,
	}
	state.Blue = nil
}

// rollback goes back to the revision before a rollout, as its record has it, and on request
// to the offsets with which that one began.
func rollback(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string) {
	found, known := v.Found[v1alpha1.AnnotationRollback]
	switch {
	case !known || found.Value != value || state.Move != nil || v.Group.Unchecked:
		return false, ""
	case found.Refused != "":
		return true, found.Refused
	case found.Rewind && v.boundsAreMissing(*state, found.Number):
		return false, "" // they are about to be known
	case !found.Rewind && found.Revision == v.template:
		return true, "revision " + found.Revision + " is what the template asks for"
	case !found.Rewind && found.Revision == state.Stable && (state.Rollout == nil || state.Rollout.Stage == v1alpha1.RolloutRolledBack) && !anyOther(v, *state):
		return true, "all slots run revision " + found.Revision + " already"
	}
	command := v1alpha1.AnnotationRollback + "=" + value
	if found.Rewind {
		if later, why := v.cannotMove(found); later || why != "" {
			return !later, why
		}
		beginMove(v, state, command, found.Offsets)
		state.Stable, state.Rollout = found.Revision, nil
	}
	if found.Revision != v.template {
		state.Override = &v1alpha1.OverrideState{For: v.Group.Template, Revision: found.Revision, Command: command}
	}
	return true, ""
}

// boundsAreMissing: a slot consumes under the revision of the rollout that is to be gone back
// from, and its boundary is not noted yet.
func (v seen) boundsAreMissing(state v1alpha1.GroupState, number int64) bool {
	r := state.Rollout
	if r == nil || r.Number != number || v.reading == nil {
		return false
	}
	return slices.ContainsFunc(v.inSize(state), func(s slot) bool {
		return r.Handover != v1alpha1.HandoverOverlap && s.state.Revision == r.To && s.holder.consuming() && v.joined(s, v.reading) && !slices.Contains(r.Bounded, s.ordinal)
	})
}

// anyOther: a slot runs another revision than the stable one.
func anyOther(v seen, state v1alpha1.GroupState) bool {
	return slices.ContainsFunc(v.inSize(state), func(s slot) bool { return s.state.Holder != "" && s.state.Revision != state.Stable })
}

// resetOffsets moves the offsets of a group that goes on with its revision.
func resetOffsets(v seen, state *v1alpha1.GroupState, value string) (now bool, refused string) {
	found, known := v.Found[v1alpha1.AnnotationResetOffsets]
	switch {
	case !known || found.Value != value || state.Move != nil || state.Size == nil:
		return false, ""
	case found.Refused != "":
		return true, found.Refused
	case underWay(state.Rollout):
		return false, "" // it ends first
	}
	if later, why := v.cannotMove(found); later || why != "" {
		return !later, why
	}
	beginMove(v, state, v1alpha1.AnnotationResetOffsets+"="+value, found.Offsets)
	return true, ""
}

// cannotMove is why the offsets cannot be moved: the group would not be empty when all pods
// have ended, or what is to be gone back to is not there; later: that is not known now.
func (v seen) cannotMove(found Found) (later bool, why string) {
	if v.reading == nil {
		return true, ""
	}
	if text := stranger(v, v1alpha1.GroupState{}); text != "" {
		return false, text
	}
	if _, unread := v.reading.Unread(); unread {
		return true, ""
	}
	if found.Rewind {
		return false, v.cannotRewind(found.Offsets)
	}
	return false, ""
}

// cannotRewind is why offsets cannot be gone back to, by a reading of all partitions.
func (v seen) cannotRewind(to []v1alpha1.TopicOffsets) string {
	offsets, err := v1alpha1.ReadTopicOffsets(to)
	if err != nil {
		return err.Error()
	}
	if len(offsets) == 0 {
		return "the record has no boundary: no slot was handed over, or nothing had been committed"
	}
	for _, tp := range partitionsOf(offsets) {
		at, p := offsets[tp.Topic][tp.Partition], v.reading.Partition(tp)
		switch {
		case !at.Exact():
			return fmt.Sprintf("the boundary of %s is not known exactly (%s)", tp, at)
		case p.Topic == "":
			return fmt.Sprintf("there is no partition %s, or its topic is not one of spec.topics", tp)
		case at.To < p.Start:
			return fmt.Sprintf("retention has deleted the records of %s up to %d, its boundary is %d", tp, p.Start, at.To)
		case p.Committed != nil && at.To > *p.Committed:
			return fmt.Sprintf("%d is committed on %s, its boundary is %d: to go there would skip records", *p.Committed, tp, at.To)
		}
	}
	return ""
}

// partitionsOf offsets, in order.
func partitionsOf(offsets map[string]map[int32]v1alpha1.OffsetRange) []lag.TopicPartition {
	var all []lag.TopicPartition
	for topic, partitions := range offsets {
		for n := range partitions {
			all = append(all, lag.TopicPartition{Topic: topic, Partition: n})
		}
	}
	slices.SortFunc(all, lag.TopicPartition.Compare)
	return all
}

// advanceMove goes on with a move. It returns what is to be done for it, and what it waits
// for.
func advanceMove(v seen, state *v1alpha1.GroupState) ([]Action, string) {
	m := state.Move
	name, value, _ := strings.Cut(m.Command, "=")
	if v.Group.Commands[name] != value { // a person has taken it back
		if !m.Noted {
			state.Move = nil
			return nil, ""
		}
		m.Offsets = m.Before
	}
	if left := v.left(); left != "" {
		return nil, "the offsets are moved when all pods have ended: " + left
	}
	if v.reading == nil || !v.reading.At.After(v.stoppedAt(*state)) {
		return nil, "the offsets are moved: waiting for a reading of the group" + because(v.unknown)
	}
	if members, _ := remaining(v); len(members) > 0 {
		return []Action{{Kind: RemoveMembers, Members: members, Reason: "the group's offsets are moved"}}, "the offsets are moved when the group is empty"
	}
	if n := len(v.reading.Members); n > 0 {
		return nil, fmt.Sprintf("the offsets are moved when the group is empty: it has %d members that are not of this ConsumerGroup, %s among them: stop them", n, describeMember(v.reading.Members[0]))
	}
	if p, unread := v.reading.Unread(); unread {
		return nil, fmt.Sprintf("the offsets are moved: waiting for partition %s: %s", p.TopicPartition, p.Err)
	}
	if !m.Noted {
		noteBefore(v, m)
		return nil, "the offsets are moved: what is committed was written down"
	}
	offsets, err := v1alpha1.ReadTopicOffsets(m.Offsets)
	if err != nil {
		return nil, "the offsets cannot be moved: " + err.Error()
	}
	to, set := map[lag.TopicPartition]int64{}, true
	for _, tp := range partitionsOf(offsets) {
		p, at := v.reading.Partition(tp), offsets[tp.Topic][tp.Partition].To
		if p.Topic == "" {
			continue // it has been deleted, or is not the group's any more
		}
		to[tp] = at
		set = set && p.Committed != nil && *p.Committed == at
	}
	if !set {
		return []Action{{Kind: SetOffsets, Offsets: to, Reason: m.Command}}, "the offsets are being set"
	}
	state.Move = nil
	return nil, ""
}

// noteBefore writes down what is committed, and where a move goes that is named by the ends
// of the logs.
func noteBefore(v seen, m *v1alpha1.MoveState) {
	before, to := map[lag.TopicPartition]int64{}, map[lag.TopicPartition]int64{}
	for _, p := range v.reading.Partitions {
		if p.Committed != nil {
			before[p.TopicPartition] = *p.Committed
		}
		switch m.Command {
		case v1alpha1.AnnotationResetOffsets + "=" + ToEarliest:
			to[p.TopicPartition] = p.Start
		case v1alpha1.AnnotationResetOffsets + "=" + ToLatest:
			to[p.TopicPartition] = p.End
		}
	}
	m.Noted, m.Before = true, ExactOffsets(before)
	if len(to) > 0 {
		m.Offsets = ExactOffsets(to)
	}
}

// left is which pod may still consume; "" if none does.
func (v seen) left() string {
	for _, s := range append(v.besides(), v.slots...) {
		if s.state.Holder != "" {
			return fmt.Sprintf("slot %d: pod %s has yet to end%s", s.ordinal, s.state.Pod, problemOf(s.holder))
		}
		if s.occupied() {
			return fmt.Sprintf("slot %d has a pod that has yet to end", s.ordinal)
		}
	}
	return ""
}

// stoppedAt is when the last slot's end was noted.
func (v seen) stoppedAt(state v1alpha1.GroupState) time.Time {
	last := state.Move.StartedAt.Time
	for _, s := range slices.Concat(state.Slots, state.Beside) {
		if s.Since.After(last) {
			last = s.Since.Time
		}
	}
	return last
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
