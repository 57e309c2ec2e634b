package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kohort-dev/kohort/test/testbed/certificates"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

const loopback = "127.0.0.1"

const (
	// startPatience is how long a control plane may take to be ready; it takes
	// about 8 s on a quiet machine with two cores.
	startPatience = 3 * time.Minute
	// startAttempts is how often it is tried, since another process may take a
	// port between its choice and its use.
	startAttempts = 3
	// stopGrace is how long each program may take to end.
	stopGrace = 10 * time.Second
)

// Options say how to start a control plane. The zero value is good.
type Options struct {
	// Paths are the programs; empty means those of Binaries.
	Paths Paths
	// Dir takes data, logs and certificates and is kept. "" means a temporary
	// folder, which Stop removes.
	Dir string
	// Progress is told what takes long; nil means silence.
	Progress io.Writer
}

// ControlPlane is a running Kubernetes API.
type ControlPlane struct {
	// Config is an administrator's, without a limit on requests.
	Config *rest.Config
	// Kubeconfig is a file with the same for kubectl.
	Kubeconfig string
	// Paths are the programs that run, and kubectl.
	Paths Paths
	// Dir has the logs: etcd.log, kube-apiserver.log, kube-controller-manager.log.
	Dir string

	temporary bool
	authority *certificates.Authority
	url       string
	children  []*process.Process
}

// StartControlPlane starts etcd, the API server and, where there is one, the
// controller manager, and waits until they are ready. The context bounds the
// start only; Stop ends the control plane.
func StartControlPlane(ctx context.Context, options Options) (*ControlPlane, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	if options.Paths == (Paths{}) {
		paths, err := Binaries(ctx, options.Progress)
		if err != nil {
			return nil, err
		}
		options.Paths = paths
	}
	var errs []error
	for range startAttempts {
		plane, err := startOnce(ctx, options)
		if err == nil {
			return plane, nil
		}
		errs = append(errs, err)
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, fmt.Errorf("start the control plane: %w", errors.Join(errs...))
}

func startOnce(ctx context.Context, options Options) (*ControlPlane, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	c := &ControlPlane{Paths: options.Paths, Dir: options.Dir}
	err := c.start(ctx)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context) error {
	if err := c.makeFolder(); err != nil {
		return err
	}
	etcdURL, err := c.startEtcd()
	if err != nil {
		return err
	}
	if err := c.startAPIServer(ctx, etcdURL); err != nil {
		return err
	}
	return c.startControllerManager(ctx)
}

func (c *ControlPlane) makeFolder() error {
	if c.Dir == "" {
		folder, err := os.MkdirTemp("", "kohort-testbed-")
		if err != nil {
			return fmt.Errorf("make the control plane's folder: %w", err)
		}
		c.Dir, c.temporary = folder, true
	}
	// What an earlier attempt or run left there belongs to other certificates.
	if err := os.RemoveAll(filepath.Join(c.Dir, "etcd")); err != nil {
		return fmt.Errorf("empty etcd's folder: %w", err)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("make the control plane's folder: %w", err)
	}
	return nil
}

// Stop ends the programs in order and waits for them.
func (c *ControlPlane) Stop() error {
	for i := len(c.children) - 1; i >= 0; i-- {
		c.children[i].Stop(stopGrace)
	}
	c.children = nil
	if !c.temporary {
		return nil
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		return fmt.Errorf("remove the control plane's folder: %w", err)
	}
	return nil
}

// UserConfig makes a configuration that the API server knows as a user in groups;
// what the user may do is for RBAC objects to say.
func (c *ControlPlane) UserConfig(user string, groups ...string) (*rest.Config, error) {
	pair, err := clientCertificate(c.authority, user, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: c.url,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.authority.PEM, CertData: pair.Certificate, KeyData: pair.Key,
		},
		// Negative is without a limit: a test shall not measure the client's own.
		QPS: -1,
	}, nil
}

// ServiceAccountConfig makes a configuration with a token of a service account
// that exists. The token is good for a day.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	seconds := int64((24 * time.Hour).Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("get a token for service account %s/%s: %w", namespace, name, err)
	}
	return &rest.Config{
		Host:            c.url,
		BearerToken:     token.Status.Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority.PEM},
		QPS:             -1,
	}, nil
}

// WriteKubeconfig writes a configuration for kubectl to a file.
func WriteKubeconfig(path string, config *rest.Config) error {
	const name = "kohort-testbed"
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	kubeconfig.AuthInfos[name] = &clientcmdapi.AuthInfo{
		ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken,
	}
	kubeconfig.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	kubeconfig.CurrentContext = name
	content, err := clientcmd.Write(*kubeconfig)
	if err != nil {
		return fmt.Errorf("write kubeconfig %s: %w", path, err)
	}
	return writeSecret(path, content)
}
