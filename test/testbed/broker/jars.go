package broker

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kohort-dev/kohort/test/testbed/cache"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

// KafkaVersion is the one that pom.xml names.
const KafkaVersion = "4.4.0"

//go:embed pom.xml
var pom []byte

// Jars has Maven fetch the broker's jars into the user's cache folder, once,
// and returns their folder.
func Jars(ctx context.Context, progress io.Writer) (jars string, err error) {
	sum := sha256.Sum256(pom)
	dir, unlock, err := cache.Lock(ctx, "kafka-"+KafkaVersion+"-"+hex.EncodeToString(sum[:])[:12], progress)
	if err != nil {
		return "", fmt.Errorf("find Kafka's jars: %w", err)
	}
	defer unlock()
	jars = filepath.Join(dir, "lib")
	if _, err := os.Stat(jars); err == nil {
		return jars, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("look for Kafka's jars: %w", err)
	}
	fmt.Fprintf(progress, "fetching Apache Kafka %s from Maven Central, 43 MB, once (%s)\n", KafkaVersion, jars)
	return jars, mavenCopy(ctx, dir, jars)
}

// mavenCopy lets jars appear when all of them are there.
func mavenCopy(ctx context.Context, dir, jars string) error {
	next := jars + ".next"
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("clear what an earlier try left: %w", err)
	}
	file := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return fmt.Errorf("write pom.xml: %w", err)
	}
	var output bytes.Buffer
	maven, err := process.Start(ctx, process.Spec{
		Path:   "mvn",
		Args:   []string{"-q", "-B", "-f", file, "dependency:copy-dependencies", "-DoutputDirectory=" + next},
		Stdout: &output, Stderr: &output,
	})
	if err != nil {
		return fmt.Errorf("fetch Kafka's jars with Maven: %w", err)
	}
	if status := maven.Wait(); status.Code != 0 {
		return errors.Join(ctx.Err(), fmt.Errorf("fetch Kafka's jars: mvn -f %s %s\n%s", file, status, process.LastLines(output.String(), 20)))
	}
	if err := os.Rename(next, jars); err != nil {
		return fmt.Errorf("put Kafka's jars in their place: %w", err)
	}
	return nil
}
