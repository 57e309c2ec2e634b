package v1alpha1_test

import (
	"fmt"
	"slices"
)

const (
	perPodStays = "consumer.consumersPerPod cannot be changed, since every instance id would be another one: " +
		"delete the ConsumerGroup and create it anew (offsets are kept)"
	injectStays = "consumer.inject cannot be changed so, since every instance id would be another one " +
		"(SpringBoot appends -0 also to a pod's only one, KafkaStreams counts from -1): delete the ConsumerGroup and create it anew (offsets are kept)"
)

var groupRules = slices.Concat(
	[]ruleCase{
		{
			rule: "spec rule: " + perPodStays,
			pass: `{spec: {consumer: {consumersPerPod: 3, container: app}}}`, fail: `{spec: {consumer: {consumersPerPod: 2}}}`,
			old: `{spec: {consumer: {consumersPerPod: 3}}}`, want: "spec: Invalid value: consumer.consumersPerPod cannot be changed",
		}, {
			rule: "spec rule: " + perPodStays,
			pass: `{spec: {consumer: {consumersPerPod: 1}}}`, fail: `{spec: {consumer: {consumersPerPod: 2}}}`,
			old: `{}`, want: "spec: Invalid value: consumer.consumersPerPod cannot be changed",
		}, {
			rule: "spec rule: " + perPodStays,
			pass: `{spec: {consumer: {consumersPerPod: 3}}}`, fail: `{spec: {consumer: null}}`,
			old: `{spec: {consumer: {consumersPerPod: 3}}}`, want: "spec: Invalid value: consumer.consumersPerPod cannot be changed",
		}, {
			rule: "spec rule: " + injectStays,
			pass: `{spec: {consumer: {inject: Env}}}`, fail: `{spec: {consumer: {inject: SpringBoot}}}`,
			old: `{}`, want: "spec: Invalid value: consumer.inject cannot be changed",
		}, {
			rule: "spec rule: " + injectStays,
			pass: `{spec: {consumer: {inject: SpringBoot, consumersPerPod: 1}}}`, fail: `{spec: {consumer: null}}`,
			old: `{spec: {consumer: {inject: SpringBoot}}}`, want: "spec: Invalid value: consumer.inject cannot be changed",
		}, {
			rule: "spec rule: " + injectStays, // with several consumers the ids are the same ones
			pass: `{spec: {consumer: {inject: SpringBoot, consumersPerPod: 2}}}`,
			fail: `{spec: {consumer: {inject: SpringBoot, consumersPerPod: 1}}}`,
			old:  `{spec: {consumer: {consumersPerPod: 2}}}`, want: "spec: Invalid value: consumer.consumersPerPod cannot be changed",
		}, {
			rule: "spec rule: " + injectStays,
			pass: `{spec: {consumer: {inject: Quarkus}}}`, fail: `{spec: {consumer: {inject: KafkaStreams}}}`,
			old: `{}`, want: "spec: Invalid value: consumer.inject cannot be changed",
		}, {
			rule: "spec rule: " + injectStays,
			pass: `{spec: {consumer: {inject: KafkaStreams, container: app}}}`, fail: `{spec: {consumer: {inject: SpringBoot}}}`,
			old: `{spec: {consumer: {inject: KafkaStreams}}}`, want: "spec: Invalid value: consumer.inject cannot be changed",
		}, {
			rule: "spec rule: " + injectStays, // also with several consumers: it counts from 1
			pass: `{spec: {consumer: {inject: SpringBoot, consumersPerPod: 2}}}`,
			fail: `{spec: {consumer: {inject: KafkaStreams, consumersPerPod: 2}}}`,
			old:  `{spec: {consumer: {consumersPerPod: 2}}}`, want: "spec: Invalid value: consumer.inject cannot be changed",
		}, {
			rule: "spec rule: " + injectStays,
			pass: `{spec: {consumer: {inject: Custom, variables: ` + identity + `}}}`,
			fail: `{spec: {consumer: {inject: SpringBoot}}}`,
			old:  `{spec: {consumer: {inject: Quarkus}}}`, want: "spec: Invalid value: consumer.inject cannot be changed",
		}, {
			rule: "spec rule: membership.assignor cannot be set with consumer.inject KafkaStreams: Kafka Streams has an assignor of its own",
			pass: `{spec: {consumer: {inject: KafkaStreams}, membership: {heartbeatSeconds: 5}}}`,
			fail: `{spec: {consumer: {inject: KafkaStreams}, membership: {assignor: Range}}}`,
			want: "spec: Invalid value: membership.assignor cannot be set with consumer.inject KafkaStreams",
		}, {
			rule: "spec.consumer.inject enum",
			pass: `{spec: {consumer: {inject: SpringBoot}}}`, fail: `{spec: {consumer: {inject: Spring}}}`,
			want: `spec.consumer.inject: Unsupported value: "Spring": supported values: "Env", "SpringBoot", "Quarkus", "KafkaStreams", "Custom"`,
		}, {
			rule: " required spec", pass: `{}`, fail: `{spec: null}`, want: "spec: Required value",
		}, {
			rule: " rule: metadata.name must be at most 63 characters: it becomes a label of the pods",
			pass: `{metadata: {name: ` + text(63) + `}}`, fail: `{metadata: {name: ` + text(64) + `}}`,
			want: "<nil>: Invalid value: metadata.name must be at most 63 characters",
		}, {
			rule: "spec required kafka", pass: `{}`, fail: `{spec: {kafka: null}}`, want: "spec.kafka: Required value",
		}, {
			rule: "spec required template", pass: `{}`, fail: `{spec: {template: null}}`, want: "spec.template: Required value",
		}, {
			rule: "spec required topics", pass: `{}`, fail: `{spec: {topics: null}}`, want: "spec.topics: Required value",
		}, {
			rule: "spec rule: groupId cannot be changed: make a new ConsumerGroup",
			pass: `{spec: {paused: true}}`, fail: `{spec: {groupId: other}}`,
			old: `{}`, want: "spec: Invalid value: groupId cannot be changed",
		}, {
			rule: "spec rule: groupId cannot be changed: make a new ConsumerGroup",
			pass: `{spec: {groupId: null}}`, fail: `{spec: {groupId: orders}}`,
			old: `{spec: {groupId: null}}`, want: "spec: Invalid value: groupId cannot be changed",
		}, {
			rule: "spec rule: membership.instanceIdPrefix cannot be changed: every member would be a stranger to the group",
			pass: `{spec: {membership: {heartbeatSeconds: 5}}}`, fail: `{spec: {membership: {instanceIdPrefix: b}}}`,
			old:  `{spec: {membership: {instanceIdPrefix: a}}}`,
			want: "spec: Invalid value: membership.instanceIdPrefix cannot be changed",
		}, {
			rule: "spec rule: membership.instanceIdPrefix cannot be changed: every member would be a stranger to the group",
			pass: `{spec: {membership: {heartbeatSeconds: 5}}}`, fail: `{spec: {membership: {instanceIdPrefix: b}}}`,
			old:  `{}`,
			want: "spec: Invalid value: membership.instanceIdPrefix cannot be changed",
		}, {
			rule: "spec rule: membership.instanceIdPrefix cannot be changed: every member would be a stranger to the group",
			pass: `{}`, fail: `{spec: {membership: null}}`,
			old:  `{spec: {membership: {instanceIdPrefix: a}}}`,
			want: "spec: Invalid value: membership.instanceIdPrefix cannot be changed",
		}, {
			rule: "spec.consumer.container maxLength",
			pass: `{spec: {consumer: {container: ` + text(63) + `}}}`, fail: `{spec: {consumer: {container: ` + text(64) + `}}}`,
			want: "spec.consumer.container: Too long: may not be more than 63 bytes",
		}, {
			rule: "spec.groupId maxLength",
			pass: `{spec: {groupId: ` + text(255) + `}}`, fail: `{spec: {groupId: ` + text(256) + `}}`,
			want: "spec.groupId: Too long: may not be more than 255 bytes",
		}, {
			rule: "spec.groupId minLength", pass: `{spec: {groupId: a}}`, fail: `{spec: {groupId: ""}}`,
			want: `spec.groupId: Invalid value: "": spec.groupId in body should be at least 1 chars long`,
		}, {
			rule: "spec.kafka required clusterRef", pass: `{}`, fail: `{spec: {kafka: {clusterRef: null}}}`,
			want: "spec.kafka.clusterRef: Required value",
		}, {
			rule: "spec.kafka.clusterRef required name", pass: `{}`, fail: `{spec: {kafka: {clusterRef: {name: null}}}}`,
			want: "spec.kafka.clusterRef.name: Required value",
		}, {
			rule: "spec.kafka.clusterRef rule: kafka.clusterRef cannot be changed: make a new ConsumerGroup",
			pass: `{spec: {replicas: 3}}`, fail: `{spec: {kafka: {clusterRef: {name: test}}}}`,
			old: `{}`, want: "spec.kafka.clusterRef: Invalid value: kafka.clusterRef cannot be changed",
		}, {
			rule: "spec.kafka.clusterRef.name maxLength",
			pass: `{spec: {kafka: {clusterRef: {name: ` + text(253) + `}}}}`,
			fail: `{spec: {kafka: {clusterRef: {name: ` + text(254) + `}}}}`,
			want: "spec.kafka.clusterRef.name: Too long: may not be more than 253 bytes",
		}, {
			rule: "spec.kafka.clusterRef.name minLength", pass: `{}`, fail: `{spec: {kafka: {clusterRef: {name: ""}}}}`,
			want: `spec.kafka.clusterRef.name: Invalid value: "": spec.kafka.clusterRef.name in body should be at least 1 chars long`,
		}, {
			rule: "spec.topics maxItems",
			pass: `{spec: {topics: ` + list(100, "t%d") + `}}`, fail: `{spec: {topics: ` + list(101, "t%d") + `}}`,
			want: "spec.topics: Too many: 101: must have at most 100 items",
		}, {
			rule: "spec.topics minItems", pass: `{spec: {topics: [a]}}`, fail: `{spec: {topics: []}}`,
			want: "spec.topics: Invalid value: 0: spec.topics in body should have at least 1 items",
		}, {
			rule: "spec.topics set", pass: `{spec: {topics: [a, b]}}`, fail: `{spec: {topics: [a, a]}}`,
			want: `spec.topics[1]: Duplicate value: "a"`,
		}, {
			rule: "spec.topics[] maxLength",
			pass: `{spec: {topics: [` + text(249) + `]}}`, fail: `{spec: {topics: [` + text(250) + `]}}`,
			want: "spec.topics[0]: Too long: may not be more than 249 bytes",
		}, {
			rule: "spec.topics[] minLength", pass: `{spec: {topics: [a]}}`, fail: `{spec: {topics: [""]}}`,
			want: `spec.topics[0]: Invalid value: "": spec.topics[0] in body should be at least 1 chars long`,
		}, {
			rule: "spec.topics[] pattern", pass: `{spec: {topics: [a.B_c-9]}}`, fail: `{spec: {topics: [a b]}}`,
			want: `spec.topics[0]: Invalid value: "a b": spec.topics[0] in body should match '^[a-zA-Z0-9._-]+$'`,
		},
	},
	bounds("spec.replicas", 0, 1000),
	bounds("spec.consumer.consumersPerPod", 1, 100),
	consumerRules, membershipRules, rolloutRules, scalingRules, lagRules, canaryRules, gateRules, handoverRules,
)

