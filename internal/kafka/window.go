package kafka

import (
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// How long readings are kept, and all of them, and how many after that.
const (
	keepFor    = 10 * time.Minute
	keepAllFor = 3 * time.Minute
	keepEvery  = 10 * time.Second
)

// thinned keeps the readings of the last ten minutes: all of the last three, and
// before that the first of every ten seconds. The result is a new slice.
func thinned(window lag.Window, now time.Time) lag.Window {
	kept := make(lag.Window, 0, len(window))
	var last time.Time // the ten seconds of the last one that was kept
	for _, r := range window {
		age := now.Sub(r.At)
		if age > keepFor {
			continue
		}
		// Fixed steps of time, so that thinning what was thinned changes nothing.
		step := r.At.Truncate(keepEvery)
		if age > keepAllFor && step.Equal(last) {
			continue
		}
		kept, last = append(kept, r), step
	}
	return kept
}
