package v1alpha1_test

import (
	"fmt"
	"slices"
)

var clusterRules = slices.Concat(
	[]ruleCase{
		{
			rule: " required spec", pass: `{}`, fail: `{spec: null}`, want: "spec: Required value",
		}, {
			rule: "spec required bootstrapServers", pass: `{}`, fail: `{spec: {bootstrapServers: null}}`,
			want: "spec.bootstrapServers: Required value",
		}, {
			rule: "spec.bootstrapServers maxItems",
			pass: `{spec: {bootstrapServers: ` + list(32, `"k%d:9092"`) + `}}`,
			fail: `{spec: {bootstrapServers: ` + list(33, `"k%d:9092"`) + `}}`,
			want: "spec.bootstrapServers: Too many: 33: must have at most 32 items",
		}, {
			rule: "spec.bootstrapServers minItems", pass: `{}`, fail: `{spec: {bootstrapServers: []}}`,
			want: "spec.bootstrapServers: Invalid value: 0: spec.bootstrapServers in body should have at least 1 items",
		}, {
			rule: "spec.bootstrapServers set",
			pass: `{spec: {bootstrapServers: ["a:1", "b:1"]}}`, fail: `{spec: {bootstrapServers: ["a:1", "a:1"]}}`,
			want: `spec.bootstrapServers[1]: Duplicate value: "a:1"`,
		}, {
			rule: "spec.bootstrapServers[] maxLength",
			pass: `{spec: {bootstrapServers: ["` + text(295) + `:9092"]}}`,
			fail: `{spec: {bootstrapServers: ["` + text(296) + `:9092"]}}`,
			want: "spec.bootstrapServers[0]: Too long: may not be more than 300 bytes",
		}, {
			rule: "spec.bootstrapServers[] pattern",
			pass: `{spec: {bootstrapServers: ["[::1]:9092"]}}`, fail: `{spec: {bootstrapServers: ["kafka"]}}`,
			want: `spec.bootstrapServers[0]: Invalid value: "kafka": spec.bootstrapServers[0] in body should match '^.+:[0-9]{1,5}$'`,
		}, {
			rule: "spec.allowedGroups maxItems",
			pass: `{spec: {allowedGroups: ` + list(64, "g%d") + `}}`, fail: `{spec: {allowedGroups: ` + list(65, "g%d") + `}}`,
			want: "spec.allowedGroups: Too many: 65: must have at most 64 items",
		}, {
			rule: "spec.allowedGroups set",
			pass: `{spec: {allowedGroups: [a, "a*"]}}`, fail: `{spec: {allowedGroups: [a, a]}}`,
			want: `spec.allowedGroups[1]: Duplicate value: "a"`,
		}, {
			rule: "spec.allowedGroups[] maxLength",
			pass: `{spec: {allowedGroups: [` + text(255) + `]}}`, fail: `{spec: {allowedGroups: [` + text(256) + `]}}`,
			want: "spec.allowedGroups[0]: Too long: may not be more than 255 bytes",
		}, {
			rule: "spec.allowedGroups[] pattern",
			pass: `{spec: {allowedGroups: ["*", "orders*", orders]}}`, fail: `{spec: {allowedGroups: ["*orders"]}}`,
			want: `spec.allowedGroups[0]: Invalid value: "*orders": spec.allowedGroups[0] in body should match '^[^*]*\*?$'`,
		}, {
			rule: "spec.commits enum",
			pass: `{spec: {commits: OffsetsTopic}}`, fail: `{spec: {commits: Topic}}`,
			want: `spec.commits: Unsupported value: "Topic": supported values: "Polling", "OffsetsTopic"`,
		}, {
			rule: "spec.sasl required credentials",
			pass: `{spec: {sasl: {mechanism: PLAIN, credentials: {name: a}}}}`, fail: `{spec: {sasl: {mechanism: PLAIN}}}`,
			want: "spec.sasl.credentials: Required value",
		}, {
			rule: "spec.sasl required mechanism",
			pass: `{spec: {sasl: {mechanism: PLAIN, credentials: {name: a}}}}`, fail: `{spec: {sasl: {credentials: {name: a}}}}`,
			want: "spec.sasl.mechanism: Required value",
		}, {
			rule: "spec.sasl.mechanism enum",
			pass: `{spec: {sasl: {mechanism: SCRAM-SHA-512, credentials: {name: a}}}}`,
			fail: `{spec: {sasl: {mechanism: GSSAPI, credentials: {name: a}}}}`,
			want: `spec.sasl.mechanism: Unsupported value: "GSSAPI": supported values: "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"`,
		}, {
			rule: "spec.tls.ca.key maxLength",
			pass: `{spec: {tls: {ca: {name: a, key: ` + text(253) + `}}}}`, fail: `{spec: {tls: {ca: {name: a, key: ` + text(254) + `}}}}`,
			want: "spec.tls.ca.key: Too long: may not be more than 253 bytes",
		},
	},
	patternRules("spec.watch.allow", `{spec: {watch: {allow: %s}}}`),
	patternRules("spec.watch.deny", `{spec: {watch: {deny: %s}}}`),
	secretRules("spec.sasl.credentials", `{spec: {sasl: {mechanism: PLAIN, credentials: {%s}}}}`),
	secretRules("spec.tls.ca", `{spec: {tls: {ca: {%s}}}}`),
	secretRules("spec.tls.clientCertificate", `{spec: {tls: {clientCertificate: {%s}}}}`),
)

// secretRules are the cases of a reference to a Secret.
func secretRules(path, format string) []ruleCase {
	with := func(content string) string { return fmt.Sprintf(format, content) }
	return []ruleCase{
		{
			rule: path + " required name", pass: with("name: a"), fail: with(""),
			want: path + ".name: Required value",
		}, {
			rule: path + ".name maxLength", pass: with("name: " + text(253)), fail: with("name: " + text(254)),
			want: path + ".name: Too long: may not be more than 253 bytes",
		}, {
			rule: path + ".name minLength", pass: with("name: a"), fail: with(`name: ""`),
			want: path + `.name: Invalid value: "": ` + path + ".name in body should be at least 1 chars long",
		},
	}
}
