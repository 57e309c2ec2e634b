package rollout

import (
	"testing"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// A holder gives way shortly before a heartbeat of the others, which follow from when the
// group became Stable, if that was read closely; nobody waits for long.
func TestUntilBeat(t *testing.T) {
	start := simEpoch
	at := func(after time.Duration) time.Time { return start.Add(after) }
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		stable time.Duration // the first reading of a Stable group; the one before is at 0
		now    time.Duration
		want   time.Duration
	}{
		"just joined":                   {250 * ms, 300 * ms, 2100 * ms},
		"nearly there":                  {250 * ms, 2300 * ms, 100 * ms},
		"now":                           {250 * ms, 2400 * ms, 0},
		"still in time":                 {250 * ms, 2600 * ms, 0},
		"too late for this one":         {250 * ms, 2700 * ms, 2700 * ms},
		"before the next one":           {250 * ms, 5400 * ms, 0},
		"it has waited long enough":     {250 * ms, 6100 * ms, 0},
		"not known when it was settled": {1500 * ms, 1600 * ms, 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := seen{Input: Input{Now: at(c.now), Group: Group{Heartbeat: 3 * time.Second}, Window: lag.Window{
				{At: at(0), State: lag.StatePreparingRebalance}, {At: at(c.stable), State: lag.StateStable},
			}}}
			if got := v.untilBeat(nil); got != c.want {
				t.Errorf("it waits for %s, want %s", got, c.want)
			}
		})
	}
}
