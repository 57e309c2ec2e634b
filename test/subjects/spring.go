package subjects

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// InjectSpring has Kohort tell a Spring Boot program who it is.
func InjectSpring(cg *v1alpha1.ConsumerGroup) {
	cg.Spec.Consumer.Inject = v1alpha1.InjectSpringBoot
}

// SpringVariables are the preset SpringBoot's in a peer's template, by way of those of
// Env.
func SpringVariables(t *corev1.PodTemplateSpec) {
	c := &t.Spec.Containers[0]
	for _, v := range [][2]string{
		{"SPRING_KAFKA_BOOTSTRAP_SERVERS", v1alpha1.EnvBootstrapServers},
		{"SPRING_KAFKA_CONSUMER_GROUP_ID", v1alpha1.EnvGroupID},
		{"SPRING_KAFKA_CONSUMER_PROPERTIES_SESSION_TIMEOUT_MS", v1alpha1.EnvSessionTimeoutMS},
		{"SPRING_KAFKA_CONSUMER_PROPERTIES_HEARTBEAT_INTERVAL_MS", v1alpha1.EnvHeartbeatInterval},
		{"SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_PROTOCOL", v1alpha1.EnvGroupProtocol},
		{"SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_INSTANCE_ID", v1alpha1.EnvGroupInstanceID},
	} {
		for _, known := range c.Env {
			if known.Name == v[1] {
				c.Env = append(c.Env, corev1.EnvVar{Name: v[0], Value: "$(" + v[1] + ")"})
			}
		}
	}
}
