package v1alpha1_test

// identity is the least that consumer.variables must have.
const identity = `[{name: GROUP, property: group.id}, {name: ID, property: group.instance.id}]`

// custom is base with variables in it.
func custom(variables string) string {
	return `{spec: {consumer: {inject: Custom, variables: ` + variables + `}}}`
}

// with are the variables of identity, and one more.
func with(variable string) string {
	return custom(identity[:len(identity)-1] + ", " + variable + "]")
}

var consumerRules = []ruleCase{
	{
		rule: "spec rule: membership.protocol must be Classic with consumer.inject KafkaStreams: Kafka Streams does not use the other one",
		pass: `{spec: {consumer: {inject: KafkaStreams}, membership: {protocol: Classic}}}`,
		fail: `{spec: {consumer: {inject: KafkaStreams}, membership: {protocol: Consumer, heartbeatSeconds: 5}}}`,
		want: "spec: Invalid value: membership.protocol must be Classic with consumer.inject KafkaStreams",
	}, {
		rule: "spec.consumer rule: consumer.variables goes with consumer.inject Custom, and Custom needs it",
		pass: custom(identity), fail: `{spec: {consumer: {variables: ` + identity + `}}}`,
		want: "spec.consumer: Invalid value: consumer.variables goes with consumer.inject Custom",
	}, {
		rule: "spec.consumer rule: consumer.variables goes with consumer.inject Custom, and Custom needs it",
		pass: `{spec: {consumer: {inject: Quarkus}}}`, fail: `{spec: {consumer: {inject: Custom}}}`,
		want: "spec.consumer: Invalid value: consumer.variables goes with consumer.inject Custom",
	}, {
		rule: "spec.consumer.variables rule: " + variablesNeed,
		pass: with(`{name: SERVERS, property: bootstrap.servers}`),
		fail: custom(`[{name: GROUP, property: group.id}, {name: SERVERS, property: bootstrap.servers}]`),
		want: "spec.consumer.variables: Invalid value: consumer.variables must have one variable for group.id",
	}, {
		rule: "spec.consumer.variables rule: " + variablesNeed,
		pass: with(`{name: ALSO, property: group.id}`),
		fail: custom(`[{name: ID, property: group.instance.id}, {name: ALSO, property: group.instance.id}]`),
		want: "spec.consumer.variables: Invalid value: consumer.variables must have one variable for group.id",
	}, {
		rule: "spec.consumer.variables minItems", pass: custom(identity), fail: custom(`[{name: GROUP, property: group.id}]`),
		want: "spec.consumer.variables: Invalid value: 1: spec.consumer.variables in body should have at least 2 items",
	}, {
		rule: "spec.consumer.variables maxItems",
		pass: custom(identity[:len(identity)-1] + ", " + list(18, "{name: S%d, property: bootstrap.servers}")[1:]),
		fail: custom(identity[:len(identity)-1] + ", " + list(19, "{name: S%d, property: bootstrap.servers}")[1:]),
		want: "spec.consumer.variables: Too many: 21: must have at most 20 items",
	}, {
		rule: "spec.consumer.variables map", pass: custom(identity), fail: with(`{name: ID, property: group.id}`),
		want: `spec.consumer.variables[2]: Duplicate value: {"name":"ID"}`,
	}, {
		rule: "spec.consumer.variables[] required name", pass: custom(identity), fail: with(`{property: group.id}`),
		want: "spec.consumer.variables[2].name: Required value",
	}, {
		rule: "spec.consumer.variables[] required property", pass: custom(identity), fail: with(`{name: A}`),
		want: "spec.consumer.variables[2].property: Required value",
	}, {
		rule: "spec.consumer.variables[].name rule: names of variables that begin with KOHORT_ are Kohort's own",
		pass: with(`{name: MY_KOHORT_ID, property: group.id}`), fail: with(`{name: KOHORT_ID, property: group.id}`),
		want: `spec.consumer.variables[2].name: Invalid value: "KOHORT_ID": names of variables that begin with KOHORT_`,
	}, {
		rule: "spec.consumer.variables[].name minLength",
		pass: with(`{name: A, property: group.id}`), fail: with(`{name: "", property: group.id}`),
		want: `spec.consumer.variables[2].name: Invalid value: "": spec.consumer.variables[2].name in body should be at least 1 chars long`,
	}, {
		rule: "spec.consumer.variables[].name maxLength",
		pass: with(`{name: ` + text(200) + `, property: group.id}`), fail: with(`{name: ` + text(201) + `, property: group.id}`),
		want: "spec.consumer.variables[2].name: Too long: may not be more than 200 bytes",
	}, {
		rule: "spec.consumer.variables[].name pattern",
		pass: with(`{name: kafka.group-id_2, property: group.id}`), fail: with(`{name: 2ND, property: group.id}`),
		want: `spec.consumer.variables[2].name: Invalid value: "2ND": spec.consumer.variables[2].name in body should match`,
	}, {
		rule: "spec.consumer.variables[].property enum",
		pass: with(`{name: A, property: session.timeout.ms}`), fail: with(`{name: A, property: client.id}`),
		want: `spec.consumer.variables[2].property: Unsupported value: "client.id": supported values: "bootstrap.servers", "group.id", "group.instance.id", "session.timeout.ms", "heartbeat.interval.ms", "group.protocol"`,
	}, {
		rule: "spec.consumer.propertiesFile maxLength",
		pass: `{spec: {consumer: {propertiesFile: "/a/` + text(509) + `"}}}`,
		fail: `{spec: {consumer: {propertiesFile: "/a/` + text(510) + `"}}}`,
		want: "spec.consumer.propertiesFile: Too long: may not be more than 512 bytes",
	}, {
		rule: "spec.consumer.propertiesFile pattern",
		pass: `{spec: {consumer: {propertiesFile: /etc/kohort/consumer.properties}}}`,
		fail: `{spec: {consumer: {propertiesFile: /consumer.properties}}}`,
		want: `spec.consumer.propertiesFile: Invalid value: "/consumer.properties": spec.consumer.propertiesFile in body should match`,
	}, {
		rule: "spec.consumer.propertiesFile pattern",
		pass: `{spec: {consumer: {propertiesFile: /a/b}}}`, fail: `{spec: {consumer: {propertiesFile: /etc/../consumer.properties}}}`,
		want: `spec.consumer.propertiesFile: Invalid value: "/etc/../consumer.properties": spec.consumer.propertiesFile in body should match`,
	}, {
		rule: "spec.consumer.propertiesFile pattern",
		pass: `{spec: {consumer: {propertiesFile: /a/b}}}`, fail: `{spec: {consumer: {propertiesFile: etc/kohort/consumer.properties}}}`,
		want: `spec.consumer.propertiesFile: Invalid value: "etc/kohort/consumer.properties": spec.consumer.propertiesFile in body should match`,
	},
}

const variablesNeed = "consumer.variables must have one variable for group.id and one for group.instance.id: " +
	"without them the program is in no group that Kohort knows"
