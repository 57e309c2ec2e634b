package membership

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPredictRange(t *testing.T) {
	slots := func(naming Naming, ordinals ...int32) (ids []string) {
		for _, ordinal := range ordinals {
			ids = append(ids, naming.IDs(ordinal)...)
		}
		return ids
	}
	one := Naming{Prefix: "o"}
	for name, c := range map[string]struct {
		ids        []string
		partitions int32
		want       []Owner
	}{
		"it comes out even": {
			slots(one, 0, 1, 2), 12,
			[]Owner{{"o-0000", 0, 4}, {"o-0001", 4, 4}, {"o-0002", 8, 4}},
		},
		"the first ones have one more": {
			slots(one, 0, 1, 2, 3, 4), 12,
			[]Owner{{"o-0000", 0, 3}, {"o-0001", 3, 3}, {"o-0002", 6, 2}, {"o-0003", 8, 2}, {"o-0004", 10, 2}},
		},
		"all but the last have one more": {
			slots(one, 0, 1, 2), 5,
			[]Owner{{"o-0000", 0, 2}, {"o-0001", 2, 2}, {"o-0002", 4, 1}},
		},
		"more members than partitions": {
			slots(one, 0, 1, 2, 3), 2,
			[]Owner{{"o-0000", 0, 1}, {"o-0001", 1, 1}, {"o-0002", 2, 0}, {"o-0003", 2, 0}},
		},
		"one member": {slots(one, 7), 5, []Owner{{"o-0007", 0, 5}}},
		"a topic that does not exist": {
			slots(one, 0, 1), 0, []Owner{{"o-0000", 0, 0}, {"o-0001", 0, 0}},
		},
		"nobody": {nil, 5, []Owner{}},
		"in whatever order they are given": {
			slots(one, 2, 0, 1), 4,
			[]Owner{{"o-0000", 0, 2}, {"o-0001", 2, 1}, {"o-0002", 3, 1}},
		},
		// As all three clients do it (measured): without padding 10 comes before 8.
		"text order, and not that of numbers": {
			[]string{"s-8", "s-9", "s-10", "s-11"}, 4,
			[]Owner{{"s-10", 0, 1}, {"s-11", 1, 1}, {"s-8", 2, 1}, {"s-9", 3, 1}},
		},
		"the bytes count": {
			[]string{"sA", "s.1", "s", "s-1"}, 4,
			[]Owner{{"s", 0, 1}, {"s-1", 1, 1}, {"s.1", 2, 1}, {"sA", 3, 1}},
		},
		"padded ids beyond 9": {
			slots(one, 8, 9, 10, 11), 4,
			[]Owner{{"o-0008", 0, 1}, {"o-0009", 1, 1}, {"o-0010", 2, 1}, {"o-0011", 3, 1}},
		},
		"several consumers in a pod": {
			slots(Naming{Prefix: "o", PerPod: 2}, 0, 1), 5,
			[]Owner{{"o-0000-0", 0, 2}, {"o-0000-1", 2, 1}, {"o-0001-0", 3, 1}, {"o-0001-1", 4, 1}},
		},
		// The tenth consumer of a pod comes before its second one.
		"more than ten in a pod": {
			slots(Naming{Prefix: "o", PerPod: 11}, 0), 11,
			[]Owner{
				{"o-0000-0", 0, 1}, {"o-0000-1", 1, 1}, {"o-0000-10", 2, 1}, {"o-0000-2", 3, 1}, {"o-0000-3", 4, 1}, {"o-0000-4", 5, 1},
				{"o-0000-5", 6, 1}, {"o-0000-6", 7, 1}, {"o-0000-7", 8, 1}, {"o-0000-8", 9, 1}, {"o-0000-9", 10, 1},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			given := slices.Clone(c.ids)
			if diff := cmp.Diff(c.want, PredictRange(c.ids, c.partitions)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(given, c.ids); diff != "" {
				t.Errorf("the ids that were given are changed: -before +after\n%s", diff)
			}
		})
	}
}

// Whatever the numbers, each partition has one owner, the owners follow each other, and
// no two shares differ by more than one. Each topic is shared on its own, always
// beginning with the first member, so that no more than CanOwn get anything.
func TestPredictRangeSharesEverythingOnce(t *testing.T) {
	for members := range int32(14) {
		var ids []string
		for ordinal := range members {
			ids = append(ids, Naming{Prefix: "orders"}.Base(ordinal))
		}
		topics := map[string]int32{"orders": 7, "refunds": 5, "returns": 1, "none": 0}
		owning := map[string]bool{}
		for topic, partitions := range topics {
			next, most, least := int32(0), int32(0), partitions
			for _, o := range PredictRange(ids, partitions) {
				if o.First != next {
					t.Errorf("%d members, topic %s: %s begins at %d, want %d", members, topic, o.InstanceID, o.First, next)
				}
				next, most, least = next+o.Many, max(most, o.Many), min(least, o.Many)
				if o.Many > 0 {
					owning[o.InstanceID] = true
				}
			}
			if members > 0 && (next != partitions || most-least > 1) {
				t.Errorf("%d members, topic %s: %d of %d partitions have an owner, shares are %d to %d", members, topic, next, partitions, least, most)
			}
		}
		if want := min(members, CanOwn("Range", topics)); len(owning) != int(want) {
			t.Errorf("%d of %d members own something, want %d", len(owning), members, want)
		}
	}
}