var membershipRules = slices.Concat(
	[]ruleCase{
		{
			rule: "spec.membership rule: membership.heartbeatSeconds must be at most a third of the session timeout",
			pass: `{spec: {membership: {heartbeatSeconds: 15}}}`, fail: `{spec: {membership: {heartbeatSeconds: 16}}}`,
			want: "spec.membership: Invalid value: membership.heartbeatSeconds must be at most a third of the session timeout",
		}, {
			rule: "spec.membership rule: membership.heartbeatSeconds must be at most a third of the session timeout",
			pass: `{spec: {membership: {sessionTimeout: {minSeconds: 6}}}}`,
			fail: `{spec: {membership: {heartbeatSeconds: 3, sessionTimeout: {minSeconds: 8}}}}`,
			want: "spec.membership: Invalid value: membership.heartbeatSeconds must be at most a third of the session timeout",
		}, {
			rule: "spec.membership.activation enum",
			pass: `{spec: {membership: {activation: Process}}}`, fail: `{spec: {membership: {activation: process}}}`,
			want: `spec.membership.activation: Unsupported value: "process": supported values: "Sidecar", "Process"`,
		}, {
			rule: "spec.membership.assignor enum",
			pass: `{spec: {membership: {assignor: CooperativeSticky}}}`, fail: `{spec: {membership: {assignor: range}}}`,
			want: `spec.membership.assignor: Unsupported value: "range": supported values: "Range", "RoundRobin", "Sticky", "CooperativeSticky", "Uniform"`,
		}, {
			rule: "spec.membership.protocol enum",
			pass: `{spec: {membership: {protocol: Consumer}}}`, fail: `{spec: {membership: {protocol: consumer}}}`,
			want: `spec.membership.protocol: Unsupported value: "consumer": supported values: "Classic", "Consumer"`,
		}, {
			rule: "spec rule: membership.protocol cannot be changed: delete the ConsumerGroup and create it anew (offsets are kept)",
			old:  `{spec: {membership: {heartbeatSeconds: 5}}}`,
			pass: `{spec: {membership: {protocol: Classic}}}`, fail: `{spec: {membership: {protocol: Consumer}}}`,
			want: "spec: Invalid value: membership.protocol cannot be changed: delete the ConsumerGroup and create it anew (offsets are kept)",
		}, {
			rule: "spec.membership rule: membership.assignor must be Range or Uniform with protocol Consumer, and cannot be Uniform with Classic",
			pass: `{spec: {membership: {protocol: Consumer, assignor: Uniform}}}`, fail: `{spec: {membership: {assignor: Uniform}}}`,
			want: "spec.membership: Invalid value: membership.assignor must be Range or Uniform with protocol Consumer, and cannot be Uniform with Classic",
		}, {
			rule: "spec.membership rule: membership.assignor must be Range or Uniform with protocol Consumer, and cannot be Uniform with Classic",
			pass: `{spec: {membership: {protocol: Consumer, assignor: Range}}}`, fail: `{spec: {membership: {protocol: Consumer, assignor: Sticky}}}`,
			want: "spec.membership: Invalid value: membership.assignor must be Range or Uniform with protocol Consumer, and cannot be Uniform with Classic",
		}, {
			rule: "spec.membership rule: membership.heartbeatSeconds must be from 5 to 15 with protocol Consumer: brokers allow no other",
			pass: `{spec: {membership: {protocol: Consumer, heartbeatSeconds: 5}}}`, fail: `{spec: {membership: {protocol: Consumer, heartbeatSeconds: 4}}}`,
			want: "spec.membership: Invalid value: membership.heartbeatSeconds must be from 5 to 15 with protocol Consumer: brokers allow no other",
		}, {
			rule: "spec.membership rule: membership.sessionTimeout must be within 45 to 60 seconds with protocol Consumer: brokers allow no other",
			pass: `{spec: {membership: {protocol: Consumer, sessionTimeout: {minSeconds: 60}}}}`,
			fail: `{spec: {membership: {protocol: Consumer, sessionTimeout: {minSeconds: 61}}}}`,
			want: "spec.membership: Invalid value: membership.sessionTimeout must be within 45 to 60 seconds with protocol Consumer: brokers allow no other",
		}, {
			rule: "spec.membership rule: membership.sessionTimeout must be within 45 to 60 seconds with protocol Consumer: brokers allow no other",
			pass: `{spec: {membership: {protocol: Consumer, sessionTimeout: {maxSeconds: 50}}}}`,
			fail: `{spec: {membership: {protocol: Consumer, sessionTimeout: {maxSeconds: 61}}}}`,
			want: "spec.membership: Invalid value: membership.sessionTimeout must be within 45 to 60 seconds with protocol Consumer: brokers allow no other",
		}, {
			rule: "spec.membership.heartbeatSeconds minimum",
			pass: `{spec: {membership: {heartbeatSeconds: 1}}}`, fail: `{spec: {membership: {heartbeatSeconds: 0}}}`,
			want: "spec.membership.heartbeatSeconds: Invalid value: 0: spec.membership.heartbeatSeconds in body should be greater than or equal to 1",
		}, {
			rule: "spec.membership.heartbeatSeconds maximum",
			pass: `{spec: {membership: {heartbeatSeconds: 100, sessionTimeout: {minSeconds: 300}}}}`,
			fail: `{spec: {membership: {heartbeatSeconds: 101, sessionTimeout: {minSeconds: 303}}}}`,
			want: "spec.membership.heartbeatSeconds: Invalid value: 101: spec.membership.heartbeatSeconds in body should be less than or equal to 100",
		}, {
			rule: "spec.membership.instanceIdPrefix maxLength",
			pass: `{spec: {membership: {instanceIdPrefix: ` + text(200) + `}}}`,
			fail: `{spec: {membership: {instanceIdPrefix: ` + text(201) + `}}}`,
			want: "spec.membership.instanceIdPrefix: Too long: may not be more than 200 bytes",
		}, {
			rule: "spec.membership.instanceIdPrefix minLength",
			pass: `{spec: {membership: {instanceIdPrefix: a}}}`, fail: `{spec: {membership: {instanceIdPrefix: ""}}}`,
			want: `spec.membership.instanceIdPrefix: Invalid value: "": spec.membership.instanceIdPrefix in body should be at least 1 chars long`,
		}, {
			rule: "spec.membership.instanceIdPrefix pattern",
			pass: `{spec: {membership: {instanceIdPrefix: a.B_c-9}}}`, fail: `{spec: {membership: {instanceIdPrefix: a/b}}}`,
			want: `spec.membership.instanceIdPrefix: Invalid value: "a/b": spec.membership.instanceIdPrefix in body should match`,
		}, {
			rule: "spec.membership.lostNode enum",
			pass: `{spec: {membership: {lostNode: Wait}}}`, fail: `{spec: {membership: {lostNode: Ignore}}}`,
			want: `spec.membership.lostNode: Unsupported value: "Ignore": supported values: "Replace", "Wait"`,
		}, {
			rule: "spec.membership.sessionTimeout rule: membership.sessionTimeout.minSeconds (default 45) must not be above maxSeconds",
			pass: `{spec: {membership: {sessionTimeout: {minSeconds: 90, maxSeconds: 90}}}}`,
			fail: `{spec: {membership: {sessionTimeout: {maxSeconds: 44}}}}`,
			want: "spec.membership.sessionTimeout: Invalid value: membership.sessionTimeout.minSeconds (default 45) must not be above maxSeconds",
		}, {
			rule: "spec.membership.sessionTimeout.maxSeconds minimum",
			pass: `{spec: {membership: {heartbeatSeconds: 1, sessionTimeout: {minSeconds: 6, maxSeconds: 6}}}}`,
			fail: `{spec: {membership: {heartbeatSeconds: 1, sessionTimeout: {minSeconds: 6, maxSeconds: 5}}}}`,
			want: "spec.membership.sessionTimeout.maxSeconds: Invalid value: 5: spec.membership.sessionTimeout.maxSeconds in body should be greater than or equal to 6",
		}, {
			rule: "spec.membership.sessionTimeout.maxSeconds maximum",
			pass: `{spec: {membership: {sessionTimeout: {maxSeconds: 1800}}}}`,
			fail: `{spec: {membership: {sessionTimeout: {maxSeconds: 1801}}}}`,
			want: "spec.membership.sessionTimeout.maxSeconds: Invalid value: 1801: spec.membership.sessionTimeout.maxSeconds in body should be less than or equal to 1800",
		}, {
			rule: "spec.membership.sessionTimeout.minSeconds minimum",
			pass: `{spec: {membership: {heartbeatSeconds: 1, sessionTimeout: {minSeconds: 6}}}}`,
			fail: `{spec: {membership: {heartbeatSeconds: 1, sessionTimeout: {minSeconds: 5}}}}`,
			want: "spec.membership.sessionTimeout.minSeconds: Invalid value: 5: spec.membership.sessionTimeout.minSeconds in body should be greater than or equal to 6",
		}, {
			rule: "spec.membership.sessionTimeout.minSeconds maximum",
			pass: `{spec: {membership: {sessionTimeout: {minSeconds: 1800}}}}`,
			fail: `{spec: {membership: {sessionTimeout: {minSeconds: 1801}}}}`,
			want: "spec.membership.sessionTimeout.minSeconds: Invalid value: 1801: spec.membership.sessionTimeout.minSeconds in body should be less than or equal to 1800",
		},
	},
)

