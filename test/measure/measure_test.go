package measure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(ms int64) time.Time { return time.UnixMilli(ms) }

func TestOutcomes(t *testing.T) {
	records := []Record{
		{"orders", 0, 10, at(1000), "a"}, {"orders", 0, 11, at(1100), "a"}, {"orders", 0, 12, at(1900), "a"},
		{"orders", 0, 12, at(1950), "a"}, {"orders", 0, 14, at(2000), "a"},
		{"orders", 1, 5, at(500), "a"}, {"orders", 1, 6, at(1200), "a"},
	}
	got := Outcomes(records, at(1000), at(2000))
	want := []Outcome{
		{Topic: "orders", Partition: 0, Pause: 800 * time.Millisecond, Stood: 800 * time.Millisecond, Twice: 1, Lost: 1},
		// The pause is still open at the end of the span.
		{Topic: "orders", Partition: 1, Pause: 800 * time.Millisecond, Stood: time.Second},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	summary := Summary{
		MedianPause: 800 * time.Millisecond, MaxPause: 800 * time.Millisecond, SumPause: 1600 * time.Millisecond,
		Stood: 1800 * time.Millisecond, Twice: 1, Lost: 1,
	}
	if diff := cmp.Diff(summary, Summarize(got)); diff != "" {
		t.Error(diff)
	}
}

func TestFailoverOf(t *testing.T) {
	records := []Record{
		{"orders", 0, 10, at(900), "one_app.log#1"}, {"orders", 0, 10, at(2900), "two_app.log#2"},
		{"orders", 1, 20, at(950), "two_app.log#1"}, {"orders", 1, 21, at(1150), "two_app.log#1"}, {"orders", 1, 22, at(2990), "one_app.log#2"},
	}
	got := FailoverOf(records, "one_app.log", at(1000), at(3000))
	want := Failover{Mine: 1900 * time.Millisecond, Others: 1840 * time.Millisecond, Partitions: 1, Twice: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAgain(t *testing.T) {
	records := []Record{
		{"orders", 0, 10, at(900), "one_app.log#1"}, {"orders", 0, 10, at(2100), "one_app.log#2"}, {"orders", 0, 11, at(2200), "one_app.log#2"},
		{"orders", 1, 20, at(950), "one_app.log#1"}, {"orders", 1, 21, at(1050), "one_app.log#1"}, {"orders", 1, 22, at(2500), "two_app.log#2"},
		{"orders", 2, 30, at(950), "two_app.log#1"}, {"orders", 2, 31, at(2900), "two_app.log#2"},
	}
	if after, ok := Again(records, "one_app.log", at(1000), at(3000)); !ok || after != 1500*time.Millisecond {
		t.Errorf("%v, %v, and not after 1.5 s", after, ok)
	}
	if after, ok := Again(records, "one_app.log", at(1000), at(2400)); !ok || after != 1400*time.Millisecond {
		t.Errorf("%v, %v, and not up to the end", after, ok)
	}
	if after, ok := Again(records, "three_app.log", at(1000), at(3000)); ok {
		t.Errorf("nobody died, and it took %v", after)
	}
}

func TestRecordsPassesOverWhatIsNotARecord(t *testing.T) {
	log := `{"t":1000,"event":"joined","generation":3}
not json at all
{"t":1003,"event":"assigned","partitions":{"orders":[2]}}
{"t":1005,"event":"record","topic":"orders","partition":2,"first":7,"last":7,"firstMs":1001}
{"t":1002,"event":"record","topic":"orders","par`
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Records(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Record{{"orders", 2, 7, at(1001), path + "#1"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestContested(t *testing.T) {
	for name, c := range map[string]struct {
		want int
		logs string // which owner processed which offset, in order
	}{
		"one pod after the other":                    {0, "a1 a2 b3 b4"},
		"a successor repeats what was not committed": {0, "a1 a2 a3 b2 b3 b4"},
		"a restart repeats its own":                  {0, "a1 a2 a1 a2 a3"},
		"back to the first by a rebalance":           {0, "a1 b2 b3 A3"},
		"the first goes on with what the second has": {2, "a1 b1 b2 b3 a2 a3"},
		"side by side, the first ahead":              {1, "a1 a2 b2 a3 b3 b4 a4 b5"},
	} {
		var records []Record
		for i, r := range strings.Fields(c.logs) {
			records = append(records, Record{"orders", 0, int64(r[1] - '0'), at(int64(i)), r[:1]})
		}
		if got := Outcomes(records, at(0), at(100))[0].Contested; got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestHandovers(t *testing.T) {
	dir := t.TempDir()
	for name, log := range map[string]string{
		"old": `{"event":"record","instance":"a","version":"v1","firstMs":1000,"t":1001}
{"event":"record","instance":"a","version":"v1","firstMs":1040,"t":1041}
{"event":"stopped","instance":"a","version":"v1","t":1090}`,
		"new": `Waiting for the activation
{"event":"start","instance":"a","version":"v2","t":1190}
{"event":"joined","instance":"a","version":"v2","t":1250}
{"event":"record","instance":"a","version":"v2","firstMs":1257,"t":1258}
{"event":"record","instance":"a","version":"v2","firstMs":1300,"t":1301}`,
		"never replaced": `{"event":"record","instance":"b","version":"v1","firstMs":1000,"t":1001}`,
		"dynamic":        `{"event":"record","instance":"","version":"v1","firstMs":1000,"t":1001}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".log"), []byte(log+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Handovers(filepath.Join(dir, "*.log"), "v1", "v2")
	if err != nil {
		t.Fatal(err)
	}
	want := []Handover{{50 * time.Millisecond, 100 * time.Millisecond, 60 * time.Millisecond, 7 * time.Millisecond}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []time.Duration
		want time.Duration
	}{{nil, 0}, {[]time.Duration{5}, 5}, {[]time.Duration{9, 1}, 5}, {[]time.Duration{9, 1, 2}, 2}} {
		if got := Median(c.in); got != c.want {
			t.Errorf("Median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}
