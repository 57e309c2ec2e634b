// Package images builds the images of the e2e tests with no image registry: from
// the Go sources, and from what Debian, Maven Central and PyPI serve. They have
// the names of those that `make docker-build docker-build-examples` builds, and of
// Apache's.
//
// An image is built from a context of parts. What takes long to make (a Java
// runtime, a Debian root, jars) is kept in the user's cache folder. The sum of the
// context is a label of the image: where it is the same, nothing is built. The
// Docker engine is the one that DOCKER_HOST names.
package images

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/kohort-dev/kohort/test/testbed/broker"
)

// Tag names an image to Docker.
func Tag(name string) string {
	switch name {
	case "kohort", "kohort-launcher":
		return name + ":latest"
	case "kafka":
		return "apache/kafka:" + broker.KafkaVersion
	default:
		return "kohort-example/" + name + ":latest"
	}
}

// image is how one is made.
type image struct {
	// base is the image that its Dockerfile begins from; "" for scratch.
	base string
	// parts are its files, made as far as they are not there yet.
	parts func(ctx context.Context, progress io.Writer) ([]part, error)
}

var all = map[string]image{
	"kohort":           {parts: operator},
	"kohort-launcher":  {parts: program("cmd/kohort-launcher")},
	"kafka":            {base: "jre", parts: kafka},
	"producer":         {parts: program("examples/producer")},
	"consumer-go":      {parts: program("examples/consumer")},
	"consumer-spring":  {base: "jre", parts: java("consumer-spring")},
	"consumer-quarkus": {base: "jre", parts: java("consumer-quarkus")},
	"consumer-streams": {base: "jre", parts: java("consumer-streams")},
	"consumer-python":  {base: "python", parts: pythonConsumer},
	"jre":              {parts: javaRuntime},
	"python":           {parts: debianPython},
}

// Build builds the images with these names, all without one. progress is told
// what is built. Needs docker; the Java images also a JDK and Maven, the Python
// image debootstrap, pip and root.
func Build(ctx context.Context, progress io.Writer, names ...string) error {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(all))
	}
	for _, name := range names {
		if _, known := all[name]; !known {
			return fmt.Errorf("no image %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		}
	}
	done := map[string]string{}
	for _, name := range names {
		if err := build(ctx, progress, name, done); err != nil {
			return err
		}
	}
	return nil
}

// build builds an image after its base. done has the sums of those that were
// built, by name.
func build(ctx context.Context, progress io.Writer, name string, done map[string]string) error {
	i := all[name]
	if done[name] != "" {
		return nil
	}
	if i.base != "" {
		if err := build(ctx, progress, i.base, done); err != nil {
			return err
		}
	}
	parts, err := i.parts(ctx, progress)
	if err != nil {
		return fmt.Errorf("make the parts of image %s: %w", name, err)
	}
	parts = append(parts, part{name: "Dockerfile", source: source("test/e2e/images/dockerfiles", name)})
	sum, err := sum(parts, done[i.base])
	if err != nil {
		return fmt.Errorf("read the parts of image %s: %w", name, err)
	}
	if built(ctx, Tag(name), sum) {
		fmt.Fprintf(progress, "%s is there\n", Tag(name))
		done[name] = sum
		return nil
	}
	began := time.Now()
	if err := dockerBuild(ctx, Tag(name), sum, parts); err != nil {
		return fmt.Errorf("build image %s: %w", name, err)
	}
	fmt.Fprintf(progress, "%s built in %s\n", Tag(name), time.Since(began).Round(100*time.Millisecond))
	done[name] = sum
	return nil
}

// source is a file or a folder of the project.
func source(path ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(file), "..", "..", ".."}, path...)...)
}
