package membership

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstanceIDs(t *testing.T) {
	for name, c := range map[string]struct {
		naming  Naming
		ordinal int32
		base    string
		ids     []string
	}{
		"one consumer":                 {Naming{Prefix: "orders-3f9a2"}, 0, "orders-3f9a2-0000", []string{"orders-3f9a2-0000"}},
		"one, said so":                 {Naming{Prefix: "orders", PerPod: 1}, 7, "orders-0007", []string{"orders-0007"}},
		"one that appends a number":    {Naming{Prefix: "orders", PerPod: 1, Numbered: true}, 7, "orders-0007", []string{"orders-0007-0"}},
		"several":                      {Naming{Prefix: "orders", PerPod: 3}, 7, "orders-0007", []string{"orders-0007-0", "orders-0007-1", "orders-0007-2"}},
		"several that append numbers":  {Naming{Prefix: "orders", PerPod: 2, Numbered: true}, 9999, "orders-9999", []string{"orders-9999-0", "orders-9999-1"}},
		"one thread of Kafka Streams":  {Naming{Prefix: "orders", Numbered: true, FirstNumber: 1}, 7, "orders-0007", []string{"orders-0007-1"}},
		"two threads of Kafka Streams": {Naming{Prefix: "orders", PerPod: 2, Numbered: true, FirstNumber: 1}, 7, "orders-0007", []string{"orders-0007-1", "orders-0007-2"}},
		"beyond the padding":           {Naming{Prefix: "orders"}, 12345, "orders-12345", []string{"orders-12345"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.naming.Base(c.ordinal); got != c.base {
				t.Errorf("Base(%d) = %q, want %q", c.ordinal, got, c.base)
			}
			got := c.naming.IDs(c.ordinal)
			if diff := cmp.Diff(c.ids, got); diff != "" {
				t.Errorf("IDs(%d): -want +got\n%s", c.ordinal, diff)
			}
			for _, id := range got {
				if _, stray := c.naming.Stray(id); stray {
					t.Errorf("%s is a stray of its own slot", id)
				}
			}
		})
	}
}

func TestInstanceIDsSortAsNumbers(t *testing.T) {
	var bases []string
	for ordinal := range int32(10000) {
		bases = append(bases, Naming{Prefix: "orders"}.Base(ordinal))
	}
	if !slices.IsSorted(bases) {
		t.Fatal("the ids 0 to 9999 are not in order when sorted as text")
	}
	if compact := slices.Compact(slices.Clone(bases)); len(compact) != len(bases) {
		t.Fatalf("%d of %d ids are distinct", len(compact), len(bases))
	}
	// Those of a slot stay together, so that the first members are in the first slots.
	naming := Naming{Prefix: "orders", PerPod: 12}
	if first, next := slices.Max(naming.IDs(8)), slices.Min(naming.IDs(9)); first >= next {
		t.Errorf("%s of slot 8 is not before %s of slot 9", first, next)
	}
}

func TestStray(t *testing.T) {
	one, three := Naming{Prefix: "orders"}, Naming{Prefix: "orders", PerPod: 3}
	spring := Naming{Prefix: "orders", PerPod: 1, Numbered: true}
	streams := Naming{Prefix: "orders", PerPod: 2, Numbered: true, FirstNumber: 1}
	for name, c := range map[string]struct {
		naming  Naming
		id      string
		ordinal int32
		stray   bool
	}{
		"a number, and there is one":       {one, "orders-0001-0", 1, true},
		"beyond the number":                {three, "orders-0002-3", 2, true},
		"no number":                        {three, "orders-0002", 2, true},
		"no number where one is appended":  {spring, "orders-0002", 2, true},
		"a second one where one is enough": {spring, "orders-0002-1", 2, true},
		"a number below the first":         {streams, "orders-0002-0", 2, true},
		"a thread that was added":          {streams, "orders-0002-3", 2, true},
		"the last thread":                  {streams, "orders-0002-2", 2, false},
		"a name":                           {three, "orders-0002-second-0", 2, true},
		"its own":                          {three, "orders-0002-2", 2, false},
		"another prefix":                   {one, "refunds-0001-0", 0, false},
		"longer prefix":                    {one, "orders-3f9a2-0001", 0, false},
		"prefix only":                      {one, "orders", 0, false},
		"no digits":                        {one, "orders-", 0, false},
		"not padded":                       {one, "orders-1-0", 0, false},
		"padded too much":                  {one, "orders-00001", 0, false},
		"sign":                             {one, "orders-+001-0", 0, false},
		"negative":                         {one, "orders--001", 0, false},
		"not a number":                     {one, "orders-000x", 0, false},
		"more than an ordinal is":          {one, "orders-99999999999", 0, false},
		"a dynamic member":                 {one, "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if ordinal, stray := c.naming.Stray(c.id); stray != c.stray || ordinal != c.ordinal {
				t.Errorf("Stray(%q) = %d, %t, want %d, %t", c.id, ordinal, stray, c.ordinal, c.stray)
			}
		})
	}
}

