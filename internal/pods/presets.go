package pods

import (
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// property of a consumer that Kohort sets, by Kafka's name.
type property string

const (
	bootstrapServers  property = "bootstrap.servers"
	groupID           property = "group.id"
	groupInstanceID   property = "group.instance.id"
	sessionTimeout    property = "session.timeout.ms"
	heartbeatInterval property = "heartbeat.interval.ms"
	groupProtocol     property = "group.protocol"
)

// variable carries a property into the consumer's container.
type variable struct {
	name string
	property
}

// preset says how the programs of one kind are told who they are.
type preset struct {
	// numbered: they append a number to the instance id also where there is only one
	// consumer in a pod.
	numbered bool
	// variables in the order in which they are set.
	variables []variable
}

var presets = map[v1alpha1.Inject]preset{
	v1alpha1.InjectEnv: {
		variables: []variable{
			{v1alpha1.EnvBootstrapServers, bootstrapServers},
			{v1alpha1.EnvGroupID, groupID},
			{v1alpha1.EnvGroupInstanceID, groupInstanceID},
			{v1alpha1.EnvSessionTimeoutMS, sessionTimeout},
			{v1alpha1.EnvHeartbeatInterval, heartbeatInterval},
			{v1alpha1.EnvGroupProtocol, groupProtocol},
		},
	},
	// spring-kafka appends -0, -1 and so on to the instance id, one per thread of a
	// listener, since 2.3.8, 2.4.6 and 2.5.0
	// (ConcurrentMessageListenerContainer.configureChildContainer). What is set twice
	// may be set by the program in either form, of which the second wins.
	v1alpha1.InjectSpringBoot: {
		numbered: true,
		variables: []variable{
			{"SPRING_KAFKA_BOOTSTRAP_SERVERS", bootstrapServers},
			{"SPRING_KAFKA_CONSUMER_BOOTSTRAP_SERVERS", bootstrapServers},
			{"SPRING_KAFKA_CONSUMER_GROUP_ID", groupID},
			{"SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_ID", groupID},
			{"SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_INSTANCE_ID", groupInstanceID},
			{"SPRING_KAFKA_CONSUMER_PROPERTIES_SESSION_TIMEOUT_MS", sessionTimeout},
			{"SPRING_KAFKA_CONSUMER_PROPERTIES_HEARTBEAT_INTERVAL_MS", heartbeatInterval},
			{"SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_PROTOCOL", groupProtocol},
		},
	},
}

// Numbered says whether the clients of a preset append a number to the instance id
// also where there is one consumer in a pod.
func Numbered(inject v1alpha1.Inject) bool { return presets[inject].numbered }

// property that a variable carries; "" if none.
func (p preset) property(name string) property {
	for _, v := range p.variables {
		if v.name == name {
			return v.property
		}
	}
	return ""
}

// identity is a preset's variables, less those of properties that the template sets
// by one of them. They come before the template's own variables, so that those can
// refer to them as in $(KAFKA_GROUP_ID).
func identity(in Input, own []corev1.EnvVar) []corev1.EnvVar {
	membership := &in.Group.Spec.Membership
	values := map[property]string{
		bootstrapServers: strings.Join(in.BootstrapServers, ","),
		groupID:          in.Group.GroupID(),
		groupInstanceID:  in.InstanceID,
	}
	if membership.Consumer() {
		// Clients refuse the timeouts beside it: the broker has them, for the whole group.
		values[groupProtocol] = "consumer"
	} else {
		values[sessionTimeout] = strconv.FormatInt(in.Session.Milliseconds(), 10)
		values[heartbeatInterval] = strconv.FormatInt(membership.Heartbeat().Milliseconds(), 10)
	}
	preset := presets[in.Consumer.Preset()]
	var env []corev1.EnvVar
	for _, v := range preset.variables {
		set := slices.ContainsFunc(own, func(o corev1.EnvVar) bool { return preset.property(o.Name) == v.property })
		if value, given := values[v.property]; given && !set {
			env = append(env, corev1.EnvVar{Name: v.name, Value: value})
		}
	}
	return env
}

// sessionOf is the session timeout that a container's consumers are given, which the
// template may have set itself.
func sessionOf(in Input, container string) time.Duration {
	c := find(in.Template.Spec.Containers, container)
	if c == nil {
		return in.Session
	}
	preset := presets[in.Consumer.Preset()]
	for _, v := range c.Env {
		if ms, err := strconv.ParseInt(v.Value, 10, 64); err == nil && ms > 0 && preset.property(v.Name) == sessionTimeout {
			return time.Duration(ms) * time.Millisecond
		}
	}
	return in.Session
}
