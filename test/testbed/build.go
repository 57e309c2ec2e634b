package testbed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kohort-dev/kohort/test/testbed/cache"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

const (
	// linkerFlags leave out what only a debugger needs, and say the version that
	// the API server reports: the one that the module requires.
	linkerFlags = "-s -w" +
		" -X k8s.io/component-base/version.gitVersion=v1.36.3" +
		" -X k8s.io/component-base/version.gitMajor=1" +
		" -X k8s.io/component-base/version.gitMinor=36"
	// moduleFolder is where the control plane's module lies in the repository.
	moduleFolder = "test/testbed/controlplane"
	// progressPeriod is how often a running build says that it goes on.
	progressPeriod = 15 * time.Second
)

// BuildControlPlane builds the control plane, if that has not been done for these
// very sources and this Go version, and gives the folder with its programs.
func BuildControlPlane(ctx context.Context, progress io.Writer) (string, error) {
	source, err := moduleSource()
	if err != nil {
		return "", err
	}
	key, err := buildKey(ctx, source)
	if err != nil {
		return "", err
	}
	folder, unlock, err := cache.Lock(ctx, "controlplane-"+key, progress)
	if err != nil {
		return "", fmt.Errorf("find the control plane: %w", err)
	}
	defer unlock()
	binary := filepath.Join(folder, "kube")
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		if err := compile(ctx, source, binary, progress); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", fmt.Errorf("look for the control plane: %w", err)
	}
	for _, program := range programs {
		err := os.Symlink("kube", filepath.Join(folder, program))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("link the control plane's programs: %w", err)
		}
	}
	return folder, nil
}

// moduleSource finds the control plane's module: upwards from the working
// directory, as a test or a command in the checkout runs, else beside this file.
func moduleSource() (string, error) {
	working, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the control plane's sources: %w", err)
	}
	for folder := working; ; folder = filepath.Dir(folder) {
		source := filepath.Join(folder, filepath.FromSlash(moduleFolder))
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source, nil
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		source := filepath.Join(filepath.Dir(file), "controlplane")
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source, nil
		}
	}
	return "", fmt.Errorf("find the control plane's sources: no %s above %s: run this inside a checkout of Kohort, or set %s",
		moduleFolder, working, AssetsVariable)
}

// buildKey names everything that the binary depends on.
func buildKey(ctx context.Context, source string) (string, error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("read the control plane's sources: %w", err)
		}
		fmt.Fprintf(hash, "%s %d\n%s\n", name, len(content), content)
	}
	command := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH")
	command.Dir = source
	version, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its version: %w", err)
	}
	fmt.Fprintf(hash, "%s\n%s\n", version, linkerFlags)
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// compile builds the binary beside its place and moves it there, so that a build
// that was broken off is never taken for a whole one.
func compile(ctx context.Context, source, binary string, progress io.Writer) error {
	began := time.Now()
	fmt.Fprintf(progress, "building the control plane, 8 to 15 minutes the first time (%s)\n", binary)
	partial := binary + ".partial"
	var output bytes.Buffer
	build, err := process.Start(ctx, process.Spec{
		Path: "go", Args: []string{"build", "-trimpath", "-ldflags", linkerFlags, "-o", partial, "."}, Dir: source,
		Env: append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off"), Stdout: &output, Stderr: &output,
	})
	if err != nil {
		return fmt.Errorf("build the control plane: %w", err)
	}
	ticker := time.NewTicker(progressPeriod)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case <-build.Done():
			running = false
		case <-ticker.C:
			fmt.Fprintf(progress, "building the control plane: %s\n", time.Since(began).Round(time.Second))
		}
	}
	if status := build.Wait(); status.Code != 0 {
		return errors.Join(ctx.Err(), fmt.Errorf("build the control plane in %s: go build %s\n%s", source, status, process.LastLines(output.String(), 20)))
	}
	if err := os.Rename(partial, binary); err != nil {
		return fmt.Errorf("keep the control plane's binary: %w", err)
	}
	fmt.Fprintf(progress, "built the control plane in %s\n", time.Since(began).Round(time.Second))
	return nil
}
