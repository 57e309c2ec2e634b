package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asLauncher makes this test's binary the launcher itself.
const asLauncher = "LAUNCHER_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asLauncher) != "" {
		os.Exit(run(os.Args[1:], os.Getenv, os.Stderr))
	}
	os.Exit(m.Run())
}

// running is a launcher that was started.
type running struct {
	t       testing.TB
	cmd     *exec.Cmd
	stdout  *bufio.Reader
	stderr  *record
	podinfo string
	port    int
}

// launcherEnv is that of a pod without an endpoint.
func launcherEnv(t testing.TB) map[string]string {
	return map[string]string{
		"KOHORT_POD_UID": "uid-1", "KOHORT_PODINFO": filepath.Join(t.TempDir(), "annotations"),
		"KOHORT_GATE_PORT": strconv.Itoa(freePort(t)), "KOHORT_POD_IP": "127.0.0.1", "KOHORT_HOOKS": "{}",
	}
}

// startLauncher starts `run -- command...` as a process of its own.
func startLauncher(t testing.TB, env map[string]string, command ...string) *running {
	t.Helper()
	return startLauncherAs(t, nil, env, command...)
}

func startLauncherAs(t testing.TB, how *syscall.SysProcAttr, env map[string]string, command ...string) *running {
	t.Helper()
	r := &running{t: t, cmd: exec.Command(os.Args[0], append([]string{"run", "--"}, command...)...), stderr: &record{}, podinfo: env["KOHORT_PODINFO"]}
	r.port, _ = strconv.Atoi(env["KOHORT_GATE_PORT"])
	r.cmd.Env = append(os.Environ(), asLauncher+"=1")
	for name, value := range env {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	r.cmd.Stderr, r.cmd.SysProcAttr = r.stderr, how
	r.cmd.Stdin = strings.NewReader("input\n")
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.stdout = bufio.NewReader(stdout)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

func (r *running) activate() {
	r.t.Helper()
	next := r.podinfo + ".next"
	if err := os.WriteFile(next, []byte(podinfo("uid-1")), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(next, r.podinfo); err != nil {
		r.t.Fatal(err)
	}
}

// line is the next one that the program writes.
func (r *running) line() string {
	r.t.Helper()
	text, err := r.stdout.ReadString('\n')
	if err != nil {
		r.t.Fatalf("%v, after %q; stderr: %s", err, text, r.stderr)
	}
	return strings.TrimSuffix(text, "\n")
}

// end waits for the launcher's end, and gives its exit code and the rest of what
// the program wrote.
func (r *running) end() (code int, rest string) {
	r.t.Helper()
	killer := time.AfterFunc(patience, func() { _ = r.cmd.Process.Kill() })
	text, err := io.ReadAll(r.stdout)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = r.cmd.Wait() // the exit code tells
	if !killer.Stop() {
		r.t.Fatalf("the launcher did not end; stderr: %s", r.stderr)
	}
	return r.cmd.ProcessState.ExitCode(), string(text)
}

func (r *running) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) says(text string) {
	r.t.Helper()
	for began := time.Now(); !strings.Contains(r.stderr.String(), text); time.Sleep(pollInterval) {
		if time.Since(began) > patience {
			r.t.Fatalf("it does not say %q; stderr: %s", text, r.stderr)
		}
	}
}

// ask is one startup probe of the kubelet's.
func (r *running) ask() <-chan int {
	answer := make(chan int, 1)
	go func() {
		for began := time.Now(); time.Since(began) < patience; time.Sleep(pollInterval) {
			if response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", r.port, pathProbe)); err == nil {
				_ = response.Body.Close()
				answer <- response.StatusCode
				return
			}
		}
	}()
	return answer
}

func TestTheProgramIsItself(t *testing.T) {
	env := launcherEnv(t)
	env["OWN"] = "a b"
	script := `read -r line; echo "$line|$OWN|$1|$(pwd)|$(umask)"; env | grep KOHORT_; echo "to stderr" >&2; exit 3`
	r := startLauncher(t, env, "sh", "-c", script, "name", "two words")
	r.activate()
	code, out := r.end()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	umask, err := exec.Command("sh", "-c", "umask").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("input|a b|two words|%s|%s", folder, umask)
	if diff := cmp.Diff(want, out); diff != "" || code != 3 {
		t.Errorf("exit code %d, want 3; output (-want +got):\n%s", code, diff)
	}
	if !strings.Contains(r.stderr.String(), "to stderr\n") {
		t.Error("stderr is not the program's:", r.stderr)
	}
}

func TestNothingStartsBeforeTheActivation(t *testing.T) {
	o := startOperator(t)
	o.env["KOHORT_HOOKS"] = "{}"
	r := startLauncher(t, o.env, "sh", "-c", "echo started")
	// It asks at once: no probe has come.
	await(t, "the question", o.asked)
	probe := r.ask()
	r.signal(syscall.SIGWINCH) // asks nobody to end
	r.signal(syscall.SIGTERM)
	if code, out := r.end(); code != exitOK || out != "" {
		t.Errorf("exit code %d, the program wrote %q; stderr: %s", code, out, r.stderr)
	}
	if len(o.ended) != 0 || len(probe) != 0 {
		t.Error("it told of an end, or answered the probe")
	}
}

func TestAProgramThatCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "garbage"), []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		command  string
		activate bool // without that it is found out at once
		code     int
		says     string
	}{
		"no such name":             {"no-such-program", false, exitNotFound, `"no-such-program": executable file not found in $PATH`},
		"no such file":             {dir + "/missing", false, exitNotFound, dir + `/missing`},
		"not executable":           {dir + "/text", false, exitNotExecutable, "permission denied"},
		"a folder":                 {dir, false, exitNotExecutable, dir},
		"executable, no program":   {dir + "/garbage", true, exitNotExecutable, "exec format error"},
		"a script without a shell": {script(t, "#!/no/such/shell\n"), true, exitNotFound, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			env := launcherEnv(t)
			env["KOHORT_TERMINATION_LOG"] = filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(env["KOHORT_TERMINATION_LOG"], []byte("what was there before, at length"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := startLauncher(t, env, c.command)
			if c.activate {
				r.activate()
			}
			code, _ := r.end()
			last, err := os.ReadFile(env["KOHORT_TERMINATION_LOG"])
			if err != nil {
				t.Fatal(err)
			}
			if code != c.code || !strings.HasPrefix(string(last), "the command of the template cannot be run: ") || !strings.Contains(string(last), c.says) {
				t.Errorf("exit code %d, want %d; it told the kubelet %q, want %q in it; stderr: %s", code, c.code, last, c.says, r.stderr)
			}
		})
	}
}

