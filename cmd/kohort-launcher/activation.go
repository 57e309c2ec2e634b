package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"
)

// pollInterval is how often the file with the annotations is read. Reading a file
// of the page cache costs some microseconds, and every millisecond here is one in
// which nobody consumes.
const pollInterval = 5 * time.Millisecond

// config is what the pod tells the launcher.
type config struct {
	// podUID is the pod's own UID: the only value that activates it.
	podUID string
	// podinfo is the downward API's file with the pod's annotations.
	podinfo string
	// port is where the kubelet's startup probe asks.
	port int
	// operator is asked and told as well; nil: there is no endpoint.
	operator *endpoint
}

func parseConfig(env func(string) string, log *slog.Logger) (config, error) {
	c := config{podUID: env("KOHORT_POD_UID"), podinfo: env("KOHORT_PODINFO")}
	if c.podUID == "" {
		return c, errors.New("KOHORT_POD_UID is not set: it must be the pod's metadata.uid")
	}
	if c.podinfo == "" {
		return c, errors.New("KOHORT_PODINFO is not set: it must be the downward API's file with the pod's annotations")
	}
	port, err := strconv.ParseUint(env("KOHORT_GATE_PORT"), 10, 16)
	if err != nil || port == 0 {
		return c, fmt.Errorf("KOHORT_GATE_PORT is %q: it must be the port of the startup probe, from 1 to 65535", env("KOHORT_GATE_PORT"))
	}
	c.port = int(port)
	c.operator, err = newEndpoint(env, log)
	return c, err
}

// waiter learns of the pod's activation, from the annotation or from the operator,
// whichever says so first.
type waiter struct {
	config
	log   *slog.Logger
	began time.Time
	// activated is closed at the activation, and never opened again.
	activated chan struct{}
	once      sync.Once
}

func newWaiter(c config, log *slog.Logger) *waiter {
	return &waiter{config: c, log: log, began: time.Now(), activated: make(chan struct{})}
}

func (w *waiter) activate(by string) {
	w.once.Do(func() {
		w.log.Info("Activated", "by", by, "waited", time.Since(w.began).String())
		close(w.activated)
	})
}

// isActivated says whether the pod is activated by now.
func (w *waiter) isActivated() bool {
	select {
	case <-w.activated:
		return true
	default:
		return false
	}
}

// watch reads the annotations until they activate the pod.
func (w *waiter) watch(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var complaint string
	for {
		content, err := os.ReadFile(w.podinfo)
		switch {
		case err == nil:
			if uid, found := annotation(content, annotationActivate); found && uid == w.podUID {
				w.activate("annotation")
				return
			}
			complaint = ""
		// A volume may appear after the process does; anything else is said once.
		case !errors.Is(err, fs.ErrNotExist) && err.Error() != complaint:
			complaint = err.Error()
			w.log.Error("Failed to read the pod's annotations; trying on", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.activated:
			return
		case <-ticker.C:
		}
	}
}

// ask has the operator, if there is one, say when the pod is activated. The
// question says that the pod is warm.
func (w *waiter) ask(ctx context.Context) {
	if w.operator == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-w.activated:
			cancel()
		case <-ctx.Done():
		}
	}()
	if w.operator.ask(ctx) {
		w.activate("operator")
	}
}
