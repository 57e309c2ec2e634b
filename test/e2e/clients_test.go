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

// javaEnv is what a JVM needs to fit beside others, and the sample to find its work.
func javaEnv(env ...corev1.EnvVar) func(*corev1.PodTemplateSpec) {
	return func(t *corev1.PodTemplateSpec) {
		c := &t.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: "JDK_JAVA_OPTIONS", Value: "-Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"})
		c.Env = append(c.Env, env...)
		c.ReadinessProbe.HTTPGet.Path = "/actuator/health/readiness"
	}
}

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
			world.Consumer{Image: world.SpringImage, Command: springCommand, Change: javaEnv()},
			func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Consumer.Inject = v1alpha1.InjectSpringBoot },
		},
		"of Spring Boot with concurrency 3": {
			world.Consumer{Image: world.SpringImage, Command: springCommand, Change: javaEnv(corev1.EnvVar{Name: "CONCURRENCY", Value: "3"})},
			func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Consumer.Inject = v1alpha1.InjectSpringBoot
				cg.Spec.Consumer.ConsumersPerPod = ptr.To[int32](3)
			},
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

var springCommand = []string{"java", "-jar", "consumer-spring.jar"}
