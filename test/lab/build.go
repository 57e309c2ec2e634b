package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

// programs are the project's own, built for this machine.
type programs struct{ operator, launcher, consumer, producer string }

// root is the project's folder.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// build builds the project's programs into a folder.
func build(ctx context.Context, dir string) (programs, error) {
	p := programs{
		operator: filepath.Join(dir, "kohort"), launcher: filepath.Join(dir, "kohort-launcher"),
		consumer: filepath.Join(dir, "consumer"), producer: filepath.Join(dir, "producer"),
	}
	for path, pkg := range map[string]string{
		p.operator: ".", p.launcher: "./cmd/kohort-launcher",
		p.consumer: "./examples/consumer", p.producer: "./examples/producer",
	} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", path, pkg)
		cmd.Dir = root()
		if out, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	return p, nil
}

// install applies the CRDs and waits until they are served.
func (l *Lab) install(ctx context.Context) error {
	scheme, err := Scheme()
	if err != nil {
		return err
	}
	if l.Client, err = ctrlclient.New(l.Plane.Config, ctrlclient.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	home := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}}
	if err := l.Client.Create(ctx, home); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create namespace %s: %w", home.Name, err)
	}
	files, err := filepath.Glob(filepath.Join(root(), "config", "crd", "*.yaml"))
	if err != nil {
		return fmt.Errorf("find the CRDs: %w", err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read a CRD: %w", err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(content, crd); err != nil {
			return fmt.Errorf("read CRD %s: %w", path, err)
		}
		if crd.Name == "" {
			continue
		}
		if err := l.Client.Create(ctx, crd); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create CRD %s: %w", crd.Name, err)
		}
		if err := l.established(ctx, crd.Name); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) established(ctx context.Context, name string) error {
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := l.Client.Get(ctx, ctrlclient.ObjectKey{Name: name}, crd); err != nil {
			return false, err
		}
		for _, c := range crd.Status.Conditions {
			if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("wait for CRD %s: %w", name, err)
	}
	return nil
}

// Producer is the sample producer at work.
type Producer struct {
	process  *process.Process
	rateFile string
}

// Produce starts the sample producer: so many records per second over all
// partitions of a topic.
func (l *Lab) Produce(ctx context.Context, topic string, rate int) (*Producer, error) {
	p := &Producer{rateFile: filepath.Join(l.Dir, "rate-"+topic)}
	if err := p.SetRate(rate); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(l.Dir, "producer-"+topic+".log"))
	if err != nil {
		return nil, fmt.Errorf("make the producer's log: %w", err)
	}
	defer log.Close()
	p.process, err = process.Start(ctx, process.Spec{
		Path: l.programs.producer,
		Env: append(os.Environ(),
			"KAFKA_BOOTSTRAP_SERVERS="+l.Bootstrap(), "TOPICS="+topic, "RATE_FILE="+p.rateFile),
		Stdout: log, Stderr: log,
	})
	if err != nil {
		return nil, fmt.Errorf("start the producer: %w", err)
	}
	l.atStop(func() error { p.process.Stop(stopGrace); return nil })
	return p, nil
}

// Consume starts the sample consumer beside those in pods, as a member of the group that
// has its topic's name, with some variables.
func (l *Lab) Consume(ctx context.Context, topic string, variables ...string) (*process.Process, error) {
	p, err := process.Start(ctx, process.Spec{
		Path: l.programs.consumer,
		Env:  append(append(os.Environ(), "KAFKA_BOOTSTRAP_SERVERS="+l.Bootstrap(), "KAFKA_GROUP_ID="+topic, "TOPICS="+topic), variables...),
	})
	if err != nil {
		return nil, fmt.Errorf("start a consumer: %w", err)
	}
	return p, nil
}

// SetRate changes how many records per second are produced.
func (p *Producer) SetRate(rate int) error {
	next := p.rateFile + ".next"
	err := errors.Join(os.WriteFile(next, fmt.Appendf(nil, "%d", rate), 0o644), os.Rename(next, p.rateFile))
	if err != nil {
		return fmt.Errorf("set the producer's rate: %w", err)
	}
	return nil
}

// Stop ends the producer.
func (p *Producer) Stop() { p.process.Stop(stopGrace) }
