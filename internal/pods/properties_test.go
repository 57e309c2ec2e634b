package pods

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// What Java's Properties.load would read otherwise than it is, is escaped.
func TestPropertiesAreEscaped(t *testing.T) {
	for value, want := range map[string]string{
		"kafka-0:9092,kafka-1:9092": "kafka-0:9092,kafka-1:9092",
		"":                          "",
		"a=b#c!d e ":                "a=b#c!d e ",
		"  two spaces":              `\  two spaces`,
		`C:\kafka`:                  `C:\\kafka`,
		"two\nlines\t":              `two\u000alines\u0009`,
		"grün":                      `gr\u00fcn`,
		"🦫":                         `\ud83e\uddab`,
	} {
		if got := escaped(value); got != want {
			t.Errorf("%q became %s, want %s", value, got, want)
		}
	}
}

// What the template says by a variable is in the file as well, where it can be known.
func TestPropertiesFollowTheTemplate(t *testing.T) {
	in := input(t, "testdata/minimal.template.yaml")
	secret := corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k"}}
	got := propertiesOf(in, []corev1.EnvVar{
		{Name: v1alpha1.EnvSessionTimeoutMS, Value: "60000"},
		{Name: v1alpha1.EnvBootstrapServers, ValueFrom: &secret},
		{Name: v1alpha1.EnvHeartbeatInterval, Value: "$(HEARTBEAT)"},
		{Name: "SPRING_KAFKA_CONSUMER_GROUP_ID", Value: "its own business"},
	})
	const want = `bootstrap.servers=kafka-0:9092,kafka-1:9092
group.id=orders-eu
group.instance.id=orders-3f9a2-0003
session.timeout.ms=60000
heartbeat.interval.ms=5000
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// With the protocol Consumer the timeouts are the broker's.
func TestPropertiesOfTheConsumerProtocol(t *testing.T) {
	in := input(t, "testdata/minimal.template.yaml")
	in.Group.Spec.Membership.Protocol = v1alpha1.ProtocolConsumer
	const want = "bootstrap.servers=kafka-0:9092,kafka-1:9092\ngroup.id=orders-eu\ngroup.instance.id=orders-3f9a2-0003\ngroup.protocol=consumer\n"
	if diff := cmp.Diff(want, propertiesOf(in, nil)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPropertiesFileKeepsApart(t *testing.T) {
	const mounted = `consumer.propertiesFile %s is refused: its folder becomes a volume of its own, and template.spec.containers[1].volumeMounts[0] ` +
		`mounts config at /app/config: give the file a folder where nothing is mounted`
	template := raw(t, `
spec:
  containers:
  - name: other
    volumeMounts: [{name: config, mountPath: /etc/kohort}]
  - name: app
    volumeMounts: [{name: config, mountPath: /app/config}]
  volumes: [{name: config, emptyDir: {}}]
`)
	for file, want := range map[string]string{
		"/app/config/consumer.properties":       mounted,
		"/app/config/kafka/consumer.properties": mounted,
		"/app/consumer.properties":              mounted,
		"/app/configs/consumer.properties":      "",
		"/etc/kohort/consumer.properties":       "", // another container's
		"/kohort/consumer.properties":           "consumer.propertiesFile %s is refused: /kohort is Kohort's own: give the file another folder",
		"/kohort-podinfo/a/b":                   "consumer.propertiesFile %s is refused: /kohort-podinfo is Kohort's own: give the file another folder",
		"/kohort-token/token":                   "consumer.propertiesFile %s is refused: /kohort-token is Kohort's own: give the file another folder",
		"/kohort-config/consumer.properties":    "",
	} {
		_, err := Parse(template, v1alpha1.Consumer{Container: "app", PropertiesFile: file}, "")
		said := ""
		if err != nil {
			said = err.Error()
		}
		if want != "" {
			want = strings.Replace(want, "%s", file, 1)
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("%s: -want +got\n%s", file, diff)
		}
	}
}
