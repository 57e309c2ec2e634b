package lab

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/images"
	"github.com/kohort-dev/kohort/test/subjects"
	"github.com/kohort-dev/kohort/test/testbed"
)

// Program is a sample consumer. The zero value is the one in Go.
type Program struct {
	// Title says for people which client library it uses.
	Title string
	// Image that the lab's nodes have when it is installed.
	Image string
	// Ready is the path that says whether it is a member.
	Ready string
	// Change has Kohort inject what it reads, Peer does so without Kohort; nil: the
	// variables of the preset Env.
	Change func(*v1alpha1.ConsumerGroup)
	Peer   func(*corev1.PodTemplateSpec)

	build func(context.Context, io.Writer) (testbed.Image, error)
}

// Programs are the sample consumers, by their client library.
var Programs = map[string]Program{
	"go": {Title: "Go (franz-go)"},
	"java": {
		Title: "Java (Spring Boot)", Image: "consumer-spring:lab", Ready: "/actuator/health/readiness",
		Change: subjects.InjectSpring, Peer: subjects.SpringVariables, build: springImage,
	},
	"librdkafka": {Title: "librdkafka (confluent-kafka)", Image: "consumer-python:lab", build: pythonImage},
}

// Install puts a program's image on the nodes.
func (l *Lab) Install(ctx context.Context, p Program, progress io.Writer) error {
	if p.build == nil {
		return nil // every lab has it
	}
	image, err := p.build(ctx, progress)
	if err != nil {
		return fmt.Errorf("make image %s: %w", p.Image, err)
	}
	l.Kubelet.SetImage(p.Image, image)
	return nil
}

func springImage(ctx context.Context, progress io.Writer) (testbed.Image, error) {
	folder, err := images.JavaApplication(ctx, "consumer-spring", progress)
	return testbed.Image{Entrypoint: []string{
		// JVMs that fit beside others.
		"java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", filepath.Join(folder, "consumer-spring.jar"),
	}}, err
}

func pythonImage(ctx context.Context, progress io.Writer) (testbed.Image, error) {
	packages, err := images.PythonPackages(ctx, "", progress)
	if err != nil {
		return testbed.Image{}, err
	}
	// What is in the PATH may look for its own in the home folder, which is another one in
	// a pod.
	python, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return testbed.Image{}, fmt.Errorf("ask python3 where it is: %w", err)
	}
	return testbed.Image{
		Entrypoint: []string{strings.TrimSpace(string(python)), filepath.Join(root(), "examples", "consumer-python", "consumer.py")},
		Env:        map[string]string{"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
	}, nil
}
