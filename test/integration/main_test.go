// Package integration tests the controllers against a real API server. The
// reconcilers are called directly, without a manager, so that a test says what
// happens when; what a kubelet and a consumer would do is done by hand.
package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/testbed"
)

const (
	// patience is how long a test waits for what must come; nothing takes a tenth
	// of it on a quiet machine.
	patience = 2 * time.Minute
	// pollEvery is how often it looks.
	pollEvery = 20 * time.Millisecond
)

var (
	plane  *testbed.ControlPlane
	config *rest.Config // an administrator's
	scheme = runtime.NewScheme()
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	log, err := os.CreateTemp("", "kohort-integration-*.log")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(log)))
	plane, err = testbed.StartControlPlane(context.Background(), testbed.Options{Progress: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	config = plane.Config
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, "the controllers' log is in", log.Name())
		return code
	}
	if err := os.Remove(log.Name()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// nodeName is the node to which the tests bind their pods. Pods of a node that
// does not exist would be collected.
const nodeName = "node"

// prepare installs the CRDs, waits until they are served, and makes the node.
func prepare() error {
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, name := range []string{"consumergroups", "kafkaclusters", "rolloutrecords"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "kohort.dev_"+name+".yaml"))
		if err != nil {
			return err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			return fmt.Errorf("reading the CRD of %s: %w", name, err)
		}
		if err := c.Create(ctx, &crd); err != nil {
			return fmt.Errorf("installing the CRD of %s: %w", name, err)
		}
	}
	if err := c.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}); err != nil {
		return fmt.Errorf("making a node: %w", err)
	}
	served := func() bool {
		return c.List(ctx, &v1alpha1.ConsumerGroupList{}) == nil && c.List(ctx, &v1alpha1.KafkaClusterList{}) == nil &&
			c.List(ctx, &v1alpha1.RolloutRecordList{}) == nil
	}
	for !served() {
		if ctx.Err() != nil {
			return fmt.Errorf("the kinds of the CRDs are not served after %s", patience)
		}
		time.Sleep(pollEvery)
	}
	return nil
}
