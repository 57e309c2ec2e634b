package lag

import (
	"slices"
	"sort"
)

// Member is the member with an instance id.
func (r *Reading) Member(instanceID string) (Member, bool) {
	at := sort.Search(len(r.Members), func(i int) bool { return r.Members[i].InstanceID >= instanceID })
	if at == len(r.Members) || r.Members[at].InstanceID != instanceID {
		return Member{}, false
	}
	return r.Members[at], true
}

// MembersOf are the members with some instance ids, in their order: those that the
// reading shows.
func (r *Reading) MembersOf(instanceIDs []string) []Member {
	var members []Member
	for _, id := range instanceIDs {
		if m, listed := r.Member(id); listed {
			members = append(members, m)
		}
	}
	return members
}

// Owned is what members own together.
func Owned(members []Member) []TopicPartition {
	if len(members) == 1 {
		return members[0].Assigned
	}
	var all []TopicPartition
	for _, m := range members {
		all = append(all, m.Assigned...)
	}
	return all
}

// Of are the partitions that a member owns of a topic, in their order.
func (m Member) Of(topic string) []int32 {
	var owned []int32
	for _, tp := range m.Assigned {
		if tp.Topic == topic {
			owned = append(owned, tp.Partition)
		}
	}
	return owned
}

// Owns says whether a member owns a partition.
func (r *Reading) Owns(tp TopicPartition) bool {
	return slices.ContainsFunc(r.Members, func(m Member) bool {
		_, found := slices.BinarySearchFunc(m.Assigned, tp, TopicPartition.Compare)
		return found
	})
}

// Subscribed says whether a member subscribes to a topic.
func (r *Reading) Subscribed(topic string) bool {
	return slices.ContainsFunc(r.Members, func(m Member) bool { return slices.Contains(m.Topics, topic) })
}

// Unsubscribed are the partitions that members own of topics to which none of them
// subscribes, in the order of the members. None is known to be one if a member does not
// say what it subscribes to.
func (r *Reading) Unsubscribed() []TopicPartition {
	topics := map[string]bool{}
	for _, m := range r.Members {
		if len(m.Topics) == 0 {
			return nil
		}
		for _, topic := range m.Topics {
			topics[topic] = true
		}
	}
	var unsubscribed []TopicPartition
	for _, m := range r.Members {
		for _, tp := range m.Assigned {
			if !topics[tp.Topic] {
				unsubscribed = append(unsubscribed, tp)
			}
		}
	}
	return unsubscribed
}

// Unowned are the partitions that no member owns, in order.
func (r *Reading) Unowned() []TopicPartition {
	owned := map[TopicPartition]bool{}
	for _, m := range r.Members {
		for _, tp := range m.Assigned {
			owned[tp] = true
		}
	}
	var unowned []TopicPartition
	for _, p := range r.Partitions {
		if !owned[p.TopicPartition] {
			unowned = append(unowned, p.TopicPartition)
		}
	}
	return unowned
}
