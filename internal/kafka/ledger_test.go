package kafka

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/internal/lag"
)

// committedAt is when everything in these tests was committed.
var committedAt = time.UnixMilli(1_795_680_000_123)

func commitKey(version int16, group, topic string, partition int32) []byte {
	key := kmsg.OffsetCommitKey{Version: version, Group: group, Topic: topic, Partition: partition}
	return key.AppendTo(nil)
}

func commitValue(version int16, offset int64) []byte {
	value := kmsg.OffsetCommitValue{
		Version: version, Offset: offset, LeaderEpoch: 7, Metadata: "of a client",
		CommitTimestamp: committedAt.UnixMilli(), ExpireTimestamp: -1, TopicID: [16]byte{9},
	}
	return value.AppendTo(nil)
}

// billed is a commit of the group that the tests ask for.
func billed(offset int64) Commit {
	return Commit{Group: "billing", TopicPartition: lag.TopicPartition{Topic: "orders", Partition: 3}, Offset: offset, At: committedAt}
}

// newTestLedger asks for billing, and remembers what is told.
func newTestLedger() (*ledger, *[]Commit) {
	told := new([]Commit)
	return newLedger(
		func(group string) bool { return group == "billing" },
		func(c Commit) { *told = append(*told, c) },
	), told
}

func TestRecordsOfTheOffsetsTopic(t *testing.T) {
	key, value := commitKey(1, "billing", "orders", 3), commitValue(3, 42)
	deleted := billed(0)
	deleted.Deleted = true
	type want struct {
		commits []Commit
		junk    int64
	}
	commit, nothing, junk := want{commits: []Commit{billed(42)}}, want{}, want{junk: 1}
	type record struct {
		key, value []byte
		want       want
	}
	cases := map[string]record{
		"a commit":                        {key, value, commit},
		"a key of before 0.9":             {commitKey(0, "billing", "orders", 3), value, commit},
		"a deletion":                      {key, nil, want{commits: []Commit{deleted}}},
		"another group":                   {commitKey(1, "refunds", "orders", 3), value, nothing},
		"another group's junk":            {commitKey(1, "refunds", "orders", 3), []byte{0, 9}, nothing},
		"another group's deletion":        {commitKey(1, "refunds", "orders", 3), nil, nothing},
		"no key":                          {nil, value, junk},
		"half a version":                  {[]byte{0}, value, junk},
		"a version only":                  {[]byte{0, 1}, value, junk},
		"a key of version -1":             {commitKey(-1, "billing", "orders", 3), value, junk},
		"a key that is cut off":           {key[:len(key)-1], value, junk},
		"a group's name of length -1":     {[]byte{0, 1, 0xff, 0xff}, value, junk},
		"a group's name of 32 kB, not":    {[]byte{0, 1, 0x7f, 0xff, 'b'}, value, junk},
		"partition -1":                    {commitKey(1, "billing", "orders", -1), value, junk},
		"a value of no bytes":             {key, []byte{}, junk},
		"a value that is cut off":         {key, value[:len(value)-1], junk},
		"a value of version -1":           {key, commitValue(-1, 42), junk},
		"a value of a version to come":    {key, commitValue(lastCommitValue+1, 42), junk},
		"an offset that no partition has": {key, commitValue(3, -1), junk},
		"four billion tags":               {key, append(commitValue(4, 42)[:34], 0xff, 0xff, 0xff, 0xff, 0x0f), junk},
	}
	for version := range int16(lastCommitValue + 1) {
		cases[fmt.Sprintf("a value of version %d", version)] = record{key, commitValue(version, 42), commit}
	}
	// 2 is a classic group's metadata, 3 to 8 and 16 KIP-848, others share groups and Kafka
	// Streams, or are yet to come.
	for version := int16(2); version < 40; version++ {
		key := (&kmsg.GroupMetadataKey{Version: version, Group: "billing"}).AppendTo(nil)
		cases[fmt.Sprintf("a key of version %d", version)] = record{key, []byte("whatever"), nothing}
		cases[fmt.Sprintf("a key of version %d that is deleted", version)] = record{key, nil, nothing}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l, told := newTestLedger()
			l.read(&kgo.Record{Key: c.key, Value: c.value, Timestamp: committedAt})
			if diff := cmp.Diff(c.want.commits, *told); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			counts := TailCounts{Records: 1, Commits: int64(len(c.want.commits)), Junk: c.want.junk}
			if got := l.counts(); got != counts {
				t.Errorf("%+v, want %+v", got, counts)
			}
		})
	}
}

// story is what happens in a partition of the topic, one record after the other.
type story struct {
	*ledger
	next int64
}

func (s *story) add(r kgo.Record, opts kgo.RecordAttrsOpts) {
	r.Offset, r.Timestamp, r.Attrs = s.next, committedAt, kgo.NewRecordAttrs(opts)
	s.next++
	s.read(&r)
}

func (s *story) commit(offset int64) {
	s.add(kgo.Record{Key: commitKey(1, "billing", "orders", 3), Value: commitValue(3, offset)}, kgo.RecordAttrsOpts{})
}

