// Package measure reads what the sample consumers logged and says what a group's
// records went through: the longest pause of each partition, what was processed
// twice, and what was never processed.
package measure

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

// Record is one record that a consumer processed.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	At        time.Time
	// Owner is who processed it: the path of the log that it was read from, "#", and how
	// many times its consumer had been assigned partitions.
	Owner string
}

// Records reads all records from the logs that match a pattern, as Entries does.
func Records(pattern string) ([]Record, error) {
	var records []Record
	assignments := map[string]int{}
	err := Entries(pattern, func(path string, e journal.Entry) {
		switch e.Event {
		case journal.Assigned:
			assignments[path]++
		case journal.Record:
			owner := fmt.Sprintf("%s#%d", path, assignments[path])
			records = append(records, Record{e.Topic, e.Partition, e.First, time.UnixMilli(e.FirstMS), owner})
		}
	})
	return records, err
}

// Entries reads all that consumers wrote to the logs that match a pattern (filepath.Glob),
// one log after another. Lines that are not the consumer's are passed over, and so is a last
// line that is not complete yet.
func Entries(pattern string, each func(path string, e journal.Entry)) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("find logs: %w", err)
	}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		err = lines(file, func(e journal.Entry) { each(path, e) })
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("read log %s: %w", path, err)
		}
	}
	return nil
}

// lines reads the consumer's own lines of a log.
func lines(log io.Reader, each func(journal.Entry)) error {
	scanner := bufio.NewScanner(log)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var e journal.Entry
		if json.Unmarshal(scanner.Bytes(), &e) == nil {
			each(e)
		}
	}
	return scanner.Err()
}

// Outcome is what the records of one partition went through.
type Outcome struct {
	Topic     string
	Partition int32
	// Pause is the longest time between two records processed one after another.
	Pause time.Duration
	// Stood is the sum of all such times above Noise.
	Stood time.Duration
	// Twice is how many records were processed more than once, counting each time
	// after the first.
	Twice int
	// Lost is how many offsets between the first and the last processed one were
	// never processed. (A topic without transactions has no gaps of its own.)
	Lost int
	// Contested is how many records were processed by an owner whose successor had
	// processed them before: two went on at once.
	Contested int
}

// Outcomes is what the records that were processed in a span of time went
// through, by topic and partition. Twice and lost are looked for in all records
// up to the end of the span.
func Outcomes(records []Record, from, to time.Time) []Outcome {
	type key struct {
		topic     string
		partition int32
	}
	byPartition := map[key][]Record{}
	for _, r := range records {
		if !r.At.After(to) {
			k := key{r.Topic, r.Partition}
			byPartition[k] = append(byPartition[k], r)
		}
	}
	var outcomes []Outcome
	for k, all := range byPartition {
		slices.SortStableFunc(all, func(a, b Record) int { return a.At.Compare(b.At) })
		o := Outcome{Topic: k.topic, Partition: k.partition}
		o.Pause, o.Stood = pauses(all, from, to)
		o.Twice, o.Lost = counts(all)
		o.Contested = contested(all)
		outcomes = append(outcomes, o)
	}
	slices.SortFunc(outcomes, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return outcomes
}

// Noise is up to how long between two records is no pause of a partition: busy machines
// and batches make gaps, too.
const Noise = 150 * time.Millisecond

// pauses are the gaps that lie in the span, in records sorted by time: the longest one,
// and the sum of those above Noise. One that is still open at the span's end counts up
// to there.
func pauses(records []Record, from, to time.Time) (longest, stood time.Duration) {
	last := from
	until := func(at time.Time) {
		gap := at.Sub(last)
		longest = max(longest, gap)
		if gap > Noise {
			stood += gap
		}
		last = at
	}
	for _, r := range records {
		if !r.At.Before(from) {
			until(r.At)
		}
	}
	until(to)
	return longest, stood
}

func counts(records []Record) (twice, lost int) {
	times := map[int64]int{}
	first, last := records[0].Offset, records[0].Offset
	for _, r := range records {
		times[r.Offset]++
		first, last = min(first, r.Offset), max(last, r.Offset)
	}
	for _, n := range times {
		twice += n - 1
	}
	return twice, int(last-first) + 1 - len(times)
}

// contested counts, in records sorted by time, those that an owner processed after
// one that came later had. A successor that processes again what its predecessor
// had not committed is none.
func contested(records []Record) int {
	came := map[string]int{} // by owner: the position of its first record
	last := map[int64]int{}  // by offset: when the last came of those that processed it
	n := 0
	for i, r := range records {
		if _, here := came[r.Owner]; !here {
			came[r.Owner] = i
		}
		if last[r.Offset] > came[r.Owner] {
			n++
		}
		last[r.Offset] = max(last[r.Offset], came[r.Owner])
	}
	return n
}

// Summary of the outcomes of all partitions.
type Summary struct {
	// SumPause is of the longest pauses of all partitions.
	MedianPause, MaxPause, SumPause time.Duration
	// Stood is how long all partitions together stood still: partition-seconds.
	Stood                  time.Duration
	Twice, Lost, Contested int
}

// Summarize sums outcomes up.
func Summarize(outcomes []Outcome) Summary {
	var s Summary
	var pauses []time.Duration
	for _, o := range outcomes {
		pauses = append(pauses, o.Pause)
		s.SumPause += o.Pause
		s.Stood += o.Stood
		s.Twice += o.Twice
		s.Lost += o.Lost
		s.Contested += o.Contested
	}
	s.MedianPause = Median(pauses)
	if len(pauses) > 0 {
		s.MaxPause = slices.Max(pauses)
	}
	return s
}

// Median of some durations; of an even number the mean of the middle two; zero
// of none.
func Median(durations []time.Duration) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
