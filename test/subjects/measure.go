package subjects

import (
	"context"
	"fmt"
	"time"

	"github.com/kohort-dev/kohort/test/measure"
)

// Look is how a group is looked at.
type Look struct {
	// Partitions of the topic. Each must have been processed.
	Partitions int
	// Quiet is how long before and after the release the group is left alone.
	Quiet time.Duration
	// Rebalances of the group until now.
	Rebalances func() (int, error)
	// Logs is the pattern of the consumers' logs.
	Logs string
}

// Measure runs a group, releases another version once, and says what that cost.
func (s Subject) Measure(ctx context.Context, g Group, look Look) (o Outcome, err error) {
	if err := s.Start(ctx, g); err != nil {
		return o, err
	}
	if err := rest(ctx, look.Quiet); err != nil {
		return o, err
	}
	before, err := look.Rebalances()
	if err != nil {
		return o, err
	}
	from := time.Now()
	if err := s.Release(ctx, g); err != nil {
		return o, err
	}
	o.Took = time.Since(from)
	if err := rest(ctx, look.Quiet); err != nil {
		return o, err
	}
	to := time.Now()
	after, err := look.Rebalances()
	if err != nil {
		return o, err
	}
	o.Rebalances = after - before
	if err := s.Stop(ctx, g); err != nil {
		return o, err
	}
	records, err := measure.Records(look.Logs)
	if err != nil {
		return o, err
	}
	if o.Handovers, err = measure.Handovers(look.Logs, first, second); err != nil {
		return o, err
	}
	outcomes := measure.Outcomes(records, from, to)
	if len(outcomes) != look.Partitions {
		return o, fmt.Errorf("records of %d partitions were processed, not of %d", len(outcomes), look.Partitions)
	}
	o.Summary = measure.Summarize(outcomes)
	return o, nil
}

func rest(ctx context.Context, quiet time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(quiet):
		return nil
	}
}
