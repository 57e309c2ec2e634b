// Package registry is an image registry on this machine that the nodes of a kind
// cluster pull from: for what is measured while an image is not on them.
package registry

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kohort-dev/kohort/test/e2e/cluster"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

const (
	port = "5050"
	// freshBytes is how much of a fresh image a node that has its base pulls.
	freshBytes = 30 << 20
	// startWithin is how long the registry may take until it answers.
	startWithin = 20 * time.Second
)

// Registry serves images until it is stopped.
type Registry struct {
	address string
	dir     string
	log     *os.File
	server  *process.Process
}

// Serve starts a registry that a kind cluster's nodes can pull from without TLS,
// and puts an image of the Docker Engine there. The program is crane, which CRANE
// names, or the PATH; what it says is kept in a file.
func Serve(ctx context.Context, c *cluster.Cluster, image, log string) (*Registry, error) {
	r := &Registry{}
	if err := r.serve(ctx, c, image, log); err != nil {
		return nil, errors.Join(fmt.Errorf("run an image registry: %w", err), r.Stop())
	}
	return r, nil
}

func (r *Registry) serve(ctx context.Context, c *cluster.Cluster, image, log string) (err error) {
	if c.Kind == "" {
		return errors.New("it needs a kind cluster, whose nodes can be told where it is")
	}
	gateway, err := gatewayOf(ctx)
	if err != nil {
		return err
	}
	r.address = net.JoinHostPort(gateway, port)
	if r.dir, err = os.MkdirTemp("", "kohort-registry-"); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	if r.log, err = os.Create(log); err != nil {
		return fmt.Errorf("make its log: %w", err)
	}
	r.server, err = process.Start(context.WithoutCancel(ctx), process.Spec{
		Path: crane(), Args: []string{"registry", "serve", "--address", r.address, "--disk", r.dir}, Stderr: r.log,
	})
	if err != nil {
		return err
	}
	if err := r.answers(ctx); err != nil {
		return err
	}
	if err := r.tellNodes(ctx, c); err != nil {
		return err
	}
	saved := filepath.Join(r.dir, "base.tar")
	if _, err := cluster.Run(ctx, "", "docker", "save", "-o", saved, image); err != nil {
		return err
	}
	_, err = cluster.Run(ctx, "", crane(), "push", "--insecure", saved, r.base())
	return err
}

// gatewayOf kind's network is this machine, as the nodes see it.
func gatewayOf(ctx context.Context) (string, error) {
	out, err := cluster.Run(ctx, "", "docker", "network", "inspect", "kind", "-f", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")
	if err != nil {
		return "", err
	}
	for _, address := range strings.Fields(out) {
		if ip := net.ParseIP(address); ip != nil && ip.To4() != nil {
			return address, nil
		}
	}
	return "", fmt.Errorf("kind's network has no IPv4 gateway: %q", strings.TrimSpace(out))
}

func (r *Registry) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("%s did not answer in %v", r.address, startWithin))
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.address+"/v2/", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// tellNodes that it speaks HTTP (containerd: docs/hosts.md).
func (r *Registry) tellNodes(ctx context.Context, c *cluster.Cluster) error {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	folder := "/etc/containerd/certs.d/" + r.address
	script := fmt.Sprintf("mkdir -p %s && echo '[host.\"http://%s\"]' > %s/hosts.toml", folder, r.address, folder)
	for _, node := range nodes {
		if _, err := c.OnNode(ctx, node, "sh", "-c", script); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) base() string { return r.address + "/base:latest" }

// Fresh is a name for the image with a layer on top that no node has, as a release
// has one.
func (r *Registry) Fresh(ctx context.Context, name string) (image string, err error) {
	layer := filepath.Join(r.dir, name+".tar")
	if err := writeLayer(layer); err != nil {
		return "", fmt.Errorf("make a layer for %s: %w", name, err)
	}
	image = r.address + "/" + name + ":latest"
	_, err = cluster.Run(ctx, "", crane(), "append", "--insecure", "-b", r.base(), "-f", layer, "-t", image)
	return image, err
}

// writeLayer writes an archive with a file that cannot be compressed.
func writeLayer(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(file)
	err = archive.WriteHeader(&tar.Header{Name: "release", Mode: 0o444, Size: freshBytes})
	if err == nil {
		_, err = io.CopyN(archive, rand.Reader, freshBytes)
	}
	return errors.Join(err, archive.Close(), file.Close())
}

// Stop ends the registry.
func (r *Registry) Stop() error {
	if r.server != nil {
		r.server.Kill()
		r.server.Wait()
	}
	var errs []error
	if r.log != nil {
		errs = append(errs, r.log.Close())
	}
	if r.dir != "" {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

func crane() string { return cmp.Or(os.Getenv("CRANE"), "crane") }
