// Command bench-e2e measures on a cluster what a release, or the death of a
// consumer, costs a consumer group: with Kohort's Rolling, however a successor
// waits, and in the same run with a Deployment (dynamic members replaced one by
// one) and a StatefulSet (static members stopped and started). The images are on
// the nodes.
//
// It prints a table. RUNS sets how often each is measured (default 3), SUBJECTS
// which (names, separated by commas; default all), CONSUMER the program (go or
// spring; default go), EVENT what happens (release, or the name of a death; default
// release). The cluster is that of KUBECONFIG, or a kind cluster of its own.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/kafka"
	"github.com/kohort-dev/kohort/test/e2e/podlogs"
	"github.com/kohort-dev/kohort/test/e2e/world"
	"github.com/kohort-dev/kohort/test/subjects"
)

const (
	slots      = 6
	partitions = 12
	// perSecond is records over all partitions: 25 for each.
	perSecond = 300
	brokers   = 1
	// patience bounds each measurement.
	patience = 8 * time.Minute
	// quiet is how long before and after an event the group is left alone.
	quiet = 8 * time.Second
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
	title := fmt.Sprintf("%d consumers on %d partitions, %d records/s; %s; medians of %d runs", slots, partitions, perSecond, q.program.title, q.runs)
	if q.death == nil {
		outcomes, err := repeat(q, func(s subjects.Subject) (subjects.Outcome, error) { return stage(ctx, w, q, s, s.Measure) })
		if err != nil {
			return err
		}
		fmt.Printf("\nA release of %s\n\n", title)
		subjects.Table(os.Stdout, q.subjects, outcomes, subjects.StatefulSet)
		return nil
	}
	failovers, err := repeat(q, func(s subjects.Subject) (subjects.Failover, error) {
		return stage(ctx, w, q, s, func(ctx context.Context, g subjects.Group, look subjects.Look) (subjects.Failover, error) {
			return s.Survive(ctx, g, look, func(ctx context.Context) (string, error) { return q.death.of(ctx, w, g) })
		})
	})
	if err != nil {
		return err
	}
	fmt.Printf("\nOne consumer %s, session timeout %v; %s\n\n", q.death.title, q.death.session, title)
	subjects.FailoverTable(os.Stdout, q.subjects, failovers)
	return nil
}

// repeat measures each subject as often as is asked for, in turns.
func repeat[T any](q question, one func(subjects.Subject) (T, error)) (map[string][]T, error) {
	results := map[string][]T{}
	for i := range q.runs {
		for _, s := range q.subjects {
			result, err := one(s)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", s.Name, err)
			}
			fmt.Fprintf(os.Stderr, "run %d, %-12s %v\n", i+1, s.Name, result)
			results[s.Name] = append(results[s.Name], result)
		}
	}
	return results, nil
}

// stage is one measurement of one subject, in a namespace of its own.
func stage[T any](ctx context.Context, w *world.World, q question, s subjects.Subject,
	measure func(context.Context, subjects.Group, subjects.Look) (T, error),
) (result T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not get there in %v", patience))
	defer cancel()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-" + s.Name + "-"}}
	if err := w.Client.Create(ctx, namespace); err != nil {
		return result, fmt.Errorf("make a namespace: %w", err)
	}
	defer func() { err = errors.Join(err, w.Client.Delete(context.WithoutCancel(ctx), namespace)) }()
	logs, err := podlogs.Keep(w.Clientset, podlogs.Options{Namespace: namespace.Name, Dir: filepath.Join(w.Out, namespace.Name)})
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, logs.Stop()) }()

	// Group, topic and objects have the namespace's name: the brokers keep them.
	bootstrap := kafka.Bootstrap(brokers, kafka.Plaintext)
	g := subjects.Group{
		Client: w.Client, Namespace: namespace.Name, Name: namespace.Name, Slots: slots, Cluster: "kafka", Bootstrap: strings.Join(bootstrap, ","),
		Template: func(version string) corev1.PodTemplateSpec {
			c := q.program.consumer
			c.Topic, c.Version = namespace.Name, version
			return c.Template()
		},
		Peer: q.program.peer, Change: q.program.change,
	}
	if q.death != nil {
		g.Session = q.death.session
	}
	producer := world.Producer{
		Namespace: g.Namespace, Name: "producer", Topic: g.Name, Partitions: partitions, Rate: perSecond, Bootstrap: g.Bootstrap,
	}
	cluster := &v1alpha1.KafkaCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.Cluster}, Spec: v1alpha1.KafkaClusterSpec{BootstrapServers: bootstrap},
	}
	if err := errors.Join(w.Client.Create(ctx, producer.Pod()), w.Client.Create(ctx, cluster)); err != nil {
		return result, fmt.Errorf("make a producer and a KafkaCluster: %w", err)
	}
	return measure(ctx, g, subjects.Look{
		Partitions: partitions, Quiet: quiet,
		Rebalances: func() (int, error) { return w.Rebalances(g.Name) },
		Logs:       logs.Pattern(g.Name, world.Container),
	})
}
