package lag

import (
	"slices"
	"time"
)

// History is what is remembered of a group's commits beside its readings. The zero value
// remembers nothing.
type History struct {
	partitions []committedTo // in order
}

// committedTo is what is remembered of one partition.
type committedTo struct {
	TopicPartition
	commits Commits
	log     *Ends // another one says that the log is another
	pace    pace
	owned   bool // by a member, in the reading that is judged
}

// pace is what was committed a minute or two ago, and since then.
type pace struct{ before, since mark }

type mark struct {
	at     int64 // ms since 1970; 0: there is none
	offset int64
}

// paceOver is the time over which it is told how quickly a group consumes, once the group
// was watched for so long; up to twice that.
const paceOver = time.Minute

// add has a commit as it is read at a time, and tells how many records a second were
// committed; not known until two of them lie ten seconds apart, or after one that went
// back.
func (p *pace) add(at time.Time, offset int64) (perSecond float64, known bool) {
	now := mark{at.UnixMilli(), offset}
	switch {
	case p.before.at == 0, offset < p.before.offset:
		p.before, p.since = now, now
	case now.at-p.since.at >= paceOver.Milliseconds():
		p.before, p.since = p.since, now
	}
	passed := time.Duration(now.at-p.before.at) * time.Millisecond
	if passed < rateOver {
		return 0, false
	}
	return float64(offset-p.before.offset) / passed.Seconds(), true
}

// Log is what is remembered of a partition's log: the ends that a group can read up to, and
// where it began, as it was seen from time to time. Nil: nothing.
type Log struct{ Ends, Starts *Ends }

// Evidence is by what a reading is judged, beside those before.
type Evidence struct {
	// Log is what is remembered of a partition's.
	Log   func(TopicPartition) Log
	Rules Rules
	// Told are the group's commits since the reading before, as its coordinator wrote them
	// down. Complete: these are all, and what the reading shows is none besides.
	Told     []Told
	Complete bool
}

// Told is a commit, with its own time.
type Told struct {
	TopicPartition
	Offset int64
	At     time.Time
	// Deleted: there is no commit any more.
	Deleted bool
}

// Judge puts into a reading, which is the group's next one, what follows from it and from
// those before: of each partition its Status, its Rates, and when its oldest record that
// waits was appended.
func (h *History) Judge(r *Reading, e Evidence) {
	if r.Err != "" {
		return
	}
	h.follow(r)
	for _, commit := range e.Told {
		if at, found := h.find(commit.TopicPartition); found {
			h.partitions[at].tell(commit, e.Log(commit.TopicPartition), e.Rules)
		}
	}
	for i := range r.Partitions {
		if log := e.Log(r.Partitions[i].TopicPartition); log.Ends != nil {
			h.partitions[i].judge(&r.Partitions[i], r.At, log, e)
		}
	}
}

// of has what is remembered be of a log: if it is another one, nothing is.
func (past *committedTo) of(log Log) {
	if log.Ends != past.log {
		past.log, past.commits, past.pace = log.Ends, Commits{}, pace{}
	}
}

// tell adds a commit. How many records waited behind it is known if the log was watched
// then.
func (past *committedTo) tell(commit Told, log Log, rules Rules) {
	if log.Ends == nil {
		return
	}
	past.of(log)
	if commit.Deleted {
		past.commits = Commits{}
		return
	}
	if past.commits.beganAfter(commit.At) {
		past.commits = Commits{} // from readings, of which it is told better now
	}
	behind := int64(Unknown)
	if end, known := log.Ends.At(commit.At); known {
		behind = max(0, end-commit.Offset)
	}
	past.commits.Add(commit.At, commit.Offset, behind, rules)
}

func (past *committedTo) judge(p *Partition, at time.Time, log Log, e Evidence) {
	past.of(log)
	rules := e.Rules
	if !e.Complete || len(past.commits.kept) == 0 { // what was committed before anybody told
		past.commits.Poll(at, *p, past.owned, rules)
	}
	p.Rates = past.rates(p, at, log)
	behind, known := p.Lag()
	if !known {
		behind = Unknown
	}
	p.Status = past.commits.Status(at, behind, log.Ends.Lowest(at.Add(-rules.Window)), rules)
	if behind > 0 {
		p.Oldest, _ = log.Ends.AppendedAt(p.Position())
		p.Oldest = bounded(p.Oldest, p.Bound, at.Add(-rules.MaxAge))
	}
}

// bounded is an estimate in the bounds of what is known about it. What only seems to be
// so corrects nothing.
func bounded(estimate time.Time, bound Bound, limit time.Time) time.Time {
	switch {
	case bound == BoundBroken && (estimate.IsZero() || estimate.After(limit)),
		bound == BoundKept && !estimate.IsZero() && estimate.Before(limit):
		return limit
	}
	return estimate
}

func (past *committedTo) rates(p *Partition, at time.Time, log Log) Rates {
	if p.Err != "" || p.Committed == nil {
		return Rates{}
	}
	consumed, known := past.pace.add(at, *p.Committed)
	produced, seen := log.Ends.Rate(time.UnixMilli(past.pace.before.at))
	rates := Rates{Produced: float32(produced), Consumed: float32(consumed), Known: known && seen}
	if log.Starts != nil {
		deleted, _ := log.Starts.StepRate(at)
		rates.Deleted = float32(deleted)
	}
	return rates
}

// follow keeps in step with a reading: with which partitions there are, and which of them
// are owned. Those that are gone are forgotten.
func (h *History) follow(r *Reading) {
	same := func(past committedTo, p Partition) bool { return past.TopicPartition == p.TopicPartition }
	if !slices.EqualFunc(h.partitions, r.Partitions, same) {
		before := *h
		h.partitions = make([]committedTo, len(r.Partitions))
		for i, p := range r.Partitions {
			h.partitions[i].TopicPartition = p.TopicPartition
			if at, found := before.find(p.TopicPartition); found {
				h.partitions[i] = before.partitions[at]
			}
		}
	}
	for i := range h.partitions {
		h.partitions[i].owned = false
	}
	for _, m := range r.Members {
		for _, tp := range m.Assigned {
			if at, found := h.find(tp); found {
				h.partitions[at].owned = true
			}
		}
	}
}

func (h *History) find(tp TopicPartition) (at int, found bool) {
	return slices.BinarySearchFunc(h.partitions, tp, func(past committedTo, tp TopicPartition) int { return past.Compare(tp) })
}

// Judged is a group's reading with the commits by which its partitions were judged.
type Judged struct {
	Reading Reading
	Commits [][]Commit // of each of the reading's partitions
	Rules   Rules
}

// Judged is the reading that was judged last, with what it was judged by.
func (h *History) Judged(r Reading, rules Rules) Judged {
	judged := Judged{Reading: r, Commits: make([][]Commit, len(r.Partitions)), Rules: rules}
	for i, p := range r.Partitions {
		if at, found := h.find(p.TopicPartition); found {
			judged.Commits[i] = h.partitions[at].commits.All()
		}
	}
	return judged
}

// Status of the group: of its partitions together.
func (r *Reading) Status() Status {
	statuses := make([]Status, len(r.Partitions))
	for i, p := range r.Partitions {
		statuses[i] = p.Status
	}
	return GroupStatus(statuses...)
}
