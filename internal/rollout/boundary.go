package rollout

import (
	"slices"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

// The boundary of a release is, for each partition, the first offset that the new revision
// processed: what was committed between the end of the slot's last consumer and the first
// commit of the new one. No handover waits for that to be read. A reading is begun at the
// same time as the new consumer is started; when it shows that this one had not joined yet
// after the commits were read, they are the boundary. Else the boundary is known as a range:
// from what was read before the handover to what was read after it. After a rebalance in the
// middle of a rollout a partition may have been another slot's that runs the new revision
// already: then nobody knows where that one began. By Overlap partitions change hands in
// rebalances, and their boundaries are always ranges.

// handsOver says whether a pass makes a pod of the update revision the holder of a slot.
func handsOver(before, after v1alpha1.GroupState) bool {
	r := after.Rollout
	return underWay(r) && slices.ContainsFunc(after.Slots, func(s v1alpha1.SlotState) bool {
		held := slices.ContainsFunc(before.Slots, func(b v1alpha1.SlotState) bool { return b.Ordinal == s.Ordinal && b.Holder == s.Holder })
		return s.Revision == r.To && s.Holder != "" && !held
	})
}

// noteBoundaries notes those of the slots that have been handed over.
func noteBoundaries(v seen, state *v1alpha1.GroupState) {
	r := state.Rollout
	if !underWay(r) && (r == nil || r.Stage != v1alpha1.RolloutPaused) {
		return
	}
	if r.Handover == v1alpha1.HandoverOverlap {
		noteFirsts(v, r, v.Window.Before(r.StartedAt.Time).Said())
		return
	}
	rebalanced := v.hasRebalanced(r)
	for _, s := range v.inSize(*state) {
		if !slices.Contains(r.Begun, s.ordinal) || slices.Contains(r.Bounded, s.ordinal) || !s.holder.active() || s.state.Revision != r.To {
			continue
		}
		// It is the first pod's of the revision, that no earlier rollout has left there, and the
		// partitions were no other slot's.
		began := s.state.Since.Before(&r.StartedAt) || s.state.RevisionBefore == r.To || rebalanced
		if found, known := v.boundary(s, began); known {
			r.Bounded = insert(r.Bounded, s.ordinal)
			r.Boundaries = withOffsets(r.Boundaries, found)
		}
	}
	if rebalanced { // a slot of the revision may have got other partitions
		noteFirsts(v, r, nil)
	}
}

// noteFirsts notes the boundaries of a rollout by Overlap, whose partitions go to the new
// revision in a rebalance, and may come and go: from what was committed when the rollout began
// to what was when a reading first shows it to be the owner.
func noteFirsts(v seen, r *v1alpha1.RolloutState, before *lag.Reading) {
	if v.reading == nil || v.reading.State != lag.StateStable {
		return
	}
	noted, err := v1alpha1.ReadTopicOffsets(r.Boundaries)
	if err != nil {
		return
	}
	found := map[lag.TopicPartition]v1alpha1.OffsetRange{}
	for _, tp := range v.ownedUnder(r.To, v.reading) {
		p := v.reading.Partition(tp)
		if _, known := noted[tp.Topic][tp.Partition]; !known && p.Err == "" && p.Topic != "" {
			found[tp] = rangeOf(before, p)
		}
	}
	r.Boundaries = withOffsets(r.Boundaries, found)
}

// ownedUnder are the partitions that a reading shows to be a revision's, or that may be:
// whoever is listed under an id is taken for its new consumer, unless it is known to be the
// one before.
func (v seen) ownedUnder(revision string, r *lag.Reading) []lag.TopicPartition {
	var all []lag.TopicPartition
	for _, s := range append(v.besides(), v.slots...) {
		if s.state.Holder == "" || s.state.Revision != revision || !r.At.After(s.state.Since.Time) {
			continue
		}
		stayed := s.stayed(r)
		for _, m := range s.members(r) {
			if !slices.ContainsFunc(stayed, func(b lag.Member) bool { return b.MemberID == m.MemberID }) {
				all = append(all, m.Assigned...)
			}
		}
	}
	return all
}

// hasRebalanced: the group was seen to rebalance since a rollout began.
func (v seen) hasRebalanced(r *v1alpha1.RolloutState) bool {
	return r.RebalancesBefore != nil && !v.Rebalances.Since.After(r.StartedAt.Time) && v.Rebalances.Count > *r.RebalancesBefore
}

// boundary is that of a slot's partitions, as soon as a reading tells. Where the revision may
// have begun before, or its consumer has crashed by then, it is not known since when.
func (v seen) boundary(s slot, began bool) (map[lag.TopicPartition]v1alpha1.OffsetRange, bool) {
	read := v.Window.Since(s.state.Since.Time)
	for i := range read {
		r := &read[i]
		if r.Err != "" || r.State != lag.StateStable {
			continue
		}
		members, stayed := s.members(r), s.stayed(r)
		before := r // of the new consumer's first commit
		switch {
		case began, s.state.Restarts > 0, s.state.MemberBefore == v1alpha1.UnknownMember: // nobody can say whose commits they are
			if before = nil; !v.joined(s, r) {
				continue
			}
		case r.CommitsFirst && len(stayed) > 0 && len(stayed) == len(members):
		case v.joined(s, r):
			before = v.Window.Before(s.state.Since.Time).Said()
		default:
			continue
		}
		owned := lag.Owned(members)
		unread := slices.ContainsFunc(owned, func(tp lag.TopicPartition) bool { return r.Partition(tp).Err != "" })
		if unread {
			continue
		}
		found := map[lag.TopicPartition]v1alpha1.OffsetRange{}
		for _, tp := range owned {
			found[tp] = rangeOf(before, r.Partition(tp))
		}
		return found, true
	}
	return nil, false
}

// rangeOf is from what was committed to a partition by a reading before, if that is known, to
// what is now; to where its log begins if nothing is.
func rangeOf(before *lag.Reading, now lag.Partition) v1alpha1.OffsetRange {
	if now.Committed == nil {
		return v1alpha1.OffsetRange{From: -1, To: now.Start}
	}
	o := v1alpha1.OffsetRange{From: -1, To: *now.Committed}
	if before == nil {
		return o
	}
	if from := before.Partition(now.TopicPartition).Committed; from != nil && *from <= o.To {
		o.From = *from
	}
	return o
}

// ExactOffsets writes offsets down that are known.
func ExactOffsets(offsets map[lag.TopicPartition]int64) []v1alpha1.TopicOffsets {
	found := map[lag.TopicPartition]v1alpha1.OffsetRange{}
	for tp, at := range offsets {
		found[tp] = v1alpha1.OffsetRange{From: at, To: at}
	}
	return withOffsets(nil, found)
}

// withOffsets adds what is not there yet: a partition that another slot of the same revision
// has later was processed by that revision before.
func withOffsets(all []v1alpha1.TopicOffsets, found map[lag.TopicPartition]v1alpha1.OffsetRange) []v1alpha1.TopicOffsets {
	offsets, err := v1alpha1.ReadTopicOffsets(all)
	if err != nil || len(found) == 0 {
		return all // nobody but this package writes them
	}
	for tp, o := range found {
		if offsets[tp.Topic] == nil {
			offsets[tp.Topic] = map[int32]v1alpha1.OffsetRange{}
		}
		if _, known := offsets[tp.Topic][tp.Partition]; !known {
			offsets[tp.Topic][tp.Partition] = o
		}
	}
	return v1alpha1.NewTopicOffsets(offsets)
}