func TestSlots(t *testing.T) {
	for members, want := range map[int32]int32{0: 0, 1: 1, 3: 1, 4: 2, 12: 4} {
		if got := (Naming{PerPod: 3}).Slots(members); got != want {
			t.Errorf("%d members are in %d slots of 3, want %d", members, got, want)
		}
	}
	if got := (Naming{}).Slots(12); got != 12 {
		t.Errorf("12 members are in %d slots of one, want 12", got)
	}
}

func TestDefaultPrefix(t *testing.T) {
	base := DefaultPrefix("uid-1", "shop", "orders")
	if !regexp.MustCompile(`^orders-[0-9a-f]{5}$`).MatchString(base) {
		t.Fatalf("DefaultPrefix = %q, want orders- and five hex digits", base)
	}
	if again := DefaultPrefix("uid-1", "shop", "orders"); again != base {
		t.Errorf("the prefix changed from %q to %q", base, again)
	}
	for name, other := range map[string]string{
		"cluster":          DefaultPrefix("uid-2", "shop", "orders"),
		"namespace":        DefaultPrefix("uid-1", "shop2", "orders"),
		"name":             DefaultPrefix("uid-1", "shop", "orders2"),
		"shifted boundary": DefaultPrefix("uid-1s", "hop", "orders"),
	} {
		if other == base {
			t.Errorf("another %s gives the same prefix %q", name, base)
		}
	}
}

func TestDefaultPrefixIsCutToFit(t *testing.T) {
	long, other := strings.Repeat("n", 253), strings.Repeat("n", 252)+"m"
	prefix := DefaultPrefix("uid", "shop", long)
	if got := len(Naming{Prefix: prefix}.Base(9999)); got != maxInstanceID {
		t.Errorf("the id of a name of 253 characters has %d, want %d", got, maxInstanceID)
	}
	if prefix == DefaultPrefix("uid", "shop", other) {
		t.Error("two names that differ only in what is cut off have one prefix")
	}
	fits := strings.Repeat("n", 238)
	if prefix := DefaultPrefix("uid", "shop", fits); !strings.HasPrefix(prefix, fits+"-") {
		t.Errorf("a name of 238 characters was cut: %q", prefix)
	}
}

func TestCanOwn(t *testing.T) {
	topics := map[string]int32{"orders": 12, "refunds": 5}
	got := map[string]int32{}
	for _, assignor := range []string{"Range", "RoundRobin", "Sticky", "CooperativeSticky"} {
		got[assignor] = CanOwn(assignor, topics)
	}
	want := map[string]int32{"Range": 12, "RoundRobin": 17, "Sticky": 17, "CooperativeSticky": 17}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := CanOwn("Range", nil); got != 0 {
		t.Errorf("without topics %d can own a partition, want 0", got)
	}
}

// The ids of a slot in both lanes stay between those of its neighbours in whatever lane,
// so that by Range a slot keeps its place; and none of them is one of another slot.
func TestLanesKeepTheOrderOfSlots(t *testing.T) {
	for _, n := range []Naming{{Prefix: "orders"}, {Prefix: "orders", PerPod: 3}, {Prefix: "orders", PerPod: 1, Numbered: true, FirstNumber: 1}, {Prefix: "orders", PerPod: 12}} {
		for _, ordinal := range []int32{0, 8, 9, 99, 999} {
			own := slices.Concat(n.IDs(ordinal), n.In(Second).IDs(ordinal))
			next := slices.Concat(n.IDs(ordinal+1), n.In(Second).IDs(ordinal+1))
			if last, first := slices.Max(own), slices.Min(next); last >= first {
				t.Errorf("%+v: %s of slot %d comes after %s", n, last, ordinal, first)
			}
			slices.Sort(own)
			if len(slices.Compact(own)) != 2*len(n.IDs(ordinal)) {
				t.Errorf("%+v: the lanes of slot %d share an id: %v", n, ordinal, own)
			}
			for _, id := range own {
				if _, stray := n.Stray(id); stray {
					t.Errorf("%+v: %s is taken for a stray", n, id)
				}
			}
		}
	}
	if ordinal, stray := (Naming{Prefix: "orders"}).Stray("orders-0003-c"); !stray || ordinal != 3 {
		t.Error("an id of a third lane is not taken for a stray")
	}
}
