package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

var _ = Describe("A release of consumers", func() {
	for name, c := range map[string]struct {
		consumer world.Consumer
		group    func(*v1alpha1.ConsumerGroup)
	}{
		"in Go whose successor waits in their own container": {
			world.Consumer{},
			func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Membership.Activation = v1alpha1.ActivationProcess },
		},
		"in Python": {
			world.Consumer{Image: world.PythonImage, Command: []string{"python3", "/app/consumer.py"}},
			func(*v1alpha1.ConsumerGroup) {},
		},
		"of Spring Boot": {
			world.Spring(1),
			func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Consumer.Inject = v1alpha1.InjectSpringBoot },
		},
		"of Spring Boot with concurrency 3": {
			world.Spring(3),
			func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Consumer.Inject = v1alpha1.InjectSpringBoot
				cg.Spec.Consumer.ConsumersPerPod = ptr.To[int32](3)
			},
		},
		"of Quarkus": {
			world.Quarkus(1),
			func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Consumer.Inject = v1alpha1.InjectQuarkus },
		},
		"of Kafka Streams with 2 threads": {
			world.Streams(2),
			func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Consumer.Inject = v1alpha1.InjectKafkaStreams
				cg.Spec.Consumer.ConsumersPerPod = ptr.To[int32](2)
			},
		},
		"in Go that reads a properties file": {
			world.Consumer{Change: func(t *corev1.PodTemplateSpec) {
				c := &t.Spec.Containers[0]
				c.Env = append(c.Env, corev1.EnvVar{Name: "CONSUMER_PROPERTIES_FILE", Value: "/etc/kohort/consumer.properties"})
			}},
			func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Consumer.PropertiesFile = "/etc/kohort/consumer.properties" },
		},
	} {
		It(name+" goes through without a rebalance", func(ctx SpecContext) {
			g := start(ctx, 2, func(cg *v1alpha1.ConsumerGroup) {
				c.group(cg)
				first := c.consumer
				first.Topic, first.Version = cg.Namespace, "v1"
				cg.Spec.Template = first.Raw()
			})
			before := g.rebalances()
			second := c.consumer
			second.Version = "v2"
			g.release(ctx, second)
			g.released(ctx, 2)
			Expect(g.rebalances()-before).To(BeZero(), "rebalances")
		}, SpecTimeout(8*time.Minute))
	}
})
