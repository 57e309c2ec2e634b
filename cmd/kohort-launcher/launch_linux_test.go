package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoProgramOutlivesItsLauncher, also one that was killed.
func TestNoProgramOutlivesItsLauncher(t *testing.T) {
	r := startLauncher(t, launcherEnv(t), "sh", "-c", "echo $$; exec sleep 1000")
	r.activate()
	program, err := strconv.Atoi(r.line())
	if err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGKILL)
	r.end()
	for began := time.Now(); state(program) != "" && state(program) != "Z"; time.Sleep(pollInterval) {
		if time.Since(began) > patience {
			t.Fatalf("process %d is still there", program)
		}
	}
}

// TestOrphansAreReaped: what the program's children leave behind.
func TestOrphansAreReaped(t *testing.T) {
	r := startLauncher(t, launcherEnv(t), "sh", "-c", "(sleep 0.1 & echo $!); echo ready; exec sleep 1000")
	r.activate()
	orphan, err := strconv.Atoi(r.line())
	if err != nil {
		t.Fatal(err)
	}
	r.line()
	if parent := field(orphan, 1); state(orphan) != "" && parent != strconv.Itoa(r.cmd.Process.Pid) {
		t.Errorf("the orphan's parent is %s, not the launcher", parent)
	}
	for began := time.Now(); state(orphan) != ""; time.Sleep(pollInterval) {
		if time.Since(began) > patience {
			t.Fatalf("process %d is not reaped: %s", orphan, state(orphan))
		}
	}
}

// TestAsProcess1: in a container the launcher is the first process, and ends what
// the program has left before it gives its word.
func TestAsProcess1(t *testing.T) {
	o := startOperator(t)
	o.env["KOHORT_HOOKS"] = "{}"
	alone := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Getuid() != 0 {
		alone.Cloneflags |= syscall.CLONE_NEWUSER
	}
	// Two shells, so that the orphan's own parent is gone and the program too.
	r := startLauncherAs(t, alone, o.env, "sh", "-c", "(sleep 1000 </dev/null >/dev/null 2>&1 &); echo $$; exec sleep 1000")
	o.Activate("uid-1")
	if pid := r.line(); pid == "1" {
		t.Fatal("the program is process 1")
	}
	r.signal(syscall.SIGTERM)
	if code, _ := r.end(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d; stderr: %s", code, r.stderr)
	}
	await(t, "the word of the end", o.ended)
}

func state(pid int) string { return field(pid, 0) }

// field of /proc/PID/stat, counted from the state; "" if there is no such process.
func field(pid, n int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.Fields(rest)[n]
}
