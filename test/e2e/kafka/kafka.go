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
		all[i] = fmt.Sprintf("%d@kafka-%d.kafka.%s.svc:9093", i, i, Namespace)
	}
	return strings.Join(all, ",")
}

// Bootstrap is where clients in the cluster find the brokers.
func Bootstrap(brokers int) []string {
	all := make([]string, brokers)
	for i := range all {
		all[i] = fmt.Sprintf("kafka-%d.kafka.%s.svc:9092", i, Namespace)
	}
	return all
}

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
