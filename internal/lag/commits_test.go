package lag

import (
	"math/rand/v2"
	"testing"
	"time"
)

// burrowCommit is a commit of one of Burrow's cases: ms, offset, lag.
type burrowCommit struct{ at, offset, lag int64 }

// steady are commits 100 s apart, from 100 s on.
func steady(offsetsAndLags ...int64) (commits []burrowCommit) {
	for i := 0; i < len(offsetsAndLags); i += 2 {
		commits = append(commits, burrowCommit{int64(i/2+1) * 100_000, offsetsAndLags[i], offsetsAndLags[i+1]})
	}
	return commits
}

// everySecond are 15 commits, each of one record more, that leave no lag.
func everySecond() (commits []burrowCommit) {
	for i, at := range []int64{
		18356, 19362, 20366, 21367, 22370, 23373, 24378, 25379, 26383, 27383, 28383, 29388, 30391, 31394, 32397,
	} {
		commits = append(commits, burrowCommit{1512224600_000 + at, 792748079 + int64(i), 0})
	}
	return commits
}

// The cases are those of the table in Burrow's caching_test.go at ced55ba, by their
// numbers, and from 16 on some for WARN, of which it has none.
func TestBurrowsCases(t *testing.T) {
	withGaps := []burrowCommit{}
	for _, c := range steady(1000, 0, 2000, 50, 3000, 100, 4000, 150, 5000, 200) {
		withGaps = append(withGaps, c, burrowCommit{c.at + 50_000, c.offset + 500, Unknown})
	}
	for number, c := range []struct {
		commits []burrowCommit
		ends    []int64
		lag     int64
		now     int64 // s
		allowed int64
		want    Status
	}{
		0:  {steady(1000, 0, 2000, 50, 3000, 100, 4000, 150, 5000, 200), []int64{5200}, 200, 600, 0, StatusOK},
		1:  {steady(1000, 0, 2000, 50, 3000, 100, 4000, 150, 5000, 200), []int64{5200}, 200, 900, 0, StatusOK},
		2:  {steady(1000, 0, 2000, 50, 3000, 100, 4000, 150, 5000, 200), []int64{5200}, 200, 1000, 0, StatusStop},
		3:  {steady(1000, 50, 2000, 100, 3000, 150, 4000, 200, 5000, 250), []int64{5250}, 250, 1000, 0, StatusStop},
		4:  {steady(1000, 0, 1000, 50, 1000, 100, 1000, 150, 1000, 200), []int64{1200}, 200, 600, 0, StatusOK},
		5:  {steady(1000, 100, 1000, 150, 1000, 200, 1000, 250, 1000, 300), []int64{1300}, 300, 600, 0, StatusStall},
		6:  {steady(1000, 100, 1000, 100, 1000, 100, 1000, 100, 1000, 100), []int64{1100}, 100, 600, 0, StatusStall},
		7:  {steady(1000, 100, 2000, 150, 3000, 200, 2000, 1250, 4000, 300), []int64{4300}, 300, 600, 0, StatusOK},
		8:  {steady(1000, 50, 2000, 100, 3000, 150, 4000, 200, 5000, 250), []int64{5250}, 0, 1000, 0, StatusOK},
		9:  {everySecond(), []int64{792749024, 792749000, 792748800, 792748600, 792748500}, 931, 1512224650, 0, StatusStop},
		10: {everySecond(), []int64{792748094, 792748093, 792748093, 792748093}, 1, 1512224650, 0, StatusOK},
		11: {withGaps, []int64{5700}, 200, 600, 0, StatusOK},
		12: {[]burrowCommit{{100_000, 1000, 2}, {200_000, 2000, 1}, {300_000, 2000, 1}}, []int64{2001}, 1, 550, 1, StatusOK},
		13: {steady(1000, 100, 1000, 150, 1000, 200, 1000, 250, 1000, 300), []int64{1300}, 300, 600, 99, StatusStall},
		14: {steady(1000, 100, 2000, 150, 3000, 200, 2000, 1250, 4000, 300), []int64{4300}, 300, 600, 99, StatusOK},
		15: {steady(1000, 100, 2000, 150, 3000, 200, 2000, 1250, 2500, 300), []int64{4300}, 300, 600, 0, StatusRewind},

		16: {steady(1000, 100, 2000, 150, 3000, 200, 4000, 250), []int64{4250}, 250, 500, 0, StatusWarn},
		17: {steady(1000, 100, 2000, 100, 3000, 100, 4000, 100), []int64{4100}, 100, 500, 0, StatusWarn}, // it does not catch up
		18: {steady(1000, 100, 2000, 150, 3000, 149, 4000, 250), []int64{4250}, 250, 500, 0, StatusOK},   // it did once
		19: {steady(1000, 100, 2000, Unknown, 3000, 100, 4000, Unknown), []int64{4100}, 100, 500, 0, StatusWarn},
		20: {steady(1000, 100, 2000, 150, 3000, 200, 4000, 250), []int64{4250}, 250, 500, 100, StatusOK}, // one lag that is none
		21: {steady(1000, 100, 2000, 150, 3000, 200, 4000, 250), []int64{4250}, 250, 500, 99, StatusWarn},
		22: {steady(1000, 100, 1000, 150, 1000, 200, 1001, 250), []int64{1251}, 250, 500, 0, StatusWarn}, // the last one moves
	} {
		r := Rules{Samples: 15, AllowedLag: c.allowed}
		if got := keep(c.commits, r).Status(time.Unix(c.now, 0), c.lag, lowest(c.ends), r); got != c.want {
			t.Errorf("case %d: %s, want %s", number, got, c.want)
		}
	}
}

