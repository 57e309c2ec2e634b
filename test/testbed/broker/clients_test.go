package broker_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/test/e2e/images"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

func TestSpring(t *testing.T) {
	needs(t, "java", "mvn")
	spring := client{start: startSpring, fenced: "a consumer has stopped: FENCED"}
	sameBehaviour(t, spring)
	t.Run("protocol consumer", func(t *testing.T) { protocolConsumer(t, spring) })
	t.Run("ids", springInstanceIDs)
	t.Run("own settings", springOwnSettings)
	t.Run("ready", springReady)
}

func TestPython(t *testing.T) {
	needs(t, "python3")
	python := client{start: startPython, fenced: "Static consumer fenced by other consumer"}
	sameBehaviour(t, python)
	t.Run("protocol consumer", func(t *testing.T) { protocolConsumer(t, python) })
}

// client is a sample with a client library.
type client struct {
	start starter
	// fenced is what one says that was fenced.
	fenced string
	// repeats: a record that is in work when the group rebalances is processed again.
	repeats bool
	// waits: one whose id another consumer has (KIP-848) tries until that is gone.
	waits bool
}

// sameBehaviour is what a consumer owes its group, with any client library.
func sameBehaviour(t *testing.T, c client) {
	t.Helper()
	t.Run("restart", func(t *testing.T) { restart(t, c) })
	t.Run("stalled", func(t *testing.T) { stalled(t, c.start) })
	t.Run("fenced", func(t *testing.T) { fenced(t, c) })
	t.Run("refused", func(t *testing.T) { refused(t, c.start) })
	t.Run("crash", func(t *testing.T) {
		topic := freshTopic(t, 1, 1)
		s := c.start(t, topic, topic+"-0000", map[string]string{"BEHAVIOUR": "crash"})
		if code := s.exitCode(t); code != 1 {
			t.Errorf("it exited with %d", code)
		}
	})
	t.Run("bad input", func(t *testing.T) { badInput(t, c.start) })
}

// badInput is told of, by the name of the variable.
func badInput(t *testing.T, start starter) {
	t.Helper()
	for name, c := range map[string]struct{ value, want string }{
		"TOPICS":         {"", "TOPICS is not set"},
		"BEHAVIOUR":      {"rude", `BEHAVIOUR is "rude": it must be unset or one of slow, stalled, crash`},
		"START_DELAY_MS": {"soon", `START_DELAY_MS is "soon": it must be a number from 0 to`},
	} {
		t.Run(name, func(t *testing.T) {
			topic := fresh(t)
			s := start(t, topic, topic+"-0000", map[string]string{name: c.value})
			if s.exitCode(t) == 0 {
				t.Error("it exited with 0")
			}
			if said, err := os.ReadFile(s.stderr); err != nil || !strings.Contains(string(said), c.want) {
				t.Errorf("it said %s (%v), not %s", said, err, c.want)
			}
		})
	}
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("this needs %s: %v", program, err)
		}
	}
}

func startSpring(t *testing.T, topic, instance string, env map[string]string) sample {
	t.Helper()
	return startJava(t, "", "consumer-spring/consumer-spring.jar", renamed(t, v1alpha1.InjectSpringBoot, memberEnv(topic, instance, env)))
}

// startJava runs a sample in Java, given as its folder in examples and its jar, in a
// working directory, with variables and with nothing else of Kohort's.
func startJava(t *testing.T, dir, program string, env map[string]string) sample {
	t.Helper()
	name, jar := path.Split(program)
	application, err := images.JavaApplication(t.Context(), path.Clean(name), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"HEALTH_PORT": freePort(t)}
	maps.Copy(all, env)
	s := startCommand(t, process.Spec{Path: "java", Dir: dir, Args: []string{
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", filepath.Join(application, jar),
	}}, all)
	// A JVM that a signal asked to end says so, however well it has ended.
	s.endCode = 128 + int(syscall.SIGTERM)
	return s
}

// renamed are a program's variables with those of the preset Env under the names by
// which another preset has them, as a pod of Kohort's says.
func renamed(t *testing.T, inject v1alpha1.Inject, plain map[string]string) map[string]string {
	t.Helper()
	values := maps.Clone(plain)
	protocol := v1alpha1.ProtocolClassic
	if plain[v1alpha1.EnvGroupProtocol] == "consumer" {
		protocol = v1alpha1.ProtocolConsumer
	}
	byEnv, named := podVariables(t, v1alpha1.InjectEnv, protocol), map[string]string{}
	for name, of := range podVariables(t, inject, protocol) {
		for plainName, same := range byEnv {
			if of == same && values[plainName] != "" {
				named[name] = values[plainName]
			}
		}
	}
	// Quarkus takes those of Env for its own (kafka.heartbeat.interval.ms).
	for name := range podVariables(t, v1alpha1.InjectEnv, v1alpha1.ProtocolClassic) {
		delete(values, name)
	}
	delete(values, v1alpha1.EnvGroupProtocol)
	maps.Copy(values, named)
	return values
}

