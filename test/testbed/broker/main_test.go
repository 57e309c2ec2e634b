package broker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/test/testbed/broker"
)

// patience is how long a test waits for what must happen; nothing here takes a
// tenth of it on a quiet machine.
const patience = 2 * time.Minute

// What all tests share.
var (
	shared *broker.Broker
	// binaries has the programs consumer and producer.
	binaries string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	cleanUp := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	var err error
	if binaries, err = os.MkdirTemp("", "kohort-samples-"); err != nil {
		cleanUp(err)
		return code
	}
	defer func() { cleanUp(os.RemoveAll(binaries)) }()
	for _, program := range []string{"consumer", "producer"} {
		build := exec.Command("go", "build", "-o", filepath.Join(binaries, program), "github.com/kohort-dev/kohort/examples/"+program)
		if out, err := build.CombinedOutput(); err != nil {
			cleanUp(fmt.Errorf("build the sample %s: %w\n%s", program, err, out))
			return code
		}
	}
	shared, err = broker.Start(context.Background(), broker.Options{Progress: os.Stderr, InitialRebalanceDelay: 500 * time.Millisecond})
	if err != nil {
		cleanUp(err)
		return code
	}
	defer func() { cleanUp(shared.Stop()) }()
	return m.Run()
}

// needsOwnKafka skips what only a real broker that was started here can do.
func needsOwnKafka(t *testing.T) {
	t.Helper()
	if shared.GroupLog() == "" {
		t.Skipf("the broker is %s: this needs one that was started here", shared.Kind)
	}
}

// fresh is a name for a topic and a group that nobody has used.
func fresh(t *testing.T) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '-'
		}
		return r
	}, strings.ToLower(t.Name()))
	return fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
}

// freshTopic makes a topic with some records on each partition.
func freshTopic(t *testing.T, partitions int32, records int) string {
	t.Helper()
	topic := fresh(t)
	if err := shared.CreateTopic(t.Context(), topic, partitions); err != nil {
		t.Fatal(err)
	}
	write(t, shared, topic, partitions, records)
	return topic
}

// write appends records to each partition.
func write(t *testing.T, to *broker.Broker, topic string, partitions int32, records int) {
	t.Helper()
	client := connect(t, kgo.SeedBrokers(to.Bootstrap()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	var batch []*kgo.Record
	for p := range partitions {
		for i := range records {
			batch = append(batch, &kgo.Record{Topic: topic, Partition: p, Value: fmt.Append(nil, i)})
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		t.Fatalf("write to %s: %v", topic, err)
	}
}

// ends are the next offsets that a topic's partitions would give out.
func ends(t *testing.T, of *broker.Broker, topic string) map[int32]int64 {
	t.Helper()
	listed, err := of.Admin().ListEndOffsets(t.Context(), topic)
	if err = errors.Join(err, listed.Error()); err != nil {
		t.Fatal(err)
	}
	offsets := map[int32]int64{}
	for number, p := range listed[topic] {
		offsets[number] = p.Offset
	}
	return offsets
}

func connect(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// eventually waits for a condition; it says what is missing, or "".
func eventually(t *testing.T, condition func() (missing string)) {
	t.Helper()
	missing := condition()
	for end := time.Now().Add(patience); missing != ""; missing = condition() {
		if time.Now().After(end) {
			t.Fatalf("not after %s: %s", patience, missing)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
