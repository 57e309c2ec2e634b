package lag

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Unix(1_000_000, 0)

func tp(n int32) TopicPartition { return TopicPartition{"orders", n} }

func known(n int32, committed, start, end int64) Partition {
	return Partition{TopicPartition: tp(n), Committed: &committed, Start: start, End: end}
}

func reading(second int, partitions ...Partition) Reading {
	return Reading{At: epoch.Add(time.Duration(second) * time.Second), State: StateStable, Partitions: partitions}
}

func TestLagOfAGroupIsUnknownIfOnePartitionIs(t *testing.T) {
	r := reading(0, known(0, 90, 0, 100), known(1, 70, 0, 100))
	if total, most, ok := r.Lag(); total != 40 || most != 30 || !ok {
		t.Errorf("%d, %d, %v", total, most, ok)
	}
	r.Partitions = append(r.Partitions, Partition{TopicPartition: tp(2), Err: "no leader"})
	if _, _, ok := r.Lag(); ok {
		t.Error("known with an unknown partition")
	}
	if behind, ok := r.LagOf([]TopicPartition{tp(1)}); behind != 30 || !ok {
		t.Errorf("%d, %v", behind, ok)
	}
	if _, _, ok := (&Reading{}).Lag(); ok {
		t.Error("known without partitions")
	}
}

func TestNewest(t *testing.T) {
	w := Window{reading(0), reading(10)}
	for _, c := range []struct {
		name string
		w    Window
		now  int
		want string
	}{
		{"fresh", w, 25, ""},
		{"old", w, 26, "the last reading of the group is 16 s old"},
		{"failed", append(w[:1:1], Reading{At: epoch, Err: "no broker answers"}), 1, "no broker answers"},
		{"none", nil, 0, "the group has not been read yet"},
	} {
		r, why := c.w.Newest(epoch.Add(time.Duration(c.now) * time.Second))
		if why != c.want || (r == nil) != (c.want != "") {
			t.Errorf("%s: %v, %q", c.name, r, why)
		}
	}
}

// untouched is a partition on which nothing was ever committed.
func untouched(partition int32, end int64) Partition {
	return Partition{TopicPartition: tp(partition), End: end}
}

func TestStanding(t *testing.T) {
	for _, c := range []struct {
		name string
		w    Window
		want int32 // -1: none
	}{
		{"lag and no commit", Window{reading(0, known(3, 5, 0, 10)), reading(9, known(3, 5, 0, 20))}, 3},
		{"lag and a commit", Window{reading(0, known(3, 5, 0, 10)), reading(9, known(3, 6, 0, 20))}, -1},
		{"no lag at first", Window{reading(0, known(3, 10, 0, 10)), reading(9, known(3, 10, 0, 20))}, -1},
		{"never committed", Window{reading(0, untouched(3, 10)), reading(9, untouched(3, 10))}, -1},
		{"never committed, and records came", Window{
			reading(0, untouched(3, 10)),
			reading(4, untouched(3, 11)),
			reading(9, untouched(3, 11)),
		}, 3},
		{"never committed, and records came just now", Window{
			reading(0, untouched(3, 10)),
			reading(4, untouched(3, 10)),
			reading(9, untouched(3, 11)),
		}, -1},
		{"the first commit", Window{
			reading(0, untouched(3, 10)),
			reading(4, untouched(3, 11)),
			reading(9, known(3, 11, 0, 11)),
		}, -1},
		{"never committed, and unknown for a while", Window{
			reading(0, untouched(3, 10)),
			reading(4, Partition{TopicPartition: tp(3), End: 11, Err: "x"}),
			reading(9, untouched(3, 11)),
		}, -1},
		{"one reading proves no commit", Window{reading(0, known(3, 5, 0, 10))}, 3},
		{"unknown at the end", Window{reading(0, known(3, 5, 0, 10)), reading(9, Partition{TopicPartition: tp(3), Err: "x"})}, -1},
		{"nothing read", nil, -1},
	} {
		p, stands := c.w.Standing([]TopicPartition{tp(3)})
		if stands != (c.want >= 0) || stands && p.Partition != c.want {
			t.Errorf("%s: %v, %v", c.name, p, stands)
		}
	}
}

func TestFlow(t *testing.T) {
	w := Window{
		reading(0, known(0, 50, 0, 60), known(1, 0, 0, 0)),
		reading(5),
		reading(9, known(0, 90, 0, 100), known(1, 10, 0, 30)),
	}
	got, ok := w.Flow([]TopicPartition{tp(0), tp(1)})
	if diff := cmp.Diff(Flow{Produced: 70, Consumed: 50, Lag: 30}, got); diff != "" || !ok {
		t.Error(diff, ok)
	}
	if _, ok := w.Flow([]TopicPartition{tp(2)}); ok {
		t.Error("known for a partition that was not read")
	}
	if _, ok := w[:1].Flow([]TopicPartition{tp(0)}); ok {
		t.Error("known from one reading")
	}
}

