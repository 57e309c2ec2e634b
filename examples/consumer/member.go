package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

const (
	// commitTimeout bounds a commit, and so the time that a rebalance or the end
	// of the process waits for one.
	commitTimeout = 5 * time.Second
	// fetchWait is how long the broker holds a fetch without records. It also
	// bounds how long a partition waits that was resumed in the meantime.
	fetchWait = 500 * time.Millisecond
	// fetchBytes keeps the batches small, so that partitions stay even.
	fetchBytes = 64 << 10
	// metadataAge is how soon the client asks again for partitions without a
	// leader: of a topic that was made a moment ago, or of a broker that is away.
	metadataAge = 250 * time.Millisecond
)

// fatal are the errors that no retry heals. The client library would go on
// trying, alive and useless; an operator can only act on a process that ends.
var fatal = []error{
	kerr.FencedInstanceID, kerr.InvalidSessionTimeout, kerr.InvalidGroupID, kerr.InconsistentGroupProtocol,
	kerr.GroupMaxSizeReached, kerr.GroupAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.SaslAuthenticationFailed,
}

// member is one consumer of this process in the consumer group.
type member struct {
	config
	client  *kgo.Client
	journal *journal.Writer
	backlog *backlog
	// failed gets the first fatal error.
	failed chan error
	// made is closed when client is set: the client calls back before that.
	made chan struct{}

	// commits serializes reading what to commit and committing it. Otherwise a
	// commit that was begun before a rebalance could land after it, and set back
	// a partition that somebody else owns by then.
	commits sync.Mutex
}

func newMember(c config, out *journal.Writer) (*member, error) {
	m := &member{config: c, journal: out, failed: make(chan error, 1), made: make(chan struct{})}
	m.backlog = newBacklog(m.write, m.fetch)
	m.backlog.everyRecord = c.logRecords
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.bootstrap...),
		kgo.ClientID("kohort-sample-consumer"),
		kgo.ConsumerGroup(c.group),
		kgo.ConsumeTopics(c.topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		// No rebalance between a poll and the booking of what it returned.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(m.onAssigned),
		kgo.OnPartitionsRevoked(m.onRevoked),
		kgo.OnPartitionsLost(m.onLost),
		kgo.MetadataMinAge(metadataAge),
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxPartitionBytes(fetchBytes),
		kgo.WithHooks(m),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	}
	if c.instanceID != "" {
		opts = append(opts, kgo.InstanceID(c.instanceID))
	}
	if c.kip848 {
		opts = append(opts, kgo.ServerSideBalancer())
	} else {
		opts = append(opts, kgo.Balancers(c.assignor()), kgo.SessionTimeout(c.session), kgo.HeartbeatInterval(c.heartbeat))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	m.client = client
	close(m.made)
	return m, nil
}

// run consumes until ctx ends, which is nil, or a fatal error.
func (m *member) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { m.poll(ctx) })
	working.Go(func() { m.commitRegularly(ctx) })
	if m.behaviour != behaveStalled {
		working.Go(func() { m.work(ctx) })
	}
	var err error
	select {
	case err = <-m.failed:
	case <-ctx.Done():
	}
	cancel()
	working.Wait()
	if err == nil {
		m.commit()
	}
	if m.kip848 && m.instanceID != "" && m.behaviour != behaveUnclean {
		m.keepPlace()
	}
	// A static member does not leave the group by this: its place stays reserved
	// for the next process with its id.
	m.client.CloseAllowingRebalance()
	return err
}

// leftForNow is the epoch with which a static member says that the next process with its
// instance id takes its place (KIP-848).
const leftForNow = -2

// keepPlace does what franz-go up to 1.22.2 leaves out: the library's own word does not
// name the instance id, the broker refuses it, and with it the next process, until the
// session is over.
func (m *member) keepPlace() {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	id, _ := m.client.GroupMetadata()
	_ = m.client.LeaveGroupContext(ctx) // ends the heartbeats; that it is refused is the point
	bye := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	bye.Group, bye.MemberID, bye.MemberEpoch, bye.InstanceID = m.group, id, leftForNow, &m.instanceID
	if _, err := bye.RequestWith(ctx, m.client); err != nil {
		m.write(journal.Entry{Event: journal.Failed, Error: fmt.Sprintf("keep the place in the group: %v", err)})
	}
}

