package lab

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/test/subjects"
)

// Stage is a topic with a steady producer, and a group on it for a subject to run:
// topic, group and objects share a name.
type Stage struct {
	Namespace, Name string
	Slots           int32
	Partitions      int32
	// PerSecond is records over all partitions.
	PerSecond int
	// Quiet is how long before and after an event the group is left alone.
	Quiet   time.Duration
	Program Program
	// Version of the consumer that has a name; nil: nothing but the name.
	Version func(name string) Version
	// Change completes the template of all subjects; nil: nothing.
	Change func(*corev1.PodTemplateSpec)
}

// Set makes a stage. Its producer runs until it is stopped.
func (l *Lab) Set(ctx context.Context, s Stage) (subjects.Group, subjects.Look, *Producer, error) {
	g := subjects.Group{
		Client: l.Client, Namespace: s.Namespace, Name: s.Name, Slots: s.Slots, Cluster: clusterName, Bootstrap: l.Bootstrap(),
		Template: s.template, Change: s.Program.Change, Peer: s.Program.Peer,
	}
	look := subjects.Look{
		Partitions: int(s.Partitions), Quiet: s.Quiet,
		Rebalances: func() (int, error) { return l.Broker.Rebalances(s.Name), nil },
		Log:        func(pod string) string { return l.Log(s.Namespace, pod) },
	}
	if err := l.Broker.CreateTopic(ctx, s.Name, s.Partitions); err != nil {
		return g, look, nil, err
	}
	producer, err := l.Produce(ctx, s.Name, s.PerSecond)
	return g, look, producer, err
}

// template of a version's pods; their consumers log every record.
func (s Stage) template(name string) (t corev1.PodTemplateSpec) {
	version := Version{}
	if s.Version != nil {
		version = s.Version(name)
	}
	version.Name, version.Program, version.Records = name, s.Program, true
	if err := json.Unmarshal(version.Raw(s.Name).Raw, &t); err != nil {
		panic(err) // it was marshalled a moment ago
	}
	if s.Change != nil {
		s.Change(&t)
	}
	return t
}
