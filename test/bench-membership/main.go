// Command bench-membership measures what deaths, restarts and scaling cost a consumer
// group: with Kohort, and in the same run with plain static members (a StatefulSet) and
// with plain dynamic ones (a Deployment). The pods are processes with the delays of a
// real kubelet, and 2 s for scheduling and pulling; the broker is a real one where Java
// and Maven are there.
//
// It prints a table, and whether what it shows is what is aimed at; it gates nothing.
// RUNS sets how often each is measured (default 3), SUBJECTS and EVENTS which (names,
// separated by commas; default all), CONSUMER the program (go, java or librdkafka;
// default go), PROTOCOL the group's (Classic or Consumer; default Classic), WATCH how
// long a crash loop is watched (default 600s).
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
	"github.com/kohort-dev/kohort/test/subjects"
	"github.com/kohort-dev/kohort/test/testbed"
)

const (
	namespace  = "default"
	slots      = 6
	partitions = 12
	// perSecond is records over all partitions: 25 for each.
	perSecond = 300
	// nodes are more than there are slots: each has one of its own, and a pod that follows
	// has room.
	nodes = slots + 1
	// scheduling and pulling, for every new pod.
	scheduling = 2 * time.Second
	// quiet is how long before and after an event the group is left alone.
	quiet = 8 * time.Second
	// patience bounds each measurement, but for the time that is only watched.
	patience = 8 * time.Minute
)

// The session timeouts: of static members long enough for a restart, of dynamic ones, and
// of all with protocol Consumer, Kafka's default.
const (
	staticSession  = 120 * time.Second
	defaultSession = 45 * time.Second
)

var kohort = subjects.Kohort("kohort", "Kohort", nil)

var all = []subjects.Subject{kohort, subjects.StatefulSet, subjects.Deployment}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-membership:", err)
		os.Exit(1)
	}
}

// question is what the environment asks.
type question struct {
	runs     int
	subjects []subjects.Subject
	events   []event
	program  lab.Program
	protocol v1alpha1.Protocol
	watch    time.Duration
}

// session is a subject's session timeout.
func (q question) session(s subjects.Subject) time.Duration {
	if s.Name == subjects.Deployment.Name || q.protocol == v1alpha1.ProtocolConsumer {
		return defaultSession
	}
	return staticSession
}

func asked() (q question, err error) {
	errs := make([]error, 4)
	q.runs, errs[0] = subjects.Runs()
	q.subjects, errs[1] = subjects.Chosen(all)
	q.events, errs[2] = subjects.Pick("EVENTS", events, func(e event) string { return e.name })
	if q.watch, errs[3] = time.ParseDuration(cmp.Or(os.Getenv("WATCH"), "600s")); errs[3] != nil {
		errs[3] = fmt.Errorf("WATCH: %w", errs[3])
	}
	var known bool
	if q.program, known = lab.Programs[cmp.Or(os.Getenv("CONSUMER"), "go")]; !known {
		errs = append(errs, fmt.Errorf("CONSUMER is %q: it must be one of %s", os.Getenv("CONSUMER"), subjects.Names(lab.Programs)))
	}
	switch q.protocol = v1alpha1.Protocol(cmp.Or(os.Getenv("PROTOCOL"), string(v1alpha1.ProtocolClassic))); q.protocol {
	case v1alpha1.ProtocolClassic, v1alpha1.ProtocolConsumer:
	default:
		errs = append(errs, fmt.Errorf("PROTOCOL is %q: it must be Classic or Consumer", q.protocol))
	}
	return q, errors.Join(errs...)
}

func run(ctx context.Context) (err error) {
	q, err := asked()
	if err != nil {
		return err
	}
	delays := testbed.RealDelays()
	delays.Schedule = scheduling
	l, err := lab.Start(ctx, lab.Options{Progress: os.Stderr, Delays: delays, Nodes: nodes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Stop()) }()
	if err := l.Install(ctx, q.program, os.Stderr); err != nil {
		return err
	}
	if err := l.Client.Create(ctx, l.Cluster(namespace)); err != nil {
		return fmt.Errorf("create the KafkaCluster: %w", err)
	}
	measured, failed := costs(ctx, l, q)
	fmt.Printf("\n%d partitions, %d records/s, %d consumers where nothing else is said; %s; protocol %s; %s; sessions of %v, dynamic members %v; medians of %d runs (greatest)\n\n",
		partitions, perSecond, slots, q.program.Title, q.protocol, l.Broker.Kind, q.session(kohort), q.session(subjects.Deployment), q.runs)
	subjects.CostTable(os.Stdout, q.subjects, measured, subjects.StatefulSet)
	fmt.Println()
	for _, g := range goals {
		fmt.Println(g.verdict(measured))
	}
	return failed
}

// costs measures all that is asked for, in turns. What fails is told of, and left out.
func costs(ctx context.Context, l *lab.Lab, q question) ([]subjects.Event, error) {
	var failed error
	measured := make([]subjects.Event, len(q.events))
	for i, e := range q.events {
		measured[i] = subjects.Event{Name: e.name, Title: e.title, Costs: map[string]subjects.Costs{}}
	}
	for run := range q.runs {
		for i, e := range q.events {
			for _, s := range q.subjects {
				if ctx.Err() != nil {
					return measured, errors.Join(failed, context.Cause(ctx))
				}
				name := fmt.Sprintf("%s-%s-%d", e.name, s.Name, run)
				cost, err := suffer(ctx, scene{Lab: l, subject: s}, e, q, name)
				if err != nil {
					err = fmt.Errorf("measure %s: %w", name, err)
					fmt.Fprintln(os.Stderr, err)
					failed = errors.Join(failed, err)
					continue
				}
				fmt.Fprintf(os.Stderr, "%-24s %v\n", name, cost)
				measured[i].Costs[s.Name] = append(measured[i].Costs[s.Name], cost)
			}
		}
	}
	return measured, failed
}

// suffer is one measurement of one subject.
func suffer(ctx context.Context, s scene, e event, q question, name string) (cost subjects.Cost, err error) {
	s.watch = q.watch
	ctx, cancel := context.WithTimeoutCause(ctx, patience+s.watch, fmt.Errorf("it did not get there in %v", patience+s.watch))
	defer cancel()
	var look subjects.Look
	var producer *lab.Producer
	s.Group, look, producer, err = s.Set(ctx, lab.Stage{
		Namespace: namespace, Name: name, Slots: e.slots, Partitions: partitions, PerSecond: perSecond, Quiet: quiet,
		Program: q.program, Change: needsRoom,
	})
	if err != nil {
		return cost, err
	}
	defer producer.Stop()
	s.Session, s.Protocol = q.session(s.subject), q.protocol
	if err := s.makeRoom(ctx); err != nil {
		return cost, err
	}
	cost, err = s.subject.Suffer(ctx, s.Group, look, func(ctx context.Context) (subjects.Death, error) { return e.happen(ctx, s) })
	if err != nil {
		// The next one has the machine to itself.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, s.subject.Stop(end, s.Group))
	}
	return cost, err
}
