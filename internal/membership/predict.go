package membership

import (
	"slices"
)

// Owner is what one member owns of one topic: so many partitions from a first one.
type Owner struct {
	InstanceID  string
	First, Many int32
}

// Partitions are what the owner has, in their order.
func (o Owner) Partitions() []int32 {
	var all []int32
	for p := o.First; p < o.First+o.Many; p++ {
		all = append(all, p)
	}
	return all
}

// PredictRange is who owns the partitions of a topic by the assignor Range: the ids in
// text order, each its share, the first ones one more where it does not come out even
// (Java: RangeAssignor.assign; so do librdkafka, franz-go and the broker's own).
//
// It holds where all members are static, subscribe to the topic, and none of them says
// in which rack it is. The owners are in text order; those that get nothing have none.
func PredictRange(instanceIDs []string, partitions int32) []Owner {
	ids := slices.Clone(instanceIDs)
	slices.Sort(ids)
	owners := make([]Owner, 0, len(ids))
	first := int32(0)
	for i, id := range ids {
		share := partitions / int32(len(ids))
		if int32(i) < partitions%int32(len(ids)) {
			share++
		}
		owners = append(owners, Owner{id, first, share})
		first += share
	}
	return owners
}
