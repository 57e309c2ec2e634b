package images

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// javaApplications are the samples in Java: how what Maven built of one in a folder
// is put into another, as its Dockerfile has it.
var javaApplications = map[string]func(ctx context.Context, work, folder string) error{
	"consumer-spring": func(ctx context.Context, work, folder string) error {
		return run(ctx, work, "java", "-Djarmode=tools", "-jar", "target/consumer-spring.jar", "extract", "--force", "--destination", folder)
	},
	"consumer-streams": func(ctx context.Context, work, folder string) error {
		return run(ctx, work, "cp", "-r", "target/lib", "target/consumer-streams.jar", folder)
	},
	"consumer-quarkus": func(ctx context.Context, work, folder string) error {
		return run(ctx, work, "cp", "-r", "target/quarkus-app/.", folder)
	},
}

// JavaApplication is the folder of a sample in Java, built by Maven: the jar to start
// and what lies beside it.
func JavaApplication(ctx context.Context, name string, progress io.Writer) (string, error) {
	place, known := javaApplications[name]
	if !known {
		return "", fmt.Errorf("no Java sample %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(javaApplications)), ", "))
	}
	sources := source("examples", name)
	key, err := sum([]part{
		{name: "pom.xml", source: filepath.Join(sources, "pom.xml")},
		{name: "src", source: filepath.Join(sources, "src")},
	}, "")
	if err != nil {
		return "", err
	}
	application := made{name: name, from: []byte(key), fill: func(ctx context.Context, folder string) error {
		work, err := os.MkdirTemp("", "kohort-"+name+"-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(work)
		if err := run(ctx, work, "cp", "-r", filepath.Join(sources, "pom.xml"), filepath.Join(sources, "src"), work); err != nil {
			return err
		}
		if err := run(ctx, work, "mvn", "-q", "-B", "package"); err != nil {
			return err
		}
		return place(ctx, work, folder)
	}}
	return application.folder(ctx, progress)
}

// java are the parts of a sample's image.
func java(name string) func(context.Context, io.Writer) ([]part, error) {
	return func(ctx context.Context, progress io.Writer) ([]part, error) {
		folder, err := JavaApplication(ctx, name, progress)
		return []part{{name: "app", source: folder}}, err
	}
}
