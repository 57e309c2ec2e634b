package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

// script drives a backlog at one record a second and keeps what it said.
type script struct {
	*backlog
	said []string
	now  time.Time
}

func newScript() *script {
	s := &script{now: time.UnixMilli(0)}
	s.backlog = newBacklog(
		func(e journal.Entry) {
			s.said = append(s.said, fmt.Sprintf("%s %s/%d %d-%d (%d) %d-%dms", e.Event, e.Topic, e.Partition, e.First, e.Last, e.Count, e.FirstMS, e.LastMS))
		},
		func(p partition, on bool) {
			s.said = append(s.said, fmt.Sprintf("fetch %s/%d %v", p.topic, p.number, on))
		},
	)
	return s
}

func (s *script) poll(number int32, from, count int64) {
	var records []*kgo.Record
	for o := from; o < from+count; o++ {
		records = append(records, &kgo.Record{Offset: o, LeaderEpoch: 7})
	}
	s.add(partition{"t", number}, records)
}

// work processes up to so many records, and says how many there were.
func (s *script) work(records int) (done int) {
	for ; done < records; done++ {
		s.now = s.now.Add(time.Second)
		if !s.process(s.now) {
			break
		}
	}
	return done
}

func (s *script) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(s.said, "\n")); diff != "" {
		t.Error(diff)
	}
	s.said = nil
}

func at(offset int64) kgo.EpochOffset { return kgo.EpochOffset{Epoch: 7, Offset: offset} }

func TestBacklogIsFairToPartitions(t *testing.T) {
	s := newScript()
	s.everyRecord = true
	s.assign(map[string][]int32{"t": {0, 1}})
	s.poll(0, 0, 3)
	s.poll(1, 10, 1)
	if got := s.work(10); got != 4 {
		t.Fatalf("processed %d of 4", got)
	}
	s.expect(t,
		"record t/0 0-0 (1) 1000-1000ms",
		"record t/1 10-10 (1) 2000-2000ms",
		"processed t/1 10-10 (1) 2000-2000ms",
		"record t/0 1-1 (1) 3000-3000ms",
		"record t/0 2-2 (1) 4000-4000ms",
		"processed t/0 0-2 (3) 1000-4000ms",
	)
}

func TestBacklogReportsBeforeItCommits(t *testing.T) {
	s := newScript()
	s.assign(map[string][]int32{"t": {0, 1}})
	s.poll(0, 5, 4)
	s.work(2)
	s.expect(t)
	if diff := cmp.Diff(offsets{"t": {0: at(7)}}, s.uncommitted()); diff != "" {
		t.Error(diff)
	}
	s.expect(t, "processed t/0 5-6 (2) 1000-2000ms")

	// A commit that failed is tried again, one that did not is not.
	if diff := cmp.Diff(offsets{"t": {0: at(7)}}, s.uncommitted()); diff != "" {
		t.Error(diff)
	}
	s.commit(offsets{"t": {0: at(7)}})
	if diff := cmp.Diff(offsets{}, s.uncommitted()); diff != "" {
		t.Error(diff)
	}

	s.work(1)
	if diff := cmp.Diff(offsets{"t": {0: at(8)}}, s.release(map[string][]int32{"t": {0, 1}})); diff != "" {
		t.Error(diff)
	}
	s.expect(t, "processed t/0 7-7 (1) 3000-3000ms")
	if got := s.work(10); got != 0 {
		t.Errorf("processed %d records of a partition that was revoked", got)
	}
	s.poll(0, 9, 1)
	if got := s.work(10); got != 0 {
		t.Errorf("took %d records of a partition that was revoked", got)
	}
}

func TestBacklogIsBounded(t *testing.T) {
	s := newScript()
	s.assign(map[string][]int32{"t": {0}})
	s.poll(0, 0, laneFull-1)
	s.expect(t)
	s.poll(0, laneFull-1, 1)
	s.poll(0, laneFull, 1)
	s.expect(t, "fetch t/0 false")
	s.work(laneFull - laneLow)
	s.said = nil
	s.work(1)
	s.expect(t, "fetch t/0 true")

	s.poll(0, laneFull+1, laneFull)
	s.expect(t, "fetch t/0 false")
	s.release(map[string][]int32{"t": {0}})
	if s.said[0] != "fetch t/0 true" {
		t.Errorf("a released partition stays paused: %v", s.said)
	}
}

func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		rate float64
		// elapse is how long each record takes by itself.
		elapse, want time.Duration
	}{
		"no limit":          {0, time.Millisecond, 1000 * time.Millisecond},
		"slower than work":  {100, time.Millisecond, 10 * time.Second},
		"as fast as work":   {1000, time.Millisecond, time.Second},
		"faster than work":  {10000, time.Millisecond, time.Second},
		"a record a minute": {1.0 / 60, time.Millisecond, 1000 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPace(c.rate)
			began := time.Unix(1000, 0)
			now := began
			for range 1000 {
				if due := p.next(now); due.After(now) {
					now = due
				}
				now = now.Add(c.elapse)
			}
			if got := now.Sub(began); got < c.want-2*catchUp || got > c.want+2*catchUp {
				t.Errorf("1000 records took %s, want %s", got, c.want)
			}
		})
	}
}
