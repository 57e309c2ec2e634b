package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
	"github.com/kohort-dev/kohort/test/testbed/process"
)

// grace is what a pod has for its end unless it says otherwise.
const grace = 30 * time.Second

// sample is a running sample program.
type sample struct {
	*process.Process
	stdout, stderr string
	// endCode is its exit code when it has ended in peace.
	endCode int
}

// start runs a sample program with variables added to those that all need.
func start(t *testing.T, program string, env map[string]string) sample {
	t.Helper()
	all := map[string]string{"KAFKA_BOOTSTRAP_SERVERS": strings.Join(shared.Bootstrap(), ",")}
	maps.Copy(all, env)
	return startCommand(t, process.Spec{Path: filepath.Join(binaries, program)}, all)
}

// startCommand runs a program; env is added to spec.Env.
func startCommand(t *testing.T, spec process.Spec, env map[string]string) sample {
	t.Helper()
	dir := t.TempDir()
	s := sample{stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr")}
	for name, value := range env {
		spec.Env = append(spec.Env, name+"="+value)
	}
	stdout, err := os.Create(s.stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	stderr, err := os.Create(s.stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	spec.Stdout, spec.Stderr = stdout, stderr
	if s.Process, err = process.Start(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		s.Wait()
		if text, err := os.ReadFile(s.stderr); t.Failed() && err == nil {
			t.Logf("%s %s said:\n%s", spec.Path, env["KAFKA_GROUP_INSTANCE_ID"], process.LastLines(string(text), 20))
		}
	})
	return s
}

// starter runs a consumer of the group that has its topic's name.
type starter func(t *testing.T, topic, instance string, env map[string]string) sample

func startMember(t *testing.T, topic, instance string, env map[string]string) sample {
	t.Helper()
	return start(t, "consumer", memberEnv(topic, instance, env))
}

// memberEnv are a consumer's variables, with env added to them.
func memberEnv(topic, instance string, env map[string]string) map[string]string {
	all := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": strings.Join(shared.Bootstrap(), ","),
		"KAFKA_GROUP_ID":          topic, "TOPICS": topic, "KAFKA_GROUP_INSTANCE_ID": instance,
		"KAFKA_HEARTBEAT_INTERVAL_MS": "300", "COMMIT_INTERVAL_MS": "200", "LOG_RECORDS": "1",
	}
	maps.Copy(all, env)
	return all
}

// journal is what a consumer has said.
func (s sample) journal(t *testing.T) []journal.Entry {
	t.Helper()
	text, err := os.ReadFile(s.stdout)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := journal.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// count counts entries of an event.
func (s sample) count(t *testing.T, event journal.Event) (n int) {
	t.Helper()
	for _, e := range s.journal(t) {
		if e.Event == event {
			n++
		}
	}
	return n
}

// await waits until a consumer has said something.
func (s sample) await(t *testing.T, event journal.Event) {
	t.Helper()
	eventually(t, func() string {
		if s.count(t, event) == 0 {
			return fmt.Sprintf("%s in %v", event, s.journal(t))
		}
		return ""
	})
}

// end asks for the end and expects it in peace.
func (s sample) end(t *testing.T) {
	t.Helper()
	if status := s.Stop(grace); status.Code != s.endCode {
		t.Errorf("asked to end, it %s", status)
	}
}

// exitCode waits for the end.
func (s sample) exitCode(t *testing.T) int {
	t.Helper()
	eventually(t, func() string {
		select {
		case <-s.Done():
			return ""
		default:
			return "the process ends"
		}
	})
	return s.Wait().Code
}

// generation is the newest that a consumer has joined.
func (s sample) generation(t *testing.T) (generation int32) {
	t.Helper()
	for _, e := range s.journal(t) {
		if e.Event == journal.Joined {
			generation = e.Generation
		}
	}
	return generation
}

// owned is what consumers own by what they said of it.
func owned(t *testing.T, topic string, members ...sample) map[int32]int {
	t.Helper()
	owners := map[int32]int{}
	for i, m := range members {
		var own []int32
		for _, e := range m.journal(t) {
			switch e.Event {
			case journal.Assigned:
				own = append(own, e.Partitions[topic]...)
			case journal.Revoked, journal.Lost:
				own = slices.DeleteFunc(own, func(p int32) bool { return slices.Contains(e.Partitions[topic], p) })
			}
		}
		for _, p := range own {
			owners[p] = i
		}
	}
	return owners
}

// processed is how often each record was processed: partition, offset, times.
func processed(t *testing.T, members ...sample) map[int32]map[int64]int {
	t.Helper()
	times := map[int32]map[int64]int{}
	for _, m := range members {
		for _, e := range m.journal(t) {
			if e.Event == journal.Record {
				if times[e.Partition] == nil {
					times[e.Partition] = map[int64]int{}
				}
				times[e.Partition][e.First]++
			}
		}
	}
	return times
}

// once is what processed gives when every record was processed exactly once.
func once(ends map[int32]int64) map[int32]map[int64]int {
	times := map[int32]map[int64]int{}
	for p, end := range ends {
		times[p] = map[int64]int{}
		for o := range end {
			times[p][o] = 1
		}
	}
	return times
}

// committed are a group's offsets for a topic.
func committed(t *testing.T, group, topic string) map[int32]int64 {
	t.Helper()
	fetched, err := shared.Admin().FetchOffsets(t.Context(), group)
	// Kfake says so of a group that has not begun yet.
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		t.Fatal(err)
	}
	offsets := map[int32]int64{}
	for number, o := range fetched[topic] {
		offsets[number] = o.At
	}
	return offsets
}

// settled waits until members share a topic and have said so in one generation.
func settled(t *testing.T, topic string, partitions int, members ...sample) map[int32]int {
	t.Helper()
	var owners map[int32]int
	eventually(t, func() (missing string) {
		generations := map[int32]bool{}
		for _, m := range members {
			generations[m.generation(t)] = true
		}
		if owners, missing = share(t, topic, partitions, members...); missing == "" && len(generations) != 1 {
			missing = fmt.Sprintf("one generation: %v", slices.Collect(maps.Keys(generations)))
		}
		return missing
	})
	return owners
}

// share is which of the members owns what, and what is missing to each having some.
func share(t *testing.T, topic string, partitions int, members ...sample) (owners map[int32]int, missing string) {
	t.Helper()
	owners = owned(t, topic, members...)
	busy := map[int]bool{}
	for _, owner := range owners {
		busy[owner] = true
	}
	if len(owners) != partitions || len(busy) != len(members) {
		missing = fmt.Sprintf("%d members share %d partitions: %v", len(members), partitions, owners)
	}
	return owners, missing
}

// freePort is a port on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
