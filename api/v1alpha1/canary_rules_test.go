package v1alpha1_test

import "fmt"

// canaryOf is a rollout by Canary with some steps.
func canaryOf(steps string) string {
	return `{spec: {rollout: {strategy: Canary, canary: {steps: ` + steps + `}}}}`
}

const (
	canaryRule = "rollout.strategy Canary needs rollout.canary, which says in which steps; no other one has it"
	stepsPath  = "spec.rollout.canary.steps"
)

var canaryRules = []ruleCase{
	{
		rule: "spec.rollout rule: rollout.warm cannot be Always with rollout.strategy Recreate, whose pods stop first: leave it out",
		pass: `{spec: {rollout: {strategy: Recreate}}}`,
		fail: `{spec: {rollout: {strategy: Recreate, warm: Always}}}`,
		want: "spec.rollout: Invalid value: rollout.warm cannot be Always with rollout.strategy Recreate",
	},
	{
		rule: "spec.rollout rule: rollout.warm cannot be Never with rollout.strategy BlueGreen, which waits for warm successors: set Auto or Always",
		pass: `{spec: {rollout: {warm: Never, strategy: Canary, canary: {then: Rolling, steps: [{slots: 1}]}}}}`,
		fail: `{spec: {rollout: {warm: Never, strategy: Canary, canary: {then: BlueGreen, steps: [{slots: 1}]}}}}`,
		want: "spec.rollout: Invalid value: rollout.warm cannot be Never with rollout.strategy BlueGreen",
	},
	{
		rule: "spec.rollout rule: " + canaryRule,
		pass: canaryOf(`[{slots: 1}]`), fail: `{spec: {rollout: {strategy: Canary}}}`, want: "spec.rollout: Invalid value: " + canaryRule,
	}, {
		rule: "spec.rollout rule: " + canaryRule,
		pass: canaryOf(`[{slots: 1}]`), fail: `{spec: {rollout: {canary: {steps: [{slots: 1}]}}}}`, want: "spec.rollout: Invalid value: " + canaryRule,
	}, {
		rule: "spec.rollout.canary required steps",
		pass: canaryOf(`[{slots: 1}]`), fail: `{spec: {rollout: {strategy: Canary, canary: {}}}}`, want: stepsPath + ": Required value",
	}, {
		rule: stepsPath + " minItems", pass: canaryOf(`[{slots: 1}]`), fail: canaryOf(`[]`),
		want: stepsPath + ": Invalid value: 0: " + stepsPath + " in body should have at least 1 items",
	}, {
		rule: stepsPath + " maxItems", pass: canaryOf(list(20, "{slots: 1%d}")), fail: canaryOf(list(21, "{slots: 1%d}")),
		want: stepsPath + ": Too many: 21: must have at most 20 items",
	}, {
		rule: "spec.rollout.canary.then enum",
		pass: `{spec: {rollout: {strategy: Canary, canary: {then: BlueGreen, steps: [{slots: 1}]}}}}`,
		fail: `{spec: {rollout: {strategy: Canary, canary: {then: Canary, steps: [{slots: 1}]}}}}`,
		want: `spec.rollout.canary.then: Unsupported value: "Canary": supported values: "Rolling", "BlueGreen"`,
	}, {
		rule: stepsPath + "[] rule: a step names either slots, sharePercent or partitions",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "0-3,5"}]}]`), fail: canaryOf(`[{slots: 1, partitions: [{topic: a, partitions: "0"}]}]`),
		want: stepsPath + "[0]: Invalid value: a step names either slots, sharePercent or partitions",
	}, {
		rule: stepsPath + "[] rule: a step names either slots, sharePercent or partitions",
		pass: canaryOf(`[{slots: 1, pause: {}}]`), fail: canaryOf(`[{pause: {}}]`),
		want: stepsPath + "[0]: Invalid value: a step names either slots, sharePercent or partitions",
	}, {
		rule: stepsPath + "[].slots minimum", pass: canaryOf(`[{slots: 1}]`), fail: canaryOf(`[{slots: 0}]`),
		want: stepsPath + "[0].slots: Invalid value: 0: " + stepsPath + "[0].slots in body should be greater than or equal to 1",
	}, {
		rule: stepsPath + "[].slots maximum", pass: canaryOf(`[{slots: 1000}]`), fail: canaryOf(`[{slots: 1001}]`),
		want: stepsPath + "[0].slots: Invalid value: 1001: " + stepsPath + "[0].slots in body should be less than or equal to 1000",
	}, {
		rule: stepsPath + "[] rule: a step names either slots, sharePercent or partitions",
		pass: canaryOf(`[{sharePercent: 20}]`), fail: canaryOf(`[{slots: 1, sharePercent: 20}]`),
		want: stepsPath + "[0]: Invalid value: a step names either slots, sharePercent or partitions",
	}, {
		rule: stepsPath + "[].sharePercent minimum", pass: canaryOf(`[{sharePercent: 1}]`), fail: canaryOf(`[{sharePercent: 0}]`),
		want: stepsPath + "[0].sharePercent: Invalid value: 0: " + stepsPath + "[0].sharePercent in body should be greater than or equal to 1",
	}, {
		rule: stepsPath + "[].sharePercent maximum", pass: canaryOf(`[{sharePercent: 100}]`), fail: canaryOf(`[{sharePercent: 101}]`),
		want: stepsPath + "[0].sharePercent: Invalid value: 101: " + stepsPath + "[0].sharePercent in body should be less than or equal to 100",
	}, {
		rule: stepsPath + "[].pause rule: a pause lasts either seconds or records",
		pass: canaryOf(`[{slots: 1, pause: {records: 5}}]`), fail: canaryOf(`[{slots: 1, pause: {seconds: 1, records: 5}}]`),
		want: stepsPath + "[0].pause: Invalid value: a pause lasts either seconds or records",
	}, {
		rule: stepsPath + "[].pause.records minimum", pass: canaryOf(`[{slots: 1, pause: {records: 1}}]`), fail: canaryOf(`[{slots: 1, pause: {records: 0}}]`),
		want: stepsPath + "[0].pause.records: Invalid value: 0: " + stepsPath + "[0].pause.records in body should be greater than or equal to 1",
	}, {
		rule: stepsPath + "[].pause.records maximum", pass: canaryOf(`[{slots: 1, pause: {records: 1000000000000}}]`), fail: canaryOf(`[{slots: 1, pause: {records: 1000000000001}}]`),
		want: stepsPath + "[0].pause.records: Invalid value: 1000000000001: " + stepsPath + "[0].pause.records in body should be less than or equal to 1000000000000",
	}, {
		rule: "spec.rollout.canary.onPartitionsChange enum",
		pass: `{spec: {rollout: {strategy: Canary, canary: {onPartitionsChange: Rollback, steps: [{slots: 1}]}}}}`,
		fail: `{spec: {rollout: {strategy: Canary, canary: {onPartitionsChange: Ignore, steps: [{slots: 1}]}}}}`,
		want: `spec.rollout.canary.onPartitionsChange: Unsupported value: "Ignore": supported values: "Pause", "Rollback"`,
	}, {
		rule: stepsPath + "[].pause.seconds minimum", pass: canaryOf(`[{slots: 1, pause: {seconds: 1}}]`), fail: canaryOf(`[{slots: 1, pause: {seconds: 0}}]`),
		want: stepsPath + "[0].pause.seconds: Invalid value: 0: " + stepsPath + "[0].pause.seconds in body should be greater than or equal to 1",
	}, {
		rule: stepsPath + "[].pause.seconds maximum", pass: canaryOf(`[{slots: 1, pause: {seconds: 604800}}]`), fail: canaryOf(`[{slots: 1, pause: {seconds: 604801}}]`),
		want: stepsPath + "[0].pause.seconds: Invalid value: 604801: " + stepsPath + "[0].pause.seconds in body should be less than or equal to 604800",
	}, {
		rule: stepsPath + "[].partitions minItems",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "0"}]}]`), fail: canaryOf(`[{partitions: []}]`),
		want: stepsPath + "[0].partitions: Invalid value: 0: " + stepsPath + "[0].partitions in body should have at least 1 items",
	}, {
		rule: stepsPath + "[].partitions maxItems",
		pass: canaryOf(fmt.Sprintf(`[{partitions: %s}]`, list(10, `{topic: a%d, partitions: "0"}`))),
		fail: canaryOf(fmt.Sprintf(`[{partitions: %s}]`, list(11, `{topic: a%d, partitions: "0"}`))),
		want: stepsPath + "[0].partitions: Too many: 11: must have at most 10 items",
	}, {
		rule: stepsPath + "[].partitions map",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "0"}, {topic: b, partitions: "0"}]}]`),
		fail: canaryOf(`[{partitions: [{topic: a, partitions: "0"}, {topic: a, partitions: "1"}]}]`),
		want: stepsPath + `[0].partitions[1]: Duplicate value: {"topic":"a"}`,
	}, {
		rule: stepsPath + "[].partitions[] required topic",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "0"}]}]`), fail: canaryOf(`[{partitions: [{partitions: "0"}]}]`),
		want: stepsPath + "[0].partitions[0].topic: Required value",
	}, {
		rule: stepsPath + "[].partitions[] required partitions",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "0"}]}]`), fail: canaryOf(`[{partitions: [{topic: a}]}]`),
		want: stepsPath + "[0].partitions[0].partitions: Required value",
	}, {
		rule: stepsPath + "[].partitions[].topic minLength",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "0"}]}]`), fail: canaryOf(`[{partitions: [{topic: "", partitions: "0"}]}]`),
		want: stepsPath + `[0].partitions[0].topic: Invalid value: "": ` + stepsPath + "[0].partitions[0].topic in body should be at least 1 chars long",
	}, {
		rule: stepsPath + "[].partitions[].topic maxLength",
		pass: canaryOf(`[{partitions: [{topic: ` + text(249) + `, partitions: "0"}]}]`), fail: canaryOf(`[{partitions: [{topic: ` + text(250) + `, partitions: "0"}]}]`),
		want: stepsPath + "[0].partitions[0].topic: Too long: may not be more than 249 bytes",
	}, {
		rule: stepsPath + "[].partitions[].partitions maxLength",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "` + numbers(50) + `"}]}]`), fail: canaryOf(`[{partitions: [{topic: a, partitions: "` + numbers(51) + `"}]}]`),
		want: stepsPath + "[0].partitions[0].partitions: Too long: may not be more than 100 bytes",
	}, {
		rule: stepsPath + "[].partitions[].partitions pattern",
		pass: canaryOf(`[{partitions: [{topic: a, partitions: "0-3,5,7-9"}]}]`), fail: canaryOf(`[{partitions: [{topic: a, partitions: "0..3"}]}]`),
		want: stepsPath + `[0].partitions[0].partitions: Invalid value: "0..3": ` + stepsPath + "[0].partitions[0].partitions in body should match",
	},
}

// numbers is a list of so many partitions.
func numbers(n int) string {
	all := "0"
	for range n - 1 {
		all += ",0"
	}
	return all
}
