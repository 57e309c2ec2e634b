// Package kafka runs Kafka in the cluster of the end-to-end tests.
package kafka

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/kohort-dev/kohort/test/e2e/cluster"
)

// Namespace of the brokers. Their StatefulSet has the same name.
const Namespace = "kafka"

//go:embed kafka.yaml
var manifests string

// Options say how many brokers of which image.
type Options struct {
	Brokers int
	Image   string
}

// Install runs brokers and waits until they are ready.
func Install(ctx context.Context, c *cluster.Cluster, options Options) error {
	parsed, err := template.New("kafka.yaml").Parse(manifests)
	if err != nil {
		return fmt.Errorf("read Kafka's manifests: %w", err)
	}
	var text strings.Builder
	err = parsed.Execute(&text, struct {
		Options
		Voters string
	}{options, voters(options.Brokers)})
	if err != nil {
		return fmt.Errorf("fill in Kafka's manifests: %w", err)
	}
	if err := c.Apply(ctx, text.String()); err != nil {
		return fmt.Errorf("install Kafka: %w", err)
	}
	if err := certify(ctx, c, options.Brokers); err != nil {
		return err
	}
	return Ready(ctx, c)
}

// Ready waits until all brokers are ready.
func Ready(ctx context.Context, c *cluster.Cluster) error {
	if _, err := c.Kubectl(ctx, "-n", Namespace, "rollout", "status", "statefulset/kafka", "--timeout=180s"); err != nil {
		return fmt.Errorf("wait for Kafka: %w", err)
	}
	return nil
}

func voters(brokers int) string {
	all := make([]string, brokers)
	for i := range all {
		all[i] = fmt.Sprintf("%d@%s:9093", i, host(i))
	}
	return strings.Join(all, ",")
}

// Listener is one of the brokers' for clients, by its port.
type Listener int

// The listeners.
const (
	Plaintext Listener = 9092
	SCRAM     Listener = 9094 // TLS, and SASL with SCRAM-SHA-512
	Mutual    Listener = 9095 // TLS with certificates on both sides
)

// Bootstrap is where clients in the cluster find a listener.
func Bootstrap(brokers int, listener Listener) []string {
	all := make([]string, brokers)
	for i := range all {
		all[i] = fmt.Sprintf("%s:%d", host(i), listener)
	}
	return all
}

func host(broker int) string { return fmt.Sprintf("kafka-%d.kafka.%s.svc", broker, Namespace) }

// Rebalances counts, in the logs of brokers (paths), what the coordinator logs
// when a rebalance of a group begins (GroupMetadataManager).
func Rebalances(logs []string, group string) (int, error) {
	n := 0
	for _, path := range logs {
		file, err := os.Open(path)
		if err != nil {
			return 0, fmt.Errorf("read a broker's log: %w", err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Preparing to rebalance group "+group+" ") {
				n++
			}
		}
		err = lines.Err()
		file.Close()
		if err != nil {
			return 0, fmt.Errorf("read a broker's log: %w", err)
		}
	}
	return n, nil
}