// joined says whether it is a member of the group.
func (m *member) joined() bool {
	_, generation := m.client.GroupMetadata()
	return generation >= 0
}

func (m *member) write(e journal.Entry) {
	<-m.made
	_, e.Generation = m.client.GroupMetadata()
	m.journal.Write(e)
}

// fetch goes on fetching a partition, or does not.
func (m *member) fetch(p partition, on bool) {
	if on {
		m.client.ResumeFetchPartitions(map[string][]int32{p.topic: {p.number}})
	} else {
		m.client.PauseFetchPartitions(map[string][]int32{p.topic: {p.number}})
	}
}

func (m *member) poll(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := m.client.PollFetches(ctx)
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			m.backlog.add(partition{f.Topic, f.Partition}, f.Records)
		})
		m.client.AllowRebalance()
		fetches.EachError(func(topic string, number int32, err error) {
			// Errors of the group come by OnGroupManageError.
			var ofGroup *kgo.ErrGroupSession
			if ctx.Err() == nil && !errors.As(err, &ofGroup) {
				m.fail(fmt.Errorf("fetch from %s %d: %w", topic, number, err))
			}
		})
	}
}

// work processes records at the rate that was asked for.
func (m *member) work(ctx context.Context) {
	pace := newPace(m.rate)
	due := time.NewTimer(0)
	defer due.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		if !m.backlog.process(now) {
			select {
			case <-ctx.Done():
			case <-m.backlog.arrived:
			}
			continue
		}
		wait := pace.next(now).Sub(now)
		if wait <= 0 {
			continue
		}
		due.Reset(wait)
		select {
		case <-ctx.Done():
		case <-due.C:
		}
	}
}

func (m *member) commitRegularly(ctx context.Context) {
	ticker := time.NewTicker(m.commitInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.commit()
		}
	}
}

// commit commits what was processed.
func (m *member) commit() {
	m.commits.Lock()
	defer m.commits.Unlock()
	m.commitOffsets(m.backlog.uncommitted())
}

// commitOffsets needs m.commits.
func (m *member) commitOffsets(of offsets) {
	if len(of) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	var failure error
	m.client.CommitOffsetsSync(ctx, of, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		failure = commitError(response, err)
	})
	if failure != nil {
		m.fail(fmt.Errorf("commit offsets: %w", failure))
		return
	}
	m.backlog.commit(of)
	plain := map[string]map[int32]int64{}
	for topic, numbers := range of {
		plain[topic] = map[int32]int64{}
		for number, offset := range numbers {
			plain[topic][number] = offset.Offset
		}
	}
	m.write(journal.Entry{Event: journal.Committed, Offsets: plain})
}

// commitError is the first error of a commit; each partition has one of its own.
func commitError(response *kmsg.OffsetCommitResponse, err error) error {
	if err != nil {
		return err
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("%s %d: %w", topic.Topic, p.Partition, err)
			}
		}
	}
	return nil
}

func (m *member) onAssigned(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	m.backlog.assign(assigned)
	m.write(journal.Entry{Event: journal.Joined})
	m.write(journal.Entry{Event: journal.Assigned, Partitions: assigned})
}

func (m *member) onRevoked(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
	m.commits.Lock()
	defer m.commits.Unlock()
	m.commitOffsets(m.backlog.release(revoked))
	m.write(journal.Entry{Event: journal.Revoked, Partitions: revoked})
}

func (m *member) onLost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	// Whoever owns them now goes on from the last commit; ours would be refused.
	m.backlog.release(lost)
	m.write(journal.Entry{Event: journal.Lost, Partitions: lost})
}

// OnGroupManageError is called by the client when a session in the group ends
// with an error.
func (m *member) OnGroupManageError(err error) {
	m.fail(fmt.Errorf("be a member of group %s: %w", m.group, err))
}

// fail reports an error, and ends the process if it is fatal.
func (m *member) fail(err error) {
	m.write(journal.Entry{Event: journal.Failed, Error: err.Error()})
	for _, f := range fatal {
		if errors.Is(err, f) {
			select {
			case m.failed <- err:
			default:
			}
			return
		}
	}
}
