package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debian is the release of the Python image, and python its Python.
const (
	debian = "bookworm"
	python = "3.11"
)

// unneeded are the contents of folders that only a machine needs.
var unneeded = []string{"dev", "proc", "var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man", "usr/share/locale"}

// debianPython is a root folder with Debian and its Python.
func debianPython(ctx context.Context, progress io.Writer) ([]part, error) {
	base := made{name: "debian-python", from: []byte(debian + strings.Join(unneeded, " ")), fill: func(ctx context.Context, root string) error {
		if os.Geteuid() != 0 {
			return errors.New("debootstrap needs root: run this as root")
		}
		mirror, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages").Output()
		if err != nil {
			return fmt.Errorf("ask apt for its mirror, which only a Debian has: %w", err)
		}
		site, _, _ := strings.Cut(string(mirror), "\n")
		if err := run(ctx, root, "debootstrap", "--variant=minbase", "--include=python3", debian, root, site); err != nil {
			return err
		}
		return removeUnneeded(root)
	}}
	folder, err := base.folder(ctx, progress)
	return []part{{name: "root", source: folder}}, err
}

func removeUnneeded(root string) error {
	for _, folder := range unneeded {
		content, err := filepath.Glob(filepath.Join(root, folder, "*"))
		for _, path := range content {
			err = errors.Join(err, os.RemoveAll(path))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// PythonPackages is a folder with what examples/consumer-python requires, for a
// version of Python; "" means this machine's.
func PythonPackages(ctx context.Context, version string, progress io.Writer) (string, error) {
	list := source("examples/consumer-python/requirements.txt")
	text, err := os.ReadFile(list)
	if err != nil {
		return "", fmt.Errorf("read what the Python sample requires: %w", err)
	}
	install := []string{"python3", "-m", "pip", "install", "-q", "--only-binary=:all:", "--root-user-action=ignore", "-r", list}
	if version != "" {
		install = append(install, "--python-version", version)
	} else if version, err = pythonHere(ctx); err != nil {
		return "", err
	}
	packages := made{name: "python-packages", from: slices.Concat(text, []byte(version)), fill: func(ctx context.Context, folder string) error {
		return run(ctx, folder, append(install, "--target", folder)...)
	}}
	return packages.folder(ctx, progress)
}

func pythonHere(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.version)").Output()
	if err != nil {
		return "", fmt.Errorf("ask python3 for its version: %w", err)
	}
	return string(version), nil
}

func pythonConsumer(ctx context.Context, progress io.Writer) ([]part, error) {
	packages, err := PythonPackages(ctx, python, progress)
	if err != nil {
		return nil, err
	}
	parts := []part{{name: "packages", source: packages}}
	files, err := filepath.Glob(source("examples/consumer-python/*.py"))
	for _, file := range files {
		parts = append(parts, part{name: filepath.Join("app", filepath.Base(file)), source: file})
	}
	return parts, err
}
