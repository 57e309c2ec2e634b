// Command consumer is the sample consumer: a member of a Kafka consumer group
// that takes its identity from the variables Kohort injects, works at a set rate
// and tells what it does as JSON lines on its standard output (package journal).
// It can also misbehave, so that a release of it can be bad.
//
//	KAFKA_BOOTSTRAP_SERVERS      the brokers
//	KAFKA_GROUP_ID               the group
//	KAFKA_GROUP_INSTANCE_ID      the static member's id; unset: a dynamic member
//	KAFKA_SESSION_TIMEOUT_MS     45000 unless set
//	KAFKA_HEARTBEAT_INTERVAL_MS  3000 unless set
//	CONSUMER_PROPERTIES_FILE     a file with all of these by Kafka's names; it wins
//
//	TOPICS              what to consume, separated by commas
//	CONSUMERS           run so many members, which append -0, -1 and so on to the id
//	                    (consumer.consumersPerPod); unset: one, with the id as it is
//	RATE                records per second of each member, over all of its
//	                    partitions; 0: no limit
//	COMMIT_INTERVAL_MS  how often to commit; 1000 unless set
//	VERSION             any text; goes into every line
//	START_DELAY_MS      how long to wait before joining
//	START_FILE          a file to wait for, then: who waits for the same one joins with the others
//	HEALTH_PORT         GET /healthz, and /ready: whether it is a member
//	BEHAVIOUR           slow, stalled, crash, never-joins, hungry, ignores-sigterm or own-assignor
//	LOG_RECORDS         1: a line for each record
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

// crashAfter is how long a crashing consumer lives.
const crashAfter = 200 * time.Millisecond

func main() { os.Exit(run()) }

func run() int {
	config, err := parseConfig(os.Getenv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "consumer: %v\n", err)
		return 2
	}
	out := journal.NewWriter(os.Stdout, config.instanceID, config.version)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	endOnSignal(cancel, config, out)

	out.Write(journal.Entry{Event: journal.Start, Generation: -1})
	if err := consume(ctx, config, out); err != nil {
		fmt.Fprintf(os.Stderr, "consumer: %v\n", err)
		return 1
	}
	out.Write(journal.Entry{Event: journal.Stopped, Generation: -1})
	return 0
}

// endOnSignal ends the program in peace when it is asked to.
func endOnSignal(end func(), c config, out *journal.Writer) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, os.Interrupt)
	go func() {
		for range asked {
			if c.behaviour == behaveIgnoresSIGTERM {
				out.Write(journal.Entry{Event: journal.Ignored, Generation: -1})
				continue
			}
			end()
		}
	}()
}

func consume(ctx context.Context, c config, out *journal.Writer) error {
	var ready atomic.Value // of func() bool
	ready.Store(func() bool { return c.behaviour == behaveNeverJoins })
	if c.healthPort != 0 {
		if err := serveHealth(c.healthPort, func() bool { return ready.Load().(func() bool)() }); err != nil {
			return err
		}
	}
	switch c.behaviour {
	case behaveCrash:
		pause(ctx, crashAfter)
		err := errors.New("crash, as BEHAVIOUR asks for")
		out.Write(journal.Entry{Event: journal.Failed, Generation: -1, Error: err.Error()})
		return err
	case behaveHungry:
		go eat(ctx)
	case behaveNeverJoins:
		<-ctx.Done()
		return nil
	}
	if !pause(ctx, c.startDelay) || !appears(ctx, c.startFile) {
		return nil
	}
	var all members
	for _, id := range c.instanceIDs() {
		one := c
		one.instanceID = id
		m, err := newMember(one, journal.NewWriter(os.Stdout, id, c.version))
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	ready.Store(all.joined)
	return all.run(ctx)
}

// eat takes 10 MB more each second, and uses all of it.
func eat(ctx context.Context) {
	var eaten [][]byte
	for pause(ctx, 100*time.Millisecond) {
		eaten = append(eaten, bytes.Repeat([]byte{1}, 1<<20))
	}
	runtime.KeepAlive(eaten)
}

// appears waits for a file, if there is one to wait for, and says whether it came before the end.
// One that cannot be looked for is not waited for.
func appears(ctx context.Context, file string) bool {
	for file != "" {
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			break
		}
		if !pause(ctx, 5*time.Millisecond) {
			return false
		}
	}
	return true
}

// pause waits, and says whether nothing ended it before its time.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
