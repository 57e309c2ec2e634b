package pods

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func TestParseRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		template, consumer string
		want               string
	}{
		"nothing":   {``, "", "template is empty: it must be a pod template with spec.containers"},
		"null":      {`null`, "", "template is empty: it must be a pod template with spec.containers"},
		"a string":  {`"app"`, "", "template must be an object with metadata and spec, as in a Deployment"},
		"a list":    {`[]`, "", "template must be an object with metadata and spec, as in a Deployment"},
		"no spec":   {`{}`, "", "template.spec.containers is empty: at least the consumer's container is needed"},
		"a pod's":   {`{"containers":[{"name":"app"}]}`, "", "template.spec.containers is empty: at least the consumer's container is needed"},
		"cut off":   {`{"spec":`, "", "template cannot be read: unexpected end of JSON input"},
		"no list":   {`{"spec":{"containers":"app"}}`, "", "template.spec.containers must be a list, but it is a string"},
		"no number": {`{"spec":{"containers":[{"name":"app","ports":[{"containerPort":"http"}]}]}}`, "", "template.spec.containers.ports.containerPort must be a number (int32), but it is a string"},
		"no string": {`{"spec":{"containers":[{"name":"app","env":[{"name":"A","value":1}]}]}}`, "", "template.spec.containers.env.value must be a string, but it is a number"},
		"no bool":   {`{"spec":{"hostNetwork":"yes","containers":[{"name":"app"}]}}`, "", "template.spec.hostNetwork must be true or false, but it is a string"},
		"no object": {`{"spec":[]}`, "", "template.spec must be an object, but it is a list"},
		"quantity":  {`{"spec":{"containers":[{"name":"app","resources":{"limits":{"cpu":"much"}}}]}}`, "", "template cannot be read: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},

		"restart policy":    {`{"spec":{"restartPolicy":"Never","containers":[{"name":"app"}]}}`, "", "template.spec.restartPolicy Never is refused: only Always lets a crashed consumer come back in its own pod, under the identity that it has"},
		"container's":       {`{"spec":{"containers":[{"name":"app","restartPolicy":"Never"}]}}`, "", "template.spec.containers[0].restartPolicy Never is refused: a crashed consumer must come back in its own pod"},
		"init container":    {`{"spec":{"initContainers":[{"name":"kohort-gate"}],"containers":[{"name":"app"}]}}`, "", `template.spec.initContainers[0].name "kohort-gate" is refused: names that begin with "kohort-" are Kohort's own`},
		"container":         {`{"spec":{"containers":[{"name":"app"},{"name":"kohort-x"}]}}`, "", `template.spec.containers[1].name "kohort-x" is refused: names that begin with "kohort-" are Kohort's own`},
		"volume":            {`{"spec":{"volumes":[{"name":"kohort-bin"}],"containers":[{"name":"app"}]}}`, "", `template.spec.volumes[0].name "kohort-bin" is refused: names that begin with "kohort-" are Kohort's own`},
		"no such consumer":  {`{"spec":{"containers":[{"name":"app"},{"name":"proxy"}]}}`, "orders", `consumer.container "orders" is not in the template, which has app, proxy`},
		"consumer is init":  {`{"spec":{"initContainers":[{"name":"setup"}],"containers":[{"name":"app"}]}}`, "setup", `consumer.container "setup" is an init container of the template: it must be one of spec.containers`},
		"no grace":          {`{"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"app"}]}}`, "", `template.spec.terminationGracePeriodSeconds 0 is refused: it must be at least 1, or a consumer gets no time to commit and to leave in peace`},
		"another group":     {`{"spec":{"containers":[{"name":"app","env":[{"name":"KAFKA_GROUP_ID","value":"other"}]}]}}`, "", `template.spec.containers[0].env sets KAFKA_GROUP_ID, which is refused: the pods would be in another group than the one that Kohort reads; set spec.groupId`},
		"fixed instance id": {`{"spec":{"containers":[{"name":"app","env":[{"name":"KAFKA_GROUP_INSTANCE_ID","value":"me"}]}]}}`, "", `template.spec.containers[0].env sets KAFKA_GROUP_INSTANCE_ID, which is refused: all pods would get one id and fence each other out of the group; Kohort gives each pod its own`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(runtime.RawExtension{Raw: []byte(tc.template)}, v1alpha1.Consumer{Container: tc.consumer}, "")
			if err == nil {
				t.Fatal("not refused")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A template must not name the group or an instance id by the variables of its own
// preset; those of another one are its own business.
func TestIdentityIsRefusedByPreset(t *testing.T) {
	const group, instance = "the pods would be in another group", "all pods would get one id"
	for _, c := range []struct {
		inject         v1alpha1.Inject
		variable, want string // "": it is allowed
	}{
		{"", "KAFKA_GROUP_ID", group},
		{v1alpha1.InjectEnv, "KAFKA_GROUP_INSTANCE_ID", instance},
		{v1alpha1.InjectEnv, "SPRING_KAFKA_CONSUMER_GROUP_ID", ""},
		{v1alpha1.InjectEnv, "SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_INSTANCE_ID", ""},
		{v1alpha1.InjectSpringBoot, "SPRING_KAFKA_CONSUMER_GROUP_ID", group},
		{v1alpha1.InjectSpringBoot, "SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_ID", group},
		{v1alpha1.InjectSpringBoot, "SPRING_KAFKA_CONSUMER_PROPERTIES_GROUP_INSTANCE_ID", instance},
		{v1alpha1.InjectSpringBoot, "SPRING_KAFKA_BOOTSTRAP_SERVERS", ""},
		{v1alpha1.InjectSpringBoot, "KAFKA_GROUP_ID", ""},
		{v1alpha1.InjectSpringBoot, "KAFKA_GROUP_INSTANCE_ID", ""},
		{v1alpha1.InjectQuarkus, "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_GROUP_ID", group},
		{v1alpha1.InjectQuarkus, "MP_MESSAGING_CONNECTOR_SMALLRYE_KAFKA_GROUP_INSTANCE_ID", instance},
		{v1alpha1.InjectQuarkus, "KAFKA_GROUP_ID", ""},
		{v1alpha1.InjectKafkaStreams, "KAFKA_APPLICATION_ID", group},
		{v1alpha1.InjectKafkaStreams, "KAFKA_GROUP_INSTANCE_ID", instance},
		{v1alpha1.InjectKafkaStreams, "KAFKA_GROUP_ID", ""},
		{v1alpha1.InjectCustom, "MY_GROUP", group},
		{v1alpha1.InjectCustom, "MY_ID", instance},
		{v1alpha1.InjectCustom, "MY_BROKERS", ""},
		{v1alpha1.InjectCustom, "KAFKA_GROUP_ID", ""},
	} {
		template := `{"spec":{"containers":[{"name":"app","env":[{"name":"` + c.variable + `","value":"x"}]}]}}`
		consumer := v1alpha1.Consumer{Inject: c.inject}
		if c.inject == v1alpha1.InjectCustom {
			consumer = consumers["custom"]
		}
		_, err := Parse(runtime.RawExtension{Raw: []byte(template)}, consumer, "")
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s with %s is refused: %v", c.variable, c.inject, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.variable+", which is refused: "+c.want)):
			t.Errorf("%s with %s: %v, want it to be refused since %s", c.variable, c.inject, err, c.want)
		}
	}
}

func TestParseAllows(t *testing.T) {
	for name, template := range map[string]string{
		"host network":                  `spec: {hostNetwork: true, containers: [{name: app}]}`,
		"restart policy":                `spec: {restartPolicy: Always, containers: [{name: app}]}`,
		"an instance id beside":         `spec: {containers: [{name: app}, {name: b, env: [{name: KAFKA_GROUP_INSTANCE_ID, value: b}]}]}`,
		"a name with kohort inside":     `spec: {containers: [{name: my-kohort-app}], volumes: [{name: kohort, emptyDir: {}}]}`,
		"fields that Kohort knows not":  `spec: {containers: [{name: app, newerThanKohort: 1}]}`,
		"metadata that is not for pods": `{metadata: {name: x, creationTimestamp: null}, spec: {containers: [{name: app}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(raw(t, template), v1alpha1.Consumer{}, v1alpha1.ActivationSidecar)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Spec.Containers) == 0 {
				t.Error("containers are missing")
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	got := Unknown(raw(t, `{metadata: {label: {}}, spec: {containers: [{name: app, imagePullPolcy: Always}]}}`))
	want := []string{`unknown field "metadata.label"`, `unknown field "spec.containers[0].imagePullPolcy"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Unknown(raw(t, `spec: {containers: [{name: app}]}`)); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestOverridden(t *testing.T) {
	app := v1alpha1.Consumer{Container: "app"}
	template := parse(t, `
spec:
  containers:
  - name: other
    env: [{name: KAFKA_GROUP_ID, value: other}]
  - name: app
    env:
    - {name: KAFKA_SESSION_TIMEOUT_MS, value: "10000"}
    - {name: HOME, value: /}
    - {name: SPRING_KAFKA_CONSUMER_BOOTSTRAP_SERVERS, value: "kafka:9094"}
    - {name: KAFKA_BOOTSTRAP_SERVERS, value: "kafka:9094"}
    - {name: ALSO_BROKERS, value: "kafka:9094"}
`, app)
	for inject, want := range map[v1alpha1.Inject][]string{
		"":                          {v1alpha1.EnvSessionTimeoutMS, v1alpha1.EnvBootstrapServers},
		v1alpha1.InjectSpringBoot:   {"SPRING_KAFKA_CONSUMER_BOOTSTRAP_SERVERS"},
		v1alpha1.InjectQuarkus:      nil,
		v1alpha1.InjectKafkaStreams: {v1alpha1.EnvSessionTimeoutMS, v1alpha1.EnvBootstrapServers},
		v1alpha1.InjectCustom:       {"ALSO_BROKERS"},
	} {
		app.Inject, app.Variables = inject, nil
		if inject == v1alpha1.InjectCustom {
			app.Variables = consumers["custom"].Variables
		}
		if diff := cmp.Diff(want, Overridden(template, app)); diff != "" {
			t.Errorf("with %q: %s", inject, diff)
		}
	}
}
