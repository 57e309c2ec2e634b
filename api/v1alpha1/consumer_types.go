package v1alpha1

// Consumer says which container consumes and how it is configured.
//
// +kubebuilder:validation:XValidation:rule="has(self.variables) == (has(self.inject) && self.inject == 'Custom')",message="consumer.variables goes with consumer.inject Custom, and Custom needs it"
type Consumer struct {
	// container is the name of the container that consumes: identity is
	// injected there, and its end is the end of the consumer. Default: the
	// first of the template.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container,omitempty"`
	// consumersPerPod is how many consumers of the group the program runs in each
	// pod, as with concurrency: 3 in Spring. Each is a member of its own: it appends
	// -0, -1 and so on to the instance id that the pod is given (Kafka Streams, whose
	// num.stream.threads it is: -1, -2 and so on). It cannot be changed. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	ConsumersPerPod *int32 `json:"consumersPerPod,omitempty"`
	// inject says by which variables the program is told its brokers, group,
	// instance id and timeouts. Env: KAFKA_GROUP_ID, KAFKA_GROUP_INSTANCE_ID and so
	// on, which it has to use. SpringBoot, Quarkus: those of the framework, which uses
	// them by itself. KafkaStreams: as Env, with KAFKA_APPLICATION_ID for the group.
	// Custom: those of variables. A change is a new revision. Default: Env.
	// +optional
	// +kubebuilder:validation:Enum=Env;SpringBoot;Quarkus;KafkaStreams;Custom
	Inject Inject `json:"inject,omitempty"`
	// variables are what inject Custom sets, each with the value of a property. One
	// has to carry group.id, and one group.instance.id.
	// +optional
	// +kubebuilder:validation:MinItems=2
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.exists(v, v.property == 'group.id') && self.exists(v, v.property == 'group.instance.id')",message="consumer.variables must have one variable for group.id and one for group.instance.id: without them the program is in no group that Kohort knows"
	// +listType=map
	// +listMapKey=name
	Variables []Variable `json:"variables,omitempty"`
	// propertiesFile is where the consumer's container finds the properties as a file
	// in the format of Java, for a client that reads files: an absolute path, as in
	// /etc/kohort/consumer.properties. Its folder is a volume of its own, which hides
	// what the image has there. The variables are set as well. A change is a new
	// revision. Default: no file.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*){2,}$`
	PropertiesFile string `json:"propertiesFile,omitempty"`
}

// Inject is by which variables a program is told who it is.
type Inject string

// The presets.
const (
	InjectEnv          Inject = "Env"
	InjectSpringBoot   Inject = "SpringBoot"
	InjectQuarkus      Inject = "Quarkus"
	InjectKafkaStreams Inject = "KafkaStreams"
	InjectCustom       Inject = "Custom"
)

// Variable carries a property of the consumer into its container.
type Variable struct {
	// name of the variable. Names that begin with KOHORT_ are Kohort's own.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[A-Za-z_.-][A-Za-z0-9_.-]*$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('KOHORT_')",message="names of variables that begin with KOHORT_ are Kohort's own"
	Name string `json:"name"`
	// property whose value it has, by Kafka's name. One that Kohort does not set with the
	// membership's protocol is left out.
	// +kubebuilder:validation:Enum=bootstrap.servers;group.id;group.instance.id;session.timeout.ms;heartbeat.interval.ms;group.protocol
	Property Property `json:"property"`
}

// Property of a consumer that Kohort sets, by Kafka's name.
type Property string

// What Kohort sets.
const (
	PropertyBootstrapServers  Property = "bootstrap.servers"
	PropertyGroupID           Property = "group.id"
	PropertyGroupInstanceID   Property = "group.instance.id"
	PropertySessionTimeout    Property = "session.timeout.ms"
	PropertyHeartbeatInterval Property = "heartbeat.interval.ms"
	PropertyGroupProtocol     Property = "group.protocol"
)
