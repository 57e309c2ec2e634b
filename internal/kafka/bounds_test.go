package kafka

import (
	"testing"
	"time"
)

func TestSessionBoundsOfSeveralBrokers(t *testing.T) {
	for name, c := range map[string]struct{ a, b, want SessionBounds }{
		"both are known":  {SessionBounds{6 * time.Second, 90 * time.Second}, SessionBounds{10 * time.Second, 60 * time.Second}, SessionBounds{10 * time.Second, 60 * time.Second}},
		"one is known":    {SessionBounds{}, SessionBounds{10 * time.Second, 60 * time.Second}, SessionBounds{10 * time.Second, 60 * time.Second}},
		"half of one is":  {SessionBounds{Max: time.Minute}, SessionBounds{Min: time.Second}, SessionBounds{time.Second, time.Minute}},
		"nothing is said": {},
	} {
		if got := c.a.and(c.b); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if got := c.b.and(c.a); got != c.want {
			t.Errorf("%s, the other way round: %+v, want %+v", name, got, c.want)
		}
	}
}
