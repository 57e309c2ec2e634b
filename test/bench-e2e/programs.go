package main

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
	"github.com/kohort-dev/kohort/test/subjects"
)

// program is what consumes.
type program struct {
	title    string
	consumer world.Consumer
	// change has Kohort inject what the program reads, peer does so without Kohort.
	change func(*v1alpha1.ConsumerGroup)
	peer   func(*corev1.PodTemplateSpec)
}

var programs = map[string]program{
	"go": {title: "Go (franz-go)"},
	"slow": {
		title: "Go (franz-go), 5 s to start", consumer: world.Consumer{StartDelayMillis: 5000},
	},
	"spring": {
		title: "Spring Boot (spring-kafka)", consumer: world.Spring(1), change: subjects.InjectSpring, peer: subjects.SpringVariables,
	},
}
