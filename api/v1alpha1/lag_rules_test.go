package v1alpha1_test

import (
	"fmt"
	"slices"
)

const windowRule = "lag.windowSeconds must be at least 5 times lag.samples: the group is read every 5 seconds"

var lagRules = slices.Concat(
	[]ruleCase{
		{
			rule: "spec.lag rule: " + windowRule,
			pass: `{spec: {lag: {windowSeconds: 50}}}`, fail: `{spec: {lag: {windowSeconds: 49}}}`,
			want: "spec.lag: Invalid value: " + windowRule,
		}, {
			rule: "spec.lag rule: " + windowRule,
			pass: `{spec: {lag: {samples: 60}}}`, fail: `{spec: {lag: {samples: 61}}}`,
			want: "spec.lag: Invalid value: " + windowRule,
		}, {
			rule: "spec.lag.isolation enum",
			pass: `{spec: {lag: {isolation: ReadCommitted}}}`, fail: `{spec: {lag: {isolation: read_committed}}}`,
			want: `spec.lag.isolation: Unsupported value: "read_committed": supported values: "ReadUncommitted", "ReadCommitted"`,
		}, {
			rule: "spec.lag.offsetReset enum",
			pass: `{spec: {lag: {offsetReset: Latest}}}`, fail: `{spec: {lag: {offsetReset: None}}}`,
			want: `spec.lag.offsetReset: Unsupported value: "None": supported values: "Earliest", "Latest"`,
		}, {
			rule: "spec.lag.allowedLag minimum",
			pass: `{spec: {lag: {allowedLag: 0}}}`, fail: `{spec: {lag: {allowedLag: -1}}}`,
			want: "spec.lag.allowedLag: Invalid value: -1: spec.lag.allowedLag in body should be greater than or equal to 0",
		},
	},
	bounds("spec.lag.maxAgeSeconds", 1, 30*24*3600),
	bounds("spec.lag.minRunwaySeconds", 1, 30*24*3600),
	windowBounds("samples: 2, windowSeconds: %d", "spec.lag.windowSeconds", 10, 24*3600),
	windowBounds("windowSeconds: 86400, samples: %d", "spec.lag.samples", 2, 100),
)

// windowBounds are bounds of a field of the window, which has to go with another one.
func windowBounds(format, path string, least, most int) []ruleCase {
	cases := bounds(path, least, most)
	at := func(n int) string { return "{spec: {lag: {" + fmt.Sprintf(format, n) + "}}}" }
	cases[0].pass, cases[0].fail = at(least), at(least-1)
	cases[1].pass, cases[1].fail = at(most), at(most+1)
	return cases
}

// patternRules are the cases of a list of group ids, or of how they begin.
func patternRules(path, format string) []ruleCase {
	with := func(content string) string { return fmt.Sprintf(format, content) }
	return []ruleCase{
		{
			rule: path + " maxItems", pass: with(list(64, "g%d")), fail: with(list(65, "g%d")),
			want: path + ": Too many: 65: must have at most 64 items",
		}, {
			rule: path + " set", pass: with(`[a, "a*"]`), fail: with(`[a, a]`), want: path + `[1]: Duplicate value: "a"`,
		}, {
			rule: path + "[] maxLength", pass: with("[" + text(255) + "]"), fail: with("[" + text(256) + "]"),
			want: path + "[0]: Too long: may not be more than 255 bytes",
		}, {
			rule: path + "[] minLength", pass: with("[a]"), fail: with(`[""]`),
			want: path + `[0]: Invalid value: "": ` + path + "[0] in body should be at least 1 chars long",
		}, {
			rule: path + "[] pattern", pass: with(`["*", "orders*", orders]`), fail: with(`["*orders"]`),
			want: path + `[0]: Invalid value: "*orders": ` + path + `[0] in body should match '^[^*]*\*?$'`,
		},
	}
}
