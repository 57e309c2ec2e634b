package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// starter makes the watcher, which reads the lifeline (descriptor 3), and then
// becomes the program. The watcher holds none of the program's streams, or a
// reader of theirs would never see their end. It is started by a shell that ends
// at once, so that the program does not find a child it never made.
const starter = `((trap "" HUP INT QUIT TERM; read -r line <&3; kill -9 0) </dev/null >/dev/null 2>&1 &)
exec 3<&- /usr/bin/env -i "$@"`

// Spec says what to run.
type Spec struct {
	// Path is the program; a name without a slash is looked up in PATH.
	Path string
	// Args are its arguments, without the program's name.
	Args []string
	// Env is the whole environment, as "NAME=value"; nil means the parent's own.
	Env []string
	// Dir is the working directory; "" means the parent's own.
	Dir string
	// Stdout and Stderr take the output; nil discards it. Files are passed on as
	// they are and cost nothing.
	Stdout, Stderr io.Writer
}

// ExitStatus says how a process ended.
type ExitStatus struct {
	// Code is the exit code, and 128 plus the signal's number for a process that
	// a signal ended, as shells and container runtimes count.
	Code int
	// Signal ended the process; 0 when it exited by itself.
	Signal syscall.Signal
	// FinishedAt is when the parent learned of the end, a fraction of a
	// millisecond after it.
	FinishedAt time.Time
}

// String says it in words: "exited with 1", "ended by SIGKILL (killed)".
func (s ExitStatus) String() string {
	if s.Signal != 0 {
		return fmt.Sprintf("ended by signal %d (%s)", int(s.Signal), s.Signal)
	}
	return fmt.Sprintf("exited with %d", s.Code)
}

// Process is a program that was started and that may have ended since.
type Process struct {
	pid       int
	startedAt time.Time
	done      chan struct{}
	status    ExitStatus

	mu    sync.Mutex
	ended bool
}

// Start runs a program. When ctx ends the process and its children are killed.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	path, err := exec.LookPath(spec.Path)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	end, lifeline, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: make its lifeline: %w", spec.Path, err)
	}
	output, err := openStreams(spec)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", spec.Path, err), end.Close(), lifeline.Close())
	}

	cmd := exec.Command("/bin/sh", "-c", starter, "sh")
	cmd.Args = append(cmd.Args, environment(spec)...)
	cmd.Args = append(append(cmd.Args, path), spec.Args...)
	cmd.Dir = spec.Dir
	cmd.Stdout, cmd.Stderr = output.stdout, output.stderr
	cmd.ExtraFiles = []*os.File{end}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	closeErr := errors.Join(end.Close(), output.closeOurs())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", spec.Path, err), lifeline.Close())
	}
	p := &Process{pid: cmd.Process.Pid, startedAt: time.Now(), done: make(chan struct{})}
	forget := context.AfterFunc(ctx, p.Kill)
	go func() {
		defer forget()
		p.reap(cmd.Process, lifeline, output)
	}()
	if closeErr != nil {
		p.Kill()
		return nil, fmt.Errorf("start %s: close the child's ends: %w", spec.Path, closeErr)
	}
	return p, nil
}

// environment is the part of env's arguments that sets the variables. They go
// past the shell, which would drop names that it cannot spell and add its own.
func environment(spec Spec) []string {
	if spec.Env == nil {
		return os.Environ()
	}
	return spec.Env
}

// reap waits for the end, then lets the watcher kill whatever the program left
// behind in its group.
func (p *Process) reap(child *os.Process, lifeline *os.File, output *streams) {
	state, err := child.Wait()
	status := ExitStatus{Code: -1, FinishedAt: time.Now()}
	if err == nil {
		status.Code = state.ExitCode()
		if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
			status.Signal = wait.Signal()
			status.Code = 128 + int(status.Signal)
		}
	}
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	// Only the kernel's closing matters; there is no data that could be lost.
	_ = lifeline.Close()
	output.drain()
	p.status = status
	close(p.done)
}

// PID is the program's process id, which is its process group's too.
func (p *Process) PID() int { return p.pid }

// StartedAt is when the process was made.
func (p *Process) StartedAt() time.Time { return p.startedAt }

// Signal sends a signal to the program alone, not to its children. A process
// that has ended already is no error.
func (p *Process) Signal(signal syscall.Signal) error {
	return p.signal(p.pid, signal)
}

// Kill ends the program and its children at once, as the end of a container
// does. It does not wait.
func (p *Process) Kill() {
	// The only possible error is that nobody is left to kill.
	_ = p.signal(-p.pid, syscall.SIGKILL)
}

func (p *Process) signal(target int, signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	if err := syscall.Kill(target, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to process %d: %w", signal, p.pid, err)
	}
	return nil
}

// Done is closed when the process has ended and its output has been read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end. It may be called any number of times.
func (p *Process) Wait() ExitStatus {
	<-p.done
	return p.status
}

// Stop asks the program to end (SIGTERM), kills it when it has not ended after
// grace, and waits for the end.
func (p *Process) Stop(grace time.Duration) ExitStatus {
	// A process that cannot be signalled has ended.
	_ = p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
	return p.Wait()
}

// LastLines are the end of a program's output, where the error usually is.
func LastLines(output string, count int) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
