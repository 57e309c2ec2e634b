// Package scaling decides how many slots a group shall have. It is pure: the
// caller keeps the history and says what time it is.
package scaling

import (
	"fmt"
	"math"
	"time"
)

// maxGap is how long nothing may be known before what was known earlier no
// longer counts as a history without a break. Single failed readings pass.
const maxGap = time.Minute

// Recommendation is how many slots the lag needed at some time, before bounds.
type Recommendation struct {
	At   time.Time
	Need int32
}

// Input is everything a decision depends on.
type Input struct {
	Now time.Time
	// Current is how many slots there are.
	Current int32
	// Min and Max bound the number of slots.
	Min, Max int32
	// LagPerReplica is how many records of lag one slot is good for.
	LagPerReplica int64
	// CanOwn is how many slots can own a partition; nil while that is unknown,
	// also when a topic of the group is missing.
	CanOwn *int32
	// Lag is the group's total lag in records; nil while it is unknown.
	Lag *int64
	// Unplaced is why the lag is not known although everything was read: records wait on a
	// partition, and it is not said whether they are to be consumed; "" if it is not that.
	Unplaced string
	// History is what the last decision returned, oldest first. It is empty
	// after a restart of the operator: nothing is known of the time before.
	History []Recommendation
	// UpWindow: growing follows the least need of this long.
	// DownWindow: shrinking follows the greatest, when that falls no further.
	UpWindow, DownWindow time.Duration
}

// Decision is how many slots there shall be, and why.
type Decision struct {
	Desired int32
	// Raw is what the present lag needs, before windows and bounds.
	Raw int32
	// Reason has the numbers, for a person.
	Reason string
	// Active is false while something unknown keeps the number as it is.
	Active bool
	// History to hand to the next decision.
	History []Recommendation
}

// Desired decides how many slots there shall be.
//
// There is no tolerance around the target and no limit to a step: each step
// costs the group a rebalance, so it goes to the number that helps at once. For the same
// reason it does not follow a lag that is being worked off down step by step: it shrinks when
// the greatest need has been the same for half of its window.
func Desired(in Input) Decision {
	history := pruned(in.History, in.Now, max(in.UpWindow, in.DownWindow))
	if unknown := whatIsUnknown(in); unknown != "" {
		held := in.Current
		if held == 0 && in.Unplaced != "" {
			// Records wait, and nothing ever becomes known while nobody consumes.
			held = min(max(1, in.Min), in.Max)
		}
		return Decision{
			Desired: held,
			Raw:     held,
			Reason:  fmt.Sprintf("held at %d: %s", held, unknown),
			History: history,
		}
	}
	need := slotsFor(*in.Lag, in.LagPerReplica)
	history = append(history, Recommendation{At: in.Now, Need: need})
	desired, reason := decide(in, need, history)
	return Decision{Desired: desired, Raw: need, Reason: reason, Active: true, History: history}
}

func whatIsUnknown(in Input) string {
	switch {
	case in.Lag == nil && in.Unplaced != "":
		return fmt.Sprintf("the lag is unknown: %s: say in lag.offsetReset what the consumers do then", in.Unplaced)
	case in.Lag == nil:
		return "the lag is unknown"
	case in.CanOwn == nil:
		return "how many slots can own a partition is unknown"
	case *in.CanOwn < 1:
		return "the topics have no partitions"
	default:
		return ""
	}
}

// slotsFor rounds up: a slot too few never catches up.
func slotsFor(lag, perReplica int64) int32 {
	if lag <= 0 {
		return 0
	}
	need := (lag-1)/max(1, perReplica) + 1
	return int32(min(need, math.MaxInt32))
}

func decide(in Input, need int32, history []Recommendation) (int32, string) {
	says := fmt.Sprintf("lag %d needs %s at %d each", *in.Lag, slots(need), in.LagPerReplica)
	limits := limitsOf(in)
	// Bounds hold at once, whatever the windows say.
	now := limits.clamp(in.Current)

	up := window(history, in.Now, in.UpWindow)
	down := window(history, in.Now, in.DownWindow)
	switch target := limits.clamp(need); {
	case target > now && !up.covered:
		return now, fmt.Sprintf("%s; growing from %d waits until this has lasted %d s (%d s so far)",
			says, now, seconds(in.UpWindow), seconds(up.known))
	case target > now:
		least := limits.clamp(up.least)
		if least < target {
			return max(now, least), fmt.Sprintf("%s; growing follows the least need of the last %d s: %d",
				says, seconds(in.UpWindow), up.least)
		}
		return target, says + limits.why(need)
	case target < now && !down.covered:
		return now, fmt.Sprintf("%s; shrinking from %d waits until the lag has been known for %d s (%d s so far)",
			says, now, seconds(in.DownWindow), seconds(down.known))
	case target < now:
		greatest := limits.clamp(down.greatest)
		lately := window(history, in.Now, in.DownWindow/2).greatest
		if greatest < now && limits.clamp(lately) < greatest {
			return now, fmt.Sprintf("%s; shrinking from %d waits until the need falls no further: at most %d in the last %d s, %d in the last %d s",
				says, now, down.greatest, seconds(in.DownWindow), lately, seconds(in.DownWindow/2))
		}
		if greatest > target {
			return min(now, greatest), fmt.Sprintf("%s; shrinking follows the greatest need of the last %d s: %d",
				says, seconds(in.DownWindow), down.greatest)
		}
		return target, says + limits.why(need)
	default:
		return now, says + limits.why(need)
	}
}

// span is what a window of the history holds.
type span struct {
	least, greatest int32
	// covered: something was known all through the window.
	covered bool
	// known is for how long something has been known without a break.
	known time.Duration
}

// window looks back from the last recommendation of the history, which is of now.
func window(history []Recommendation, now time.Time, length time.Duration) span {
	last := history[len(history)-1]
	s := span{least: last.Need, greatest: last.Need, covered: length <= 0}
	for i := len(history) - 1; i >= 0; i-- {
		r := history[i]
		if i < len(history)-1 && history[i+1].At.Sub(r.At) > maxGap {
			break
		}
		s.known = now.Sub(r.At)
		if s.known >= length {
			s.covered = true
			break
		}
		s.least, s.greatest = min(s.least, r.Need), max(s.greatest, r.Need)
	}
	return s
}

// pruned keeps what the windows can see, and the one before: it shows that the
// window is covered to its beginning. The result is the caller's own.
func pruned(history []Recommendation, now time.Time, length time.Duration) []Recommendation {
	from := 0
	for i, r := range history {
		if now.Sub(r.At) >= length {
			from = i
		}
	}
	return append(make([]Recommendation, 0, len(history)-from+1), history[from:]...)
}

func slots(n int32) string {
	if n == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", n)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
