// Package cluster is the Kubernetes cluster of the end-to-end tests: the one that
// KUBECONFIG names, or else a kind cluster that is made for them and removed.
package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/test/lab"
)

// contextPrefix is what kind's contexts begin with.
const contextPrefix = "kind-"

// kindConfig has one node for the control plane and two that work.
//
//go:embed kind.yaml
var kindConfig string

// Options say which cluster.
type Options struct {
	// Kubeconfig of a cluster that is there; empty: a kind cluster is made.
	Kubeconfig string
	// Name of the kind cluster that is made.
	Name string
	// NodeImage of the cluster that is made; empty: kind's own.
	NodeImage string
	// Dir takes what belongs to the run.
	Dir string
	// Progress is told what takes long.
	Progress io.Writer
}

// Cluster is a cluster that answers.
type Cluster struct {
	// Client is an administrator's and reads from the API server.
	Client ctrlclient.WithWatch
	// Clientset reads logs.
	Clientset kubernetes.Interface
	// Kubeconfig is the file that leads here.
	Kubeconfig string
	// Kind is the name of the kind cluster; empty: it is none.
	Kind string

	own bool // made by Open, so removed by Close
}

// Open finds the cluster or makes it.
func Open(ctx context.Context, options Options) (*Cluster, error) {
	c := &Cluster{Kubeconfig: options.Kubeconfig}
	if c.Kubeconfig == "" {
		c.Kubeconfig = filepath.Join(options.Dir, "kubeconfig")
		if err := c.create(ctx, options); err != nil {
			return nil, fmt.Errorf("make kind cluster %s: %w", options.Name, err)
		}
	}
	if err := c.connect(); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the cluster of %s: %w", c.Kubeconfig, err), c.Close(ctx))
	}
	return c, nil
}

func (c *Cluster) create(ctx context.Context, options Options) error {
	there, err := Run(ctx, "", kind(), "get", "clusters")
	if err != nil {
		return err
	}
	if slices.Contains(strings.Fields(there), options.Name) {
		return fmt.Errorf("there is one, of a run that goes on or was interrupted: wait for it or remove it (kind delete cluster --name %s), or set KIND_CLUSTER to another name", options.Name)
	}
	fmt.Fprintln(options.Progress, "making kind cluster", options.Name)
	args := []string{"create", "cluster", "--name", options.Name, "--config", "-", "--wait", "180s", "--kubeconfig", c.Kubeconfig}
	if options.NodeImage != "" {
		args = append(args, "--image", options.NodeImage)
	}
	c.Kind, c.own = options.Name, true
	if _, err := Run(ctx, kindConfig, kind(), args...); err != nil {
		return errors.Join(err, c.Close(ctx))
	}
	return nil
}

func (c *Cluster) connect() error {
	raw, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read it: %w", err)
	}
	if name, ok := strings.CutPrefix(raw.CurrentContext, contextPrefix); ok {
		c.Kind = name
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return fmt.Errorf("understand it: %w", err)
	}
	// Tests ask often, and many of them at once.
	config.QPS, config.Burst = 200, 400
	config.WarningHandler = rest.NoWarnings{}
	scheme, err := lab.Scheme()
	if err != nil {
		return err
	}
	if c.Client, err = ctrlclient.NewWithWatch(config, ctrlclient.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if c.Clientset, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client for logs: %w", err)
	}
	return nil
}

// Close removes the cluster, if Open made it.
func (c *Cluster) Close(ctx context.Context) error {
	if !c.own {
		return nil
	}
	_, err := Run(ctx, "", kind(), "delete", "cluster", "--name", c.Kind, "--kubeconfig", c.Kubeconfig)
	return err
}

// Load puts images of this machine's Docker Engine on the nodes.
func (c *Cluster) Load(ctx context.Context, images ...string) error {
	if c.Kind == "" {
		return fmt.Errorf("load %s: the current context of %s is no kind cluster; push the images to a registry of yours instead", strings.Join(images, ", "), c.Kubeconfig)
	}
	_, err := Run(ctx, "", kind(), append([]string{"load", "docker-image", "--name", c.Kind}, images...)...)
	return err
}

// Kubectl runs kubectl as a user of the cluster does, and gives its output.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return Run(ctx, "", "kubectl", append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
}

// Apply applies manifests.
func (c *Cluster) Apply(ctx context.Context, manifests string) error {
	_, err := Run(ctx, manifests, "kubectl", "--kubeconfig", c.Kubeconfig, "apply", "--server-side", "-f", "-")
	return err
}

// Nodes of a kind cluster.
func (c *Cluster) Nodes(ctx context.Context) ([]string, error) {
	out, err := Run(ctx, "", kind(), "get", "nodes", "--name", c.Kind)
	return strings.Fields(out), err
}

// OnNode runs a program on a node of a kind cluster.
func (c *Cluster) OnNode(ctx context.Context, node string, args ...string) (string, error) {
	return Run(ctx, "", "docker", append([]string{"exec", node}, args...)...)
}

// kind is the program that the Makefile builds, or the one in the PATH.
func kind() string {
	if path := os.Getenv("KIND"); path != "" {
		return path
	}
	return "kind"
}

// root is the folder of the project, where its README's commands are given.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Run runs a program to its end, in the folder of the project, and gives its
// standard output.
func Run(ctx context.Context, stdin, program string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = root()
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
