package lag

import (
	"runtime"
	"testing"
	"time"
)

// watched reads a group of two partitions every five seconds, as it is at a second.
type watched struct {
	history History
	ends    map[TopicPartition]*Ends
	rules   Rules
	at      int
	last    Reading
	tells   []Told // nil: nobody tells of commits
}

// told are the commits up to a time that were not told yet.
func (w *watched) told(until time.Time) (told []Told) {
	for len(w.tells) > 0 && !w.tells[0].At.After(until) {
		told, w.tells = append(told, w.tells[0]), w.tells[1:]
	}
	return told
}

func (w *watched) watch(seconds int, reading func(second int) Reading) {
	if w.ends == nil {
		w.ends, w.rules = map[TopicPartition]*Ends{}, Rules{Samples: 10, Window: 100 * time.Second}
	}
	for until := w.at + seconds; w.at < until; w.at += 5 {
		r := reading(w.at)
		r.At = epoch.Add(time.Duration(w.at) * time.Second)
		for _, p := range r.Partitions {
			if w.ends[p.TopicPartition] == nil {
				w.ends[p.TopicPartition] = &Ends{}
			}
			w.ends[p.TopicPartition].Add(r.At, p.End)
		}
		w.history.Judge(&r, Evidence{
			Log: func(tp TopicPartition) Log { return Log{Ends: w.ends[tp]} }, Rules: w.rules, Told: w.told(r.At), Complete: w.tells != nil,
		})
		w.last = r
	}
}

func committed(n int32, at, end int64) Partition {
	return Partition{TopicPartition: tp(n), Committed: &at, End: end}
}

func TestJudge(t *testing.T) {
	owner := []Member{{Assigned: []TopicPartition{tp(0), tp(1)}}}
	rate := func(s int) int64 { return int64(10 * s) }
	keepsUp := func(s int) Reading {
		return Reading{Members: owner, Partitions: []Partition{committed(0, rate(s), rate(s)), committed(1, rate(s), rate(s))}}
	}
	var w watched
	expect := func(what string, group Status, partitions ...Status) {
		t.Helper()
		if got := w.last.Status(); got != group {
			t.Errorf("%s: the group is %s, want %s", what, got, group)
		}
		for i, want := range partitions {
			if got := w.last.Partitions[i].Status; got != want {
				t.Errorf("%s: partition %d is %s, want %s", what, i, got, want)
			}
		}
	}
	w.watch(5, keepsUp)
	expect("nothing waits", StatusOK, StatusOK, StatusOK)
	w.watch(195, keepsUp)
	if age, known := w.last.Age(w.last.At); !known || age != 0 {
		t.Errorf("nothing waits, and the oldest record is %v old (known: %t)", age, known)
	}

	// From 200 s on nobody commits to partition 1, which has an owner.
	stands := func(s int) Reading {
		return Reading{Members: owner, Partitions: []Partition{committed(0, rate(s), rate(s)), committed(1, rate(200), rate(s))}}
	}
	w.watch(50, stands)
	expect("it kept up within the window", StatusOK, StatusOK, StatusOK)
	w.watch(150, stands)
	expect("it is stuck", StatusErr, StatusOK, StatusStall)
	if age, known := w.last.Age(w.last.At); !known || (age-195*time.Second).Abs() > 2*time.Second {
		t.Errorf("the oldest record is %v old (known: %t), want 195 s", age, known)
	}
	w.watch(200, func(s int) Reading {
		r := stands(s)
		r.Members = []Member{{Assigned: []TopicPartition{tp(0)}}}
		return r
	})
	expect("nobody owns it", StatusErr, StatusOK, StatusStop)

	// One that cannot be read is unknown, the other goes on; a failed reading changes nothing.
	w.watch(5, func(s int) Reading {
		r := keepsUp(s)
		r.Partitions[1] = Partition{TopicPartition: tp(1), Err: "denied"}
		return r
	})
	expect("one is denied", StatusUnknown, StatusOK, StatusUnknown)
	if _, known := w.last.Age(w.last.At); known {
		t.Error("one is denied, and the age of the oldest record is known")
	}
	w.watch(5, func(int) Reading { return Reading{Err: "no broker answers"} })
	w.watch(5, stands)
	expect("it can be read again", StatusErr, StatusOK, StatusStall)

	// A partition that is added is unknown as long as it has lag and was not seen for a
	// window; the others' past stays.
	more := func(s int) Reading {
		r := stands(s)
		r.Partitions = append(r.Partitions, committed(2, 5, rate(s)))
		return r
	}
	w.watch(5, more)
	expect("a partition more", StatusErr, StatusOK, StatusStall, StatusUnknown)
	if _, known := w.last.Partitions[2].Age(w.last.At); known {
		t.Error("nobody saw when the records came, and the age of the oldest one is known")
	}
	w.watch(250, more)
	expect("and it was watched", StatusErr, StatusOK, StatusStall, StatusStop)

	clear(w.ends)
	w.watch(5, stands)
	expect("the topic is another one", StatusUnknown, StatusOK, StatusUnknown)
}

