// Command bench-e2e measures on a cluster what a release, or the death of a
// consumer, costs a consumer group: with Kohort's Rolling, however a successor
// waits, and in the same run with a Deployment (dynamic members replaced one by
// one) and a StatefulSet (static members stopped and started).
//
// It prints a table. RUNS sets how often each is measured (default 3), SUBJECTS
// which (names, separated by commas; default all), CONSUMER the program (go, slow,
// which takes 5 s to start, or spring; default go), EVENT what happens (release, or
// the name of a death; default release), IMAGES whether those of a release are on the
// nodes (present or absent; default present). The cluster is that of KUBECONFIG, or a
// kind cluster of its own.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kohort-dev/kohort/test/e2e/registry"
	"github.com/kohort-dev/kohort/test/e2e/world"
	"github.com/kohort-dev/kohort/test/subjects"
)

const (
	slots      = 6
	partitions = 12
	// perSecond is records over all partitions: 25 for each.
	perSecond = 300
	brokers   = 1
	// eventRelease is the event that is no death.
	eventRelease = "release"
)

var all = []subjects.Subject{
	subjects.Kohort("process", "Kohort, Process", subjects.Process),
	subjects.Kohort("sidecar", "Kohort, Sidecar", nil),
	subjects.Kohort("never", "Kohort, never warm", subjects.Never),
	subjects.Deployment,
	subjects.StatefulSet,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-e2e:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	q, err := asked()
	if err != nil {
		return err
	}
	var images []string
	if image := q.program.consumer.Image; image != "" {
		images = append(images, image)
	}
	w, err := world.Start(ctx, world.Options{
		Brokers: brokers, KafkaImage: cmp.Or(os.Getenv("KAFKA_IMAGE"), "apache/kafka:4.4.0"), Images: images, Out: filepath.Join("dist", "bench-e2e"), Progress: os.Stderr,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop(context.WithoutCancel(ctx))) }()
	b := bench{World: w, question: q}
	if q.absent {
		if b.registry, err = registry.Serve(ctx, w.Cluster, world.ConsumerImage, filepath.Join(w.Out, "registry.log")); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.registry.Stop()) }()
	}
	begin := time.Now()
	if err := measure(ctx, b); err != nil {
		return err
	}
	used, err := footprintOf(ctx, w)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe operator, after %v of this: %v\n", time.Since(begin).Round(time.Second), used)
	return nil
}

// measure measures what is asked for, and prints the table.
func measure(ctx context.Context, b bench) error {
	q := b.question
	title := fmt.Sprintf("%d consumers on %d partitions, %d records/s; %s; medians of %d runs", slots, partitions, perSecond, q.program.title, q.runs)
	if q.death == nil {
		outcomes, err := subjects.Repeat(q.runs, q.subjects, func(s subjects.Subject, _ int) (subjects.Outcome, error) { return stage(ctx, b, s, s.Measure) })
		if err != nil {
			return err
		}
		if q.absent {
			title += "; 30 MB of the new image are not on the nodes"
		}
		fmt.Printf("\nA release of %s\n\n", title)
		subjects.Table(os.Stdout, q.subjects, outcomes, subjects.StatefulSet)
		return nil
	}
	failovers, err := subjects.Repeat(q.runs, q.subjects, func(s subjects.Subject, _ int) (subjects.Failover, error) {
		return stage(ctx, b, s, func(ctx context.Context, g subjects.Group, look subjects.Look) (subjects.Failover, error) {
			return s.Survive(ctx, g, look, func(ctx context.Context) (string, error) { return q.death.of(ctx, b.World, g) })
		})
	})
	if err != nil {
		return err
	}
	fmt.Printf("\nOne consumer %s, session timeout %v; %s\n\n", q.death.title, q.death.session, title)
	subjects.FailoverTable(os.Stdout, q.subjects, failovers)
	return nil
}
