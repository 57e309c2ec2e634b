package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/internal/lag"
)

// offsetsTopic is where the coordinators of groups write down what is committed.
const offsetsTopic = "__consumer_offsets"

const (
	// tailBytes is how much one answer of a broker may bring.
	tailBytes = 1 << 20
	// tailWait is for how long a broker waits for records: only then it can be asked for a
	// partition that has come to it.
	tailWait = time.Second
	// tailBackoff is the longest that is waited between two tries.
	tailBackoff = 2 * time.Second
)

// TailOptions of a Tail.
type TailOptions struct {
	// Asked says whether a group's commits are wanted. It is called for each commit in the
	// cluster, and must return at once and not keep the name, whose bytes are those of a
	// whole answer.
	Asked func(group string) bool
	// OnCommit is told of each commit that counts, those to one partition in the order in
	// which they came to count. It must return at once.
	OnCommit func(Commit)
	// Back is how far before the first Run reading begins.
	Back time.Duration
	// Interval between two looks at how far the topic reaches. Default: 5 s.
	Interval time.Duration
}

// Tail reads commits where the groups' coordinators write them down: each of them, also one
// of the same offset as the one before, with its time. That needs READ on the topic
// __consumer_offsets, and all of its traffic comes here.
type Tail struct {
	config   Config
	clientID string
	opts     TailOptions
	ledger   *ledger

	// Of the goroutine that runs.
	begin    time.Time        // commits of before are not read
	topic    [16]byte         // its id
	reached  map[int32]*reach // by partition of the topic
	lookedAt time.Time        // the last look of which the ends are not reached; zero: none

	mu    sync.Mutex
	known time.Time
	err   error
}

// reach is how far a partition of the topic was read, and how far it went in a look.
type reach struct{ next, end int64 }

// NewTail makes a tail that reads nothing before Run.
func NewTail(config Config, clientID string, opts TailOptions) *Tail {
	setDefault(&opts.Interval, 5*time.Second)
	return &Tail{
		config:   config,
		clientID: clientID,
		opts:     opts,
		ledger:   newLedger(opts.Asked, opts.OnCommit),
		err:      fmt.Errorf("the topic %s has not been read yet", offsetsTopic),
	}
}

// Known is the time of which everything is known: each commit of before was told. While
// that stands still the error says why; it is nil if nothing is known to be wrong.
func (t *Tail) Known() (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known, t.err
}

// Counts are those of everything so far.
func (t *Tail) Counts() TailCounts { return t.ledger.counts() }

