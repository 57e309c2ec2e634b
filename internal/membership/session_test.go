package membership

import (
	"slices"
	"testing"
	"time"
)

func TestSessionTimeout(t *testing.T) {
	const none = time.Duration(0)
	s := func(n int) time.Duration { return time.Duration(n) * time.Second }
	times := func(n int, d time.Duration) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }
	for name, c := range map[string]struct {
		restarts []time.Duration
		min, max time.Duration
		present  time.Duration
		want     time.Duration
		why      string
	}{
		"nothing measured": {nil, s(45), s(300), none, s(45), "no restart was measured yet"},
		"nothing measured, and bounds that changed": {
			nil, s(90), s(300), s(45), s(90), "no restart was measured yet",
		},
		"quick restarts": {
			times(3, s(2)), s(45), s(300), none, s(45),
			"restarts take up to 2 s (3 measured); with a heartbeat interval of 3 s, and doubled, that is 10 s, and minSeconds asks for 45 s",
		},
		"two minutes get more than two minutes": {
			times(1, s(120)), s(45), s(300), s(45), s(300), "restarts take up to 120 s (1 measured); with a heartbeat interval of 3 s, and doubled, that is 246 s",
		},
		"longer than the bound": {
			times(1, s(200)), s(45), s(300), s(45), s(300),
			"restarts take up to 200 s (1 measured); with a heartbeat interval of 3 s, and doubled, that is 406 s, and maxSeconds allows 300 s",
		},
		"equal bounds fix it": {
			times(1, s(200)), s(60), s(60), s(60), s(60),
			"restarts take up to 200 s (1 measured); with a heartbeat interval of 3 s, and doubled, that is 406 s, and maxSeconds allows 60 s",
		},
		"one of twenty is out of the ordinary": {
			append(times(19, s(10)), s(200)), s(6), s(300), none, s(30),
			"restarts take up to 10 s (20 measured); with a heartbeat interval of 3 s, and doubled, that is 26 s",
		},
		"two of twenty are not": {
			append(times(18, s(10)), s(200), s(190)), s(6), s(1800), none, s(420),
			"restarts take up to 190 s (20 measured); with a heartbeat interval of 3 s, and doubled, that is 386 s",
		},
		"one of five is out of the ordinary": {
			append(times(4, s(10)), s(200)), s(6), s(300), none, s(30),
			"restarts take up to 10 s (5 measured); with a heartbeat interval of 3 s, and doubled, that is 26 s",
		},
		"clearly lower than before": {
			times(20, s(20)), s(6), s(300), s(90), s(60), "restarts take up to 20 s (20 measured); with a heartbeat interval of 3 s, and doubled, that is 46 s",
		},
		"so close that it stays": {
			times(20, s(26)), s(6), s(300), s(90), s(90), "restarts take up to 26 s (20 measured); with a heartbeat interval of 3 s, and doubled, that is 58 s",
		},
		"longer than a broker allows": {
			times(20, s(1000)), s(6), s(1800), none, s(1800), "restarts take up to 1000 s (20 measured); with a heartbeat interval of 3 s, and doubled, that is 2006 s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			timeout, why := Session{Restarts: c.restarts, Min: c.min, Max: c.max, Heartbeat: s(3), Present: c.present}.Timeout()
			if timeout != c.want || why != c.why {
				t.Errorf("%v, %s\nwant %v, %s", timeout, why, c.want, c.why)
			}
		})
	}
}

// The brokers' bounds win over those of the spec.
func TestSessionTimeoutWithinTheBrokersBounds(t *testing.T) {
	s := func(n int) time.Duration { return time.Duration(n) * time.Second }
	for name, c := range map[string]struct {
		of   Session
		want time.Duration
		why  string
	}{
		"nothing measured": {Session{Min: s(45), Max: s(300), BrokerMin: s(6), BrokerMax: s(1800)}, s(45), "no restart was measured yet"},
		"nothing measured, and less is allowed": {
			Session{Min: s(45), Max: s(300), BrokerMax: s(30)}, s(30),
			"no restart was measured yet, and the brokers allow 30 s (group.max.session.timeout.ms)",
		},
		"nothing measured, and more was asked for": {Session{Min: s(45), Max: s(300), Present: s(60)}, s(45), "no restart was measured yet"},
		"nothing measured, and they ask for more": {
			Session{Min: s(10), Max: s(300), Present: s(45), BrokerMin: s(45)}, s(45),
			"no restart was measured yet, and the brokers ask for 45 s (group.min.session.timeout.ms)",
		},
		"longer than they allow": {
			Session{Restarts: []time.Duration{s(60)}, Min: s(45), Max: s(300), BrokerMax: s(60)}, s(60),
			"restarts take up to 60 s (1 measured); with a heartbeat interval of 3 s, and doubled, that is 126 s, and the brokers allow 60 s (group.max.session.timeout.ms)",
		},
		"shorter than they ask for": {
			Session{Restarts: []time.Duration{s(1)}, Min: s(6), Max: s(20), BrokerMin: s(30)}, s(30),
			"restarts take up to 1 s (1 measured); with a heartbeat interval of 3 s, and doubled, that is 8 s, and the brokers ask for 30 s (group.min.session.timeout.ms)",
		},
		"the spec allows less": {
			Session{Restarts: []time.Duration{s(60)}, Min: s(45), Max: s(90), BrokerMax: s(300)}, s(90),
			"restarts take up to 60 s (1 measured); with a heartbeat interval of 3 s, and doubled, that is 126 s, and maxSeconds allows 90 s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.of.Heartbeat = s(3)
			if timeout, why := c.of.Timeout(); timeout != c.want || why != c.why {
				t.Errorf("%v, %s\nwant %v, %s", timeout, why, c.want, c.why)
			}
		})
	}
}

// A timeout that is chosen stays while restarts go up and down a little.
func TestSessionTimeoutSeldomChanges(t *testing.T) {
	s := Session{Min: 6 * time.Second, Max: 1800 * time.Second, Heartbeat: 3 * time.Second}
	changes := 0
	for i := range 400 {
		s.Restarts = append(s.Restarts, time.Duration(20+i*7%11)*time.Second) // 20 to 30 s
		s.Restarts = s.Restarts[max(0, len(s.Restarts)-20):]
		timeout, _ := s.Timeout()
		if usual := s.Usual(); timeout <= usual+s.Heartbeat {
			t.Fatalf("%v for restarts of %v", timeout, usual)
		}
		if timeout != s.Present {
			changes++
		}
		s.Present = timeout
	}
	if changes > 2 {
		t.Errorf("it changed %d times", changes)
	}
}
