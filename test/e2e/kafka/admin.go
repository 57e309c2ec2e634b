package kafka

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kohort-dev/kohort/test/e2e/cluster"
)

// Admin speaks to the brokers from outside of the cluster, through the API server.
type Admin struct {
	*kadm.Client

	cluster *cluster.Cluster
	mu      sync.Mutex
	ways    map[string]*way // by the broker's host and port
}

// way is a kubectl that forwards to a broker.
type way struct {
	address string // on this machine
	command *exec.Cmd
}

// NewAdmin makes one. Close ends it.
func NewAdmin(c *cluster.Cluster, brokers int) (*Admin, error) {
	a := &Admin{cluster: c, ways: map[string]*way{}}
	client, err := kgo.NewClient(kgo.SeedBrokers(Bootstrap(brokers, Plaintext)...), kgo.Dialer(a.dial))
	if err != nil {
		return nil, fmt.Errorf("make a client of the brokers: %w", err)
	}
	a.Client = kadm.NewClient(client)
	return a, nil
}

// Close ends what it started.
func (a *Admin) Close() {
	a.Client.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.ways {
		w.end()
	}
}

func (w *way) end() {
	_ = w.command.Process.Kill()
	_ = w.command.Wait() // it was killed
}

// dial finds a way to a broker. One that leads nowhere any more, since the broker
// was restarted, is made anew.
func (a *Admin) dial(ctx context.Context, _, broker string) (net.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var dialer net.Dialer
	if w := a.ways[broker]; w != nil {
		connection, err := dialer.DialContext(ctx, "tcp", w.address)
		if err == nil {
			return connection, nil
		}
		w.end()
		delete(a.ways, broker)
	}
	w, err := forward(a.cluster, broker)
	if err != nil {
		return nil, err
	}
	a.ways[broker] = w
	return dialer.DialContext(ctx, "tcp", w.address)
}

// forward starts kubectl and reads where it listens.
func forward(c *cluster.Cluster, broker string) (*way, error) {
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		return nil, err
	}
	pod, _, _ := strings.Cut(host, ".")
	command := exec.Command("kubectl", "--kubeconfig", c.Kubeconfig, "-n", Namespace, "port-forward", "pod/"+pod, ":"+port)
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("forward to %s: %w", broker, err)
	}
	w := &way{command: command}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		// Forwarding from 127.0.0.1:45123 -> 9092
		if rest, ok := strings.CutPrefix(lines.Text(), "Forwarding from "); ok {
			w.address, _, _ = strings.Cut(rest, " ")
			go func() { // or it blocks
				for lines.Scan() {
					continue
				}
			}()
			return w, nil
		}
	}
	w.end()
	return nil, errors.Join(fmt.Errorf("forward to %s: kubectl ended", broker), lines.Err())
}

// SetPassword makes a SCRAM user, or gives it another password.
func (a *Admin) SetPassword(ctx context.Context, user, password string) error {
	results, err := a.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{
		User: user, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password,
	}})
	if err == nil {
		err = results.Error()
	}
	if err != nil {
		return fmt.Errorf("set the password of SCRAM user %s: %w", user, err)
	}
	return nil
}