var rolloutRules = slices.Concat(
	[]ruleCase{
		{
			rule: "spec.rollout rule: rollout.gate.settledSeconds must be less than rollout.progressDeadlineSeconds, or no slot can pass the gate in time",
			pass: `{spec: {rollout: {progressDeadlineSeconds: 21}}}`, fail: `{spec: {rollout: {progressDeadlineSeconds: 20}}}`,
			want: "spec.rollout: Invalid value: rollout.gate.settledSeconds must be less than rollout.progressDeadlineSeconds",
		}, {
			rule: "spec.rollout.gate.settledSeconds minimum",
			pass: `{spec: {rollout: {gate: {settledSeconds: 1}}}}`, fail: `{spec: {rollout: {gate: {settledSeconds: 0}}}}`,
			want: "spec.rollout.gate.settledSeconds: Invalid value: 0: spec.rollout.gate.settledSeconds in body should be greater than or equal to 1",
		}, {
			rule: "spec.rollout.gate.settledSeconds maximum",
			pass: `{spec: {rollout: {progressDeadlineSeconds: 7200, gate: {settledSeconds: 540}}}}`,
			fail: `{spec: {rollout: {progressDeadlineSeconds: 7200, gate: {settledSeconds: 541}}}}`,
			want: "spec.rollout.gate.settledSeconds: Invalid value: 541: spec.rollout.gate.settledSeconds in body should be less than or equal to 540",
		}, {
			rule: "spec.rollout.onFailure enum",
			pass: `{spec: {rollout: {onFailure: Pause}}}`, fail: `{spec: {rollout: {onFailure: Continue}}}`,
			want: `spec.rollout.onFailure: Unsupported value: "Continue": supported values: "Rollback", "Pause"`,
		}, {
			rule: "spec.rollout.progressDeadlineSeconds minimum",
			pass: `{spec: {rollout: {progressDeadlineSeconds: 5, gate: {settledSeconds: 1}}}}`,
			fail: `{spec: {rollout: {progressDeadlineSeconds: 4, gate: {settledSeconds: 1}}}}`,
			want: "spec.rollout.progressDeadlineSeconds: Invalid value: 4: spec.rollout.progressDeadlineSeconds in body should be greater than or equal to 5",
		}, {
			rule: "spec.rollout.progressDeadlineSeconds maximum",
			pass: `{spec: {rollout: {progressDeadlineSeconds: 86400}}}`,
			fail: `{spec: {rollout: {progressDeadlineSeconds: 86401}}}`,
			want: "spec.rollout.progressDeadlineSeconds: Invalid value: 86401: spec.rollout.progressDeadlineSeconds in body should be less than or equal to 86400",
		}, {
			rule: "spec.rollout rule: rollout.blueGreen needs rollout.strategy BlueGreen",
			pass: `{spec: {rollout: {strategy: BlueGreen, blueGreen: {keepBlueSeconds: 0}}}}`,
			fail: `{spec: {rollout: {strategy: Rolling, blueGreen: {keepBlueSeconds: 0}}}}`,
			want: "spec.rollout: Invalid value: rollout.blueGreen needs rollout.strategy BlueGreen",
		}, {
			rule: "spec.rollout rule: rollout.warm cannot be Never with rollout.strategy BlueGreen, which waits for warm successors: set Auto or Always",
			pass: `{spec: {rollout: {strategy: BlueGreen, warm: Always}}}`, fail: `{spec: {rollout: {strategy: BlueGreen, warm: Never}}}`,
			want: "spec.rollout: Invalid value: rollout.warm cannot be Never with rollout.strategy BlueGreen",
		}, {
			rule: "spec.rollout.strategy enum",
			pass: `{spec: {rollout: {strategy: Rolling}}}`, fail: `{spec: {rollout: {strategy: Sideways}}}`,
			want: `spec.rollout.strategy: Unsupported value: "Sideways": supported values: "Rolling", "BlueGreen", "Canary", "Recreate"`,
		}, {
			rule: "spec.rollout.order enum",
			pass: `{spec: {rollout: {order: Zone}}}`, fail: `{spec: {rollout: {order: Rack}}}`,
			want: `spec.rollout.order: Unsupported value: "Rack": supported values: "Ordinal", "Node", "Zone"`,
		}, {
			rule: "spec.rollout.blueGreen.keepBlueSeconds minimum",
			pass: `{spec: {rollout: {strategy: BlueGreen, blueGreen: {keepBlueSeconds: 0}}}}`,
			fail: `{spec: {rollout: {strategy: BlueGreen, blueGreen: {keepBlueSeconds: -1}}}}`,
			want: "spec.rollout.blueGreen.keepBlueSeconds: Invalid value: -1: spec.rollout.blueGreen.keepBlueSeconds in body should be greater than or equal to 0",
		}, {
			rule: "spec.rollout.blueGreen.keepBlueSeconds maximum",
			pass: `{spec: {rollout: {strategy: BlueGreen, blueGreen: {keepBlueSeconds: 86400}}}}`,
			fail: `{spec: {rollout: {strategy: BlueGreen, blueGreen: {keepBlueSeconds: 86401}}}}`,
			want: "spec.rollout.blueGreen.keepBlueSeconds: Invalid value: 86401: spec.rollout.blueGreen.keepBlueSeconds in body should be less than or equal to 86400",
		}, {
			rule: "spec.rollout.warm enum",
			pass: `{spec: {rollout: {warm: Never}}}`, fail: `{spec: {rollout: {warm: Cold}}}`,
			want: `spec.rollout.warm: Unsupported value: "Cold": supported values: "Auto", "Always", "Never"`,
		},
	},
	bounds("spec.rollout.maxUnavailable", 1, 1000),
)

