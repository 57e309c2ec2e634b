package lag

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// FreshFor is how long a reading can be acted on.
const FreshFor = 15 * time.Second

// Window is the readings of one group, oldest first.
type Window []Reading

// Newest is the last reading if it says something and is young enough to act
// on; otherwise nil, and why there is none.
func (w Window) Newest(now time.Time) (*Reading, string) {
	if len(w) == 0 {
		return nil, "the group has not been read yet"
	}
	last := &w[len(w)-1]
	if last.Err != "" {
		return nil, last.Err
	}
	if age := now.Sub(last.At); age > FreshFor {
		return nil, fmt.Sprintf("the last reading of the group is %d s old", int(age.Seconds()))
	}
	return last, ""
}

// Said is the last reading that says something, however old; nil if none does.
func (w Window) Said() *Reading {
	for i := len(w) - 1; i >= 0; i-- {
		if w[i].Err == "" {
			return &w[i]
		}
	}
	return nil
}

// Since is the part of the window that was read after a time.
func (w Window) Since(t time.Time) Window {
	for i := range w {
		if w[i].At.After(t) {
			return w[i:]
		}
	}
	return nil
}

// Last is the end of the window, as little of it as spans a time; all of it, if that is
// less.
func (w Window) Last(span time.Duration) Window {
	for i := len(w) - 1; i >= 0; i-- {
		if w[len(w)-1].At.Sub(w[i].At) >= span {
			return w[i:]
		}
	}
	return w
}

// Before is the part of the window that was read before a time.
func (w Window) Before(t time.Time) Window {
	for i := range w {
		if !w[i].At.Before(t) {
			return w[:i]
		}
	}
	return w
}

// Span is the time from the first to the last reading.
func (w Window) Span() time.Duration {
	if len(w) == 0 {
		return 0
	}
	return w[len(w)-1].At.Sub(w[0].At)
}

// Tail is the readings at the end of the window, back to the first one for which
// the predicate fails, or to a time in which nothing was read: what was then is not
// known.
func (w Window) Tail(holds func(*Reading) bool) Window {
	for i := len(w) - 1; i >= 0; i-- {
		gap := i < len(w)-1 && w[i+1].At.Sub(w[i].At) > FreshFor
		if gap || !holds(&w[i]) {
			return w[i+1:]
		}
	}
	return w
}

// Flow is what happened to some partitions over a window.
type Flow struct {
	Produced int64 // records appended
	Consumed int64 // records committed
	Lag      int64 // records not yet committed, at the end
}

// Flow sums what happened to the partitions between the first and the last
// reading. It is unknown (false) if one of them was not read at both ends.
func (w Window) Flow(partitions []TopicPartition) (Flow, bool) {
	if len(w) < 2 {
		return Flow{}, false
	}
	first, last := &w[0], &w[len(w)-1]
	var sum Flow
	for _, tp := range partitions {
		a, b := first.Partition(tp), last.Partition(tp)
		_, known := a.Lag()
		behind, still := b.Lag()
		if !known || !still {
			return Flow{}, false
		}
		sum.Produced += max(0, b.End-a.End)
		sum.Consumed += max(0, b.Position()-a.Position())
		sum.Lag += behind
	}
	return sum, true
}

// Unread is why the flow over some partitions is not known; "" if it is.
func (w Window) Unread(partitions []TopicPartition) string {
	if len(w) < 2 {
		return "there is one reading only"
	}
	for _, tp := range partitions {
		for _, p := range []Partition{w[0].Partition(tp), w[len(w)-1].Partition(tp)} {
			if _, known := p.Lag(); !known {
				return strings.TrimSpace(fmt.Sprintf("partition %s was not read: %s", tp, p.Err))
			}
		}
	}
	return ""
}

// Unrest is what is or was the matter, since a time, with the brokers that serve the
// group; "" if nothing. Clients need some time to find their way after each change, one
// more than another.
func (w Window) Unrest(since time.Time) string {
	var before *Reading
	var most int32
	for i := range w {
		r := &w[i]
		if r.Err != "" {
			continue
		}
		if before != nil && r.At.After(since) {
			if changed := changed(before, r); changed != "" {
				return changed
			}
		}
		before, most = r, max(most, r.Brokers)
	}
	if before != nil && before.Brokers < most {
		return fmt.Sprintf("%d of %d brokers are there", before.Brokers, most)
	}
	return ""
}

// changed is what changed between two readings about the brokers; "" if nothing did.
func changed(a, b *Reading) string {
	switch {
	case a.Brokers != b.Brokers:
		return fmt.Sprintf("%d brokers became %d", a.Brokers, b.Brokers)
	case a.Coordinator != b.Coordinator:
		return fmt.Sprintf("the group's coordinator went from broker %d to broker %d", a.Coordinator, b.Coordinator)
	}
	for _, p := range b.Partitions {
		if before := a.Partition(p.TopicPartition); before.Topic != "" && before.Leader != p.Leader {
			return fmt.Sprintf("the leader of %s went from broker %d to broker %d", p.TopicPartition, before.Leader, p.Leader)
		}
	}
	return ""
}

