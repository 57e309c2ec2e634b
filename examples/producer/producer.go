package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topicPatience is how long a missing topic is waited for.
const topicPatience = time.Minute

// topic is where records go: round robin over its partitions.
type topic struct {
	name       string
	partitions int32
	// sequence numbers the records, from 0.
	sequence int64
	// written and failed count what the brokers have answered.
	written, failed atomic.Int64
}

// producer produces to some topics at one rate.
type producer struct {
	client *kgo.Client
	topics []*topic
}

func newProducer(ctx context.Context, c config) (*producer, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.bootstrap...),
		kgo.ClientID("kohort-sample-producer"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// A record's timestamp is worth more here than a full batch.
		kgo.ProducerLinger(0),
		// A topic that was made a moment ago has no leaders yet, or brokers that have not
		// heard of it.
		kgo.MetadataMinAge(step),
		kgo.UnknownTopicRetries(-1),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	p := &producer{client: client}
	for _, name := range c.topics {
		t, err := prepare(ctx, kadm.NewClient(client), name, c.createPartitions)
		if err != nil {
			client.Close()
			return nil, err
		}
		p.topics = append(p.topics, t)
	}
	return p, nil
}

// prepare makes a topic, if that is asked for, and waits until it is there.
func prepare(ctx context.Context, admin *kadm.Client, name string, partitions int32) (*topic, error) {
	ctx, cancel := context.WithTimeout(ctx, topicPatience)
	defer cancel()
	if partitions > 0 {
		_, err := admin.CreateTopic(ctx, partitions, -1, nil, name)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return nil, fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for {
		details, err := admin.ListTopics(ctx, name)
		if err == nil {
			err = details[name].Err
		}
		if count := len(details[name].Partitions); err == nil && count > 0 {
			return &topic{name: name, partitions: int32(count)}, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("look for topic %s: %w", name, errors.Join(err, ctx.Err()))
		case <-ticker.C:
		}
	}
}

// produce sends records to every topic. It does not wait for them to be written,
// unless very many are on their way.
func (p *producer) produce(records int) {
	for range records {
		for _, t := range p.topics {
			value, _ := json.Marshal(map[string]int64{"seq": t.sequence, "t": time.Now().UnixMilli()})
			record := &kgo.Record{Topic: t.name, Partition: int32(t.sequence % int64(t.partitions)), Value: value}
			t.sequence++
			p.client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
				if err != nil {
					t.failed.Add(1)
					return
				}
				t.written.Add(1)
			})
		}
	}
}

// close waits until what was sent is written.
func (p *producer) close(ctx context.Context) error {
	err := p.client.Flush(ctx)
	p.client.Close()
	if err != nil {
		return fmt.Errorf("write the last records: %w", err)
	}
	return nil
}