func script(t *testing.T, text string) string {
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSignalsReachTheProgram(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGWINCH} {
		t.Run(s.String(), func(t *testing.T) {
			r := startLauncher(t, launcherEnv(t), "sh", "-c", fmt.Sprintf(`trap 'echo got it; exit 7' %d; echo ready; while :; do sleep 0.02; done`, int(s)))
			r.activate()
			r.line()
			r.signal(s)
			if code, out := r.end(); code != 7 || out != "got it\n" {
				t.Errorf("exit code %d, output %q", code, out)
			}
		})
	}
	r := startLauncher(t, launcherEnv(t), "sh", "-c", "echo ready; exec sleep 1000")
	r.activate()
	r.line()
	r.signal(syscall.SIGTERM)
	if code, _ := r.end(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("a program that a signal ended has exit code %d", code)
	}
}

// TestTheWordOfTheEnd: it is given when a signal asked for the end and nothing of
// the program is left.
func TestTheWordOfTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		stop   bool
		told   bool
	}{
		"it was asked to end":          {`trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done`, true, true},
		"the signal ended it":          {`echo ready; exec sleep 1000`, true, true},
		"it crashed":                   {`echo ready; exit 1`, false, false},
		"it ended by itself":           {`echo ready; exit 0`, false, false},
		"it left a process that lives": {`sleep 1000 </dev/null >/dev/null 2>&1 & echo "ready $!"; trap 'exit 0' TERM; while :; do sleep 0.02; done`, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := startOperator(t)
			o.env["KOHORT_HOOKS"] = "{}"
			r := startLauncher(t, o.env, "sh", "-c", c.script)
			o.Activate("uid-1")
			if left, err := strconv.Atoi(strings.TrimPrefix(r.line(), "ready ")); err == nil {
				t.Cleanup(func() { _ = syscall.Kill(left, syscall.SIGKILL) })
			}
			if c.stop {
				r.signal(syscall.SIGTERM)
			}
			r.end()
			if told := len(o.ended) == 1; told != c.told {
				t.Errorf("told of the end: %v, want %v; stderr: %s", told, c.told, r.stderr)
			}
		})
	}
}

