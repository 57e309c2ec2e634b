// Package world is where the end-to-end tests and benchmarks take place: a
// cluster with Kafka and with Kohort, installed as its users install it.
package world

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/test/e2e/cluster"
	"github.com/kohort-dev/kohort/test/e2e/kafka"
	"github.com/kohort-dev/kohort/test/e2e/podlogs"
)

// OperatorNamespace is where config/default installs the operator.
const OperatorNamespace = "kohort-system"

// The images. The operator's two are those that config/default names.
const (
	OperatorImage = "kohort:latest"
	LauncherImage = "kohort-launcher:latest"
	ConsumerImage = "kohort-example/consumer-go:latest"
	SpringImage   = "kohort-example/consumer-spring:latest"
	QuarkusImage  = "kohort-example/consumer-quarkus:latest"
	StreamsImage  = "kohort-example/consumer-streams:latest"
	PythonImage   = "kohort-example/consumer-python:latest"
	ProducerImage = "kohort-example/producer:latest"
)

// Options say what there is in the world.
type Options struct {
	// Brokers is how many there are; 1 or 3.
	Brokers int
	// KafkaImage is a broker's, configured as Apache's is.
	KafkaImage string
	// Images of consumers, besides the Go one's.
	Images []string
	// Out takes logs, a folder per namespace.
	Out string
	// Progress is told what takes long.
	Progress io.Writer
}

// World is all of it, running.
type World struct {
	*cluster.Cluster
	Options
	// Kafka is the brokers' administrator.
	Kafka *kafka.Admin

	// Logs of the operator and of the brokers.
	operator, brokers *podlogs.Keeper
}

// Start finds or makes the cluster and installs what is not there.
func Start(ctx context.Context, options Options) (*World, error) {
	w := &World{Options: options}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("set up the end-to-end tests: %w", err), w.Stop(ctx))
	}
	return w, nil
}

func (w *World) start(ctx context.Context) error {
	if err := os.MkdirAll(w.Out, 0o755); err != nil {
		return fmt.Errorf("make a folder for what they leave: %w", err)
	}
	var err error
	w.Cluster, err = cluster.Open(ctx, cluster.Options{
		Kubeconfig: os.Getenv("KUBECONFIG"), Name: cmp.Or(os.Getenv("KIND_CLUSTER"), "kohort-e2e"), NodeImage: os.Getenv("KIND_NODE_IMAGE"),
		Dir: w.Out, Progress: w.Progress,
	})
	if err != nil {
		return err
	}
	images := append([]string{OperatorImage, LauncherImage, ConsumerImage, ProducerImage, w.KafkaImage}, w.Images...)
	fmt.Fprintln(w.Progress, "loading images:", strings.Join(images, " "))
	if err := w.Load(ctx, images...); err != nil {
		return err
	}
	fmt.Fprintf(w.Progress, "installing Kafka, %d brokers\n", w.Brokers)
	if err := kafka.Install(ctx, w.Cluster, kafka.Options{Brokers: w.Brokers, Image: w.KafkaImage}); err != nil {
		return err
	}
	if w.Kafka, err = kafka.NewAdmin(w.Cluster, w.Brokers); err != nil {
		return err
	}
	fmt.Fprintln(w.Progress, "installing Kohort")
	if err := w.install(ctx); err != nil {
		return fmt.Errorf("install Kohort: %w", err)
	}
	if w.operator, err = podlogs.Keep(w.Clientset, podlogs.Options{Namespace: OperatorNamespace, Dir: filepath.Join(w.Out, OperatorNamespace)}); err != nil {
		return err
	}
	w.brokers, err = podlogs.Keep(w.Clientset, podlogs.Options{Namespace: kafka.Namespace, Dir: filepath.Join(w.Out, kafka.Namespace), Timestamps: true})
	return err
}

// install does what the README says. An operator of an earlier run may have
// another image of the same name, so it is restarted.
func (w *World) install(ctx context.Context) error {
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", "config/default"},
		{"-n", OperatorNamespace, "rollout", "restart", "deployment/kohort"},
		{"-n", OperatorNamespace, "rollout", "status", "deployment/kohort", "--timeout=120s"},
	} {
		if _, err := w.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the world, and the cluster if it was made for it.
func (w *World) Stop(ctx context.Context) error {
	var errs []error
	for _, keeper := range []*podlogs.Keeper{w.operator, w.brokers} {
		if keeper != nil {
			errs = append(errs, keeper.Stop())
		}
	}
	if w.Kafka != nil {
		w.Kafka.Close()
	}
	if w.Cluster != nil {
		errs = append(errs, w.Close(ctx))
	}
	return errors.Join(errs...)
}

// OperatorLogs are the files with the logs of all operators that there were.
func (w *World) OperatorLogs() ([]string, error) {
	return filepath.Glob(w.operator.Pattern("kohort-", "manager"))
}

// Rebalances of a group since the world began.
func (w *World) Rebalances(group string) (int, error) {
	logs, err := filepath.Glob(w.brokers.Pattern("kafka-", "kafka"))
	if err != nil {
		return 0, fmt.Errorf("find the brokers' logs: %w", err)
	}
	return kafka.Rebalances(logs, group)
}

// Operators are the pods of the operator.
func (w *World) Operators(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := w.Client.List(ctx, &list, ctrlclient.InNamespace(OperatorNamespace), ctrlclient.MatchingLabels{"app.kubernetes.io/name": "kohort"})
	if err != nil {
		return nil, fmt.Errorf("list the operator's pods: %w", err)
	}
	return list.Items, nil
}

// ScaleOperator sets how many operators run. It does not wait.
func (w *World) ScaleOperator(ctx context.Context, replicas int32) error {
	d := &appsv1.Deployment{}
	d.Namespace, d.Name = OperatorNamespace, "kohort"
	patch := fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas)
	if err := w.Client.Patch(ctx, d, ctrlclient.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		return fmt.Errorf("scale the operator: %w", err)
	}
	return nil
}

// Leader is the pod of the operator that acts, as its lease says.
func (w *World) Leader(ctx context.Context) (string, error) {
	out, err := w.Kubectl(ctx, "-n", OperatorNamespace, "get", "lease", "kohort.dev", "-o", "jsonpath={.spec.holderIdentity}")
	if err != nil {
		return "", err
	}
	pod, _, _ := strings.Cut(out, "_") // POD_UUID
	return pod, nil
}
