package images

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// authorities are those that Debian trusts.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

// operator is the manager, and whom its connections trust.
func operator(ctx context.Context, _ io.Writer) ([]part, error) {
	manager, err := compile(ctx, ".", "manager")
	return []part{manager, {name: "ca-certificates.crt", source: authorities}}, err
}

// program is a static Go program.
func program(pkg string) func(context.Context, io.Writer) ([]part, error) {
	return func(ctx context.Context, _ io.Writer) ([]part, error) {
		program, err := compile(ctx, pkg, filepath.Base(pkg))
		return []part{program}, err
	}
}

// compile builds a static program; Go's own cache makes it quick.
func compile(ctx context.Context, pkg, name string) (part, error) {
	binary := source("bin/e2e", name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, "./"+pkg)
	cmd.Dir = source()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return part{name: name, source: binary}, runCommand(ctx, cmd)
}
