package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// modules are what Kafka and the samples in Java need of Java.
var modules = []string{
	"java.base", "java.compiler", "java.desktop", "java.instrument", "java.logging", "java.management", "java.naming",
	"java.net.http", "java.prefs", "java.rmi", "java.scripting", "java.security.jgss", "java.security.sasl", "java.sql",
	"java.transaction.xa", "java.xml", "jdk.crypto.ec", "jdk.httpserver", "jdk.jfr", "jdk.management", "jdk.net", "jdk.unsupported", "jdk.zipfs",
}

// screens are the libraries of java.desktop: they need those of a desktop, and
// only its classes are wanted.
var screens = regexp.MustCompile(`^lib(awt.*|fontmanager|freetype|harfbuzz|javajpeg|jawt|jsound|lcms|mlib_image|splashscreen)\.so$`)

// javaRuntime is a root folder with this machine's Java in it.
func javaRuntime(ctx context.Context, progress io.Writer) ([]part, error) {
	jlink, err := exec.LookPath("jlink")
	if err == nil {
		jlink, err = filepath.EvalSymlinks(jlink)
	}
	if err != nil {
		return nil, fmt.Errorf("find a JDK: install one of version 17: %w", err)
	}
	release, err := os.ReadFile(filepath.Join(filepath.Dir(jlink), "..", "release"))
	if err != nil {
		return nil, fmt.Errorf("read the JDK's version: %w", err)
	}
	maker, err := os.ReadFile(source("test/e2e/images/jre.go"))
	if err != nil {
		return nil, fmt.Errorf("read how the runtime is made: %w", err)
	}
	runtime := made{name: "jre", from: slices.Concat(release, maker), fill: func(ctx context.Context, root string) error {
		return makeRuntime(ctx, jlink, root)
	}}
	folder, err := runtime.folder(ctx, progress)
	return []part{{name: "root", source: folder}}, err
}

func makeRuntime(ctx context.Context, jlink, root string) error {
	for _, folder := range []string{"opt", "etc", "tmp"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o755); err != nil {
			return err
		}
	}
	home := filepath.Join(root, "opt", "java")
	if err := run(ctx, root, jlink, "--add-modules", strings.Join(modules, ","), "--strip-java-debug-attributes",
		"--no-header-files", "--no-man-pages", "--output", home); err != nil {
		return err
	}
	if err := addLibraries(ctx, home, root); err != nil {
		return err
	}
	// What a distribution's Java comes with: its classes laid out for a quick start.
	if err := run(ctx, root, filepath.Join(home, "bin", "java"), "-Xshare:dump"); err != nil {
		return err
	}
	for file, text := range map[string]string{
		"passwd":        "root:x:0:0:root:/:/\nnonroot:x:65532:65532:nonroot:/tmp:/\n",
		"group":         "root:x:0:\nnonroot:x:65532:\n",
		"nsswitch.conf": "hosts: files dns\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return os.Chmod(filepath.Join(root, "tmp"), 0o777|fs.ModeSticky)
}

// addLibraries copies the system's libraries that Java's own link to, and removes
// those of Java that link to a desktop's.
func addLibraries(ctx context.Context, home, root string) error {
	return filepath.WalkDir(home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if screens.MatchString(entry.Name()) {
			return os.Remove(path)
		}
		if entry.Name() != "java" && filepath.Ext(path) != ".so" {
			return nil
		}
		needed, err := exec.CommandContext(ctx, "ldd", path).Output()
		if err != nil {
			return fmt.Errorf("find the libraries of %s: %w", path, err)
		}
		for _, library := range systemLibraries(string(needed), home) {
			if err := copyFile(library, filepath.Join(root, library)); err != nil {
				return err
			}
		}
		return nil
	})
}

// systemLibraries are the paths that ldd names outside of a folder.
func systemLibraries(ldd, outside string) (paths []string) {
	for field := range strings.FieldsSeq(ldd) {
		if strings.HasPrefix(field, "/") && !strings.HasPrefix(field, outside) {
			paths = append(paths, field)
		}
	}
	return paths
}

// copyFile copies a file, or what a link leads to, unless it is there.
func copyFile(from, to string) error {
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}
