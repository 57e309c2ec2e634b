package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// leftoversPatience bounds the wait for processes that were killed.
	leftoversPatience = 200 * time.Millisecond
	// outputLimit is how much of a command's output is kept, in bytes.
	outputLimit = 1024
)

// children are the processes of the container: as its first process, the launcher
// is the parent of all that have lost theirs. Only reap waits for them, or two
// would wait for one process.
type children struct {
	mu   sync.Mutex
	ends map[int]chan<- syscall.WaitStatus
}

// child is a process that was started here.
type child struct {
	pid int
	// ended gets the status, once.
	ended <-chan syscall.WaitStatus
}

func newChildren() *children {
	c := &children{ends: map[int]chan<- syscall.WaitStatus{}}
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	go func() {
		for range died {
			c.reap()
		}
	}()
	return c
}

// start starts a program. Nothing is reaped while it does, so no end is missed.
func (c *children) start(path string, argv []string, attr *syscall.ProcAttr) (child, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return child{}, err
	}
	ended := make(chan syscall.WaitStatus, 1)
	c.ends[pid] = ended
	return child{pid: pid, ended: ended}, nil
}

// reap takes the status of every process that has ended, and says whether no
// process is left.
func (c *children) reap() (none bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err == syscall.ECHILD
		case pid == 0:
			return false
		case c.ends[pid] != nil:
			c.ends[pid] <- status
			delete(c.ends, pid)
		}
	}
}

// signal sends a signal to a process that has not been reaped: until then nobody
// else has its number.
func (c *children) signal(to child, s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends[to.pid] != nil {
		_ = syscall.Kill(to.pid, s) // it can only have ended
	}
}

// endLeftovers ends what the program has left behind, as the kernel does when the
// first process of a container ends, and says whether nothing is left. Where
// process 1 is another the runtime does it, after this process has ended.
func (c *children) endLeftovers() (none bool) {
	if os.Getpid() != 1 {
		return c.reap()
	}
	_ = syscall.Kill(-1, syscall.SIGKILL) // no process at all is an error as well
	for end := time.Now().Add(leftoversPatience); !c.reap(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// execute runs a command until it or ctx ends. The error has the end of what it
// wrote.
func (c *children) execute(ctx context.Context, command, env []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	output, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe for its output: %w", err)
	}
	defer output.Close()
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("open its input: %w", err)
	}
	defer nothing.Close()
	process, err := c.start(path, command, &syscall.ProcAttr{Env: env, Files: []uintptr{nothing.Fd(), theirs.Fd(), theirs.Fd()}})
	_ = theirs.Close() // the process has its own
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	said := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(output, outputLimit)) // only for people
		said <- strings.TrimSpace(string(text))
		_, _ = io.Copy(io.Discard, output)
	}()
	select {
	case <-ctx.Done():
		c.signal(process, syscall.SIGKILL)
		return fmt.Errorf("%s took too long: %w", command[0], ctx.Err())
	case status := <-process.ended:
		if code := exitCode(status); code != 0 {
			// Its own children may hold the pipe open for ever.
			_ = output.SetReadDeadline(time.Now().Add(leftoversPatience))
			return fmt.Errorf("%s exited with %d: %s", command[0], code, <-said)
		}
		return nil
	}
}

// exitCode is 128 plus the signal's number for a process that a signal ended, as
// shells and container runtimes count.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