// TestRates: over a minute or two, from what was read; begun again when a commit goes back.
func TestRates(t *testing.T) {
	var w watched
	moves := func(committedPerSecond, producedPerSecond int) func(int) Reading {
		return func(s int) Reading {
			return Reading{Partitions: []Partition{committed(0, int64(committedPerSecond*s), int64(1000+producedPerSecond*s))}}
		}
	}
	is := func(what string, want Rates) {
		t.Helper()
		if got := w.last.Partitions[0].Rates; got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	w.watch(10, moves(4, 6))
	is("watched for five seconds", Rates{})
	w.watch(10, moves(4, 6))
	is("watched for 15 seconds", Rates{Produced: 6, Consumed: 4, Known: true})
	w.watch(1000, moves(4, 6))
	is("watched for long", Rates{Produced: 6, Consumed: 4, Known: true})
	stands := int64(4 * w.at)
	w.watch(180, func(s int) Reading { return Reading{Partitions: []Partition{committed(0, stands, int64(1000+6*s))}} })
	is("it stands since three minutes", Rates{Produced: 6, Known: true})
	w.watch(5, func(s int) Reading { return Reading{Partitions: []Partition{committed(0, 7, int64(1000+6*s))}} })
	if w.last.Partitions[0].Rates.Known {
		t.Errorf("a commit went back just now: %+v", w.last.Partitions[0].Rates)
	}
}

// TestAgeInABound: what is known of a bound corrects the estimate, and takes its place.
func TestAgeInABound(t *testing.T) {
	for name, c := range map[string]struct {
		watched int // seconds from when 100 records came until nobody had consumed them
		bound   Bound
		age     time.Duration
		known   bool
	}{
		"nothing is known of a bound":               {100, BoundUnknown, 100 * time.Second, true},
		"kept, and the estimate is longer":          {100, BoundKept, 60 * time.Second, true},
		"broken, and the estimate is longer":        {100, BoundBroken, 100 * time.Second, true},
		"broken, and the estimate is shorter":       {20, BoundBroken, 60 * time.Second, true},
		"kept, and the estimate is shorter":         {20, BoundKept, 20 * time.Second, true},
		"broken, of records from before the start":  {0, BoundBroken, 60 * time.Second, true},
		"kept, of records from before the start":    {0, BoundKept, 0, false},
		"unknown, of records from before the start": {0, BoundUnknown, 0, false},
	} {
		w := watched{ends: map[TopicPartition]*Ends{}, rules: Rules{Samples: 10, Window: 100 * time.Second, MaxAge: time.Minute}}
		reading := func(end int64) func(int) Reading {
			return func(int) Reading {
				p := committed(0, 0, end)
				p.Bound = c.bound
				return Reading{Partitions: []Partition{p}}
			}
		}
		if c.watched > 0 {
			w.watch(5, reading(0))
		}
		w.watch(c.watched+5, reading(100))
		age, known := w.last.Age(w.last.At)
		if known != c.known || (age-c.age).Abs() > 5*time.Second {
			t.Errorf("%s: %s, %v; want %s, %v", name, age, known, c.age, c.known)
		}
	}
}

// BenchmarkJudge judges a group of a hundred partitions, one of a thousand that are read
// every five seconds, all of which commit and fall behind a little.
func BenchmarkJudge(b *testing.B) {
	const groups, partitions = 1000, 100
	logs := make([]Ends, partitions)
	for tick := range 120 {
		for p := range logs {
			logs[p].Add(epoch.Add(time.Duration(tick)*5*time.Second), int64(1000+100*tick))
		}
	}
	r := Reading{Members: []Member{{MemberID: "m"}}, Partitions: make([]Partition, partitions)}
	for p := range r.Partitions {
		r.Partitions[p] = committed(int32(p), 0, 0)
		r.Members[0].Assigned = append(r.Members[0].Assigned, r.Partitions[p].TopicPartition)
	}
	log := func(tp TopicPartition) Log { return Log{Ends: &logs[tp.Partition]} }
	at := func(tick int) {
		r.At = epoch.Add(time.Duration(tick) * 5 * time.Second)
		for p := range r.Partitions {
			*r.Partitions[p].Committed, r.Partitions[p].End = int64(900+99*tick), int64(1000+100*tick)
		}
	}
	before := heap()
	histories := make([]History, groups)
	for tick := range 120 {
		at(tick)
		for i := range histories {
			histories[i].Judge(&r, Evidence{Log: log, Rules: DefaultRules})
		}
	}
	window := float64(heap()-before) / (groups * partitions)
	b.ReportAllocs()
	tick, next := 120, 0
	for b.Loop() {
		if next == groups {
			tick, next = tick+1, 0
			at(tick)
		}
		histories[next].Judge(&r, Evidence{Log: log, Rules: DefaultRules})
		next++
	}
	b.ReportMetric(window, "B/window")
	b.ReportMetric(float64(b.N*partitions)/b.Elapsed().Seconds(), "windows/s")
	if r.Status() == StatusUnknown {
		b.Fatal("nothing was judged")
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestTold: an idle consumer that commits the same offset again is told from one that is
// dead by its commits, whoever owns the partition.
func TestTold(t *testing.T) {
	owner := []Member{{Assigned: []TopicPartition{tp(0)}}}
	reading := func(int) Reading {
		return Reading{Members: owner, Partitions: []Partition{committed(0, 7, 100)}}
	}
	commit := func(second int) Told {
		return Told{TopicPartition: tp(0), Offset: 7, At: epoch.Add(time.Duration(second) * time.Second)}
	}
	alive := watched{tells: []Told{}}
	for second := 0; second < 400; second += 3 {
		alive.tells = append(alive.tells, commit(second))
	}
	alive.watch(400, reading)
	if got := alive.last.Status(); got != StatusErr || alive.last.Partitions[0].Status != StatusStall {
		t.Errorf("it commits the same again and again: %s", alive.last.Partitions[0].Status)
	}
	dead := watched{tells: []Told{commit(0), commit(50), commit(90)}}
	dead.watch(400, reading)
	if got := dead.last.Partitions[0].Status; got != StatusStop {
		t.Errorf("it commits nothing any more: %s", got)
	}
	before := watched{tells: []Told{}} // it died before anybody told
	before.watch(400, func(int) Reading { return Reading{Partitions: []Partition{committed(0, 7, 100)}} })
	if got := before.last.Partitions[0].Status; got != StatusStop {
		t.Errorf("it never committed since it is watched: %s", got)
	}
	deleted := watched{tells: []Told{commit(0), commit(50), {TopicPartition: tp(0), At: commit(60).At, Deleted: true}}}
	deleted.watch(400, func(second int) Reading {
		if second < 60 {
			return reading(second)
		}
		return Reading{Members: owner, Partitions: []Partition{{TopicPartition: tp(0), End: 100}}}
	})
	if all := deleted.history.Judged(deleted.last, deleted.rules).Commits[0]; len(all) != 0 {
		t.Errorf("commits that were deleted are remembered: %+v", all)
	}
}
