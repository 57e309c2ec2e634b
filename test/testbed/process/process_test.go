package process_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

// helperVariable makes the test binary one of the programs below.
const helperVariable = "PROCESS_TEST_HELPER"

const deadline = 30 * time.Second

func TestMain(m *testing.M) {
	switch os.Getenv(helperVariable) {
	case "":
		os.Exit(m.Run())
	case "parent":
		beParent(os.Args[1:])
	case "holder":
		beHolder(os.Args[1:])
	}
}

// beParent starts a holder for each lock file and waits to be killed.
func beParent(locks []string) {
	for _, lock := range locks {
		spec := helper("holder", lock)
		spec.Stdout = os.Stdout
		if _, err := process.Start(context.Background(), spec); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	sleepForEver()
}

func sleepForEver() {
	for {
		time.Sleep(time.Hour)
	}
}

// heldFile is kept here so that no garbage collection closes it.
var heldFile *os.File

// beHolder holds a lock file and, through a child of its own, a second one.
func beHolder(args []string) {
	var err error
	heldFile, err = os.OpenFile(args[0], os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(heldFile.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if !strings.HasSuffix(args[0], ".child") {
		child := exec.Command(os.Args[0], args[0]+".child")
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("holding", filepath.Base(args[0]))
	sleepForEver()
}

func helper(name string, args ...string) process.Spec {
	return process.Spec{Path: os.Args[0], Args: args, Env: append(os.Environ(), helperVariable+"="+name)}
}

func TestNothingOutlivesAKilledParent(t *testing.T) {
	dir := t.TempDir()
	locks := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], locks...)
	parent.Env = append(os.Environ(), helperVariable+"=parent")
	parent.Stdout = output
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both holders and their children hold their locks", func() bool {
		text, err := os.ReadFile(output.Name())
		return err == nil && strings.Count(string(text), "holding ") == 4
	})
	for _, lock := range locks {
		if !held(t, lock) || !held(t, lock+".child") {
			t.Fatalf("%s is free while its holder runs", lock)
		}
	}

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Fatal("the parent ended by itself")
	}

	for _, lock := range locks {
		eventually(t, lock+" is free", func() bool { return !held(t, lock) && !held(t, lock+".child") })
	}
}

func TestExitStatus(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   process.ExitStatus
	}{
		"success":    {"exit 0", process.ExitStatus{}},
		"failure":    {"exit 3", process.ExitStatus{Code: 3}},
		"by signal":  {"kill -9 $$", process.ExitStatus{Code: 137, Signal: syscall.SIGKILL}},
		"terminated": {"kill -15 $$", process.ExitStatus{Code: 143, Signal: syscall.SIGTERM}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := process.Start(t.Context(), process.Spec{Path: "sh", Args: []string{"-c", c.script}})
			if err != nil {
				t.Fatal(err)
			}
			got := p.Wait()
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(process.ExitStatus{}, "FinishedAt")); diff != "" {
				t.Error(diff)
			}
			if got.FinishedAt.Before(p.StartedAt()) {
				t.Errorf("finished at %v, before its start at %v", got.FinishedAt, p.StartedAt())
			}
		})
	}
}

func TestEnvironmentAndOutputAreTheProgramsOwn(t *testing.T) {
	var stdout, stderr bytes.Buffer
	p, err := process.Start(t.Context(), process.Spec{
		Path: "sh", Args: []string{"-c", `/usr/bin/env; echo "$#:$1" >&2; pwd >&2`, "name", "two words"},
		Env: []string{"with.dots=kept", "PLAIN=a b", "PWD=set"}, Dir: "/",
		Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	if status := p.Wait(); status.Code != 0 {
		t.Fatal(status, stderr.String())
	}
	for _, want := range []string{"PLAIN=a b\n"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the environment lacks %q:\n%s", want, stdout.String())
		}
	}
	if strings.Contains(stdout.String(), helperVariable) || strings.Contains(stdout.String(), "HOME=") {
		t.Errorf("the parent's environment leaked:\n%s", stdout.String())
	}
	if diff := cmp.Diff("1:two words\n/\n", stderr.String()); diff != "" {
		t.Error(diff)
	}
}

func TestVariablesNoShellCanSpell(t *testing.T) {
	var stdout bytes.Buffer
	p, err := process.Start(t.Context(), process.Spec{
		Path: "/usr/bin/env", Env: []string{"spring.kafka.group=orders", "B=2"}, Stdout: &stdout,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
	if diff := cmp.Diff("spring.kafka.group=orders\nB=2\n", stdout.String()); diff != "" {
		t.Error(diff)
	}
}

func TestStop(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
		want   process.ExitStatus
	}{
		"a program that ends when asked": {
			`trap "exit 5" TERM; echo up; while :; do sleep 0.01; done`, deadline, process.ExitStatus{Code: 5}},
		"a program that does not": {
			`trap "" TERM; echo up; while :; do sleep 0.01; done`, 50 * time.Millisecond,
			process.ExitStatus{Code: 137, Signal: syscall.SIGKILL}},
	} {
		t.Run(name, func(t *testing.T) {
			output := filepath.Join(t.TempDir(), "output")
			file, err := os.Create(output)
			if err != nil {
				t.Fatal(err)
			}
			p, err := process.Start(t.Context(), process.Spec{Path: "sh", Args: []string{"-c", c.script}, Stdout: file})
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "it runs", func() bool {
				text, err := os.ReadFile(output)
				return err == nil && len(text) > 0
			})
			got := p.Stop(c.grace)
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(process.ExitStatus{}, "FinishedAt")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChildrenLeftBehindEndWithTheirParent(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "left.child")
	var stdout bytes.Buffer
	spec := process.Spec{
		Path: "sh", Args: []string{"-c", `"$0" "$1" & while ! test -s "$1".up; do sleep 0.01; done`, os.Args[0], lock},
		Env: append(os.Environ(), helperVariable+"=holder"), Stdout: &stdout,
	}
	p, err := process.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child holds its lock", func() bool { return held(t, lock) })
	if err := os.WriteFile(lock+".up", []byte("yes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := p.Wait(); status.Code != 0 {
		t.Fatal(status)
	}
	eventually(t, "the child is gone", func() bool { return !held(t, lock) })
}

func TestStartNamesTheProgramThatIsMissing(t *testing.T) {
	_, err := process.Start(t.Context(), process.Spec{Path: "/nowhere/program"})
	if err == nil || !strings.Contains(err.Error(), "/nowhere/program") {
		t.Errorf("got %v", err)
	}
}

// held says whether somebody holds the lock on a file.
func held(t *testing.T, path string) bool {
	t.Helper()
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("not after %s: %s", deadline, what)
}
