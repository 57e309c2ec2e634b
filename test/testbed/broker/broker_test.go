package broker_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/kohort-dev/kohort/test/testbed/broker"
)

func TestTopics(t *testing.T) {
	topic := fresh(t)
	for range 2 {
		if err := shared.CreateTopic(t.Context(), topic, 3); err != nil {
			t.Fatal(err)
		}
	}
	write(t, shared, topic, 3, 5)
	if diff := cmp.Diff(map[int32]int64{0: 5, 1: 5, 2: 5}, ends(t, shared, topic)); diff != "" {
		t.Error(diff)
	}
	topic += "-default"
	if err := shared.CreateTopic(t.Context(), topic, 0); err != nil {
		t.Fatal(err)
	}
	if got := len(ends(t, shared, topic)); got != 12 {
		t.Errorf("a topic got %d partitions, want 12", got)
	}
	if shared.Kind == broker.Kfake {
		return // it takes every name
	}
	if err := shared.CreateTopic(t.Context(), "no such name", 1); !errors.Is(err, kerr.InvalidTopicException) {
		t.Errorf("a topic with an impossible name: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	servers := shared.SASLBootstrap()
	if len(servers) == 0 {
		t.Skipf("the broker is %s: it has no listener with credentials", shared.Kind)
	}
	for name, c := range map[string]struct {
		password string
		want     error
	}{
		"right": {broker.Password, nil},
		"wrong": {"wrong", kerr.SaslAuthenticationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			client := connect(t, kgo.SeedBrokers(servers...), kgo.SASL(plain.Auth{User: broker.User, Pass: c.password}.AsMechanism()))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := kadm.NewClient(client).BrokerMetadata(ctx)
			if shared.Kind == broker.Kfake && c.want != nil && err != nil {
				return // it closes the connection instead of saying why
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestPausedBrokerAnswersNothing(t *testing.T) {
	needsOwnKafka(t)
	client := connect(t, kgo.SeedBrokers(shared.Bootstrap()...))
	if err := client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := shared.Pause(); err != nil {
		t.Fatal(err)
	}
	resume := func() {
		if err := shared.Resume(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(resume)
	answer := make(chan error, 1)
	go func() { answer <- client.Ping(t.Context()) }()
	select {
	case err := <-answer:
		t.Errorf("a paused broker answered: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	resume()
	select {
	case err := <-answer:
		if err != nil {
			t.Errorf("after the pause: %v", err)
		}
	case <-time.After(patience):
		t.Errorf("no answer %s after the pause", patience)
	}
}

func TestDataOutlivesRestartsAndBrokers(t *testing.T) {
	needsOwnKafka(t)
	start := func(dir string) *broker.Broker {
		b, err := broker.Start(t.Context(), broker.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	dir := t.TempDir()
	b := start(dir)
	stop := func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { stop() })
	if err := b.CreateTopic(t.Context(), "kept", 2); err != nil {
		t.Fatal(err)
	}
	write(t, b, "kept", 2, 7)
	want := map[int32]int64{0: 7, 1: 7}

	address := b.Bootstrap()
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(address, b.Bootstrap()); diff != "" {
		t.Error(diff)
	}
	eventually(t, func() string { return cmp.Diff(want, ends(t, b, "kept")) })

	stop()
	b = start(dir)
	eventually(t, func() string { return cmp.Diff(want, ends(t, b, "kept")) })
}

func TestTemporaryBrokerLeavesNothing(t *testing.T) {
	needsOwnKafka(t)
	t.Setenv("TMPDIR", t.TempDir())
	b, err := broker.Start(t.Context(), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.GroupLog(), os.TempDir()) {
		t.Errorf("the log is %s, not in %s", b.GroupLog(), os.TempDir())
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		// The Java machine's own folder is shared by all of a user's.
		if !strings.HasPrefix(entry.Name(), "hsperfdata_") {
			t.Errorf("%s is left behind", entry.Name())
		}
	}
}

func TestAnotherBrokerIsUsed(t *testing.T) {
	t.Setenv(broker.BootstrapVariable, strings.Join(shared.Bootstrap(), ","))
	b, err := broker.Start(t.Context(), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	topic := freshTopic(t, 1, 3)
	if diff := cmp.Diff(map[int32]int64{0: 3}, ends(t, b, topic)); diff != "" {
		t.Error(diff)
	}
	if got := b.Rebalances("any"); got != broker.UnknownRebalances {
		t.Errorf("it knows of %d rebalances", got)
	}
	if err := b.Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "unset "+broker.BootstrapVariable) {
		t.Errorf("a restart of somebody's broker: %v", err)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(ends(t, shared, topic)); got != 1 {
		t.Errorf("the broker is gone with its borrower")
	}
}

func TestKfakeWhereThereIsNoJava(t *testing.T) {
	t.Setenv(broker.BootstrapVariable, "")
	t.Setenv("PATH", t.TempDir())
	b, err := broker.Start(t.Context(), broker.Options{Partitions: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	if b.Kind != broker.Kfake {
		t.Fatalf("the broker is %s", b.Kind)
	}
	if err := b.CreateTopic(t.Context(), "t", 0); err != nil {
		t.Fatal(err)
	}
	write(t, b, "t", 5, 2)
	if diff := cmp.Diff(map[int32]int64{0: 2, 1: 2, 2: 2, 3: 2, 4: 2}, ends(t, b, "t")); diff != "" {
		t.Error(diff)
	}
	for password, letIn := range map[string]bool{broker.Password: true, "wrong": false} {
		client := connect(t, kgo.SeedBrokers(b.SASLBootstrap()...), kgo.SASL(plain.Auth{User: broker.User, Pass: password}.AsMechanism()))
		// Kfake closes the connection instead of saying why.
		if _, err := kadm.NewClient(client).BrokerMetadata(t.Context()); (err == nil) != letIn {
			t.Errorf("with the password %q: %v", password, err)
		}
	}
	if got := b.Rebalances("no-such-group"); got != 0 {
		t.Errorf("%d rebalances of no group", got)
	}
}
