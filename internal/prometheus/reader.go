// Package prometheus asks a Prometheus, in the background, what the gates of rollouts
// want to know. It is the only place that does.
//
// What cannot be said is a value of its own: each answer has a value or the reason why
// there is none.
package prometheus

import (
	"context"
	"slices"
	"sync"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// every is how often a query is asked.
	every = 5 * time.Second
	// timeout of a query.
	timeout = 4 * time.Second
	// atOnce is how many are under way at the same time: Prometheus has others to answer.
	atOnce = 8
	// keepFor is for how long answers are kept: longer than a gate may ask for them to hold.
	keepFor = 10 * time.Minute
)

// Options of a Reader.
type Options struct {
	// URL of the Prometheus, or of what speaks its HTTP API.
	URL string
	// ConfigFile says how to connect, in Prometheus' format for HTTP clients; "": plainly.
	ConfigFile string
	// Every and Timeout of a query. Default: 5 s and 4 s.
	Every, Timeout time.Duration
}

// Answer to a query.
type Answer struct {
	// At is when it was asked.
	At    time.Time
	Value float64
	// Unknown is why there is no value; "" if there is one.
	Unknown string
}

// Reader asks queries again and again, for those who want it.
type Reader struct {
	client         promv1.API
	every, timeout time.Duration

	mu     sync.Mutex
	wanted map[types.NamespacedName][]*question
	news   chan struct{} // there may be a question that was never asked
}

// question is a query that is asked again and again.
type question struct {
	query   string
	askedAt time.Time
	answers []Answer
}

// New makes a Reader, which asks nobody before it runs.
func New(options Options) (*Reader, error) {
	client, err := open(options.URL, options.ConfigFile)
	if err != nil {
		return nil, err
	}
	r := &Reader{
		client: client, every: options.Every, timeout: options.Timeout,
		wanted: map[types.NamespacedName][]*question{}, news: make(chan struct{}, 1),
	}
	if r.every == 0 {
		r.every = every
	}
	if r.timeout == 0 {
		r.timeout = timeout
	}
	return r, nil
}

// Ask has queries asked for somebody from now on, and no others, and returns what was
// answered so far to each, oldest first. It waits for nothing, and can be repeated at will.
func (r *Reader) Ask(who types.NamespacedName, queries []string) [][]Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.wanted[who]
	wanted := make([]*question, len(queries))
	answers := make([][]Answer, len(queries))
	for i, query := range queries {
		at := slices.IndexFunc(old, func(q *question) bool { return q.query == query })
		if at < 0 {
			wanted[i] = &question{query: query}
			select {
			case r.news <- struct{}{}:
			default:
			}
			continue
		}
		wanted[i], answers[i] = old[at], slices.Clone(old[at].answers)
	}
	r.wanted[who] = wanted
	return answers
}

// Forget ends what is asked for somebody. What was answered is forgotten.
func (r *Reader) Forget(who types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.wanted, who)
}

// Run asks until the context ends.
func (r *Reader) Run(ctx context.Context) {
	for ctx.Err() == nil {
		next := time.NewTimer(time.Until(r.askAll(ctx)))
		select {
		case <-ctx.Done():
		case <-next.C:
		case <-r.news:
		}
		next.Stop()
	}
}

// askAll asks what is due, and returns when the next is.
func (r *Reader) askAll(ctx context.Context) (next time.Time) {
	due, next := r.due(time.Now())
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, q := range due {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			r.askOnce(ctx, q)
		})
	}
	all.Wait()
	return next
}

// due are the questions to ask now, which counts from now on, and when the next ones are.
func (r *Reader) due(now time.Time) (due []*question, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = now.Add(r.every)
	for _, wanted := range r.wanted {
		for _, q := range wanted {
			at := q.askedAt.Add(r.every)
			if now.Before(at) {
				if at.Before(next) {
					next = at
				}
				continue
			}
			q.askedAt = now
			due = append(due, q)
		}
	}
	// Those that wait for longest are not always the last, whatever order a map has.
	slices.SortStableFunc(due, func(a, b *question) int { return a.last().Compare(b.last()) })
	return due, next
}

func (q *question) last() time.Time {
	if n := len(q.answers); n > 0 {
		return q.answers[n-1].At
	}
	return time.Time{}
}

// askOnce asks a question, and keeps the answer if anybody still wants it.
func (r *Reader) askOnce(ctx context.Context, q *question) {
	a := Answer{At: time.Now()}
	a.Value, a.Unknown = ask(ctx, r.client, q.query, r.timeout)
	r.mu.Lock()
	defer r.mu.Unlock()
	q.answers = slices.DeleteFunc(append(q.answers, a), func(old Answer) bool { return a.At.Sub(old.At) > keepFor })
}
