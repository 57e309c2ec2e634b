package images

import (
	"context"
	"io"
	"os"
	"path/filepath"
)

// SpringApplication is the folder of examples/consumer-spring as its Dockerfile
// has it, built by Maven: consumer-spring.jar and, beside it, lib.
func SpringApplication(ctx context.Context, progress io.Writer) (string, error) {
	sources := source("examples/consumer-spring")
	key, err := sum([]part{
		{name: "pom.xml", source: filepath.Join(sources, "pom.xml")},
		{name: "src", source: filepath.Join(sources, "src")},
	}, "")
	if err != nil {
		return "", err
	}
	application := made{name: "consumer-spring", from: []byte(key), fill: func(ctx context.Context, folder string) error {
		work, err := os.MkdirTemp("", "kohort-spring-")
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
		return run(ctx, work, "java", "-Djarmode=tools", "-jar", "target/consumer-spring.jar", "extract", "--force", "--destination", folder)
	}}
	return application.folder(ctx, progress)
}

func spring(ctx context.Context, progress io.Writer) ([]part, error) {
	folder, err := SpringApplication(ctx, progress)
	return []part{{name: "app", source: folder}}, err
}
