package broker

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

const (
	// startPatience is how long a start may take; it is about 4 s on a quiet
	// machine.
	startPatience = 2 * time.Minute
	stopGrace     = 30 * time.Second
)

// kafka is a real broker, one node that is its own controller.
type kafka struct {
	options   Options
	dir       string
	temporary bool
	jars      string
	// address, controller and sasl are the listeners.
	address, controller, sasl string
	process                   *process.Process
	log                       *os.File
}

func startKafka(ctx context.Context, options Options) (*kafka, error) {
	jars, err := Jars(ctx, options.Progress)
	if err != nil {
		return nil, err
	}
	k := &kafka{options: options, dir: options.Dir, jars: jars}
	err = k.prepare(ctx)
	if err == nil {
		fmt.Fprintln(options.Progress, "starting Apache Kafka", KafkaVersion)
		err = k.run(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, k.stop())
	}
	return k, nil
}

// prepare makes the folder, the configuration and the storage.
func (k *kafka) prepare(ctx context.Context) error {
	if err := k.makeFolder(); err != nil {
		return err
	}
	var err error
	if k.log, err = os.OpenFile(k.groupLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return fmt.Errorf("make its log: %w", err)
	}
	addresses, err := freeAddresses(3)
	if err != nil {
		return err
	}
	k.address, k.controller, k.sasl = addresses[0], addresses[1], addresses[2]
	if err := os.WriteFile(k.file("server.properties"), []byte(k.properties()), 0o600); err != nil {
		return fmt.Errorf("write its configuration: %w", err)
	}
	if _, err := os.Stat(k.file("data/meta.properties")); err == nil {
		return nil
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("make a cluster id: %w", err)
	}
	id[0] &= 0x7f // an id that begins with "-" would be taken for an option
	format, err := k.java(ctx, "kafka.tools.StorageTool", "format",
		"-t", base64.RawURLEncoding.EncodeToString(id), "-c", k.file("server.properties"))
	if err != nil {
		return err
	}
	if status := format.Wait(); status.Code != 0 {
		return fmt.Errorf("format its storage: the tool %s:\n%s", status, k.lastWords())
	}
	return nil
}

func (k *kafka) makeFolder() error {
	if k.dir == "" {
		dir, err := os.MkdirTemp("", "kohort-kafka-")
		if err != nil {
			return fmt.Errorf("make its folder: %w", err)
		}
		k.dir, k.temporary = dir, true
		return nil
	}
	dir, err := filepath.Abs(k.dir)
	if err == nil {
		k.dir = dir
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	return nil
}

func (k *kafka) properties() string {
	properties := []string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + k.controller,
		"listeners=PLAINTEXT://" + k.address + ",CONTROLLER://" + k.controller + ",SASL_PLAINTEXT://" + k.sasl,
		"advertised.listeners=PLAINTEXT://" + k.address + ",SASL_PLAINTEXT://" + k.sasl,
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN",
		"listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_" +
			User + "=\"" + Password + "\";",
		"log.dirs=" + k.file("data"), "num.partitions=" + strconv.Itoa(int(k.options.Partitions)),
		"auto.create.topics.enable=false",
		// One partition of each internal topic: a first group, and a restart, wait
		// for all of them.
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=1",
		"share.coordinator.state.topic.replication.factor=1", "share.coordinator.state.topic.min.isr=1",
	}
	if delay := k.options.InitialRebalanceDelay; delay > 0 {
		properties = append(properties, "group.initial.rebalance.delay.ms="+strconv.FormatInt(delay.Milliseconds(), 10))
	}
	return strings.Join(properties, "\n") + "\n"
}

func (k *kafka) file(name string) string { return filepath.Join(k.dir, name) }

func (k *kafka) java(ctx context.Context, args ...string) (*process.Process, error) {
	p, err := process.Start(ctx, process.Spec{
		Path: "java",
		Args: append([]string{
			"-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
			"-cp", k.jars + "/*",
		}, args...),
		Dir: k.dir, Stdout: k.log, Stderr: k.log,
	})
	if err != nil {
		return nil, fmt.Errorf("start java: %w", err)
	}
	return p, nil
}

// run starts the broker and waits until it answers.
func (k *kafka) run(ctx context.Context) error {
	var err error
	if k.process, err = k.java(context.WithoutCancel(ctx), "kafka.Kafka", k.file("server.properties")); err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.address))
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		attempt, done := context.WithTimeout(ctx, time.Second)
		err := client.Ping(attempt)
		done()
		if err == nil {
			return nil
		}
		select {
		case <-k.process.Done():
			return fmt.Errorf("it %s at its start:\n%s", k.process.Wait(), k.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("it does not answer (%w) within %v: %w\n%s", ctx.Err(), startPatience, err, k.lastWords())
		case <-ticker.C:
		}
	}
}

// lastWords are the end of its log, which may be gone when somebody wants to look.
func (k *kafka) lastWords() string {
	text, err := os.ReadFile(k.groupLog())
	if err != nil {
		return err.Error()
	}
	return process.LastLines(string(text), 20)
}

func (k *kafka) bootstrap() []string     { return []string{k.address} }
func (k *kafka) saslBootstrap() []string { return []string{k.sasl} }
func (k *kafka) groupLog() string        { return k.file("kafka.log") }

// rebalances counts what GroupMetadataManager logs when a rebalance begins: in a group of
// type consumer that is another epoch of the group.
func (k *kafka) rebalances(group string) int {
	file, err := os.Open(k.groupLog())
	if err != nil {
		return UnknownRebalances
	}
	defer file.Close()
	n := 0
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, "Preparing to rebalance group "+group+" ") || strings.Contains(line, "[GroupId "+group+"] Bumped group epoch to ") {
			n++
		}
		if err != nil {
			return n
		}
	}
}

func (k *kafka) restart(ctx context.Context) error {
	k.process.Stop(stopGrace)
	return k.run(ctx)
}

func (k *kafka) pause() error  { return k.signal(syscall.SIGSTOP) }
func (k *kafka) resume() error { return k.signal(syscall.SIGCONT) }

func (k *kafka) signal(signal syscall.Signal) error {
	if err := k.process.Signal(signal); err != nil {
		return fmt.Errorf("send %s to the broker: %w", signal, err)
	}
	return nil
}

func (k *kafka) stop() error {
	if k.process != nil {
		grace := stopGrace
		if k.temporary {
			// Nobody will read its data again.
			grace = 0
		}
		k.process.Stop(grace)
	}
	var errs []error
	if k.log != nil {
		errs = append(errs, k.log.Close())
	}
	if k.temporary {
		errs = append(errs, os.RemoveAll(k.dir))
	}
	return errors.Join(errs...)
}