func keep(commits []burrowCommit, r Rules) *Commits {
	kept := &Commits{}
	for _, c := range commits {
		kept.Add(time.UnixMilli(c.at), c.offset, c.lag, r)
	}
	return kept
}

func lowest(ends []int64) int64 {
	least := ends[0]
	for _, end := range ends {
		least = min(least, end)
	}
	return least
}

// TestRulesOfBurrow: on random commits the status is the one that Burrow's rules have, as
// they are told rule by rule.
func TestRulesOfBurrow(t *testing.T) {
	seen := map[Status]int{}
	for seed := range uint64(200_000) {
		random := rand.New(rand.NewPCG(seed, 6))
		var commits []burrowCommit
		at, offset := int64(100_000), int64(1000)
		for range 2 + random.IntN(14) {
			commits = append(commits, burrowCommit{at, offset, random.Int64N(7) - 1})
			at += 100 * (1 + random.Int64N(200))
			switch random.IntN(5) {
			case 0:
				offset = max(0, offset-random.Int64N(50))
			case 1, 2:
				offset += random.Int64N(50)
			}
		}
		ends := []int64{offset + random.Int64N(40) - 5, offset + random.Int64N(40)}
		current, allowed := random.Int64N(5), random.Int64N(3)
		now := at/1000 + random.Int64N(200)
		r := Rules{Samples: 15, AllowedLag: allowed}
		got, want := keep(commits, r).Status(time.Unix(now, 0), current, lowest(ends), r), byTheRules(commits, ends, current, now, allowed)
		if got != want {
			t.Fatalf("seed %d: %s, want %s: commits %v, ends %v, lag %d, now %d s, %d allowed", seed, got, want, commits, ends, current, now, allowed)
		}
		seen[got]++
	}
	for _, s := range []Status{StatusOK, StatusWarn, StatusStop, StatusStall, StatusRewind} {
		if seen[s] < 100 {
			t.Errorf("%s was seen %d times: the commits are not random enough", s, seen[s])
		}
	}
}

// byTheRules are Burrow's rules, one after the other.
func byTheRules(commits []burrowCommit, ends []int64, current, now, allowed int64) Status {
	if current <= allowed {
		return StatusOK
	}
	first, last := commits[0], commits[len(commits)-1]
	keptUp := false
	for _, end := range ends {
		keptUp = keptUp || end <= last.offset
	}
	if now*1000-last.at > last.at-first.at && !keptUp {
		return StatusStop
	}
	for i := 1; i < len(commits); i++ {
		if commits[i].offset >= commits[i-1].offset {
			continue
		}
		recovered := false
		for _, later := range commits[i:] {
			recovered = recovered || later.offset >= commits[i-1].offset
		}
		if !recovered {
			return StatusRewind
		}
		break // only the first one counts
	}
	var lags []int64
	for _, c := range commits {
		if c.lag != Unknown {
			lags = append(lags, c.lag)
		}
	}
	for _, lag := range lags {
		if lag <= allowed {
			return StatusOK
		}
	}
	moved := false
	for _, c := range commits {
		moved = moved || c.offset != first.offset
	}
	if !moved {
		return StatusStall
	}
	for i := 1; i < len(lags); i++ {
		if lags[i] < lags[i-1] {
			return StatusOK
		}
	}
	return StatusWarn
}

