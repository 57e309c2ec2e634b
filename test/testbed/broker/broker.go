// Package broker starts a Kafka broker for tests, the demo and the benchmark: a
// real Apache Kafka where java and mvn are on the PATH, the broker that
// KAFKA_BOOTSTRAP names, or kfake, which runs in this process and gets some of
// static membership wrong (its takeovers can cost a rebalance).
package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BootstrapVariable names a broker to use instead of starting one, as a comma
// separated list.
const BootstrapVariable = "KAFKA_BOOTSTRAP"

// Kfake is the Kind of a broker that is no real one.
const Kfake = "kfake"

// User and Password are let in by the listener of SASLBootstrap (PLAIN).
const (
	User     = "kohort"
	Password = "kohort-secret"
)

// UnknownRebalances is what Rebalances says when nobody can count them.
const UnknownRebalances = -1

// adminPatience bounds a request of an administrator.
const adminPatience = time.Minute

// errNotOurs is why a broker cannot be stopped, restarted or paused.
var errNotOurs = errors.New("the broker was not started here: unset " + BootstrapVariable + " to have one that is")

// Options say how to start a broker. The zero value is good.
type Options struct {
	// Dir takes data and logs and is kept; a later broker with the same folder
	// goes on with its data. "" means a temporary folder, which Stop removes.
	Dir string
	// Progress is told what takes long; nil means silence.
	Progress io.Writer
	// Partitions is how many a topic has when nobody says; 0 means 12.
	Partitions int32
	// InitialRebalanceDelay is how long a new group waits for more members
	// (group.initial.rebalance.delay.ms); 0 means Kafka's own 3 s. Kfake has none.
	InitialRebalanceDelay time.Duration
}

// Broker is a broker that runs.
type Broker struct {
	// Kind says what it is, for people.
	Kind string

	server server
	admin  *kadm.Client
}

// server is one of the three kinds of broker.
type server interface {
	bootstrap() []string
	saslBootstrap() []string
	rebalances(group string) int
	groupLog() string
	restart(ctx context.Context) error
	pause() error
	resume() error
	stop() error
}

// Start starts a broker. The context bounds the start only. The broker ends with
// this process, however that ends.
func Start(ctx context.Context, options Options) (*Broker, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	if options.Partitions == 0 {
		options.Partitions = 12
	}
	b := &Broker{}
	var err error
	switch {
	case os.Getenv(BootstrapVariable) != "":
		b.Kind = BootstrapVariable + "=" + os.Getenv(BootstrapVariable)
		b.server = external(strings.Split(os.Getenv(BootstrapVariable), ","))
	case installed("java") && installed("mvn"):
		b.Kind = "Apache Kafka " + KafkaVersion
		b.server, err = startKafka(ctx, options)
	default:
		b.Kind = Kfake
		b.server, err = startKfake(options)
	}
	if err != nil {
		return nil, fmt.Errorf("start the broker, %s: %w", b.Kind, err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(b.Bootstrap()...),
		// A topic that was made a moment ago has no leaders yet.
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a client for the broker: %w", err), b.server.stop())
	}
	b.admin = kadm.NewClient(client)
	return b, nil
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Bootstrap is where to reach it, without authentication.
func (b *Broker) Bootstrap() []string { return b.server.bootstrap() }

// SASLBootstrap is the listener that wants User and Password; empty if there is
// none. With kfake it leads to a cluster of its own, without topics.
func (b *Broker) SASLBootstrap() []string { return b.server.saslBootstrap() }

// Rebalances is how many rebalances of a group the broker has begun since it was
// first started, UnknownRebalances where only its log could tell and there is
// none. Kfake's is the group's generation.
func (b *Broker) Rebalances(group string) int { return b.server.rebalances(group) }

// GroupLog is the file in which the broker tells what happens to groups; "" if
// there is none.
func (b *Broker) GroupLog() string { return b.server.groupLog() }

// Restart stops the broker, as its administrator would, and starts it again on
// the same ports and data. It is away for some seconds.
func (b *Broker) Restart(ctx context.Context) error {
	if err := b.server.restart(ctx); err != nil {
		return fmt.Errorf("restart the broker, %s: %w", b.Kind, err)
	}
	return nil
}

// Pause makes the broker hang: it keeps its connections and answers nothing.
func (b *Broker) Pause() error { return b.server.pause() }

// Resume ends a Pause.
func (b *Broker) Resume() error { return b.server.resume() }

// Stop ends it.
func (b *Broker) Stop() error {
	b.admin.Close()
	return b.server.stop()
}

// CreateTopic makes a topic; that it is there already is no error. With 0
// partitions it gets Options.Partitions.
func (b *Broker) CreateTopic(ctx context.Context, topic string, partitions int32) error {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	if partitions == 0 {
		partitions = -1
	}
	_, err := b.admin.CreateTopic(ctx, partitions, -1, nil, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return nil
}

// Admin is an administrator's client, closed by Stop.
func (b *Broker) Admin() *kadm.Client { return b.admin }
