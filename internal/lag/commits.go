package lag

import (
	"math"
	"time"
)

// Unknown stands for a lag that is not known where a number takes its place.
const Unknown = -1

// Rules are the numbers by which commits are kept and judged.
type Rules struct {
	// Samples is how many commits to a partition are kept.
	Samples int
	// Window is what they span, if there are so many: two that follow each other within a
	// Samples-th of it are one. Before a partition was looked at for so long nothing is said
	// about its lag. 0: every commit is kept, and judged at once.
	Window time.Duration
	// AllowedLag is how many records count as none.
	AllowedLag int64
	// MaxAge bounds the age of the oldest record that waits; 0: there is no bound.
	MaxAge time.Duration
}

// DefaultRules are those of a group that asks for no others: ten samples as in Burrow, and
// the five minutes that Burrow's take where a commit comes every 30 s.
var DefaultRules = Rules{Samples: 10, Window: 5 * time.Minute}

// Commits are the last of a group's commits to one partition. The zero value has none.
type Commits struct {
	kept   []commit // a ring, of as many as the rules say
	oldest uint32   // in kept
	since  uint32   // when the first one of all was added, s since 1970
}

// commit is small: there are ten of them for each partition of each group.
type commit struct {
	offset int64
	at     uint32 // tenths of a second after Commits.since; of several that are one, the first's
	lag    uint32 // records that waited then, at most manyRecords, or unknownLag
}

const (
	tenth       = 100 * time.Millisecond
	manyRecords = math.MaxUint32 - 1
	unknownLag  = math.MaxUint32
)

// Add has a commit follow those that are kept. The lag is the number of records that
// waited behind it, or Unknown.
func (c *Commits) Add(at time.Time, offset, lag int64, r Rules) {
	n := len(c.kept)
	if n == 0 {
		*c = Commits{kept: make([]commit, 0, r.Samples), since: uint32(at.Unix())}
	}
	added := commit{offset: offset, at: c.tenths(at), lag: unknownLag}
	if lag != Unknown {
		added.lag = uint32(min(lag, manyRecords))
	}
	switch last := c.last(); {
	case n > 0 && added.at < last.at+tenthsOf(r.Window)/uint32(r.Samples):
		last.offset, last.lag = added.offset, added.lag
	case n < cap(c.kept):
		c.kept = append(c.kept, added)
	default:
		c.kept[c.oldest] = added
		c.oldest = (c.oldest + 1) % uint32(n)
	}
}

// Poll adds what a reading shows of the partition. A commit of the same offset as before
// leaves no trace in a reading: a partition that is owned is taken for one to which the
// same is committed again, and one that nobody owns for one to which nothing is.
func (c *Commits) Poll(at time.Time, p Partition, owned bool, r Rules) {
	if p.Err != "" || p.Committed == nil {
		return
	}
	if owned || len(c.kept) == 0 || c.last().offset != *p.Committed {
		behind, known := p.Lag()
		if !known {
			behind = Unknown
		}
		c.Add(at, *p.Committed, behind, r)
	}
}

// Status is how the group does on the partition: by its commits, the lag that there is now
// (Unknown: it is not known), and the lowest end that the log was seen to have within the
// window.
func (c *Commits) Status(now time.Time, lag, lowestEnd int64, r Rules) Status {
	switch {
	case lag == Unknown:
		return StatusUnknown
	case lag <= r.AllowedLag:
		return StatusOK
	case len(c.kept) == 0 || c.tenths(now) < tenthsOf(r.Window):
		return StatusUnknown
	case c.stopped(now, r.Window) && lowestEnd > c.last().offset:
		return StatusStop
	case c.rewound():
		return StatusRewind
	}
	status := c.pace(r.AllowedLag)
	if len(c.kept) == 1 && status == StatusStall {
		return StatusUnknown // of one commit nobody can say that it is always the same
	}
	return status
}

// stopped: the silence since the last commit is longer than all that is remembered before
// it, and than the window.
func (c *Commits) stopped(now time.Time, window time.Duration) bool {
	last := c.last().at
	return c.tenths(now) > last+max(last-c.at(0).at, tenthsOf(window))
}

// rewound: a commit went back, for the first time, and none since has come as far as the
// one before it.
func (c *Commits) rewound() bool {
	reached, back := c.at(0).offset, false
	for i := 1; i < len(c.kept); i++ {
		offset := c.at(i).offset
		switch {
		case back && offset >= reached:
			return false
		case !back && offset < reached:
			back = true
		case !back:
			reached = offset
		}
	}
	return back
}

// pace is the status of a group that commits, and does not go back: OK if it kept up once,
// or its lag became less once.
func (c *Commits) pace(allowed int64) Status {
	advanced, less := false, false
	first, before := c.at(0).offset, uint32(0)
	for i := range c.kept {
		this := c.at(i)
		advanced = advanced || this.offset != first
		if this.lag == unknownLag {
			continue
		}
		if int64(this.lag) <= allowed {
			return StatusOK
		}
		less = less || this.lag < before
		before = this.lag
	}
	switch {
	case !advanced:
		return StatusStall
	case !less:
		return StatusWarn
	}
	return StatusOK
}

// Commit is one that is remembered.
type Commit struct {
	Offset int64
	// At is when it was seen, to a tenth of a second: the first time, if it stands for
	// several.
	At time.Time
	// Lag is how many records waited behind it then, at most 4,294,967,294; Unknown: it is
	// not known.
	Lag int64
}

// All are the commits that are remembered, oldest first.
func (c *Commits) All() []Commit {
	all := make([]Commit, len(c.kept))
	for i := range all {
		this := c.at(i)
		all[i] = Commit{Offset: this.offset, At: time.Unix(int64(c.since), 0).Add(time.Duration(this.at) * tenth), Lag: int64(this.lag)}
		if this.lag == unknownLag {
			all[i].Lag = Unknown
		}
	}
	return all
}

// at is the i-th commit, from the oldest on.
func (c *Commits) at(i int) *commit {
	if i += int(c.oldest); i >= len(c.kept) {
		i -= len(c.kept)
	}
	return &c.kept[i]
}

// beganAfter: the oldest commit that is remembered came after a time.
func (c *Commits) beganAfter(at time.Time) bool {
	return len(c.kept) > 0 && at.Before(time.Unix(int64(c.since), 0).Add(time.Duration(c.at(0).at)*tenth))
}

// last is the newest commit; nil if there is none.
func (c *Commits) last() *commit {
	if len(c.kept) == 0 {
		return nil
	}
	return c.at(len(c.kept) - 1)
}

// tenths are those that passed from the first commit until a time.
func (c *Commits) tenths(at time.Time) uint32 {
	return tenthsOf(at.Sub(time.Unix(int64(c.since), 0)))
}

func tenthsOf(d time.Duration) uint32 { return uint32(max(0, d/tenth)) }
