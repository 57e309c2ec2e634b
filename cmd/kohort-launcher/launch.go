package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// launch is the consumer's program, from the wait for its activation to its end.
type launch struct {
	*waiter
	container
	hooks   hooks
	path    string
	argv    []string
	signals <-chan os.Signal

	// begun is closed when the program was started, hooked when its postStart hook
	// has succeeded.
	begun, hooked chan struct{}
	begunAt       time.Time

	complaining sync.Mutex
	complaint   string // of the startup probe
}

// runProgram waits for the activation, runs the program and gives its exit code.
func runProgram(argv []string, env func(string) string, stderr io.Writer) int {
	// The program is to die with the thread that starts it.
	runtime.LockOSThread()
	// Before anything else: a signal that comes now must not be lost.
	signals := receive()
	code, err := exitOK, error(nil)
	l, err := newLaunch(argv, env, slog.New(slog.NewTextHandler(stderr, nil)))
	if err == nil {
		l.signals = signals
		code, err = l.run()
	}
	if err == nil {
		return code
	}
	fmt.Fprintf(stderr, "kohort-launcher: %v\n", err)
	tellKubelet(env("KOHORT_TERMINATION_LOG"), err)
	return codeOf(err)
}

// newLaunch finds the program before anybody waits for it: a pod whose program
// cannot be started must never look warm.
func newLaunch(argv []string, env func(string) string, log *slog.Logger) (*launch, error) {
	c, err := parseConfig(env, log)
	if err != nil {
		return nil, usageError{err}
	}
	hooks, err := parseHooks(env("KOHORT_HOOKS"))
	if err != nil {
		return nil, usageError{err}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fmt.Errorf("the command of the template cannot be run: %w", err)
	}
	return &launch{
		waiter:    newWaiter(c, log),
		container: container{children: newChildren(), env: programEnv(os.Environ()), podIP: env("KOHORT_POD_IP")},
		hooks:     hooks,
		path:      path,
		argv:      argv,
		begun:     make(chan struct{}),
		hooked:    make(chan struct{}),
	}, nil
}

// programEnv is the environment without what is told to the launcher.
func programEnv(all []string) []string {
	return slices.DeleteFunc(all, func(v string) bool { return strings.HasPrefix(v, "KOHORT_") })
}

// run gives the program's exit code; 0 if it was never started.
func (l *launch) run() (int, error) {
	if err := adoptOrphans(); err != nil {
		return 0, fmt.Errorf("become the parent of orphans: %w", err)
	}
	server, failed, err := serve(l.port, l.handler())
	if err != nil {
		return 0, err
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l.log.Info("Waiting for the activation of the pod", "pod", l.podUID, "program", l.path)
	go l.watch(ctx)
	go l.ask(ctx)
	if signal, err := l.wait(failed); err != nil || signal != nil {
		if err == nil {
			l.log.Info("Ended without having started the program", "signal", signal.String())
		}
		return 0, err
	}
	program, err := l.children.start(l.path, l.argv, &syscall.ProcAttr{Env: l.env, Files: []uintptr{0, 1, 2}, Sys: diesWithParent()})
	if err != nil {
		return 0, fmt.Errorf("the command of the template cannot be run: %s: %w", l.path, err)
	}
	l.begunAt = time.Now()
	close(l.begun)
	status, asked := l.attend(ctx, program)
	// Children that the program has left may be consuming as well.
	if l.children.endLeftovers() && asked && l.operator != nil {
		l.operator.tell()
	}
	return exitCode(status), nil
}

// wait is over at the activation, or with the signal that ends it all.
func (l *launch) wait(failed <-chan error) (os.Signal, error) {
	for {
		select {
		case signal := <-l.signals:
			if ends(signal) {
				return signal, nil
			}
		case err := <-failed:
			return nil, err
		case <-l.activated:
			// Of signals that come in the same instant, those that are here count;
			// later ones reach the program.
			for len(l.signals) > 0 {
				if signal := <-l.signals; ends(signal) {
					return signal, nil
				}
			}
			return nil, nil
		}
	}
}

// attend passes signals on until the program has ended, and says whether a signal
// had asked for that.
func (l *launch) attend(ctx context.Context, program child) (status syscall.WaitStatus, asked bool) {
	hook := make(chan error, 1)
	go func() { hook <- l.postStart(ctx, l.hooks.PostStart) }()
	var kill <-chan time.Time
	for {
		select {
		case signal := <-l.signals:
			asked = asked || ends(signal)
			l.children.signal(program, signal.(syscall.Signal))
		case err := <-hook:
			if err == nil {
				close(l.hooked)
				continue
			}
			l.log.Error("The postStart hook failed: ending the program, as a kubelet does", "error", err)
			l.children.signal(program, syscall.SIGTERM)
			kill = time.After(seconds(l.hooks.GraceSeconds))
		case <-kill:
			l.children.signal(program, syscall.SIGKILL)
		case status := <-program.ended:
			return status, asked
		}
	}
}

// handler answers the container's startup probe.
func (l *launch) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathProbe, func(w http.ResponseWriter, r *http.Request) {
		err := l.started(r.Context())
		switch {
		case r.Context().Err() != nil: // nobody waits for the answer
		case err != nil:
			l.complain(err)
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusOK)
		}
	})
	return mux
}

// complain says each failure of the startup probe once: of ours, kubelets keep the
// status alone.
func (l *launch) complain(err error) {
	l.complaining.Lock()
	defer l.complaining.Unlock()
	if text := err.Error(); text != l.complaint {
		l.complaint = text
		l.log.Warn("The startup probe of the template failed", "error", err)
	}
}

// started is over when the kubelet may go on to the other probes, as it would have
// without a launcher; an error is the failure of the template's startup probe. No
// probe fails while the program is not there.
func (l *launch) started(ctx context.Context) error {
	select {
	case <-l.hooked:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p := l.hooks.StartupProbe; p != nil {
		if err := sleepUntil(ctx, l.begunAt.Add(seconds(p.InitialDelaySeconds))); err != nil {
			return err
		}
		if err := l.startup(ctx, p); err != nil {
			return err
		}
	}
	return sleepUntil(ctx, l.begunAt.Add(seconds(l.hooks.LivenessDelaySeconds)))
}

// usageError is one of how the launcher was called.
type usageError struct{ error }

// codeOf is the exit code for an error, as shells have it.
func codeOf(err error) int {
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return exitNotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EISDIR):
		return exitNotExecutable
	}
	return exitFailed
}

// tellKubelet puts an error where the kubelet takes the container's last words
// from. The file is there in every container.
func tellKubelet(file string, why error) {
	log, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return // there is stderr as well
	}
	defer log.Close()
	fmt.Fprintln(log, why)
}
