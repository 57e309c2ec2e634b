package main

import (
	"context"
	"slices"
)

// members are the consumers of the group in this process.
type members []*member

// joined says whether all of them are members of the group.
func (all members) joined() bool {
	return !slices.ContainsFunc(all, func(m *member) bool { return !m.joined() })
}

// run consumes until ctx ends, which is nil, or the first fatal error of one, which
// ends them all.
func (all members) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(all))
	for _, m := range all {
		go func() { ended <- m.run(ctx) }()
	}
	var first error
	for range all {
		if err := <-ended; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}