// podVariables are those that Kohort gives to a consumer, each with a value that no
// other property has.
func podVariables(t *testing.T, inject v1alpha1.Inject, protocol v1alpha1.Protocol) map[string]string {
	t.Helper()
	pod := build(t, pods.Input{
		Group: &v1alpha1.ConsumerGroup{Spec: v1alpha1.ConsumerGroupSpec{
			GroupID: "group", Membership: v1alpha1.Membership{Protocol: protocol},
		}},
		Consumer: v1alpha1.Consumer{Inject: inject}, InstanceID: "instance", Session: 45 * time.Second, BootstrapServers: []string{"servers"},
	})
	variables := map[string]string{}
	for _, v := range pod.Spec.Containers[0].Env {
		variables[v.Name] = v.Value
	}
	return variables
}

// build makes a pod of one container.
func build(t *testing.T, in pods.Input) *corev1.Pod {
	t.Helper()
	in.Template = &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}}
	in.LauncherImage = "launcher"
	pod, err := pods.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func startPython(t *testing.T, topic, instance string, env map[string]string) sample {
	t.Helper()
	packages, err := images.PythonPackages(t.Context(), "", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, process.Spec{
		Path: "python3", Args: []string{"../../../examples/consumer-python/consumer.py"},
		Env: []string{"PYTHONPATH=" + packages, "PYTHONDONTWRITEBYTECODE=1"},
	}, memberEnv(topic, instance, env))
}

// memberIDs waits until a group has so many members, and gives their instance ids.
func memberIDs(t *testing.T, group string, count int) []string {
	t.Helper()
	var ids []string
	eventually(t, func() string {
		groups, err := shared.Admin().DescribeGroups(t.Context(), group)
		if err != nil {
			t.Fatal(err)
		}
		ids = nil
		for _, m := range groups[group].Members {
			if m.InstanceID != nil {
				ids = append(ids, *m.InstanceID)
			}
		}
		if groups[group].State != "Stable" || len(ids) != count {
			return fmt.Sprintf("group %s has %d static members: it is %s with %v", group, count, groups[group].State, ids)
		}
		return ""
	})
	slices.Sort(ids)
	return ids
}

// hasIDs waits until a sample's consumers are the group's members, with these instance
// ids, and shows that they still are when it has ended.
func hasIDs(t *testing.T, s sample, group string, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, memberIDs(t, group, len(want))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	s.end(t)
	if diff := cmp.Diff(want, memberIDs(t, group, len(want))); diff != "" {
		t.Errorf("members after the end: -want +got\n%s", diff)
	}
}

// consumers are those of a pod: by which variables there are some, and the ends of their
// instance ids.
type consumers struct {
	env  map[string]string
	want []string
}

// numbersIDs shows how an application numbers the consumers of a pod.
func numbersIDs(t *testing.T, start starter, all map[string]consumers) {
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			topic := freshTopic(t, 3, 1)
			env := map[string]string{"SECOND_TOPICS": topic}
			maps.Copy(env, c.env)
			var want []string
			for _, suffix := range c.want {
				want = append(want, topic+"-0003"+suffix)
			}
			hasIDs(t, start(t, topic, topic+"-0003", env), topic, want)
		})
	}
}

// answers shows that an application answers probes under some paths.
func answers(t *testing.T, start starter, paths ...string) {
	topic := freshTopic(t, 1, 1)
	port := freePort(t)
	s := start(t, topic, topic+"-0000", map[string]string{"HEALTH_PORT": port})
	for _, path := range paths {
		eventually(t, func() string {
			if code, body := get(t, "http://127.0.0.1:"+port+path); code != http.StatusOK {
				return fmt.Sprintf("%s is 200: %d %s", path, code, body)
			}
			return ""
		})
	}
	s.end(t)
}

// springInstanceIDs shows how spring-kafka numbers the consumers of a pod.
func springInstanceIDs(t *testing.T) {
	numbersIDs(t, startSpring, map[string]consumers{
		"one":           {nil, []string{"-0"}},
		"three":         {map[string]string{"CONCURRENCY": "3"}, []string{"-0", "-1", "-2"}},
		"two listeners": {map[string]string{"SPRING_PROFILES_ACTIVE": "two-listeners"}, []string{"-0", "-1"}},
	})
}

// springOwnSettings has an application say all of it by itself, in each way that
// there is.
func springOwnSettings(t *testing.T) {
	const own = `
spring.kafka:
  bootstrap-servers: localhost:1
  consumer:
    bootstrap-servers: localhost:1
    group-id: my-own
    heartbeat-interval: 2s
    properties:
      group.id: my-own
      group.instance.id: my-own
      "[session.timeout.ms]": 1000
      heartbeat.interval.ms: 60000
`
	file := filepath.Join(t.TempDir(), "application.yml")
	if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	topic := freshTopic(t, 1, 5)
	s := startSpring(t, topic, topic+"-0000", map[string]string{
		"SPRING_CONFIG_ADDITIONAL_LOCATION": "file:" + file, "KAFKA_SESSION_TIMEOUT_MS": "10000",
	})
	eventually(t, func() string { return cmp.Diff(ends(t, shared, topic), committed(t, topic, topic)) })
	if diff := cmp.Diff([]string{topic + "-0000-0"}, memberIDs(t, topic, 1)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	s.end(t)
}

func springReady(t *testing.T) {
	answers(t, startSpring, "/actuator/health/liveness", "/actuator/health/readiness")
}
