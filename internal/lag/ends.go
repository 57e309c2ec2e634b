package lag

import "time"

// endsKept is how many ends of a log are remembered: with the spacing that thinning leads
// to they reach from seconds to a day.
const endsKept = 24

// endsFor is for how long an end is remembered.
const endsFor = 24 * time.Hour

// Ends are some of the ends that a partition's log had, oldest first: many of the last
// minutes, few of the hours before. The zero value has none.
type Ends struct {
	kept []end
}

type end struct {
	at     int64 // ms since 1970
	offset int64
}

// Add has the log's end at a time, which is after those before. An end before the last
// one says that the log is another: what was remembered is forgotten.
func (e *Ends) Add(at time.Time, offset int64) {
	added := end{at.UnixMilli(), offset}
	n := len(e.kept)
	switch {
	case n == 0:
	case offset < e.kept[n-1].offset:
		e.kept = e.kept[:0]
	case n > 1 && e.kept[n-2].offset == offset:
		e.kept[n-1] = added // it stands still: the first and the last time say it all
		return
	case n == endsKept:
		e.thin(added.at)
	}
	if n := len(e.kept); n == cap(e.kept) { // many logs stand still, and need no more than two
		e.kept = append(make([]end, 0, min(endsKept, 2*n+2)), e.kept...)
	}
	e.kept = append(e.kept, added)
}

// thin forgets one: the oldest if it is too old, otherwise the one between whose
// neighbours the least time lies, for its age.
func (e *Ends) thin(now int64) {
	least, at := 0.0, 0
	if now-e.kept[0].at < endsFor.Milliseconds() {
		for i := 1; i < len(e.kept)-1; i++ {
			gap := float64(e.kept[i+1].at-e.kept[i-1].at) / float64(max(1, now-e.kept[i].at))
			if at == 0 || gap < least {
				least, at = gap, i
			}
		}
	}
	e.kept = append(e.kept[:at], e.kept[at+1:]...)
}

// Lowest is the lowest end since a time, that at this time included; as far as they are
// remembered. 0 if none is.
func (e *Ends) Lowest(since time.Time) int64 {
	if len(e.kept) == 0 {
		return 0
	}
	return e.kept[e.before(since.UnixMilli())].offset
}

// Rate is how many offsets a second the end moves on, since a time or as far back as is
// remembered; not known of less than ten seconds.
func (e *Ends) Rate(since time.Time) (perSecond float64, known bool) {
	if len(e.kept) < 2 {
		return 0, false
	}
	from, to := e.at(since.UnixMilli()), e.kept[len(e.kept)-1]
	passed := time.Duration(to.at-from.at) * time.Millisecond
	if passed < rateOver {
		return 0, false
	}
	return float64(to.offset-from.offset) / passed.Seconds(), true
}

// At is where the log ended at a time, by a steady rate between what was seen; not known of
// a time before the first that is remembered.
func (e *Ends) At(at time.Time) (offset int64, known bool) {
	if len(e.kept) == 0 || at.UnixMilli() < e.kept[0].at {
		return 0, false
	}
	return e.at(at.UnixMilli()).offset, true
}

// at is where the log ended at a time, by a steady rate between what was seen; the first
// that is remembered, if that is later.
func (e *Ends) at(at int64) end {
	i := e.before(at)
	from := e.kept[i]
	if from.at >= at || i == len(e.kept)-1 {
		return from
	}
	to := e.kept[i+1]
	return end{at, from.offset + int64(float64(to.offset-from.offset)*float64(at-from.at)/float64(to.at-from.at))}
}

// StepRate is the same of a log's beginning, which retention moves in steps, a segment
// each: from the first step of the last day on. It is not known before the second one, and
// not any more when no step has come for twice the time that they take.
func (e *Ends) StepRate(now time.Time) (perSecond float64, known bool) {
	var steps []end // what each of them led to, and when
	for i := 1; i < len(e.kept); i++ {
		if e.kept[i].offset > e.kept[i-1].offset && now.Sub(time.UnixMilli(e.kept[i].at)) < endsFor {
			steps = append(steps, e.kept[i])
		}
	}
	if len(steps) < 2 {
		return 0, false
	}
	first, last := steps[0], steps[len(steps)-1]
	took := time.Duration(last.at-first.at) * time.Millisecond
	still := now.Sub(time.UnixMilli(last.at))
	if took < rateOver || still > 2*took/time.Duration(len(steps)-1) {
		return 0, false
	}
	return float64(last.offset-first.offset) / took.Seconds(), true
}

// rateOver is the least time over which a rate is one.
const rateOver = 10 * time.Second

// before is the last one at a time or before it; the first, if all are later.
func (e *Ends) before(at int64) int {
	for i := len(e.kept) - 1; i > 0; i-- {
		if e.kept[i].at <= at {
			return i
		}
	}
	return 0
}

// AppendedAt estimates when the record with an offset was appended: between the last time
// when the log ended at it or before, and the first when it ended behind it. It is not
// known of records that have not been seen to come, and of those to come.
func (e *Ends) AppendedAt(offset int64) (time.Time, bool) {
	for i := len(e.kept) - 1; i > 0; i-- {
		from, to := e.kept[i-1], e.kept[i]
		if offset >= to.offset {
			return time.Time{}, false
		}
		if offset >= from.offset {
			passed := float64(to.at-from.at) * float64(offset-from.offset) / float64(to.offset-from.offset)
			return time.UnixMilli(from.at + int64(passed)), true
		}
	}
	return time.Time{}, false
}
