package pods

import (
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/membership"
)

// preset says how the programs of one kind are told who they are.
type preset struct {
	// numbered: they append a number to the instance id also where there is only one
	// consumer in a pod. The first is firstNumber.
	numbered    bool
	firstNumber int32
	// variables in the order in which they are set.
	variables []v1alpha1.Variable
}

// presets of all kinds of programs but Custom, whose variables are its own.
var presets = map[v1alpha1.Inject]preset{
	v1alpha1.InjectEnv: {
		variables: []v1alpha1.Variable{
			{Name: v1alpha1.EnvBootstrapServers, Property: v1alpha1.PropertyBootstrapServers},
			{Name: v1alpha1.EnvGroupID, Property: v1alpha1.PropertyGroupID},
			{Name: v1alpha1.EnvGroupInstanceID, Property: v1alpha1.PropertyGroupInstanceID},
			{Name: v1alpha1.EnvSessionTimeoutMS, Property: v1alpha1.PropertySessionTimeout},
			{Name: v1alpha1.EnvHeartbeatInterval, Property: v1alpha1.PropertyHeartbeatInterval},
			{Name: v1alpha1.EnvGroupProtocol, Property: v1alpha1.PropertyGroupProtocol},
		},
	},
	// spring-kafka appends -0, -1 and so on to the instance id, one per thread of a
	// listener, since 2.3.8, 2.4.6 and 2.5.0
	// (ConcurrentMessageListenerContainer.configureChildContainer). What is set twice
	// may be set by the program in either form, of which the second wins.
	v1alpha1.InjectSpringBoot: {
		numbered: true,
		variables: []v1alpha1.Variable{
			{Name: "SPRING_KAFKA_BOOTSTRAP_SERVERS", Property: v1alpha1.PropertyBootstrapServers},
			{Name: "SPRING_KAFKA_CONSUMER_BOOTSTRAP_SERVERS", Property: v1alpha1.PropertyBootstrapServers},
			{Name: "SPRING_KAFKA_CONSUMER_GROUP_ID", Property: v1alpha1.PropertyGroupID},
			{Name: "SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_ID", Property: v1alpha1.PropertyGroupID},
			{Name: "SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_INSTANCE_ID", Property: v1alpha1.PropertyGroupInstanceID},
			{Name: "SPRING_KAFKA_CONSUMER_PROPERTIES_SESSION_TIMEOUT_MS", Property: v1alpha1.PropertySessionTimeout},
			{Name: "SPRING_KAFKA_CONSUMER_PROPERTIES_HEARTBEAT_INTERVAL_MS", Property: v1alpha1.PropertyHeartbeatInterval},
			{Name: "SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_PROTOCOL", Property: v1alpha1.PropertyGroupProtocol},
		},
	},
	// The Kafka connector of SmallRye Reactive Messaging looks for an attribute of a
	// channel first there and then here, for all channels (ConnectorConfig), and hands
	// on to Kafka's client what it does not know itself. It appends nothing to the
	// instance id, however many consumers a channel has (ReactiveKafkaConsumer).
	v1alpha1.InjectQuarkus: {
		variables: []v1alpha1.Variable{
			{Name: "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_BOOTSTRAP_SERVERS", Property: v1alpha1.PropertyBootstrapServers},
			{Name: "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_GROUP_ID", Property: v1alpha1.PropertyGroupID},
			{Name: "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_GROUP_INSTANCE_ID", Property: v1alpha1.PropertyGroupInstanceID},
			{Name: "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_SESSION_TIMEOUT_MS", Property: v1alpha1.PropertySessionTimeout},
			{Name: "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_HEARTBEAT_INTERVAL_MS", Property: v1alpha1.PropertyHeartbeatInterval},
			{Name: "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_GROUP_PROTOCOL", Property: v1alpha1.PropertyGroupProtocol},
		},
	},
	// Kafka Streams appends the number of the stream thread to the instance id, from 1
	// on and with one thread as well, for the main consumer of each, which alone is in
	// the group (StreamsConfig.getMainConsumerConfigs). Its group is its application.
	v1alpha1.InjectKafkaStreams: {
		numbered:    true,
		firstNumber: 1,
		variables: []v1alpha1.Variable{
			{Name: v1alpha1.EnvBootstrapServers, Property: v1alpha1.PropertyBootstrapServers},
			{Name: v1alpha1.EnvApplicationID, Property: v1alpha1.PropertyGroupID},
			{Name: v1alpha1.EnvGroupInstanceID, Property: v1alpha1.PropertyGroupInstanceID},
			{Name: v1alpha1.EnvSessionTimeoutMS, Property: v1alpha1.PropertySessionTimeout},
			{Name: v1alpha1.EnvHeartbeatInterval, Property: v1alpha1.PropertyHeartbeatInterval},
		},
	},
}

