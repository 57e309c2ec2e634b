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
	// Quiet is how long before and after the event the group is left alone, and has no
	// rebalance.
	Quiet time.Duration
	// Rebalances of the group until now.
	Rebalances func() (int, error)
	// Log is the path of the log of a pod's consumer, or a pattern if the name is one.
	Log func(pod string) string
}

// logs is the pattern of the logs of a group's consumers.
func (l Look) logs(g Group) string { return l.Log(g.Name + "-*") }

// Measure runs a group, releases another version once, and says what that cost.
func (s Subject) Measure(ctx context.Context, g Group, look Look) (o Outcome, err error) {
	r, err := s.run(ctx, g, look, s.Release)
	if err != nil {
		return o, err
	}
	o.Took, o.Rebalances = r.took, r.rebalances
	o.Summary = measure.Summarize(measure.Outcomes(r.records, r.from, r.to))
	o.Handovers, err = measure.Handovers(look.logs(g), First, Second)
	return o, err
}

// Survive runs a group, has one of its consumers die once, and says what that cost.
// The death is of the pod that it names, and over when it returns.
func (s Subject) Survive(ctx context.Context, g Group, look Look, death func(context.Context) (pod string, err error)) (f Failover, err error) {
	var pod string
	r, err := s.run(ctx, g, look, func(ctx context.Context, _ Group) (err error) {
		pod, err = death(ctx)
		return err
	})
	if err != nil {
		return f, err
	}
	f = Failover{Failover: measure.FailoverOf(r.records, look.Log(pod), r.from, r.to), Rebalances: r.rebalances}
	if f.Partitions == 0 {
		return f, fmt.Errorf("pod %s had no partition when it died", pod)
	}
	return f, nil
}

// Death of one consumer: in the pod with a name, at a time.
type Death struct {
	Pod string
	At  time.Time
}

// Suffer runs a group through an event and says what that cost. The event is over when
// it returns, and says which death it was; none, if it has no pod.
func (s Subject) Suffer(ctx context.Context, g Group, look Look, event func(context.Context) (Death, error)) (c Cost, err error) {
	var death Death
	r, err := s.run(ctx, g, look, func(ctx context.Context, _ Group) (err error) {
		death, err = event(ctx)
		return err
	})
	if err != nil {
		return c, err
	}
	c = Cost{Summary: measure.Summarize(measure.Outcomes(r.records, r.from, r.to)), Rebalances: r.rebalances}
	if death.Pod != "" {
		var had bool
		if c.Failover, had = measure.Again(r.records, look.Log(death.Pod), death.At, r.to); !had {
			return c, fmt.Errorf("pod %s had no partition when it died", death.Pod)
		}
	}
	return c, nil
}

// passage is what was seen of a group through an event.
type passage struct {
	from, to   time.Time
	took       time.Duration // the event alone
	rebalances int
	records    []measure.Record
}

// run runs a group through an event.
func (s Subject) run(ctx context.Context, g Group, look Look, event func(context.Context, Group) error) (p passage, err error) {
	if err := s.Start(ctx, g); err != nil {
		return p, err
	}
	before, err := calm(ctx, look)
	if err != nil {
		return p, err
	}
	p.from = time.Now()
	if err := event(ctx, g); err != nil {
		return p, err
	}
	p.took = time.Since(p.from)
	after, err := calm(ctx, look)
	if err != nil {
		return p, err
	}
	p.to = time.Now()
	p.rebalances = after - before
	if err := s.Stop(ctx, g); err != nil {
		return p, err
	}
	if p.records, err = measure.Records(look.logs(g)); err != nil {
		return p, err
	}
	if n := len(measure.Outcomes(p.records, p.from, p.to)); n != look.Partitions {
		return p, fmt.Errorf("records of %d partitions were processed, not of %d", n, look.Partitions)
	}
	return p, nil
}

// calm waits until a group had no rebalance for as long as it is to be quiet, and
// counts those until then.
func calm(ctx context.Context, look Look) (rebalances int, err error) {
	for {
		before, err := look.Rebalances()
		if err != nil {
			return 0, err
		}
		if err := rest(ctx, look.Quiet); err != nil {
			return 0, err
		}
		after, err := look.Rebalances()
		if err != nil || after == before {
			return after, err
		}
	}
}

func rest(ctx context.Context, quiet time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(quiet):
		return nil
	}
}
