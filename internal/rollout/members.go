package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// members of a slot that a reading shows: at most one for each of its ids.
func (s slot) members(r *lag.Reading) []lag.Member { return r.MembersOf(s.ids) }

// judged is what of the partitions that members own is worth judging: not those of topics
// that are not the group's any more, of which nothing is read.
func (v seen) judged(members []lag.Member) []lag.TopicPartition {
	owned := slices.DeleteFunc(slices.Clone(lag.Owned(members)), func(tp lag.TopicPartition) bool { return !slices.Contains(v.Group.Topics, tp.Topic) })
	return v.reading.Committed(owned)
}

// hasLeft: its consumer closed in order, and its place is kept for the next one
// (KIP-848).
func hasLeft(m lag.Member) bool { return m.Left }

// refs name members for their removal.
func refs(members []lag.Member) []MemberRef {
	refs := make([]MemberRef, 0, len(members))
	for _, m := range members {
		refs = append(refs, MemberRef{m.InstanceID, m.MemberID})
	}
	return refs
}

// joinedAs says whether each of a slot's ids is a member, under another member id
// than before: as SlotState.MemberBefore has it.
func joinedAs(ids []string, before string, r *lag.Reading) bool {
	for i, id := range ids {
		m, listed := r.Member(id)
		if !listed || m.Left || mark(m, len(ids)) == markOf(before, i, len(ids)) {
			return false
		}
	}
	return true
}

// markEnd is how much of a member id is random: brokers make it of the instance id
// and a UUID (KIP-345), of which these are the last 48 bits.
const markEnd = 12

// mark is what is kept of a member id to tell it from others: all of it if the slot
// has one; of several the end, or they would fill the status.
func mark(m lag.Member, of int) string {
	if of == 1 {
		return m.MemberID
	}
	return m.MemberID[max(0, len(m.MemberID)-markEnd):]
}

// marks are those of a slot's members by a reading, in the order of its ids and
// parted by commas; "" if none is listed.
func (s slot) marks(r *lag.Reading) string {
	marks := make([]string, len(s.ids))
	for i, id := range s.ids {
		m, _ := r.Member(id)
		marks[i] = mark(m, len(s.ids))
	}
	return strings.TrimRight(strings.Join(marks, ","), ",")
}

// markOf is the one at an index; "" if that id was not listed.
func markOf(marks string, at, of int) string {
	if of == 1 {
		return marks
	}
	for range at {
		_, marks, _ = strings.Cut(marks, ",")
	}
	first, _, _ := strings.Cut(marks, ",")
	return first
}

// stayed are the members that are still those of before.
func (s slot) stayed(r *lag.Reading) []lag.Member {
	var stayed []lag.Member
	for i, id := range s.ids {
		if m, listed := r.Member(id); listed && mark(m, len(s.ids)) == markOf(s.state.MemberBefore, i, len(s.ids)) {
			stayed = append(stayed, m)
		}
	}
	return stayed
}

// memberBefore is what the broker has of the slot's members: as the last of some
// readings says, fresh or not, if it is from the time of the present holder, or from
// after the end of the last one.
func (s slot) memberBefore(read lag.Window) string {
	if r := read.Since(s.state.Since.Time).Said(); r != nil {
		return s.marks(r)
	}
	if s.state.Holder != "" {
		return v1alpha1.UnknownMember
	}
	return s.state.MemberBefore
}

// joined says whether the slot's holder is a member by this reading, with all of
// its consumers: read after it became the holder, or its last crash was noted, and
// listed under other member ids than before, or for longer than those could be.
func (v seen) joined(s slot, r *lag.Reading) bool {
	switch {
	case s.state.Holder == "" || !r.At.After(s.state.Since.Time):
		return false
	case r.At.After(v.outlasts(s)):
		return joinedAs(s.ids, "", r)
	default:
		return s.state.MemberBefore != v1alpha1.UnknownMember && joinedAs(s.ids, s.state.MemberBefore, r)
	}
}

// outlasts is when the member of before is not listed any more, if it is not known
// to have gone sooner: its session is over.
func (v seen) outlasts(s slot) time.Time {
	session := time.Duration(s.state.SessionBefore) * time.Second
	if session == 0 {
		session = time.Duration(v.State.SessionSeconds) * time.Second
	}
	return s.state.Since.Add(cmp.Or(session, v.Group.SessionMax))
}

