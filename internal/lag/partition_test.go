package lag

import (
	"strings"
	"testing"
	"time"
)

func at(offset int64) *int64 { return &offset }

func TestLagOfAPartition(t *testing.T) {
	for name, c := range map[string]struct {
		Partition
		lag, lost int64
		unknown   string // why the lag is not known; "": it is
	}{
		"records wait":                                        {Partition: Partition{Committed: at(7), End: 9}, lag: 2},
		"the log begins later":                                {Partition: Partition{Committed: at(3), Start: 5, End: 9}, lag: 4, lost: 2},
		"an empty log that nobody read":                       {Partition: Partition{Start: 9, End: 9}},
		"nothing committed":                                   {Partition: Partition{Start: 4, End: 9}, unknown: "nothing was ever committed on orders-0, and 5 records wait"},
		"nothing committed, from the earliest":                {Partition: Partition{Start: 4, End: 9, Reset: ResetEarliest}, lag: 5},
		"nothing committed, from the latest":                  {Partition: Partition{Start: 4, End: 9, Reset: ResetLatest}},
		"out of range":                                        {Partition: Partition{Committed: at(12), Start: 4, End: 9}, unknown: "offset 12 is committed on orders-0, and its log ends at 9"},
		"out of range, from the earliest":                     {Partition: Partition{Committed: at(12), Start: 4, End: 9, Reset: ResetEarliest}, lag: 5},
		"out of range, from the latest":                       {Partition: Partition{Committed: at(12), Start: 4, End: 9, Reset: ResetLatest}},
		"beyond what is stable":                               {Partition: Partition{Committed: at(12), End: 9, ReadCommitted: true}},
		"a marker at the end":                                 {Partition: Partition{Committed: at(8), End: 9, Blank: 1}},
		"a marker at the end, and read past it":               {Partition: Partition{Committed: at(9), End: 9, Blank: 1}},
		"a marker behind a record":                            {Partition: Partition{Committed: at(7), End: 9, Blank: 1}, lag: 1},
		"blank, and gone":                                     {Partition: Partition{Committed: at(8), Start: 9, End: 9, Blank: 1}},
		"blank where it goes on":                              {Partition: Partition{Committed: at(7), End: 10, Skip: 1}, lag: 2},
		"the log begins later, and it begins with the latest": {Partition: Partition{Committed: at(3), Start: 5, End: 9, Reset: ResetLatest}, lost: 2},
		"not read": {Partition: Partition{Err: "denied"}, unknown: ""},
	} {
		p := c.Partition
		p.TopicPartition = tp(0)
		behind, known := p.Lag()
		if known != (c.unknown == "" && p.Err == "") || known && behind != c.lag {
			t.Errorf("%s: lag %d, known %v; want %d", name, behind, known, c.lag)
		}
		if got := p.Unplaced(); got != c.unknown {
			t.Errorf("%s: %q, want %q", name, got, c.unknown)
		}
		if got := p.Lost(); got != c.lost {
			t.Errorf("%s: lost %d, want %d", name, got, c.lost)
		}
	}
}

func TestWhatIsNotThereHasNoLag(t *testing.T) {
	if behind, known := (Partition{}).Lag(); known || behind != 0 {
		t.Errorf("%d", behind)
	}
}

func TestRunwayAndDrain(t *testing.T) {
	const never = time.Duration(-1)
	for name, c := range map[string]struct {
		Partition
		runway, drain time.Duration
	}{
		"nothing waits": {Partition{Committed: at(9), End: 9, Rates: Rates{Deleted: 5, Known: true}}, never, 0},
		"catches up, and flees from retention": {
			Partition{Committed: at(100), End: 700, Rates: Rates{Produced: 10, Consumed: 20, Deleted: 5, Known: true}}, never, time.Minute,
		},
		"stands, and retention comes": {
			Partition{Committed: at(100), Start: 40, End: 700, Rates: Rates{Produced: 10, Deleted: 2, Known: true}}, 30 * time.Second, never,
		},
		"retention has come": {Partition{Committed: at(10), Start: 40, End: 700}, 0, never},
		"rates not known":    {Partition{Committed: at(100), Start: 40, End: 700}, never, never},
		"Kafka Streams deletes what it has processed": {
			Partition{
				TopicPartition: TopicPartition{Topic: "app-KEY-repartition"}, Committed: at(100), Start: 100, End: 700,
				Rates: Rates{Consumed: 10, Deleted: 11, Known: true},
			}, never, time.Minute,
		},
		"nearly as quick as never": {
			Partition{Committed: at(1), End: 1 << 62, Rates: Rates{Consumed: 1e-20, Known: true}}, never, longest,
		},
		"never committed, from the earliest: there is no commit to lose": {
			Partition{Start: 40, End: 700, Reset: ResetEarliest, Rates: Rates{Deleted: 5, Known: true}}, never, never,
		},
	} {
		p := c.Partition
		if p.Topic == "" {
			p.TopicPartition = tp(0)
		}
		if runway, has := p.Runway(); has != (c.runway != never) || has && runway != c.runway {
			t.Errorf("%s: runway %s, %v; want %s", name, runway, has, c.runway)
		}
		if drain, ends := p.Drain(); ends != (c.drain != never) || ends && drain != c.drain {
			t.Errorf("%s: drained in %s, %v; want %s", name, drain, ends, c.drain)
		}
	}
}

// TestOfTheGroup: what is not known of one partition is not known of all; what is near on
// one is near.
func TestOfTheGroup(t *testing.T) {
	shrinks := Partition{TopicPartition: tp(0), Committed: at(100), End: 200, Rates: Rates{Consumed: 10, Known: true}}
	near := Partition{TopicPartition: tp(1), Committed: at(100), Start: 90, End: 200, Rates: Rates{Deleted: 1, Known: true}}
	gone := Partition{TopicPartition: tp(2), Committed: at(5), Start: 90, End: 90, Rates: Rates{Known: true}}
	r := Reading{Partitions: []Partition{shrinks, near, gone}}
	if lost, known := r.Lost(); lost != 85 || !known {
		t.Errorf("lost %d, known %v; want 85", lost, known)
	}
	if runway, where, has := r.Runway(); !has || runway != 0 || where.Partition != 2 {
		t.Errorf("runway %s on %s", runway, where.TopicPartition)
	}
	if drain, ends := r.Drain(); ends {
		t.Errorf("drained in %s, although one partition is not", drain)
	}
	if rates := r.Rates(); rates != (Rates{Consumed: 10, Deleted: 1, Known: true}) {
		t.Errorf("%+v", rates)
	}
	r = Reading{Partitions: []Partition{shrinks, {TopicPartition: tp(1), Committed: at(3), End: 3}}}
	if drain, ends := r.Drain(); !ends || drain != 10*time.Second {
		t.Errorf("drained in %s, %v; want 10 s", drain, ends)
	}
	if rates := r.Rates(); rates.Known {
		t.Errorf("known of one partition only: %+v", rates)
	}
	none := Reading{}
	if _, ends := none.Drain(); ends || none.Rates().Known {
		t.Error("something is known of no partitions")
	}
	r.Partitions = append(r.Partitions, Partition{TopicPartition: tp(2), End: 3})
	if why := r.Unplaced(); !strings.Contains(why, "orders-2") {
		t.Errorf("%q", why)
	}
}