// TestSignalAndActivationAtOnce: the program never starts, or it gets the signal.
func TestSignalAndActivationAtOnce(t *testing.T) {
	for i := range 40 {
		r := startLauncher(t, launcherEnv(t), "sleep", "1000")
		r.says("Waiting")
		go r.activate()
		time.Sleep(time.Duration(i%20) * pollInterval / 10)
		r.signal(syscall.SIGTERM)
		code, _ := r.end()
		if code != exitOK && code != 128+int(syscall.SIGTERM) {
			t.Fatalf("exit code %d; stderr: %s", code, r.stderr)
		}
		if never := strings.Contains(r.stderr.String(), "without having started"); never != (code == exitOK) {
			t.Fatalf("exit code %d; stderr: %s", code, r.stderr)
		}
	}
	for range 100 {
		signals := make(chan os.Signal, 1)
		l := &launch{waiter: newWaiter(config{}, logTo(io.Discard)), signals: signals}
		signals <- syscall.SIGTERM
		l.activate("test")
		if s, err := l.wait(nil); s != syscall.SIGTERM || err != nil {
			t.Fatal("a signal that came first did not count:", s, err)
		}
	}
}

// TestARestartGoesOn: in an activated pod nothing is waited for.
func TestARestartGoesOn(t *testing.T) {
	env := launcherEnv(t)
	for range 2 {
		r := startLauncher(t, env, "sh", "-c", "echo started; exit 1")
		r.activate()
		if code, out := r.end(); code != 1 || out != "started\n" {
			t.Errorf("exit code %d, output %q", code, out)
		}
	}
}

func hooksJSON(t *testing.T, h map[string]any) string {
	t.Helper()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exe(command ...string) map[string]any {
	return map[string]any{"exec": map[string]any{"command": command}}
}

// TestStartupOfTheTemplate: the template's probe answers, after its delay, and each
// time anew.
func TestStartupOfTheTemplate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "up")
	probe := exe("sh", "-c", "echo not yet; test -e "+file)
	probe["initialDelaySeconds"], probe["timeoutSeconds"] = 1, 5
	env := launcherEnv(t)
	env["KOHORT_HOOKS"] = hooksJSON(t, map[string]any{"startupProbe": probe})
	r := startLauncher(t, env, "sh", "-c", "echo started; exec sleep 1000")
	held := r.ask()
	r.says("Waiting")
	r.activate()
	r.line()
	began := time.Now()
	if code := await(t, "the held probe", held); code != http.StatusServiceUnavailable {
		t.Errorf("before the program is up: %d", code)
	}
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("it was asked after %s, before its initialDelaySeconds", took)
	}
	r.says("exited with 1: not yet")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := await(t, "the next probe", r.ask()); code != http.StatusOK {
		t.Errorf("when the program is up: %d", code)
	}
}

// TestStartupByACommand: what keeps it from succeeding is said.
func TestStartupByACommand(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		says    string
	}{
		"it takes too long":          {[]string{"sleep", "1000"}, "sleep took too long"},
		"it does not exist":          {[]string{"no-such-program"}, "not found"},
		"something holds its output": {[]string{"sh", "-c", "echo why; sleep 3 & exit 2"}, "sh exited with 2: why"},
		"it is no program":           {[]string{script(t, "#!/no/such/shell\n")}, "no such file"},
		"it has the pod's variables": {[]string{"sh", "-c", "echo $OWN$KOHORT_POD_UID; exit 2"}, "exited with 2: own\""},
		"it is killed":               {[]string{"sh", "-c", "kill -9 $$"}, "exited with 137"},
	} {
		t.Run(name, func(t *testing.T) {
			probe := exe(c.command...)
			probe["timeoutSeconds"] = 1
			env := launcherEnv(t)
			env["OWN"] = "own"
			env["KOHORT_HOOKS"] = hooksJSON(t, map[string]any{"startupProbe": probe})
			r := startLauncher(t, env, "sh", "-c", "echo started; exec sleep 1000")
			r.activate()
			r.line()
			if code := await(t, "the probe", r.ask()); code != http.StatusServiceUnavailable {
				t.Errorf("answered %d", code)
			}
			r.says(c.says)
		})
	}
}