func (s *story) deletion() {
	s.add(kgo.Record{Key: commitKey(1, "billing", "orders", 3)}, kgo.RecordAttrsOpts{})
}

// within is a commit in a transaction.
func (s *story) within(producer, offset int64) {
	s.add(kgo.Record{ProducerID: producer, Key: commitKey(1, "billing", "orders", 3), Value: commitValue(3, offset)}, kgo.RecordAttrsOpts{Transactional: true})
}

func (s *story) end(producer int64, as kmsg.ControlRecordKeyType) {
	key := (&kmsg.ControlRecordKey{Type: as}).AppendTo(nil)
	s.add(kgo.Record{ProducerID: producer, Key: key}, kgo.RecordAttrsOpts{Transactional: true, Control: true})
}

func TestLedgerOfTransactions(t *testing.T) {
	const committed, aborted = kmsg.ControlRecordKeyTypeCommit, kmsg.ControlRecordKeyTypeAbort
	for name, c := range map[string]struct {
		tell func(*story)
		want []int64 // offsets; -1: a deletion
		junk int64
	}{
		"one that is open": {tell: func(s *story) { s.within(1, 10) }},
		"committed":        {tell: func(s *story) { s.within(1, 10); s.end(1, committed) }, want: []int64{10}},
		"aborted":          {tell: func(s *story) { s.within(1, 10); s.end(1, aborted) }},
		"aborted, then an empty one": {
			tell: func(s *story) { s.within(1, 10); s.end(1, aborted); s.end(1, committed) },
		},
		"committed, aborted, committed": {
			tell: func(s *story) {
				s.within(1, 10)
				s.end(1, committed)
				s.within(1, 20)
				s.end(1, aborted)
				s.within(1, 30)
				s.end(1, committed)
			},
			want: []int64{10, 30},
		},
		"of its commits the last counts": {
			tell: func(s *story) { s.within(1, 10); s.within(1, 20); s.within(1, 15); s.end(1, committed) },
			want: []int64{15},
		},
		"it keeps nobody back": {
			tell: func(s *story) { s.within(1, 10); s.commit(20); s.commit(30) },
			want: []int64{20, 30},
		},
		"what came later stands": {
			tell: func(s *story) { s.within(1, 10); s.commit(20); s.end(1, committed) },
			want: []int64{20},
		},
		"a deletion that came later stands": {
			tell: func(s *story) { s.within(1, 10); s.deletion(); s.end(1, committed) },
			want: []int64{-1},
		},
		"what came before does not": {
			tell: func(s *story) { s.commit(20); s.within(1, 10); s.end(1, committed) },
			want: []int64{20, 10},
		},
		"of two the one that began later": {
			tell: func(s *story) { s.within(1, 10); s.within(2, 20); s.end(2, committed); s.end(1, committed) },
			want: []int64{20},
		},
		"of two the one that is committed": {
			tell: func(s *story) { s.within(1, 10); s.within(2, 20); s.end(2, aborted); s.end(1, committed) },
			want: []int64{10},
		},
		"the end of one whose beginning was not seen": {tell: func(s *story) { s.end(1, committed) }},
		"an end that cannot be read": {
			tell: func(s *story) {
				s.within(1, 10)
				s.add(kgo.Record{ProducerID: 1, Key: []byte{0}}, kgo.RecordAttrsOpts{Control: true})
			},
			junk: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, told := newTestLedger()
			s := story{ledger: l}
			c.tell(&s)
			var got []int64
			for _, commit := range *told {
				offset := commit.Offset
				if commit.Deleted {
					offset = -1
				}
				got = append(got, offset)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if counts := l.counts(); counts.Junk != c.junk || counts.Records != s.next {
				t.Errorf("%+v, want %d records and %d junk", counts, s.next, c.junk)
			}
		})
	}
}

