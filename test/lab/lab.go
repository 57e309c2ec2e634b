// Package lab is Kohort as a whole on one machine: a control plane, a broker, the
// stand-in for the kubelets, and the operator as a process of its own. The demo,
// the benchmark and the tests of the whole run in it.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/testbed"
	"github.com/kohort-dev/kohort/test/testbed/broker"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

// The images that the lab's nodes have.
const (
	LauncherImage = "kohort-launcher:lab"
	ConsumerImage = "consumer:lab"
)

// Container is the consumer's in its pods.
const Container = "app"

// ConsumerCommand is the sample consumer, found in the PATH of its image.
const ConsumerCommand = "consumer"

// operatorNamespace is where the operator keeps what is its own.
const operatorNamespace = "kohort-system"

// stopGrace is how long a program of the lab may take to end.
const stopGrace = 10 * time.Second

// Options say how to start a lab.
type Options struct {
	// Progress is told what takes long; nil means silence.
	Progress io.Writer
	// Delays of the kubelets; none by default.
	Delays testbed.Delays
	// Nodes is the number of nodes; 0 means one.
	Nodes int
	// WithoutOperator leaves starting the operator to the caller.
	WithoutOperator bool
}

// Lab is a running lab.
type Lab struct {
	Plane   *testbed.ControlPlane
	Kubelet *testbed.Kubelet
	Broker  *broker.Broker
	// Client is an administrator's and reads from the API server.
	Client ctrlclient.Client
	// Dir has the logs and the programs, and goes when the lab is stopped.
	Dir string

	programs programs
	operator *process.Process
	endpoint string // where the operator serves the activation endpoint

	mu    sync.Mutex
	stops []func() error
}

// Scheme knows all kinds that the lab's client handles.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
	if err != nil {
		return nil, fmt.Errorf("make a scheme: %w", err)
	}
	return scheme, nil
}

// Start starts a lab. Stop ends it; nothing outlives this process in any case.
func Start(ctx context.Context, options Options) (*Lab, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	log.SetLogger(logr.Discard()) // the operator has a process and a log of its own
	l := &Lab{}
	if err := l.start(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("start the lab: %w", err), l.Stop())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context, options Options) error {
	dir, err := os.MkdirTemp("", "kohort-lab-")
	if err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	l.Dir = dir
	l.atStop(func() error { return os.RemoveAll(dir) })
	fmt.Fprintln(options.Progress, "building the operator and the sample consumer")
	if l.programs, err = build(ctx, filepath.Join(dir, "bin")); err != nil {
		return err
	}
	if l.Plane, err = testbed.StartControlPlane(ctx, testbed.Options{Progress: options.Progress}); err != nil {
		return err
	}
	l.atStop(l.Plane.Stop)
	if l.Broker, err = broker.Start(ctx, broker.Options{Progress: options.Progress}); err != nil {
		return err
	}
	l.atStop(l.Broker.Stop)
	if err := l.install(ctx); err != nil {
		return err
	}
	if l.endpoint, err = testbed.FreeAddress(); err != nil {
		return err
	}
	l.Kubelet, err = testbed.StartKubelet(ctx, testbed.KubeletOptions{
		Config: l.Plane.Config,
		Nodes:  options.Nodes,
		Dir:    filepath.Join(dir, "kubelet"),
		Delays: options.Delays,
		Images: map[string]testbed.Image{
			LauncherImage: {Entrypoint: []string{l.programs.launcher}},
			ConsumerImage: {
				Entrypoint: []string{l.programs.consumer},
				Env:        map[string]string{"PATH": filepath.Dir(l.programs.consumer) + ":" + os.Getenv("PATH")},
			},
		},
	})
	if err != nil {
		return err
	}
	l.atStop(l.Kubelet.Stop)
	if options.WithoutOperator {
		return nil
	}
	return l.StartOperator(ctx)
}

// Stop ends everything, the last started first.
func (l *Lab) Stop() error {
	l.KillOperator()
	var errs []error
	for i := len(l.stops) - 1; i >= 0; i-- {
		errs = append(errs, l.stops[i]())
	}
	l.stops = nil
	return errors.Join(errs...)
}

// atStop says what has to be ended.
func (l *Lab) atStop(stop func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = append(l.stops, stop)
}

// GroupConfig is the configuration that the broker has of a group of type consumer.
func (l *Lab) GroupConfig(ctx context.Context, group string) (map[string]string, error) {
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.Resources = append(req.Resources, resource)
	client, err := kgo.NewClient(kgo.SeedBrokers(l.Broker.Bootstrap()...))
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	defer client.Close()
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of group %s: %w", group, err)
	}
	values := map[string]string{}
	for _, r := range resp.Resources {
		for _, c := range r.Configs {
			if c.Value != nil {
				values[c.Name] = *c.Value
			}
		}
	}
	return values, nil
}

// OperatorLog is where the operator logs to; a restarted one goes on there.
func (l *Lab) OperatorLog() string { return filepath.Join(l.Dir, "operator.log") }

// StartOperator starts the operator, as an administrator.
func (l *Lab) StartOperator(ctx context.Context) error {
	log, err := os.OpenFile(l.OperatorLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("make the operator's log: %w", err)
	}
	defer log.Close()
	l.operator, err = process.Start(context.WithoutCancel(ctx), process.Spec{
		Path: l.programs.operator,
		Args: []string{
			"--kubeconfig=" + l.Plane.Kubeconfig, "--launcher-image=" + LauncherImage,
			"--zap-time-encoding=rfc3339nano", "--metrics-bind-address=0", "--health-probe-bind-address=0", "--leader-elect=false",
			"--activation-bind-address=" + l.endpoint, "--activation-address=" + l.endpoint, "--namespace=" + operatorNamespace,
		},
		Stdout: log, Stderr: log,
	})
	if err != nil {
		return fmt.Errorf("start the operator: %w", err)
	}
	return nil
}

// KillOperator ends the operator without a warning, as kill -9 does.
func (l *Lab) KillOperator() {
	if l.operator != nil {
		l.operator.Kill()
		l.operator.Wait()
		l.operator = nil
	}
}

// StopOperator ends the operator in order.
func (l *Lab) StopOperator() {
	if l.operator != nil {
		l.operator.Stop(stopGrace)
		l.operator = nil
	}
}
