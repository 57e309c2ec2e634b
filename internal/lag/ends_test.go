package lag

import (
	"math"
	"testing"
	"time"
)

// logged are the ends of a log to which rate(s) records come in second s.
func logged(every, seconds int, rate func(second int) int64) (*Ends, []int64) {
	var e Ends
	ends := []int64{0}
	for s := range seconds {
		if s%every == 0 {
			e.Add(time.Unix(int64(s), 0), ends[s])
		}
		ends = append(ends, ends[s]+rate(s))
	}
	return &e, ends
}

func TestAppendedAt(t *testing.T) {
	const day = 24 * 3600
	for name, rate := range map[string]func(int) int64{
		"a steady rate":        func(int) int64 { return 10 },
		"a rate that doubles":  func(s int) int64 { return int64(10 + 10*(s/(day/2))) },
		"a record a minute":    func(s int) int64 { return int64(1 - min(1, s%60)) },
		"nothing in the night": func(s int) int64 { return int64(min(1, s/(day/3))) * 7 },
	} {
		e, ends := logged(5, day, rate)
		for _, ago := range []int{10, 30, 60, 300, 1800, 2 * 3600, 12 * 3600} {
			offset := ends[day-ago]
			if offset >= e.kept[len(e.kept)-1].offset {
				continue
			}
			came := day - ago
			for ends[came+1] <= offset {
				came++
			}
			at, known := e.AppendedAt(offset)
			if age, want := float64(day)-float64(at.UnixMilli())/1000, float64(day-came); !known || math.Abs(age-want) > 0.5*want+60 {
				t.Errorf("%s: record %d is %.0f s old, want %.0f (known: %t)", name, offset, age, want, known)
			}
		}
		if len(e.kept) > endsKept {
			t.Errorf("%s: %d ends are remembered", name, len(e.kept))
		}
	}
}

func TestEndsThatSayNothing(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	var e Ends
	if _, known := e.AppendedAt(0); known {
		t.Error("no end is known, and a record's time is")
	}
	e.Add(at(100), 50)
	e.Add(at(110), 60)
	for offset, want := range map[int64]bool{49: false, 50: true, 59: true, 60: false, 61: false} {
		if _, known := e.AppendedAt(offset); known != want {
			t.Errorf("the time of record %d is known: %t, want %t", offset, known, want)
		}
	}
	e.Add(at(120), 5) // the topic was made anew
	if _, known := e.AppendedAt(3); known {
		t.Error("the time of a record of another log is known")
	}
	if lowest := e.Lowest(at(100)); lowest != 5 {
		t.Errorf("the lowest end is %d, want 5", lowest)
	}
}

func TestLogThatStandsStill(t *testing.T) {
	e, _ := logged(5, 3600, func(s int) int64 { return int64(max(0, 1-s/600)) })
	if n := len(e.kept); n > endsKept {
		t.Errorf("%d ends are remembered", n)
	}
	if lowest := e.Lowest(time.Unix(3000, 0)); lowest != 600 {
		t.Errorf("the lowest end of the last ten minutes is %d, want 600", lowest)
	}
	if at, known := e.AppendedAt(599); !known || at.Unix() > 600 || at.Unix() < 500 {
		t.Errorf("the last record came at %v (known: %t), want 599 s", at, known)
	}
}

// TestStepRate: retention takes a segment at a time.
func TestStepRate(t *testing.T) {
	var starts Ends
	at := func(minute int) time.Time { return epoch.Add(time.Duration(minute) * time.Minute) }
	begin := func(minutes int) int64 { return int64(minutes / 10 * 6000) } // 6000 records in ten minutes
	var seen []int
	for minute := range 200 {
		starts.Add(at(minute), begin(minute))
		if rate, known := starts.StepRate(at(minute)); known {
			seen = append(seen, minute)
			if rate < 9.9 || rate > 10.1 {
				t.Errorf("after %d minutes %.1f a second, want 10", minute, rate)
			}
		}
	}
	if len(seen) == 0 || seen[0] != 20 {
		t.Errorf("known at minutes %v, want from the second step on, at minute 20", seen)
	}
	var stopped int
	for minute := 200; minute < 300 && stopped == 0; minute++ { // somebody has raised the retention
		starts.Add(at(minute), begin(199))
		if _, known := starts.StepRate(at(minute)); !known {
			stopped = minute
		}
	}
	if stopped < 205 || stopped > 240 {
		t.Errorf("the last step was at minute 190, and it is taken for the last one at %d", stopped)
	}
	var still Ends
	for minute := range 100 {
		still.Add(at(minute), 5)
	}
	if rate, known := still.StepRate(at(100)); known {
		t.Errorf("a log that stands still begins to move at %f", rate)
	}
}

// TestRateAfterAStandstill: what was an hour ago says nothing of the last minute.
func TestRateAfterAStandstill(t *testing.T) {
	var e Ends
	at := func(second int) time.Time { return epoch.Add(time.Duration(second) * time.Second) }
	for second := 0; second < 3600; second += 5 {
		e.Add(at(second), 1000)
	}
	for second := 3600; second <= 3660; second += 5 {
		e.Add(at(second), int64(1000+100*(second-3600)))
	}
	if rate, known := e.Rate(at(3600)); !known || rate < 90 || rate > 105 {
		t.Errorf("%.1f a second, %v; want about 100", rate, known)
	}
	if rate, known := e.Rate(at(3540)); !known || rate < 45 || rate > 55 {
		t.Errorf("over two minutes %.1f a second, %v; want about 50", rate, known)
	}
}