func TestTailAndSince(t *testing.T) {
	w := Window{reading(0), reading(1), reading(2), reading(3)}
	odd := func(r *Reading) bool { return r.At.Sub(epoch) != time.Second }
	if diff := cmp.Diff(w[2:], w.Tail(odd)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(w[3:], w.Since(epoch.Add(2*time.Second))); diff != "" {
		t.Error(diff)
	}
	if w.Since(epoch.Add(time.Hour)) != nil {
		t.Error("readings from the future")
	}
	if got := w.Span(); got != 3*time.Second {
		t.Error(got)
	}
}

func TestCommittedLeavesOutWhatNobodyEverCommitted(t *testing.T) {
	r := reading(0, known(0, 5, 0, 9),
		Partition{TopicPartition: tp(1), End: 9},
		Partition{TopicPartition: tp(2), Start: 9, End: 9},
		Partition{TopicPartition: tp(3), Err: "denied"})
	got := r.Committed([]TopicPartition{tp(0), tp(1), tp(2), tp(3)})
	if diff := cmp.Diff([]TopicPartition{tp(0), tp(2), tp(3)}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnowned(t *testing.T) {
	r := reading(0, known(0, 0, 0, 0), known(1, 0, 0, 0))
	r.Members = []Member{{InstanceID: "a", Assigned: []TopicPartition{tp(1)}}}
	if diff := cmp.Diff([]TopicPartition{tp(0)}, r.Unowned()); diff != "" {
		t.Error(diff)
	}
	if m, ok := r.Member("a"); !ok || len(m.Assigned) != 1 {
		t.Error(m, ok)
	}
	if diff := cmp.Diff(map[string]int32{"orders": 2}, r.PartitionCounts()); diff != "" {
		t.Error(diff)
	}
}

func TestLast(t *testing.T) {
	w := Window{reading(0), reading(4), reading(9), reading(10)}
	for span, want := range map[time.Duration]int{0: 1, time.Second: 2, 2 * time.Second: 3, 10 * time.Second: 4, time.Minute: 4} {
		if got := len(w.Last(span)); got != want {
			t.Errorf("the last %v are %d readings, want %d", span, got, want)
		}
	}
	if got := (Window)(nil).Last(time.Second); len(got) > 0 {
		t.Errorf("of nothing it is %v", got)
	}
}

func TestUnread(t *testing.T) {
	denied := Partition{TopicPartition: tp(1), Err: "denied"}
	for want, w := range map[string]Window{
		"":                          {reading(0, known(0, 1, 0, 1), known(1, 1, 0, 1)), reading(1, known(0, 1, 0, 1), known(1, 1, 0, 1))},
		"there is one reading only": {reading(0, known(0, 1, 0, 1))},
		"partition orders-1 was not read: denied": {reading(0, known(0, 1, 0, 1), known(1, 1, 0, 1)), reading(1, known(0, 1, 0, 1), denied)},
	} {
		if got := w.Unread([]TopicPartition{tp(0), tp(1)}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestUnrest(t *testing.T) {
	at := func(second int, brokers, coordinator, leader int32) Reading {
		p := known(0, 1, 0, 1)
		p.Leader = leader
		r := reading(second, p)
		r.Brokers, r.Coordinator = brokers, coordinator
		return r
	}
	calm := at(0, 3, 1, 2)
	for want, w := range map[string]Window{
		"":                         {at(-1, 2, 3, 1), calm, at(1, 3, 1, 2)}, // that was before
		"3 brokers became 2":       {calm, at(1, 2, 1, 2), at(2, 3, 1, 2)},
		"2 of 3 brokers are there": {at(-2, 3, 1, 2), at(-1, 2, 1, 2), at(1, 2, 1, 2)},
		"the group's coordinator went from broker 1 to broker 3": {calm, at(1, 3, 3, 2)},
		"the leader of orders-0 went from broker 2 to broker 1":  {calm, calm, at(1, 3, 1, 1)},
	} {
		if got := w.Unrest(epoch); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// A partition that is new, and a reading that failed, are no unrest.
	grown := at(1, 3, 1, 2)
	grown.Partitions = append(grown.Partitions, known(1, 0, 0, 0))
	if got := (Window{calm, {At: epoch, Err: "away"}, calm, grown}).Unrest(epoch); got != "" {
		t.Error(got)
	}
}

// TestBlanksAreNoStandstill: a marker that was taken for a record, for a reading, is nothing
// that a slot has not committed, and nothing that it has consumed.
func TestBlanksAreNoStandstill(t *testing.T) {
	before, after := known(0, 101, 0, 102), known(0, 101, 0, 102)
	after.Blank = 1
	w := Window{reading(0, before), reading(15, after)}
	if p, stands := w.Standing([]TopicPartition{tp(0)}); stands {
		t.Errorf("%+v stands", p)
	}
	if flow, ok := w.Flow([]TopicPartition{tp(0)}); !ok || flow != (Flow{}) {
		t.Errorf("%+v, %v", flow, ok)
	}
}