// TestWindow: what Burrow's rules lack, of which the window counts commits.
func TestWindow(t *testing.T) {
	r := Rules{Samples: 10, Window: 300 * time.Second}
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	// A commit per second for ten minutes, while the lag grows; then none.
	var busy Commits
	for s := range 600 {
		busy.Add(at(s), int64(s), int64(s), r)
	}
	// One that was seen once, and stands.
	var one Commits
	one.Add(at(0), 100, 50, r)
	for name, c := range map[string]struct {
		commits *Commits
		now     int
		lag     int64
		want    Status
	}{
		"nothing was committed":                                     {&Commits{}, 600, 50, StatusUnknown},
		"a lag that is not known":                                   {&busy, 600, Unknown, StatusUnknown},
		"the window is not filled yet":                              {&one, 299, 50, StatusUnknown},
		"one commit, for as long as the window":                     {&one, 300, 50, StatusUnknown},
		"one commit, for longer":                                    {&one, 301, 50, StatusStop},
		"one commit, and no lag":                                    {&one, 301, 0, StatusOK},
		"many commits in a short time are spread over the window":   {&busy, 600, 600, StatusWarn},
		"silence that is longer than a commit's interval, not more": {&busy, 800, 600, StatusWarn},
		"silence that is longer than the window":                    {&busy, 900, 600, StatusStop},
	} {
		if got := c.commits.Status(at(c.now), c.lag, 1<<40, r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if n, first := len(busy.kept), busy.at(0).at; n != 10 || first != 3000 {
		t.Errorf("%d commits are kept, from %d tenths of a second on, want 10 from 3000", n, first)
	}
}

// TestPolledCommits: whether somebody owns a partition tells a consumer that commits the
// same again from one that is gone.
func TestPolledCommits(t *testing.T) {
	r := Rules{Samples: 10, Window: 300 * time.Second}
	poll := func(owned bool, moves int64) Status {
		var c Commits
		committed := int64(100)
		for s := 0; s <= 700; s += 5 {
			c.Poll(time.Unix(int64(s), 0), Partition{TopicPartition: tp(0), Committed: &committed, End: committed + 50}, owned, r)
			committed += moves
		}
		c.Poll(time.Unix(701, 0), Partition{TopicPartition: tp(0), Committed: &committed, End: committed, Err: "denied"}, owned, r)
		return c.Status(time.Unix(705, 0), 50, 1<<40, r)
	}
	for _, c := range []struct {
		owned bool
		moves int64
		want  Status
	}{
		{true, 0, StatusStall},
		{false, 0, StatusStop},
		{true, 1, StatusWarn},
		{false, 1, StatusWarn}, // somebody commits, whoever it is
	} {
		if got := poll(c.owned, c.moves); got != c.want {
			t.Errorf("owned %t, %d records from one reading to the next: %s, want %s", c.owned, c.moves, got, c.want)
		}
	}
}

func TestGroupStatus(t *testing.T) {
	for want, of := range map[Status][][]Status{
		StatusUnknown: {{}, {StatusUnknown}, {StatusOK, StatusUnknown}, {StatusWarn, StatusUnknown}},
		StatusOK:      {{StatusOK, StatusOK}},
		StatusWarn:    {{StatusOK, StatusWarn}},
		StatusErr:     {{StatusStop}, {StatusStall, StatusOK}, {StatusRewind, StatusWarn}, {StatusUnknown, StatusStop}},
	} {
		for _, partitions := range of {
			if got := GroupStatus(partitions...); got != want {
				t.Errorf("%v: %s, want %s", partitions, got, want)
			}
		}
	}
}
