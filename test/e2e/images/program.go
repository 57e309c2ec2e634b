package images

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// program builds a static Go program; Go's own cache makes it quick.
func program(pkg string) func(context.Context, io.Writer) ([]part, error) {
	return func(ctx context.Context, _ io.Writer) ([]part, error) {
		binary := source("bin/e2e", filepath.Base(pkg))
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, "./"+pkg)
		cmd.Dir = source()
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if err := runCommand(ctx, cmd); err != nil {
			return nil, err
		}
		return []part{{name: filepath.Base(pkg), source: binary}}, nil
	}
}
