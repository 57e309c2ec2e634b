package main

import "time"

const (
	// catchUp is how much lost time the producer makes good for, so that timers
	// that fire late do not lower the rate.
	catchUp = time.Second
	// step is the longest wait without another look at the rate, shortest the
	// shortest: records that come faster are produced a few at a time.
	step     = 100 * time.Millisecond
	shortest = 100 * time.Microsecond
)

// schedule says how many records are due, evenly over time.
type schedule struct {
	rate float64   // records per second
	last time.Time // until when records were counted
	owed float64   // the part of a record that has come due
}

// due counts the records since the last call.
func (s *schedule) due(now time.Time) int {
	if elapsed := min(now.Sub(s.last), catchUp); elapsed > 0 {
		s.owed += s.rate * elapsed.Seconds()
		s.last = now
	}
	whole := int(s.owed)
	s.owed -= float64(whole)
	return whole
}

// wait is how long it takes until the next record is due.
func (s *schedule) wait() time.Duration {
	if s.rate*step.Seconds() < 1-s.owed {
		return step
	}
	return max(shortest, time.Duration((1-s.owed)/s.rate*float64(time.Second)))
}