// Standing is the first of the partitions that had lag at the beginning of the
// window and where no commit came since. One of which the lag is not known does
// not count, but for this: where nothing was ever committed, records that came in the
// first half of the window are to be consumed, whatever the client's auto.offset.reset.
func (w Window) Standing(partitions []TopicPartition) (Partition, bool) {
	if len(w) == 0 {
		return Partition{}, false
	}
	first, last := &w[0], &w[len(w)-1]
	half := w.Before(first.At.Add(w.Span() / 2))
	for _, tp := range partitions {
		a, b := first.Partition(tp), last.Partition(tp)
		if a.untouched() && b.untouched() && len(half) > 0 {
			if p := half[len(half)-1].Partition(tp); p.untouched() && p.End > a.End {
				return b, true
			}
		}
		before, known := a.Lag()
		if behind, still := b.Lag(); !known || !still || before == 0 || behind == 0 {
			continue
		}
		if b.Position() == a.Position() {
			return b, true
		}
	}
	return Partition{}, false
}

// Lag is the group's lag, in sum and on the partition furthest behind. It is
// unknown if it is for one partition, or if there are no partitions.
func (r *Reading) Lag() (total, most int64, known bool) {
	for _, p := range r.Partitions {
		behind, ok := p.Lag()
		if !ok {
			return 0, 0, false
		}
		total += behind
		most = max(most, behind)
	}
	return total, most, len(r.Partitions) > 0
}

// Unplaced is why the lag of the first partition is not known of which everything was
// read; "" if there is none.
func (r *Reading) Unplaced() string {
	for _, p := range r.Partitions {
		if why := p.Unplaced(); why != "" {
			return why
		}
	}
	return ""
}

// Lost is how many records retention has deleted before the group had processed them; at
// least so many if it is not known of every partition.
func (r *Reading) Lost() (lost int64, known bool) {
	known = true
	for _, p := range r.Partitions {
		lost += p.Lost()
		known = known && p.Err == ""
	}
	return lost, known
}

// Unread is the first partition that could not be read; false if all were.
func (r *Reading) Unread() (Partition, bool) {
	for _, p := range r.Partitions {
		if p.Err != "" {
			return p, true
		}
	}
	return Partition{}, false
}

// Runway is the shortest one of the group's partitions, and which has it; false if none
// has one.
func (r *Reading) Runway() (shortest time.Duration, where Partition, ends bool) {
	for _, p := range r.Partitions {
		if runway, has := p.Runway(); has && (!ends || runway < shortest) {
			shortest, where, ends = runway, p, true
		}
	}
	return shortest, where, ends
}

// Drain is how long it takes, at the present rates, until nothing waits on any partition;
// false if there is no such time on one, or if there are no partitions.
func (r *Reading) Drain() (time.Duration, bool) {
	var longest time.Duration
	for _, p := range r.Partitions {
		drain, ends := p.Drain()
		if !ends {
			return 0, false
		}
		longest = max(longest, drain)
	}
	return longest, len(r.Partitions) > 0
}

// Rates of all partitions together; they are not known if those of one are not, or if
// there are no partitions.
func (r *Reading) Rates() Rates {
	sum := Rates{Known: len(r.Partitions) > 0}
	for _, p := range r.Partitions {
		sum.Produced += p.Rates.Produced
		sum.Consumed += p.Rates.Consumed
		sum.Deleted += p.Rates.Deleted
		sum.Known = sum.Known && p.Rates.Known
	}
	return sum
}

// LagOf is the lag over some partitions; unknown if it is for one of them.
func (r *Reading) LagOf(partitions []TopicPartition) (int64, bool) {
	var total int64
	for _, tp := range partitions {
		behind, ok := r.Partition(tp).Lag()
		if !ok {
			return 0, false
		}
		total += behind
	}
	return total, true
}

// Committed is those of some partitions that are worth judging: all but those
// where records wait and nothing was ever committed, since with
// auto.offset.reset=latest, which is not ruled out, nothing ever may be.
func (r *Reading) Committed(partitions []TopicPartition) []TopicPartition {
	var worth []TopicPartition
	for _, tp := range partitions {
		if p := r.Partition(tp); p.Err != "" || p.Committed != nil || p.End == p.Start || p.Reset == ResetEarliest {
			worth = append(worth, tp)
		}
	}
	return worth
}

// Of are the partitions of a topic.
func (r *Reading) Of(topic string) []Partition {
	from := sort.Search(len(r.Partitions), func(i int) bool { return r.Partitions[i].Topic >= topic })
	to := sort.Search(len(r.Partitions), func(i int) bool { return r.Partitions[i].Topic > topic })
	return r.Partitions[from:to]
}

// PartitionCounts is how many partitions each topic has.
func (r *Reading) PartitionCounts() map[string]int32 {
	counts := map[string]int32{}
	for _, p := range r.Partitions {
		counts[p.Topic]++
	}
	return counts
}

// Partition is what was read about a partition; its zero value, which says
// nothing, if it is not there.
func (r *Reading) Partition(tp TopicPartition) Partition {
	at, found := slices.BinarySearchFunc(r.Partitions, tp, func(p Partition, tp TopicPartition) int {
		return p.Compare(tp)
	})
	if !found {
		return Partition{}
	}
	return r.Partitions[at]
}
