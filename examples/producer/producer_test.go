package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduleIsEven(t *testing.T) {
	for _, rate := range []float64{0, 0.5, 3, 240, 5000} {
		s := schedule{rate: rate, last: time.Unix(1000, 0)}
		now, end := s.last, s.last.Add(10*time.Second)
		var got int
		for now.Before(end) {
			wait := s.wait()
			if wait <= 0 || wait > step {
				t.Fatalf("at a rate of %v it waits %s", rate, wait)
			}
			now = now.Add(wait)
			n := s.due(now)
			if limit := max(1, int(rate/1000)); n > limit {
				t.Errorf("at a rate of %v %d records were due at once", rate, n)
			}
			got += n
		}
		if want := int(rate * 10); got < want-1 || got > want+1 {
			t.Errorf("at a rate of %v %d records came in 10 s, want %d", rate, got, want)
		}
	}
}

func TestScheduleForgetsALongPause(t *testing.T) {
	s := schedule{rate: 100, last: time.Unix(1000, 0)}
	if got := s.due(s.last.Add(time.Hour)); got != 100 {
		t.Errorf("after an hour %d records were due at once, want 100, one second's", got)
	}
}

func TestRateFileOverridesTheRate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rate")
	r := rateReader{config: config{rate: 5, rateFile: file}}
	now := time.Unix(1000, 0)
	var got []float64
	for _, content := range []string{"", "20\n", "nonsense", "7.5", "-1"} {
		if content != "" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// Between two looks nothing changes.
		got = append(got, r.read(now), r.read(now.Add(step-time.Millisecond)))
		now = now.Add(step)
	}
	if diff := cmp.Diff([]float64{5, 5, 20, 20, 20, 20, 7.5, 7.5, 7.5, 7.5}, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfig(t *testing.T) {
	parse := func(env map[string]string) (config, error) {
		return parseConfig(func(name string) string { return env[name] })
	}
	got, err := parse(map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": "b:1,a:1", "TOPICS": "t", "RATE": "12.5", "RATE_FILE": "/r",
		"BURST": "7", "BURST_RECORDS": "9", "CREATE_PARTITIONS": "12",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		bootstrap: []string{"a:1", "b:1"}, topics: []string{"t"}, rate: 12.5, rateFile: "/r",
		burst: 7, signalBurst: 9, createPartitions: 12,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
		t.Error(diff)
	}
	_, err = parse(map[string]string{"RATE": "fast", "BURST": "-1"})
	for _, want := range []string{"KAFKA_BOOTSTRAP_SERVERS is not set", "TOPICS is not set", `RATE: "fast"`, `BURST is "-1"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}
