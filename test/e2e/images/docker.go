package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

// sumLabel is the label with the sum of an image's context.
const sumLabel = "dev.kohort.e2e.sum"

// built says whether the engine has an image that was made from this context.
func built(ctx context.Context, tag, sum string) bool {
	label, err := exec.CommandContext(ctx, "docker", "image", "inspect", "-f", `{{index .Config.Labels "`+sumLabel+`"}}`, tag).Output()
	return err == nil && strings.TrimSpace(string(label)) == sum
}

// dockerBuild sends the context to the engine.
func dockerBuild(ctx context.Context, tag, sum string, parts []part) error {
	read, write := io.Pipe()
	go func() {
		write.CloseWithError(pack(write, parts, func(t time.Time) time.Time { return t }))
	}()
	defer read.Close()
	cmd := exec.CommandContext(ctx, "docker", "build", "--network", "none", "--force-rm", "-t", tag, "--label", sumLabel+"="+sum, "-")
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	cmd.Stdin = read
	return runCommand(ctx, cmd)
}

// run runs a program that makes a part.
func run(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	return runCommand(ctx, cmd)
}

func runCommand(ctx context.Context, cmd *exec.Cmd) error {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, process.LastLines(output.String(), 20)))
	}
	return nil
}
