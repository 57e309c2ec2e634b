package membership

import (
	"fmt"
	"slices"
	"time"
)

// sessionSteps are the session timeouts that are chosen from, in seconds: far enough
// apart that a choice seldom changes, and within what a broker allows by default
// (group.min.session.timeout.ms, group.max.session.timeout.ms).
var sessionSteps = []int{6, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800}

const (
	// usualPercent: of the measured restarts so many count as usual. One that was out
	// of the ordinary does not.
	usualPercent = 95
	// asideFrom: of so many measured restarts the longest does not count as usual, either.
	asideFrom = 5
	// sessionMargin is how many times as long as a usual restart a session lasts.
	sessionMargin = 2
	// lowerMargin keeps a timeout until it would still be lower with so many percent
	// more.
	lowerMargin = 125
)

// Session is what a session timeout is derived from.
type Session struct {
	// Restarts is how long each of the last restarts took, from the moment when a
	// consumer was told to stop, or crashed, until its successor was a member.
	Restarts []time.Duration
	// Min and Max bound the timeout.
	Min, Max time.Duration
	// BrokerMin and BrokerMax are the brokers' bounds, which win: a client outside of them
	// is refused. Zero: not known.
	BrokerMin, BrokerMax time.Duration
	// Heartbeat interval: the last one may have been so long before the stop.
	Heartbeat time.Duration
	// Present timeout; 0: there is none yet.
	Present time.Duration
}

// Timeout is the session timeout that consumers shall be given, and why. It exceeds
// what restarts usually take by far, so that a planned restart costs no rebalance;
// a consumer that is gone for good is removed, and need not be waited for.
func (s Session) Timeout() (timeout time.Duration, why string) {
	if len(s.Restarts) == 0 {
		return s.clamp(s.Min), "no restart was measured yet" + s.bounded(s.Min)
	}
	usual := s.Usual()
	need := sessionMargin * (usual + s.Heartbeat)
	why = fmt.Sprintf("restarts take up to %d s (%d measured); with a heartbeat interval of %d s, and doubled, that is %d s",
		seconds(usual), len(s.Restarts), seconds(s.Heartbeat), seconds(need))
	wanted := step(need)
	if s.Present > wanted && step(need*lowerMargin/100) >= s.Present {
		wanted = s.Present // so close that it would go to and fro
	}
	return s.clamp(wanted), why + s.bounded(wanted)
}

// bounded says which bound changes a timeout that is wanted.
func (s Session) bounded(wanted time.Duration) string {
	timeout := s.clamp(wanted)
	switch own := min(max(wanted, s.Min), s.Max); {
	case timeout < own:
		return fmt.Sprintf(", and the brokers allow %d s (group.max.session.timeout.ms)", seconds(timeout))
	case timeout > own:
		return fmt.Sprintf(", and the brokers ask for %d s (group.min.session.timeout.ms)", seconds(timeout))
	case own < wanted:
		return fmt.Sprintf(", and maxSeconds allows %d s", seconds(own))
	case own > wanted:
		return fmt.Sprintf(", and minSeconds asks for %d s", seconds(own))
	}
	return ""
}

// Usual is what restarts take at most, those aside that are out of the ordinary; 0 if none
// was measured.
func (s Session) Usual() time.Duration {
	if len(s.Restarts) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.Restarts))
	rank := (len(sorted)*usualPercent + 99) / 100 // nearest rank
	if len(sorted) >= asideFrom {
		rank = min(rank, len(sorted)-1)
	}
	return sorted[rank-1]
}

func (s Session) clamp(d time.Duration) time.Duration {
	d = max(min(max(d, s.Min), s.Max), s.BrokerMin)
	if s.BrokerMax > 0 {
		d = min(d, s.BrokerMax)
	}
	return d
}

// step is the shortest timeout to choose that is not below a need.
func step(need time.Duration) time.Duration {
	for _, n := range sessionSteps {
		if d := time.Duration(n) * time.Second; d >= need {
			return d
		}
	}
	return time.Duration(sessionSteps[len(sessionSteps)-1]) * time.Second
}

// seconds are whole ones, rounded up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
