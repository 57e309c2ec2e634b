package membership

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstanceID(t *testing.T) {
	for ordinal, want := range map[int32]string{
		0:     "orders-3f9a2-0000",
		7:     "orders-3f9a2-0007",
		9999:  "orders-3f9a2-9999",
		12345: "orders-3f9a2-12345",
	} {
		if got := InstanceID("orders-3f9a2", ordinal); got != want {
			t.Errorf("InstanceID(%d) = %q, want %q", ordinal, got, want)
		}
		if got, ok := Ordinal("orders-3f9a2", want); !ok || got != ordinal {
			t.Errorf("Ordinal(%q) = %d, %t, want %d, true", want, got, ok, ordinal)
		}
	}
}

func TestInstanceIDsSortAsNumbers(t *testing.T) {
	var ids []string
	for ordinal := range int32(10000) {
		ids = append(ids, InstanceID("orders", ordinal))
	}
	if !slices.IsSorted(ids) {
		t.Fatal("the ids 0 to 9999 are not in order when sorted as text")
	}
	if compact := slices.Compact(slices.Clone(ids)); len(compact) != len(ids) {
		t.Fatalf("%d of %d ids are distinct", len(compact), len(ids))
	}
}

func TestOrdinalOfForeignIDs(t *testing.T) {
	for name, id := range map[string]string{
		"another prefix":          "refunds-0001",
		"longer prefix":           "orders-3f9a2-0001",
		"prefix only":             "orders",
		"no digits":               "orders-",
		"not padded":              "orders-1",
		"padded too much":         "orders-00001",
		"sign":                    "orders-+001",
		"negative":                "orders--001",
		"lane":                    "orders-0001-a",
		"not a number":            "orders-000x",
		"more than an ordinal is": "orders-99999999999",
		"empty":                   "",
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := Ordinal("orders", id); ok {
				t.Errorf("Ordinal(%q) = %d, want none", id, got)
			}
		})
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
	if got := len(InstanceID(prefix, 9999)); got != maxInstanceID {
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
