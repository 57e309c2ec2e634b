package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/kafka"
	"github.com/kohort-dev/kohort/test/e2e/podlogs"
	"github.com/kohort-dev/kohort/test/e2e/registry"
	"github.com/kohort-dev/kohort/test/e2e/world"
	"github.com/kohort-dev/kohort/test/subjects"
)

const (
	// patience bounds each measurement.
	patience = 8 * time.Minute
	// quiet is how long before and after an event the group is left alone.
	quiet = 8 * time.Second
)

// bench is where it is measured, and what.
type bench struct {
	*world.World
	question
	registry *registry.Registry // nil: the images are on the nodes
}

// template of a version's pods, in a namespace: fresh is the image of the second, ""
// if it is that of the first.
func (b bench) template(namespace, fresh string) func(version string) corev1.PodTemplateSpec {
	return func(version string) corev1.PodTemplateSpec {
		c := b.program.consumer
		c.Topic, c.Version = namespace, version
		if version == subjects.Second && fresh != "" {
			c.Image = fresh
		}
		return c.Template()
	}
}

// stage is one measurement of one subject, in a namespace of its own.
func stage[T any](ctx context.Context, b bench, s subjects.Subject,
	measure func(context.Context, subjects.Group, subjects.Look) (T, error),
) (result T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not get there in %v", patience))
	defer cancel()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-" + s.Name + "-"}}
	if err := b.Client.Create(ctx, namespace); err != nil {
		return result, fmt.Errorf("make a namespace: %w", err)
	}
	defer func() { err = errors.Join(err, b.Client.Delete(context.WithoutCancel(ctx), namespace)) }()
	logs, err := podlogs.Keep(b.Clientset, podlogs.Options{Namespace: namespace.Name, Dir: filepath.Join(b.Out, namespace.Name)})
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, logs.Stop()) }()
	fresh := ""
	if b.registry != nil {
		if fresh, err = b.registry.Fresh(ctx, namespace.Name); err != nil {
			return result, err
		}
	}

	// Group, topic and objects have the namespace's name: the brokers keep them.
	bootstrap := kafka.Bootstrap(brokers, kafka.Plaintext)
	g := subjects.Group{
		Client: b.Client, Namespace: namespace.Name, Name: namespace.Name, Slots: slots, Cluster: "kafka", Bootstrap: strings.Join(bootstrap, ","),
		Template: b.template(namespace.Name, fresh), Peer: b.program.peer, Change: b.program.change,
	}
	if b.death != nil {
		g.Session = b.death.session
	}
	producer := world.Producer{
		Namespace: g.Namespace, Name: "producer", Topic: g.Name, Partitions: partitions, Rate: perSecond, Bootstrap: g.Bootstrap,
	}
	cluster := &v1alpha1.KafkaCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.Cluster}, Spec: v1alpha1.KafkaClusterSpec{BootstrapServers: bootstrap},
	}
	if err := errors.Join(b.Client.Create(ctx, producer.Pod()), b.Client.Create(ctx, cluster)); err != nil {
		return result, fmt.Errorf("make a producer and a KafkaCluster: %w", err)
	}
	return measure(ctx, g, subjects.Look{
		Partitions: partitions, Quiet: quiet,
		Rebalances: func() (int, error) { return b.Rebalances(g.Name) },
		Log:        func(pod string) string { return logs.Path(pod, world.Container) },
	})
}
