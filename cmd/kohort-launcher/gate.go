package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// pollInterval is how often the file with the annotations is read. Reading a file
// of the page cache costs some microseconds, and every millisecond here is one in
// which nobody consumes.
const pollInterval = 5 * time.Millisecond

// gateConfig is what the pod tells the gate.
type gateConfig struct {
	// podUID is the pod's own UID: the only value that activates it.
	podUID string
	// podinfo is the downward API's file with the pod's annotations.
	podinfo string
	// port is where the kubelet's startup probe asks.
	port int
	// operator is asked and told as well; nil: there is no endpoint.
	operator *endpoint
}

func parseGateConfig(env func(string) string, log *slog.Logger) (gateConfig, error) {
	config := gateConfig{podUID: env("KOHORT_POD_UID"), podinfo: env("KOHORT_PODINFO")}
	if config.podUID == "" {
		return config, errors.New("KOHORT_POD_UID is not set: it must be the pod's metadata.uid")
	}
	if config.podinfo == "" {
		return config, errors.New("KOHORT_PODINFO is not set: it must be the downward API's file with the pod's annotations")
	}
	port, err := strconv.ParseUint(env("KOHORT_GATE_PORT"), 10, 16)
	if err != nil || port == 0 {
		return config, fmt.Errorf("KOHORT_GATE_PORT is %q: it must be the port of the startup probe, from 1 to 65535", env("KOHORT_GATE_PORT"))
	}
	config.port = int(port)
	config.operator, err = newEndpoint(env, log)
	return config, err
}

// gate holds the requests for /activated until the pod is activated.
type gate struct {
	gateConfig
	log *slog.Logger
	// activated is closed at the activation, and never opened again.
	activated chan struct{}
	once      sync.Once
	// probed is closed when the first probe is held: an activation before that
	// would wait for it, up to a second.
	probed chan struct{}
	first  sync.Once
}

func newGate(config gateConfig, log *slog.Logger) *gate {
	return &gate{gateConfig: config, log: log, activated: make(chan struct{}), probed: make(chan struct{})}
}

// activate lets the kubelet start the consumer.
func (g *gate) activate(by string, waited time.Duration) {
	g.once.Do(func() {
		g.log.Info("Activated", "by", by, "waited", waited.String())
		close(g.activated)
	})
}

// run serves until terminated says something. It does not wait for held requests
// then: nobody needs their answer any more.
func (g *gate) run(terminated <-chan os.Signal) error {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(g.port))
	if err != nil {
		return fmt.Errorf("listen for the startup probe: %w", err)
	}
	server := &http.Server{Handler: g.handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began := time.Now()
	g.log.Info("Began to hold the startup probe until the pod is activated",
		"pod", g.podUID, "annotation", annotationActivate, "file", g.podinfo, "port", g.port)
	go g.watch(ctx, began)
	if g.operator != nil {
		go g.ask(ctx, began)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve the startup probe: %w", err)
	case signal := <-terminated:
		g.tell()
		g.log.Info("Ended", "signal", signal.String(), "after", time.Since(began).String())
		// The process ends with its connections.
		_ = server.Close()
		return nil
	}
}

// handler answers 200 from the activation on, and not before.
func (g *gate) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /activated", func(w http.ResponseWriter, r *http.Request) {
		g.first.Do(func() { close(g.probed) })
		select {
		case <-g.activated:
			w.WriteHeader(http.StatusOK)
		case <-r.Context().Done():
		}
	})
	return mux
}

// ask has the operator say when the pod is activated. The question says that the
// pod is warm, so it is not asked before the kubelet's probe is held.
func (g *gate) ask(ctx context.Context, began time.Time) {
	select {
	case <-g.probed:
	case <-ctx.Done():
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-g.activated:
			cancel()
		case <-ctx.Done():
		}
	}()
	if g.operator.ask(ctx) {
		g.activate("operator", time.Since(began))
	}
}

// tell has the operator know that the consumer has ended: the kubelet ends a
// native sidecar when the containers after it have ended.
func (g *gate) tell() {
	select {
	case <-g.activated:
		if g.operator != nil {
			g.operator.tell()
		}
	default: // there was no consumer
	}
}

// watch reads the annotations until they activate the pod.
func (g *gate) watch(ctx context.Context, began time.Time) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var complaint string
	for {
		content, err := os.ReadFile(g.podinfo)
		switch {
		case err == nil:
			if uid, found := annotation(content, annotationActivate); found && uid == g.podUID {
				g.activate("annotation", time.Since(began))
				return
			}
			complaint = ""
		// A volume may appear after the process does; anything else is said once.
		case !errors.Is(err, fs.ErrNotExist) && err.Error() != complaint:
			complaint = err.Error()
			g.log.Error("Failed to read the pod's annotations; trying on", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-g.activated:
			return
		case <-ticker.C:
		}
	}
}