// Run reads until the context ends, through the loss of brokers, and returns nil; or an
// error, if that is of no use: nothing can be reached by the configuration, or the
// operator's user may not read the topic. It can be called again, and goes on where it was.
func (t *Tail) Run(ctx context.Context) error {
	client, err := open(t.config, t.clientID,
		// Not only what is committed: a transaction that stays open would keep back the
		// commits of all groups that have the same coordinator.
		kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
		kgo.KeepControlRecords(),
		kgo.MetadataMinAge(tailWait),
		kgo.FetchMaxWait(tailWait),
		kgo.FetchMaxBytes(tailBytes),
		kgo.FetchMaxPartitionBytes(tailBytes),
		kgo.RetryBackoffFn(func(tries int) time.Duration { return min(time.Duration(tries)*retryBackoff, tailBackoff) }),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	if t.begin.IsZero() {
		t.begin = time.Now().Add(-t.opts.Back)
	}
	t.beginAnew()
	for ctx.Err() == nil {
		if err := t.round(ctx, client); err != nil {
			return err
		}
	}
	return nil
}

// beginAnew has all partitions read from where everything is known.
func (t *Tail) beginAnew() {
	if known, _ := t.Known(); known.After(t.begin) {
		t.begin = known
	}
	t.reached, t.lookedAt = map[int32]*reach{}, time.Time{}
}

// round looks once, and reads until it is time for the next look.
func (t *Tail) round(ctx context.Context, client *Client) error {
	t.ledger.forget()
	if err := t.note(ctx, t.look(ctx, client)); err != nil {
		return err
	}
	for until := time.Now().Add(t.opts.Interval); ctx.Err() == nil && time.Now().Before(until); {
		failed := t.poll(ctx, client, until)
		if err := t.note(ctx, failed); err != nil {
			return err
		}
		if failed != nil {
			pause(ctx, tailWait)
		}
	}
	return nil
}

// note remembers a failure, and returns it if there is no use in another try.
func (t *Tail) note(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	t.mu.Lock()
	t.err = err
	t.mu.Unlock()
	if errors.Is(err, ErrDenied) {
		return err
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// look finds out how far the topic's partitions reach, and begins with those that are new.
// One that cannot be read keeps back no other.
func (t *Tail) look(ctx context.Context, client *Client) error {
	at := time.Now()
	partitions, err := t.partitions(ctx, client)
	if err != nil {
		return err
	}
	ends := client.offsetsOf(ctx, logEnd, partitions)
	failed := t.beginWith(ctx, client, partitions, ends)
	if failed == nil && t.lookedAt.IsZero() {
		t.lookedAt = at
		for tp, end := range ends {
			t.reached[tp.Partition].end = end.at
		}
	}
	t.settle()
	return failed
}

// partitions of the topic; none before a group of the cluster has committed something.
func (t *Tail) partitions(ctx context.Context, client *Client) ([]lag.TopicPartition, error) {
	resp, err := client.metadata(ctx, []string{offsetsTopic})
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) == 0 {
		return nil, fmt.Errorf("the broker did not answer for topic %s", offsetsTopic)
	}
	answer := resp.Topics[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); isDenial(err) {
		return nil, denied(client, err)
	}
	read := readTopic(answer)
	if read.err != "" {
		return nil, errors.New(read.err)
	}
	switch known := t.topic != [16]byte{}; {
	case known && read.missing:
		return nil, fmt.Errorf("the topic %s is gone", offsetsTopic)
	case known && read.id != t.topic: // of a cluster that was made again
		client.kgo.PurgeTopicsFromConsuming(offsetsTopic)
		t.beginAnew()
		t.ledger.clear()
	}
	t.topic = read.id
	return partitionsOf([]string{offsetsTopic}, map[string]topic{offsetsTopic: read}), nil
}

// beginWith begins to read those partitions of which that was not done yet, each at its
// first record since the beginning. The error is of one whose end or beginning is unknown.
func (t *Tail) beginWith(ctx context.Context, client *Client, partitions []lag.TopicPartition, ends map[lag.TopicPartition]offset) error {
	var failed error
	var added []lag.TopicPartition
	for _, tp := range partitions {
		if text := ends[tp].err; text != "" {
			failed = fmt.Errorf("partition %s: %s", tp, text)
		} else if t.reached[tp.Partition] == nil {
			added = append(added, tp)
		}
	}
	from := map[int32]kgo.Offset{}
	for tp, start := range client.offsetsOf(ctx, t.begin.UnixMilli(), added) {
		if start.err != "" {
			failed = fmt.Errorf("partition %s: %s", tp, start.err)
			continue
		}
		if start.at < 0 { // there is none
			start.at = ends[tp].at
		}
		t.reached[tp.Partition] = &reach{next: start.at, end: ends[tp].at}
		from[tp.Partition] = kgo.NewOffset().At(start.at)
	}
	client.kgo.AddConsumePartitions(map[string]map[int32]kgo.Offset{offsetsTopic: from})
	return failed
}

// poll waits for records until a time, and reads those that have come.
func (t *Tail) poll(ctx context.Context, client *Client, until time.Time) error {
	bounded, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	fetched := client.kgo.PollFetches(bounded)
	fetched.EachRecord(func(r *kgo.Record) {
		t.ledger.read(r)
		t.reached[r.Partition].next = r.Offset + 1
	})
	t.settle()
	var failed error
	fetched.EachError(func(_ string, partition int32, err error) {
		switch {
		case bounded.Err() != nil && errors.Is(err, bounded.Err()):
		case isDenial(err):
			failed = denied(client, err)
		case !errors.Is(failed, ErrDenied):
			failed = client.explain(fmt.Sprintf("reading partition %d of topic %s", partition, offsetsTopic), err)
		}
	})
	return failed
}

// settle notes that what a look saw has been read.
func (t *Tail) settle() {
	if t.lookedAt.IsZero() {
		return
	}
	for _, r := range t.reached {
		if r.next < r.end {
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known, t.err, t.lookedAt = t.lookedAt, nil, time.Time{}
}

// denied says what is missing.
func denied(client *Client, err error) error {
	return fmt.Errorf("%w: the operator's user needs READ on the topic %s", client.explain("reading commits", err), offsetsTopic)
}
