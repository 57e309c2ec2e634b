package subjects

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/test/measure"
)

// cost of a death, in milliseconds.
func cost(rebalances, pause, stood, twice, failover int) Cost {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	return Cost{Summary: measure.Summary{MaxPause: ms(pause), Stood: ms(stood), Twice: twice}, Rebalances: rebalances, Failover: ms(failover)}
}

func TestCostTable(t *testing.T) {
	all := []Subject{{Name: "new", Title: "New"}, {Name: "old", Title: "Old"}, {Name: "other", Title: "Other"}}
	var out strings.Builder
	CostTable(&out, all, []Event{
		{Title: "killed", Costs: map[string]Costs{
			"new": {cost(0, 300, 600, 4, 290), cost(2, 900, 1200, 8, 890), cost(1, 500, 900, 6, 490)},
			"old": {cost(0, 1000, 1800, 1, 980)},
		}},
		{Title: "scaled", Costs: map[string]Costs{"new": {cost(1, 120_400, 0, 0, 0)}}},
	}, all[1])
	want := `
             rebalances  longest pause of a partition  sum of pauses, partition-seconds  twice  failover
killed  New  1 (2)       0.50 s (0.90) x0.50           0.90 s (1.20) x0.50               6 (8)  0.49 s (0.89) x0.50
killed  Old  0 (0)       1.00 s (1.00) x1.00           1.80 s (1.80) x1.00               1 (1)  0.98 s (0.98) x1.00
scaled  New  1 (1)       120 s (120)                   0 s (0)                           0 (0)  -
`
	if diff := cmp.Diff(want, "\n"+out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPick(t *testing.T) {
	pick := func(wanted string) ([]string, error) {
		t.Setenv("WORDS", wanted)
		return Pick("WORDS", []string{"a", "b", "c"}, func(s string) string { return s })
	}
	for wanted, want := range map[string][]string{"": {"a", "b", "c"}, "c,a": {"c", "a"}} {
		got, err := pick(wanted)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", wanted, err, diff)
		}
	}
	if got, err := pick("a,d"); err == nil || !strings.Contains(err.Error(), `WORDS has "d": there are a, b, c`) {
		t.Errorf("%v, %v", got, err)
	}
}
