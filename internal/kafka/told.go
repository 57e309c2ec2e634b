package kafka

import (
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

const (
	// ToldWithin is how old the time may be up to which all commits were told: otherwise what
	// readings show counts as well.
	ToldWithin = 15 * time.Second
	// toldAtMost is how many commits of a group are kept until it is read: of more, the
	// newest, which are all that its windows take.
	toldAtMost = 10_000
)

// Tell adds a commit of a group as it was written down.
func (c *Collector) Tell(commit Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.groups[commit.Group]
	if t == nil {
		return
	}
	if len(t.told) == toldAtMost {
		t.told = append(t.told[:0:0], t.told[toldAtMost/2:]...)
	}
	t.told = append(t.told, lag.Told{TopicPartition: commit.TopicPartition, Offset: commit.Offset, At: commit.At, Deleted: commit.Deleted})
}

// toldUntil parts commits into those until a time and later ones: how many records wait
// behind these is not known yet.
func toldUntil(told []lag.Told, at time.Time) (until, later []lag.Told) {
	for _, commit := range told {
		if commit.At.After(at) {
			later = append(later, commit)
		} else {
			until = append(until, commit)
		}
	}
	return until, later
}
