package v1alpha1_test

const (
	overlapByConsumer = "rollout.handover cannot be Overlap with membership.protocol Consumer, where each partition that changes hands " +
		"waits for a heartbeat of both of its members: leave it out, or set SameId"
	overlapByRecreate = "rollout.handover cannot be Overlap with rollout.strategy Recreate, whose pods stop first: leave it out"
	overlapUnwarmed   = "rollout.handover cannot be Overlap with rollout.warm Never: its successors run beside their predecessors: set warm to Auto or Always"
)

var handoverRules = []ruleCase{
	{
		rule: "spec.rollout.handover enum",
		pass: `{spec: {rollout: {handover: Overlap}}}`, fail: `{spec: {rollout: {handover: Both}}}`,
		want: `spec.rollout.handover: Unsupported value: "Both": supported values: "Auto", "SameId", "Overlap"`,
	}, {
		rule: "spec rule: " + overlapByConsumer,
		pass: `{spec: {membership: {protocol: Consumer}, rollout: {handover: Auto}}}`,
		fail: `{spec: {membership: {protocol: Consumer}, rollout: {handover: Overlap}}}`,
		want: "spec: Invalid value: " + overlapByConsumer,
	}, {
		rule: "spec rule: " + overlapByConsumer,
		pass: `{spec: {membership: {protocol: Classic}, rollout: {handover: Overlap}}}`,
		fail: `{spec: {membership: {protocol: Consumer}, rollout: {handover: Overlap, strategy: BlueGreen}}}`,
		want: "spec: Invalid value: " + overlapByConsumer,
	}, {
		rule: "spec.rollout rule: " + overlapByRecreate,
		pass: `{spec: {rollout: {handover: SameId, strategy: Recreate}}}`, fail: `{spec: {rollout: {handover: Overlap, strategy: Recreate}}}`,
		want: "spec.rollout: Invalid value: " + overlapByRecreate,
	}, {
		rule: "spec.rollout rule: " + overlapUnwarmed,
		pass: `{spec: {rollout: {handover: Overlap, warm: Always}}}`, fail: `{spec: {rollout: {handover: Overlap, warm: Never}}}`,
		want: "spec.rollout: Invalid value: " + overlapUnwarmed,
	},
}
