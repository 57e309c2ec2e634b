package images

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/kohort-dev/kohort/test/testbed/broker"
)

// kafka is the broker that the testbed runs, and the class that starts it.
func kafka(ctx context.Context, progress io.Writer) ([]part, error) {
	jars, err := broker.Jars(ctx, progress)
	if err != nil {
		return nil, err
	}
	main := source("test/e2e/images/kafka/Node.java")
	text, err := os.ReadFile(main)
	if err != nil {
		return nil, fmt.Errorf("read the class that starts Kafka: %w", err)
	}
	node := made{name: "kafka-node", from: slices.Concat(text, []byte(jars)), fill: func(ctx context.Context, folder string) error {
		if err := os.Mkdir(filepath.Join(folder, "data"), 0o755); err != nil {
			return err
		}
		return run(ctx, folder, "javac", "--release", "17", "-d", "classes", "-cp", filepath.Join(jars, "*"), main)
	}}
	folder, err := node.folder(ctx, progress)
	if err != nil {
		return nil, err
	}
	return []part{
		{name: "lib", source: jars},
		{name: "classes", source: filepath.Join(folder, "classes")},
		{name: "data", source: filepath.Join(folder, "data")},
	}, nil
}
