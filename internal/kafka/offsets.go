package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/kohort-dev/kohort/internal/lag"
)

// SetOffsets sets what an empty group has committed, all in one request. The broker refuses
// it as long as the group has members (UNKNOWN_MEMBER_ID: an OffsetCommit of nobody's is for
// who consumes without a group). It can be repeated. Needs READ on the group and the topics.
func (c *Client) SetOffsets(ctx context.Context, group string, to map[lag.TopicPartition]int64) error {
	doing := fmt.Sprintf("setting %d offsets of group %s", len(to), group)
	var offsets kadm.Offsets
	for tp, at := range to {
		offsets.AddOffset(tp.Topic, tp.Partition, at, -1)
	}
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	set, err := kadm.NewClient(c.kgo).CommitOffsets(ctx, group, offsets)
	if err == nil {
		err = set.Error()
	}
	if err == nil {
		return nil
	}
	if err = c.explain(doing, err); errors.Is(err, ErrDenied) {
		return fmt.Errorf("%w: the operator's user needs READ on the group and on its topics", err)
	}
	return err
}

// OffsetsAt are, for all partitions of topics, the offsets of the first records that are not
// older than a time; the end of the log where there is none. Needs DESCRIBE on the topics.
func (c *Client) OffsetsAt(ctx context.Context, at time.Time, topics []string) (map[lag.TopicPartition]int64, error) {
	doing := fmt.Sprintf("looking for the records of %s in %d topics", at.UTC().Format(time.RFC3339), len(topics))
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	listed, err := kadm.NewClient(c.kgo).ListOffsetsAfterMilli(ctx, at.UnixMilli(), topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, c.explain(doing, err)
	}
	found := map[lag.TopicPartition]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		found[lag.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Offset
	})
	return found, nil
}
