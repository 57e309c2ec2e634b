package broker_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func TestQuarkus(t *testing.T) {
	needs(t, "java", "mvn")
	quarkus := client{start: startQuarkus, fenced: "FencedInstanceIdException", repeats: true}
	sameBehaviour(t, quarkus)
	t.Run("protocol consumer", func(t *testing.T) { protocolConsumer(t, quarkus) })
	t.Run("ids", quarkusInstanceIDs)
	t.Run("own settings", quarkusOwnSettings)
	t.Run("ready", quarkusReady)
}

func startQuarkus(t *testing.T, topic, instance string, env map[string]string) sample {
	t.Helper()
	return startQuarkusIn(t, "", memberEnv(topic, instance, env))
}

func startQuarkusIn(t *testing.T, dir string, env map[string]string) sample {
	t.Helper()
	return startJava(t, dir, "consumer-quarkus/quarkus-run.jar", renamed(t, v1alpha1.InjectQuarkus, env))
}

// quarkusInstanceIDs shows that one consumer has the id that it was given, and that
// several have the numbers that the application gives them.
func quarkusInstanceIDs(t *testing.T) {
	numbersIDs(t, startQuarkus, map[string]consumers{
		"one":          {nil, []string{""}},
		"three":        {map[string]string{"CONCURRENCY": "3"}, []string{"-0", "-1", "-2"}},
		"two channels": {map[string]string{"QUARKUS_PROFILE": "two-channels"}, []string{"-0", "-1"}},
	})
}

// quarkusOwnSettings has an application say all of it by itself, for the connector and
// for every client of Kafka.
func quarkusOwnSettings(t *testing.T) {
	const own = `
kafka.bootstrap.servers=localhost:1
kafka.group.id=my-own
kafka.group.instance.id=my-own
mp.messaging.connector.smallrye-kafka.bootstrap.servers=localhost:1
mp.messaging.connector.smallrye-kafka.group.id=my-own
mp.messaging.connector.smallrye-kafka.group.instance.id=my-own
mp.messaging.connector.smallrye-kafka.session.timeout.ms=1000
mp.messaging.connector.smallrye-kafka.heartbeat.interval.ms=60000
`
	// There Quarkus looks for what wins over the file in the jar.
	dir := t.TempDir()
	file := filepath.Join(dir, "config", "application.properties")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(own), 0o600)); err != nil {
		t.Fatal(err)
	}
	topic := freshTopic(t, 1, 5)
	s := startQuarkusIn(t, dir, memberEnv(topic, topic+"-0000", map[string]string{"KAFKA_SESSION_TIMEOUT_MS": "10000"}))
	eventually(t, func() string { return cmp.Diff(ends(t, shared, topic), committed(t, topic, topic)) })
	if diff := cmp.Diff([]string{topic + "-0000"}, memberIDs(t, topic, 1)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	s.end(t)
}

func quarkusReady(t *testing.T) {
	answers(t, startQuarkus, "/q/health/live", "/q/health/ready")
}