// scaled is base with scaling in it.
const scaled = `maxReplicas: 3, targets: {lagPerReplica: 10}`

var scalingRules = slices.Concat(
	[]ruleCase{
		{
			rule: "spec.scaling required maxReplicas",
			pass: `{spec: {scaling: {` + scaled + `}}}`, fail: `{spec: {scaling: {targets: {lagPerReplica: 10}}}}`,
			want: "spec.scaling.maxReplicas: Required value",
		}, {
			rule: "spec.scaling required targets",
			pass: `{spec: {scaling: {` + scaled + `}}}`, fail: `{spec: {scaling: {maxReplicas: 3}}}`,
			want: "spec.scaling.targets: Required value",
		}, {
			rule: "spec.scaling rule: minReplicas must not be above maxReplicas",
			pass: `{spec: {scaling: {minReplicas: 3, ` + scaled + `}}}`,
			fail: `{spec: {scaling: {minReplicas: 4, ` + scaled + `}}}`,
			want: "spec.scaling: Invalid value: minReplicas must not be above maxReplicas",
		}, {
			rule: "spec.scaling.targets required lagPerReplica",
			pass: `{spec: {scaling: {` + scaled + `}}}`, fail: `{spec: {scaling: {maxReplicas: 3, targets: {}}}}`,
			want: "spec.scaling.targets.lagPerReplica: Required value",
		}, {
			rule: "spec.scaling.targets.lagPerReplica minimum",
			pass: `{spec: {scaling: {maxReplicas: 3, targets: {lagPerReplica: 1}}}}`,
			fail: `{spec: {scaling: {maxReplicas: 3, targets: {lagPerReplica: 0}}}}`,
			want: "spec.scaling.targets.lagPerReplica: Invalid value: 0: spec.scaling.targets.lagPerReplica in body should be greater than or equal to 1",
		},
	},
	scalingBounds("minReplicas: %d, maxReplicas: 1000", "spec.scaling.minReplicas", 1, 1000),
	scalingBounds("maxReplicas: %d", "spec.scaling.maxReplicas", 1, 1000),
	scalingBounds("maxReplicas: 1, behavior: {scaleUp: {stabilizationWindowSeconds: %d}}",
		"spec.scaling.behavior.scaleUp.stabilizationWindowSeconds", 0, 3600),
	scalingBounds("maxReplicas: 1, behavior: {scaleDown: {stabilizationWindowSeconds: %d}}",
		"spec.scaling.behavior.scaleDown.stabilizationWindowSeconds", 0, 3600),
)

// scalingBounds are bounds of a field of scaling, which needs others beside it.
func scalingBounds(format, path string, least, most int) []ruleCase {
	cases := bounds(path, least, most)
	at := func(n int) string {
		return "{spec: {scaling: {targets: {lagPerReplica: 1}, " + fmt.Sprintf(format, n) + "}}}"
	}
	cases[0].pass, cases[0].fail = at(least), at(least-1)
	cases[1].pass, cases[1].fail = at(most), at(most+1)
	return cases
}
