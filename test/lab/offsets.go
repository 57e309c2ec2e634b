package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Behind is how many records the group with its topic's name has yet to commit.
func (l *Lab) Behind(ctx context.Context, topic string) (int64, error) {
	ends, err := l.Broker.Admin().ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("read the ends of topic %s: %w", topic, err)
	}
	_, behind, err := l.behind(ctx, ends)
	return behind, err
}

// ConsumesAgain waits until the group with its topic's name has committed, on every
// partition, a record that the topic does not hold yet.
func (l *Lab) ConsumesAgain(ctx context.Context, topic string) error {
	ends, err := l.Broker.Admin().ListEndOffsets(ctx, topic)
	if err != nil {
		return fmt.Errorf("read the ends of topic %s: %w", topic, err)
	}
	for _, partitions := range ends {
		for number, end := range partitions {
			end.Offset++
			partitions[number] = end
		}
	}
	var standing int
	err = wait.PollUntilContextCancel(ctx, 250*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var err error
		standing, _, err = l.behind(ctx, ends)
		return standing == 0, err
	})
	if err != nil {
		return fmt.Errorf("wait until all partitions of %s are consumed, of which %d stand still: %w", topic, standing, err)
	}
	return nil
}

// behind is how many partitions, and how many records in them, a group has yet to commit
// up to some ends of the topic with its name.
func (l *Lab) behind(ctx context.Context, ends kadm.ListedOffsets) (partitions int, records int64, err error) {
	if err := ends.Error(); err != nil {
		return 0, 0, fmt.Errorf("read the end of a partition: %w", err)
	}
	for topic := range ends {
		commits, err := l.Broker.Admin().FetchOffsets(ctx, topic)
		if err != nil {
			return 0, 0, fmt.Errorf("read the offsets of group %s: %w", topic, err)
		}
		for _, end := range ends[topic] {
			commit, _ := commits.Lookup(topic, end.Partition)
			if left := end.Offset - max(0, commit.At); left > 0 {
				partitions++
				records += left
			}
		}
	}
	return partitions, records, nil
}
