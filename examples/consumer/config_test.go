package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(changes map[string]string) (config, error) {
	env := map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "b:2, a:1", "KAFKA_GROUP_ID": "g", "TOPICS": "t,s,t"}
	for name, value := range changes {
		env[name] = value
	}
	return parseConfig(func(name string) string { return env[name] })
}

func TestConfig(t *testing.T) {
	defaults := config{
		bootstrap: []string{"a:1", "b:2"}, group: "g", session: 45 * time.Second, heartbeat: 3 * time.Second,
		topics: []string{"s", "t"}, commitInterval: time.Second,
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want func(*config)
	}{
		"defaults": {nil, func(*config) {}},
		"everything": {
			map[string]string{
				"KAFKA_GROUP_INSTANCE_ID": "g-0001", "KAFKA_SESSION_TIMEOUT_MS": "60000", "KAFKA_HEARTBEAT_INTERVAL_MS": "1000",
				"RATE": "2.5", "COMMIT_INTERVAL_MS": "250", "VERSION": "v2", "START_DELAY_MS": "1500", "HEALTH_PORT": "8080",
				"BEHAVIOUR": "stalled", "LOG_RECORDS": "1", "START_FILE": "/tmp/go",
			},
			func(c *config) {
				c.instanceID, c.session, c.heartbeat = "g-0001", time.Minute, time.Second
				c.rate, c.commitInterval, c.version, c.startDelay = 2.5, 250*time.Millisecond, "v2", 1500*time.Millisecond
				c.healthPort, c.behaviour, c.logRecords, c.startFile = 8080, behaveStalled, true, "/tmp/go"
			},
		},
		"several consumers": {
			map[string]string{"CONSUMERS": "3"},
			func(c *config) { c.consumers = 3 },
		},
		"the protocol of KIP-848": {
			map[string]string{"KAFKA_GROUP_PROTOCOL": "consumer"},
			func(c *config) { c.kip848 = true },
		},
		"the protocol as a constant of Java": {
			map[string]string{"KAFKA_GROUP_PROTOCOL": "CONSUMER"},
			func(c *config) { c.kip848 = true },
		},
		"the classic protocol": {
			map[string]string{"KAFKA_GROUP_PROTOCOL": "classic"},
			func(*config) {},
		},
		"one that closes without a word": {
			map[string]string{"KAFKA_GROUP_PROTOCOL": "consumer", "BEHAVIOUR": "unclean"},
			func(c *config) { c.kip848, c.behaviour = true, behaveUnclean },
		},
		"slow": {
			map[string]string{"RATE": "50", "BEHAVIOUR": "slow"},
			func(c *config) { c.rate, c.behaviour = 5, behaveSlow },
		},
		"slow without a rate": {
			map[string]string{"BEHAVIOUR": "slow"},
			func(c *config) { c.rate, c.behaviour = 10, behaveSlow },
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := defaults
			c.want(&want)
			got, err := parse(c.env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPropertiesFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "consumer.properties")
	const text = `# written by hand
bootstrap.servers=b:2,a:1
group.id=\ gr\u00fcn \\=x
group.instance.id=g-0001
session.timeout.ms=60000
client.id=of no interest
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := parse(map[string]string{"CONSUMER_PROPERTIES_FILE": file, "KAFKA_GROUP_ID": "another", "KAFKA_HEARTBEAT_INTERVAL_MS": "1000"})
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		bootstrap: []string{"a:1", "b:2"}, group: ` grün \=x`, instanceID: "g-0001", session: time.Minute, heartbeat: time.Second,
		topics: []string{"s", "t"}, commitInterval: time.Second,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
		t.Error(diff)
	}
	if _, err := parse(map[string]string{"CONSUMER_PROPERTIES_FILE": file + ".not"}); err == nil || !strings.HasPrefix(err.Error(), "read CONSUMER_PROPERTIES_FILE: open ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	_, err := parse(map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": "", "KAFKA_GROUP_ID": "", "TOPICS": "", "RATE": "-1",
		"COMMIT_INTERVAL_MS": "0", "START_DELAY_MS": "soon", "KAFKA_SESSION_TIMEOUT_MS": "NaN", "BEHAVIOUR": "slowly", "CONSUMERS": "2.5",
		"KAFKA_GROUP_PROTOCOL": "Streams",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"KAFKA_BOOTSTRAP_SERVERS is not set", "KAFKA_GROUP_ID is not set", "TOPICS is not set", `RATE is "-1"`,
		"COMMIT_INTERVAL_MS is 0", `START_DELAY_MS is "soon"`, `KAFKA_SESSION_TIMEOUT_MS is "NaN"`, `BEHAVIOUR is "slowly"`, `CONSUMERS is "2.5"`,
		`KAFKA_GROUP_PROTOCOL is "streams": it must be classic or consumer`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
}

func TestInstanceIDs(t *testing.T) {
	for name, c := range map[string]struct {
		config config
		want   []string
	}{
		"one":              {config{instanceID: "g-0001"}, []string{"g-0001"}},
		"one, numbered":    {config{instanceID: "g-0001", consumers: 1}, []string{"g-0001-0"}},
		"three":            {config{instanceID: "g-0001", consumers: 3}, []string{"g-0001-0", "g-0001-1", "g-0001-2"}},
		"a dynamic member": {config{}, []string{""}},
		"two of them":      {config{consumers: 2}, []string{"", ""}},
	} {
		if diff := cmp.Diff(c.want, c.config.instanceIDs()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
