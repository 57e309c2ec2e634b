package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func TestParseForProcess(t *testing.T) {
	const startup = "template.spec.containers[0].startupProbe"
	const postStart = "template.spec.containers[0].lifecycle.postStart"
	for name, tc := range map[string]struct{ container, want string }{
		"a command":           {`command: [/orders]`, ""},
		"everything it knows": {`command: [/orders], startupProbe: {grpc: {port: 9}}, lifecycle: {postStart: {sleep: {seconds: 1}}, preStop: {tcpSocket: {port: 1}}}`, ""},
		"a port by its name":  {`command: [/orders], ports: [{name: up, containerPort: 8080}], startupProbe: {httpGet: {port: up}}`, ""},
		"a number as text":    {`command: [/orders], startupProbe: {tcpSocket: {port: "8080"}}`, ""},
		"no command": {`args: [--group]`, "template.spec.containers[0].command is missing: with membership.activation Process Kohort starts the program itself, " +
			"and the image's entrypoint is not known to it: set command to what the image starts, or use activation Sidecar"},
		"no word in the command": {`command: [""]`, "template.spec.containers[0].command is missing: with membership.activation Process Kohort starts the program itself, " +
			"and the image's entrypoint is not known to it: set command to what the image starts, or use activation Sidecar"},
		"a variable of the launcher's": {`command: [/orders], env: [{name: KOHORT_ENDPOINT}]`, "template.spec.containers[0].env sets KOHORT_ENDPOINT, which is refused: " +
			"with membership.activation Process names that begin with KOHORT_ are Kohort's own, and the program does not get them"},
		"no handler":                  {`command: [/orders], startupProbe: {periodSeconds: 1}`, startup + " has 0 handlers: it must have one of exec, httpGet, tcpSocket and grpc"},
		"two handlers":                {`command: [/orders], startupProbe: {exec: {command: [a]}, grpc: {port: 1}}`, startup + " has 2 handlers: it must have one of exec, httpGet, tcpSocket and grpc"},
		"no port":                     {`command: [/orders], startupProbe: {httpGet: {path: /}}`, startup + ".httpGet.port 0 is refused: it must be the name of one of the container's ports, or a number from 1 to 65535"},
		"no such port":                {`command: [/orders], startupProbe: {httpGet: {port: up}}`, startup + ".httpGet.port up is refused: it must be the name of one of the container's ports, or a number from 1 to 65535"},
		"too great a port":            {`command: [/orders], startupProbe: {tcpSocket: {port: 65536}}`, startup + ".tcpSocket.port 65536 is refused: it must be the name of one of the container's ports, or a number from 1 to 65535"},
		"no gRPC port":                {`command: [/orders], startupProbe: {grpc: {service: orders}}`, startup + ".grpc.port 0 is refused: it must be the name of one of the container's ports, or a number from 1 to 65535"},
		"no command to run":           {`command: [/orders], startupProbe: {exec: {}}`, startup + ".exec.command is empty: it must be a program and its arguments"},
		"negative delay":              {`command: [/orders], startupProbe: {initialDelaySeconds: -1, grpc: {port: 1}}`, startup + ".initialDelaySeconds -1 is refused: it must not be negative"},
		"negative timeout":            {`command: [/orders], startupProbe: {timeoutSeconds: -1, grpc: {port: 1}}`, startup + ".timeoutSeconds -1 is refused: it must not be negative"},
		"two successes":               {`command: [/orders], startupProbe: {successThreshold: 2, grpc: {port: 1}}`, startup + ".successThreshold 2 is refused: of a startup probe it must be 1"},
		"no hook":                     {`command: [/orders], lifecycle: {postStart: {}}`, postStart + " has 0 handlers: it must have one of exec, httpGet and sleep"},
		"a hook that no kubelet runs": {`command: [/orders], lifecycle: {postStart: {tcpSocket: {port: 1}}}`, postStart + " has 0 handlers: it must have one of exec, httpGet and sleep"},
		"a hook without a port":       {`command: [/orders], lifecycle: {postStart: {httpGet: {port: none}}}`, postStart + ".httpGet.port none is refused: it must be the name of one of the container's ports, or a number from 1 to 65535"},
		"a negative sleep":            {`command: [/orders], lifecycle: {postStart: {sleep: {seconds: -1}}}`, postStart + ".sleep.seconds -1 is refused: it must not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			template := raw(t, `spec: {containers: [{name: app, `+tc.container+`}, {name: other, env: [{name: KOHORT_POD_UID}], startupProbe: {}}]}`)
			got := ""
			if _, err := Parse(template, v1alpha1.Consumer{}, v1alpha1.ActivationProcess); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if _, err := Parse(template, v1alpha1.Consumer{}, ""); err != nil {
				t.Error("for a sidecar it is refused as well:", err)
			}
		})
	}
}