// A producer has a transaction in each partition in which it commits.
func TestTransactionsOfPartitionsAreSeparate(t *testing.T) {
	l, told := newTestLedger()
	transactional := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true})
	for partition := range int32(2) {
		l.read(&kgo.Record{
			Partition: partition, ProducerID: 1, Attrs: transactional,
			Key: commitKey(1, "billing", "orders", 2+partition), Value: commitValue(3, 10),
		})
	}
	marker := (&kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeCommit}).AppendTo(nil)
	l.read(&kgo.Record{Partition: 1, Offset: 1, ProducerID: 1, Key: marker, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})})
	if diff := cmp.Diff([]Commit{billed(10)}, *told); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestWhatIsReadAgainIsToldOnce(t *testing.T) {
	l, told := newTestLedger()
	read := func(position, offset int64, after time.Duration) {
		value := kmsg.OffsetCommitValue{Offset: offset, CommitTimestamp: committedAt.Add(after).UnixMilli()}
		l.read(&kgo.Record{Offset: position, Key: commitKey(1, "billing", "orders", 3), Value: value.AppendTo(nil)})
	}
	for range 2 {
		read(10, 1, 0)
		read(11, 1, time.Second)
		read(12, 2, time.Second)
	}
	read(11, 3, time.Minute) // the log was cut off and has grown again
	read(12, 4, 0)           // another broker, with another clock
	var got []int64
	for _, c := range *told {
		got = append(got, c.Offset)
	}
	if diff := cmp.Diff([]int64{1, 1, 2, 3, 4}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestWhatNobodyAsksForIsForgotten(t *testing.T) {
	asked := true
	l := newLedger(func(string) bool { return asked }, func(Commit) {})
	l.read(&kgo.Record{Key: commitKey(1, "billing", "orders", 3), Value: commitValue(3, 42)})
	if l.forget(); len(l.places) != 1 {
		t.Fatalf("%d places are kept, want that of the group that is asked for", len(l.places))
	}
	asked = false
	if l.forget(); len(l.places) != 0 {
		t.Errorf("%d places are kept of a group that nobody asks for", len(l.places))
	}
}

// takes reads a record of any bytes, and then a good one.
func takes(t *testing.T, attrs kgo.RecordAttrs, key, value []byte) {
	t.Helper()
	var told []Commit
	l := newLedger(func(string) bool { return true }, func(c Commit) { told = append(told, c) })
	l.read(&kgo.Record{Key: key, Value: value, Attrs: attrs})
	for _, c := range told {
		if c.TopicPartition.Partition < 0 || c.Offset < 0 {
			t.Errorf("%x %x was told as %+v", key, value, c)
		}
	}
	if counts := l.counts(); counts.Commits+counts.Junk > 1 {
		t.Errorf("%x %x: %+v of one record", key, value, counts)
	}
	before := len(told)
	l.read(&kgo.Record{Offset: 1, Key: commitKey(1, "billing", "orders", 3), Value: commitValue(3, 42)})
	if diff := cmp.Diff([]Commit{billed(42)}, told[before:]); diff != "" {
		t.Errorf("after %x %x: -want +got\n%s", key, value, diff)
	}
}

func FuzzLedger(f *testing.F) {
	for version := range int16(lastCommitValue + 2) {
		f.Add(commitKey(version, "billing", "orders", 3), commitValue(version, 42), false, false)
		f.Add(commitKey(1, "billing", "orders", 3), commitValue(version, 42), true, false)
	}
	f.Add([]byte{0, 0, 0, 1}, []byte{}, true, true)
	f.Fuzz(func(t *testing.T, key, value []byte, transactional, control bool) {
		takes(t, kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: transactional, Control: control}), key, value)
	})
}

func TestAnythingCanBeRead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	damaged := func(good []byte) []byte {
		bytes := append([]byte{}, good[:random.IntN(len(good)+1)]...)
		for range random.IntN(4) {
			if len(bytes) > 0 {
				bytes[random.IntN(len(bytes))] = byte(random.Uint32())
			}
		}
		return bytes
	}
	for range 20_000 {
		key, value := commitKey(int16(random.IntN(3)), "billing", "orders", 3), commitValue(int16(random.IntN(6)), 42)
		attrs := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: random.IntN(3) == 0, Control: random.IntN(5) == 0})
		takes(t, attrs, damaged(key), damaged(value))
	}
}

// BenchmarkLedger reads records as a broker writes them, of 10,000 partitions of 1,000
// groups.
func BenchmarkLedger(b *testing.B) {
	const groups, partitions = 1_000, 10
	var commits, metadata, transactions []*kgo.Record
	transactional := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true})
	marker := (&kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeCommit}).AppendTo(nil)
	for p := range int32(partitions) {
		for g := range int64(groups) {
			group := fmt.Sprintf("com.example.payments.billing-%04d", g)
			key, value := commitKey(1, group, "com.example.payments.orders", p), commitValue(3, 42)
			commits = append(commits, &kgo.Record{Key: key, Value: value})
			metadata = append(metadata, &kgo.Record{Key: (&kmsg.GroupMetadataKey{Version: 2, Group: group}).AppendTo(nil), Value: value})
			transactions = append(transactions,
				&kgo.Record{ProducerID: g, Key: key, Value: value, Attrs: transactional},
				&kgo.Record{ProducerID: g, Key: marker, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})})
		}
	}
	for _, c := range []struct {
		name    string
		asked   bool
		records []*kgo.Record
	}{
		{"asked for", true, commits},
		{"not asked for", false, commits},
		{"of groups", true, metadata},
		{"in transactions", true, transactions},
	} {
		b.Run(c.name, func(b *testing.B) {
			known := map[string]bool{}
			for g := range groups {
				known[fmt.Sprintf("com.example.payments.billing-%04d", g)] = c.asked
			}
			var sum int64
			l := newLedger(func(group string) bool { return known[group] }, func(c Commit) { sum += c.Offset })
			position := int64(0)
			next := func() {
				r := c.records[position%int64(len(c.records))]
				r.Offset = position
				position++
				l.read(r)
			}
			for range c.records {
				next()
			}
			b.ReportAllocs()
			for b.Loop() {
				next()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