// TestLivenessHasItsDelay, counted from the activation and not from the start of
// the container.
func TestLivenessHasItsDelay(t *testing.T) {
	env := launcherEnv(t)
	env["KOHORT_HOOKS"] = hooksJSON(t, map[string]any{"livenessDelaySeconds": 1})
	r := startLauncher(t, env, "sh", "-c", "echo started; exec sleep 1000")
	held := r.ask()
	r.says("Waiting")
	r.activate()
	r.line()
	began := time.Now()
	if code := await(t, "the probe", held); code != http.StatusOK || time.Since(began) < 900*time.Millisecond {
		t.Errorf("answered %d after %s", code, time.Since(began))
	}
}

func TestPostStart(t *testing.T) {
	dir := t.TempDir()
	env := launcherEnv(t)
	env["KOHORT_HOOKS"] = hooksJSON(t, map[string]any{"postStart": exe("sh", "-c", "while ! test -e "+dir+"/started; do sleep 0.01; done; sleep 0.3; touch "+dir+"/hooked")})
	r := startLauncher(t, env, "sh", "-c", "touch "+dir+"/started; echo started; exec sleep 1000")
	held := r.ask()
	r.activate()
	r.line()
	if code := await(t, "the probe", held); code != http.StatusOK {
		t.Errorf("answered %d", code)
	}
	if _, err := os.Stat(dir + "/hooked"); err != nil {
		t.Error("the probe was answered before the hook had ended")
	}
}

// TestAPostStartThatFails ends the program, by force if need be.
func TestAPostStartThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		code   int
	}{
		"it ends":  {"echo started; exec sleep 1000", 128 + int(syscall.SIGTERM)},
		"it stays": {"trap '' TERM; echo started; exec sleep 1000", 128 + int(syscall.SIGKILL)},
	} {
		t.Run(name, func(t *testing.T) {
			o := startOperator(t)
			o.env["KOHORT_HOOKS"] = hooksJSON(t, map[string]any{"graceSeconds": 1, "postStart": exe("sh", "-c", "sleep 0.3; echo no room; exit 4")})
			r := startLauncher(t, o.env, "sh", "-c", c.script)
			o.Activate("uid-1")
			if code, _ := r.end(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(r.stderr.String(), "sh exited with 4: no room") || len(o.ended) != 0 {
				t.Errorf("told of %d ends; stderr: %s", len(o.ended), r.stderr)
			}
		})
	}
}

func TestThePortIsTaken(t *testing.T) {
	env := launcherEnv(t)
	listener, err := net.Listen("tcp", ":"+env["KOHORT_GATE_PORT"])
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r := startLauncher(t, env, "sleep", "1000")
	if code, _ := r.end(); code != exitFailed || !strings.Contains(r.stderr.String(), "listen for the startup probe") {
		t.Errorf("exit code %d; stderr: %s", code, r.stderr)
	}
}

// BenchmarkActivation is the way from the activation, told by the operator or by the
// annotation, to the program's first output.
func BenchmarkActivation(b *testing.B) {
	b.Run("annotation", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			r := startLauncher(b, launcherEnv(b), "sh", "-c", "echo started")
			r.says("Waiting")
			b.StartTimer()
			r.activate()
			r.line()
			b.StopTimer()
			r.end()
			b.StartTimer()
		}
	})
	b.Run("operator", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			o := startOperator(b)
			o.env["KOHORT_HOOKS"] = "{}"
			r := startLauncher(b, o.env, "sh", "-c", "echo started")
			await(b, "the question", o.asked)
			for !o.Waits("uid-1") {
				time.Sleep(time.Millisecond)
			}
			b.StartTimer()
			o.Activate("uid-1")
			r.line()
			b.StopTimer()
			r.end()
			b.StartTimer()
		}
	})
}