// mayHaveJoined: the slot's holder consumes, and nobody knows yet whether it is a
// member: nothing was read since, or it is not known who the member is that is listed.
func (v seen) mayHaveJoined(s slot) bool {
	switch {
	case v.reading == nil || !s.holder.consuming() || v.joined(s, v.reading):
		return false
	case !v.reading.At.After(s.state.Since.Time):
		return true
	default:
		return s.state.MemberBefore == v1alpha1.UnknownMember && len(s.members(v.reading)) == len(s.ids)
	}
}

// runsSince is when the holder's process was started, or when that was noted.
func (s slot) runsSince() time.Time {
	if s.holder.StartedAt.After(s.state.Since.Time) {
		return s.holder.StartedAt
	}
	return s.state.Since.Time
}

// absent slots have an id that is a member, and nobody answers for it.
func (s slot) absent(r *lag.Reading) bool {
	return !s.holder.consuming() && len(s.members(r)) > 0
}

// notJoined is why a slot's holder does not count as a member; "" if it does.
func (v seen) notJoined(s slot, r *lag.Reading) string {
	var missing, before []string
	for i, id := range s.ids {
		switch m, listed := r.Member(id); {
		case !listed:
			missing = append(missing, id)
		case mark(m, len(s.ids)) == markOf(s.state.MemberBefore, i, len(s.ids)):
			before = append(before, id)
		}
	}
	switch {
	case !r.At.After(s.state.Since.Time):
		return fmt.Sprintf("the group was not read since slot %d (%s) was activated", s.ordinal, s.name())
	case len(missing) == len(s.ids):
		return fmt.Sprintf("slot %d (%s) is not a member of the group", s.ordinal, s.name()) + v.instead(s, r)
	case len(missing) > 0:
		return fmt.Sprintf("slot %d: consumer.consumersPerPod is %d; %s not in the group: does the program run %d consumers?",
			s.ordinal, len(s.ids), areIDs(missing), len(s.ids)) + v.instead(s, r)
	case s.state.MemberBefore == v1alpha1.UnknownMember && !v.joined(s, r):
		return fmt.Sprintf("slot %d (%s) may not have joined: it is not known which member the pod before was, whose session may last until %s",
			s.ordinal, s.name(), v.outlasts(s).UTC().Format(time.TimeOnly))
	case len(before) > 0 && s.state.Restarts > 0:
		return fmt.Sprintf("slot %d (%s) has not joined since it crashed: the group still has the member of before", s.ordinal, listIDs(before))
	case len(before) > 0:
		return fmt.Sprintf("slot %d (%s) has not joined: the group still has the member of the pod before", s.ordinal, listIDs(before))
	}
	return ""
}

// instead names what a slot has in the group that is not an id of its own.
func (v seen) instead(s slot, r *lag.Reading) string {
	strays := v.strays(r, func(ordinal int32) bool { return ordinal == s.ordinal })
	if len(strays) == 0 {
		return ""
	}
	return fmt.Sprintf("; the group has %s instead: consumer.inject and consumersPerPod say which ids there shall be", listIDs(strays))
}

// strays are the ids of members that begin as a slot's ids do and are none of them.
func (v seen) strays(r *lag.Reading, of func(ordinal int32) bool) []string {
	var ids []string
	for _, m := range r.Members {
		if ordinal, stray := v.Group.Names.Stray(m.InstanceID); stray && of(ordinal) {
			ids = append(ids, m.InstanceID)
		}
	}
	return ids
}

// name is how people are told of a slot's ids.
func (s slot) name() string { return listIDs(s.ids) }

func areIDs(ids []string) string {
	if len(ids) == 1 {
		return "instance id " + ids[0] + " is"
	}
	return "instance ids " + listIDs(ids) + " are"
}

// listIDs writes ids as orders-0002-0, -1 and -2: the first, the ends of two more,
// and how many others there are.
func listIDs(ids []string) string {
	const most = 3
	said := slices.Clone(ids[:min(len(ids), most)])
	for i := 1; i < len(said); i++ {
		said[i] = ending(said[0], said[i])
	}
	if more := len(ids) - len(said); more > 0 {
		said = append(said, fmt.Sprintf("%d more", more))
	}
	last := len(said) - 1
	if last == 0 {
		return said[0]
	}
	return strings.Join(said[:last], ", ") + " and " + said[last]
}

// ending is the last part of an id, if all before it is as in another one.
func ending(of, id string) string {
	at := strings.LastIndexByte(id, '-')
	if at > 0 && strings.LastIndexByte(of, '-') == at && of[:at] == id[:at] {
		return id[at:]
	}
	return id
}
