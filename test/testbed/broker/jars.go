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
	"strings"
	"syscall"
	"time"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

// kafkaVersion is the one that pom.xml names.
const kafkaVersion = "4.4.0"

//go:embed pom.xml
var pom []byte

// fetchJars has Maven fetch the broker's jars into the user's cache folder, once,
// and returns their folder.
func fetchJars(ctx context.Context, progress io.Writer) (jars string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	sum := sha256.Sum256(pom)
	dir := filepath.Join(cache, "kohort", "kafka-"+kafkaVersion+"-"+hex.EncodeToString(sum[:])[:12])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the folder of Kafka's jars: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"), progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	jars = filepath.Join(dir, "lib")
	if _, err := os.Stat(jars); err == nil {
		return jars, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("look for Kafka's jars: %w", err)
	}
	fmt.Fprintf(progress, "fetching Apache Kafka %s from Maven Central, 43 MB, once (%s)\n", kafkaVersion, jars)
	return jars, mavenCopy(ctx, dir, jars)
}

// lock waits until no other process fetches. The lock ends with its holder,
// whatever happens to that.
func lock(ctx context.Context, path string, progress io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the folder of Kafka's jars: %w", err)
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for waited := false; ; waited = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			// Closing gives the lock back; nothing was written.
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		if !waited {
			fmt.Fprintf(progress, "another process is fetching Apache Kafka; waiting for it (%s)\n", path)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for the lock %s: %w", path, ctx.Err()), file.Close())
		case <-ticker.C:
		}
	}
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
		return errors.Join(ctx.Err(), fmt.Errorf("fetch Kafka's jars: mvn -f %s %s\n%s", file, status, lastLines(output.String())))
	}
	if err := os.Rename(next, jars); err != nil {
		return fmt.Errorf("put Kafka's jars in their place: %w", err)
	}
	return nil
}

// lastLines are the end of an output, where the error usually is.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
