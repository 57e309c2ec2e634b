// Command bench-e2e measures on a cluster what a release costs a consumer group:
// with Kohort's Rolling, however a successor waits, and in the same run with a
// Deployment (dynamic members replaced one by one) and a StatefulSet (static
// members stopped and started). The images are on the nodes.
//
// It prints a table. RUNS sets how often each is measured (default 3), SUBJECTS
// which (names, separated by commas; default all), CONSUMER the program (go or
// spring; default go). The cluster is that of KUBECONFIG, or a kind cluster of its
// own.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
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
	// quiet is how long before and after a release the group is left alone.
	quiet = 8 * time.Second
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
	runs, chosen, err := asked()
	if err != nil {
		return err
	}
	program, known := programs[cmp.Or(os.Getenv("CONSUMER"), "go")]
	if !known {
		return fmt.Errorf("CONSUMER is %q: it must be go or spring", os.Getenv("CONSUMER"))
	}
	var images []string
	if image := program.consumer.Image; image != "" {
		images = append(images, image)
	}
	w, err := world.Start(ctx, world.Options{
		Brokers: brokers, KafkaImage: cmp.Or(os.Getenv("KAFKA_IMAGE"), "apache/kafka:4.4.0"), Images: images, Out: filepath.Join("dist", "bench-e2e"), Progress: os.Stderr,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop(context.WithoutCancel(ctx))) }()
	outcomes := map[string][]subjects.Outcome{}
	for i := range runs {
		for _, s := range chosen {
			o, err := release(ctx, w, s, program)
			if err != nil {
				return fmt.Errorf("measure %s: %w", s.Name, err)
			}
			fmt.Fprintf(os.Stderr, "run %d, %-12s %v\n", i+1, s.Name, o)
			outcomes[s.Name] = append(outcomes[s.Name], o)
		}
	}
	fmt.Printf("\nA release of %d consumers on %d partitions, %d records/s; %s; medians of %d runs\n\n", slots, partitions, perSecond, program.title, runs)
	subjects.Table(os.Stdout, chosen, outcomes, subjects.StatefulSet)
	return nil
}

// asked is what the environment asks for.
func asked() (runs int, chosen []subjects.Subject, err error) {
	runs = 3
	if text := os.Getenv("RUNS"); text != "" {
		if runs, err = strconv.Atoi(text); err != nil || runs < 1 {
			return 0, nil, fmt.Errorf("RUNS is %q: it must be a number from 1 on", text)
		}
	}
	names := os.Getenv("SUBJECTS")
	if names == "" {
		return runs, all, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(s subjects.Subject) bool { return s.Name == name })
		if i < 0 {
			return 0, nil, fmt.Errorf("SUBJECTS has %q, which is none", name)
		}
		chosen = append(chosen, all[i])
	}
	return runs, chosen, nil
}

// release measures one release of one subject, in a namespace of its own.
func release(ctx context.Context, w *world.World, s subjects.Subject, p program) (o subjects.Outcome, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not get there in %v", patience))
	defer cancel()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-" + s.Name + "-"}}
	if err := w.Client.Create(ctx, namespace); err != nil {
		return o, fmt.Errorf("make a namespace: %w", err)
	}
	defer func() { err = errors.Join(err, w.Client.Delete(context.WithoutCancel(ctx), namespace)) }()
	logs, err := podlogs.Keep(w.Clientset, namespace.Name, filepath.Join(w.Out, namespace.Name))
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, logs.Stop()) }()

	// Group, topic and objects have the namespace's name: the brokers keep them.
	bootstrap := kafka.Bootstrap(brokers, kafka.Plaintext)
	g := subjects.Group{
		Client: w.Client, Namespace: namespace.Name, Name: namespace.Name, Slots: slots, Cluster: "kafka", Bootstrap: strings.Join(bootstrap, ","),
		Template: func(version string) corev1.PodTemplateSpec {
			c := p.consumer
			c.Topic, c.Version = namespace.Name, version
			return c.Template()
		},
		Peer: p.peer, Change: p.change,
	}
	producer := world.Producer{
		Namespace: g.Namespace, Name: "producer", Topic: g.Name, Partitions: partitions, Rate: perSecond, Bootstrap: g.Bootstrap,
	}
	cluster := &v1alpha1.KafkaCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.Cluster}, Spec: v1alpha1.KafkaClusterSpec{BootstrapServers: bootstrap},
	}
	if err := errors.Join(w.Client.Create(ctx, producer.Pod()), w.Client.Create(ctx, cluster)); err != nil {
		return o, fmt.Errorf("make a producer and a KafkaCluster: %w", err)
	}
	return s.Measure(ctx, g, subjects.Look{
		Partitions: partitions, Quiet: quiet,
		Rebalances: func() (int, error) { return w.Rebalances(g.Name) },
		Logs:       logs.Pattern(g.Name, world.Container),
	})
}
