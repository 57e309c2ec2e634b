package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kohort-dev/kohort/test/testbed/certificates"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

// errEnded says that a program of the control plane ended by itself.
var errEnded = errors.New("ended while it was started")

// controllers are those that act on what Kohort makes or meets. The others would
// only cost: nodes are registered ready, volumes and certificates are not used.
const controllers = "garbage-collector-controller,namespace-controller,serviceaccount-controller," +
	"serviceaccount-token-controller,root-ca-certificate-publisher-controller,resourcequota-controller," +
	"disruption-controller,pod-garbage-collector-controller,node-lifecycle-controller,taint-eviction-controller," +
	"deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,job-controller," +
	"cronjob-controller,horizontal-pod-autoscaler-controller,endpointslice-controller"

func (c *ControlPlane) startEtcd() (url string, err error) {
	clients, err := freePort()
	if err != nil {
		return "", err
	}
	peers, err := freePort()
	if err != nil {
		return "", err
	}
	url = "http://" + loopback + ":" + strconv.Itoa(clients)
	peerURL := "http://" + loopback + ":" + strconv.Itoa(peers)
	return url, c.run(c.Paths.Etcd,
		"--data-dir="+filepath.Join(c.Dir, "etcd"),
		"--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL,
		"--initial-cluster=default="+peerURL,
		// Nothing here needs to survive the machine.
		"--unsafe-no-fsync", "--log-level=warn",
	)
}

func (c *ControlPlane) startAPIServer(ctx context.Context, etcdURL string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	c.url = "https://" + loopback + ":" + strconv.Itoa(port)
	if err := c.writeCertificates(); err != nil {
		return err
	}
	args := []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=" + loopback, "--advertise-address=" + loopback, "--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + c.file("apiserver.crt"), "--tls-private-key-file=" + c.file("apiserver.key"),
		"--client-ca-file=" + c.file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.file("token.key"), "--service-account-signing-key-file=" + c.file("token.key"),
		"--authorization-mode=RBAC", "--allow-privileged",
		"--service-cluster-ip-range=10.96.0.0/16",
		// A loopback address cannot be a Service's endpoint.
		"--endpoint-reconciler-type=none",
		"--enable-priority-and-fairness=false", "--profiling=false",
	}
	if c.Paths.KubeControllerManager == "" {
		// Nobody would make the service accounts that it asks for.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	if err := c.run(c.Paths.KubeAPIServer, args...); err != nil {
		return err
	}
	c.Config, err = c.UserConfig("kohort-testbed-admin", "system:masters")
	if err != nil {
		return err
	}
	c.Kubeconfig = c.file("kubeconfig")
	if err := WriteKubeconfig(c.Kubeconfig, c.Config); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return c.await(ctx, "the API server to be ready", func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (c *ControlPlane) writeCertificates() error {
	var err error
	if c.authority, err = certificates.NewAuthority("kohort-testbed"); err != nil {
		return err
	}
	server, err := serverCertificate(c.authority)
	if err != nil {
		return err
	}
	tokenKey, err := newTokenKey()
	if err != nil {
		return err
	}
	return errors.Join(
		writeSecret(c.file("ca.crt"), c.authority.PEM),
		writeSecret(c.file("apiserver.crt"), server.Certificate),
		writeSecret(c.file("apiserver.key"), server.Key),
		writeSecret(c.file("token.key"), tokenKey),
	)
}

// startControllerManager starts it and waits for its first work, the service
// account without which no pod can be created.
func (c *ControlPlane) startControllerManager(ctx context.Context) error {
	if c.Paths.KubeControllerManager == "" {
		return nil
	}
	err := c.run(c.Paths.KubeControllerManager,
		"--kubeconfig="+c.Kubeconfig, "--controllers="+controllers, "--leader-elect=false", "--secure-port=0",
		"--service-account-private-key-file="+c.file("token.key"), "--root-ca-file="+c.file("ca.crt"),
		"--kube-api-qps=200", "--kube-api-burst=400",
	)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return c.await(ctx, "the first service account", func(ctx context.Context) error {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// run starts a program with a log of its own.
func (c *ControlPlane) run(path string, args ...string) error {
	log, err := os.Create(c.file(filepath.Base(path) + ".log"))
	if err != nil {
		return fmt.Errorf("make the log of %s: %w", filepath.Base(path), err)
	}
	child, err := process.Start(context.Background(), process.Spec{Path: path, Args: args, Stdout: log, Stderr: log})
	if err != nil {
		return errors.Join(err, log.Close())
	}
	c.children = append(c.children, child)
	// The child has its own descriptor.
	if err := log.Close(); err != nil {
		return fmt.Errorf("close the log of %s: %w", filepath.Base(path), err)
	}
	return nil
}

// await asks until there is no error, a program has ended or ctx is over.
func (c *ControlPlane) await(ctx context.Context, what string, ask func(context.Context) error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		for _, child := range c.children {
			select {
			case <-child.Done():
				return fmt.Errorf("wait for %s: a program %w (%s)\n%s", what, errEnded, child.Wait(), c.logs())
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w\n%s", what, ctx.Err(), err, c.logs())
		case <-ticker.C:
		}
		if apierrors.IsUnauthorized(err) {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
	}
}

// logs are the last lines of each program, for an error that must explain itself
// after the folder is gone.
func (c *ControlPlane) logs() string {
	var text strings.Builder
	for _, program := range programs {
		content, err := os.ReadFile(c.file(program + ".log"))
		if err != nil || len(content) == 0 {
			continue
		}
		fmt.Fprintf(&text, "%s: %s\n", program, strings.ReplaceAll(process.LastLines(string(content), 3), "\n", "\n  "))
	}
	return text.String()
}

func (c *ControlPlane) file(name string) string { return filepath.Join(c.Dir, name) }