func presetOf(consumer v1alpha1.Consumer) preset {
	if consumer.Preset() == v1alpha1.InjectCustom {
		return preset{variables: consumer.Variables}
	}
	return presets[consumer.Preset()]
}

// Naming is how the members of a group are named whose instance ids have a prefix.
func Naming(prefix string, consumer v1alpha1.Consumer) membership.Naming {
	p := presetOf(consumer)
	return membership.Naming{Prefix: prefix, PerPod: consumer.PerPod(), Numbered: p.numbered, FirstNumber: p.firstNumber}
}

// property that a variable carries; "" if none.
func (p preset) property(name string) v1alpha1.Property {
	for _, v := range p.variables {
		if v.Name == name {
			return v.Property
		}
	}
	return ""
}

// identity is a preset's variables, less those of properties that the template sets
// by one of them. They come before the template's own variables, so that those can
// refer to them as in $(KAFKA_GROUP_ID).
func identity(in Input, own []corev1.EnvVar) []corev1.EnvVar {
	values, preset := valuesOf(in), presetOf(in.Consumer)
	var env []corev1.EnvVar
	for _, v := range preset.variables {
		set := slices.ContainsFunc(own, func(o corev1.EnvVar) bool { return preset.property(o.Name) == v.Property })
		if value, given := values[v.Property]; given && !set {
			env = append(env, corev1.EnvVar{Name: v.Name, Value: value})
		}
	}
	return env
}

// valuesOf are the values that Kohort gives to the properties.
func valuesOf(in Input) map[v1alpha1.Property]string {
	membership := &in.Group.Spec.Membership
	values := map[v1alpha1.Property]string{
		v1alpha1.PropertyBootstrapServers: strings.Join(in.BootstrapServers, ","),
		v1alpha1.PropertyGroupID:          in.Group.GroupID(),
		v1alpha1.PropertyGroupInstanceID:  in.InstanceID,
	}
	if membership.Consumer() {
		// Clients refuse the timeouts beside it: the broker has them, for the whole group.
		values[v1alpha1.PropertyGroupProtocol] = "consumer"
	} else {
		values[v1alpha1.PropertySessionTimeout] = strconv.FormatInt(in.Session.Milliseconds(), 10)
		values[v1alpha1.PropertyHeartbeatInterval] = strconv.FormatInt(membership.Heartbeat().Milliseconds(), 10)
	}
	return values
}

// sessionOf is the session timeout that a container's consumers are given, which the
// template may have set itself.
func sessionOf(in Input, container string) time.Duration {
	c := find(in.Template.Spec.Containers, container)
	if c == nil {
		return in.Session
	}
	preset := presetOf(in.Consumer)
	for _, v := range c.Env {
		if ms, err := strconv.ParseInt(v.Value, 10, 64); err == nil && ms > 0 && preset.property(v.Name) == v1alpha1.PropertySessionTimeout {
			return time.Duration(ms) * time.Millisecond
		}
	}
	return in.Session
}
