package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// pathProbe is where the kubelet's startup probe asks.
const pathProbe = "/activated"

// gate holds the requests for /activated until the pod is activated.
type gate struct {
	*waiter
	// probed is closed when the first probe is held: an activation before that
	// would wait for it, up to a second.
	probed chan struct{}
	first  sync.Once
}

func newGate(c config, log *slog.Logger) *gate {
	return &gate{waiter: newWaiter(c, log), probed: make(chan struct{})}
}

// run serves until terminated says something. It does not wait for held requests
// then: nobody needs their answer any more.
func (g *gate) run(terminated <-chan os.Signal) error {
	server, failed, err := serve(g.port, g.handler())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	g.log.Info("Began to hold the startup probe until the pod is activated",
		"pod", g.podUID, "annotation", annotationActivate, "file", g.podinfo, "port", g.port)
	go g.watch(ctx)
	go g.askWhenProbed(ctx)
	select {
	case err := <-failed:
		return err
	case signal := <-terminated:
		g.tell()
		g.log.Info("Ended", "signal", signal.String(), "after", time.Since(g.began).String())
		// The process ends with its connections.
		_ = server.Close()
		return nil
	}
}

// serve answers the kubelet's startup probe.
func serve(port int, handler http.Handler) (server *http.Server, failed <-chan error, err error) {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the startup probe: %w", err)
	}
	server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- fmt.Errorf("serve the startup probe: %w", server.Serve(listener)) }()
	return server, ended, nil
}

// handler answers 200 from the activation on, and not before.
func (g *gate) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathProbe, func(w http.ResponseWriter, r *http.Request) {
		g.first.Do(func() { close(g.probed) })
		select {
		case <-g.activated:
			w.WriteHeader(http.StatusOK)
		case <-r.Context().Done():
		}
	})
	return mux
}

// askWhenProbed does not ask before the kubelet's probe is held, since the question
// says that the pod is warm.
func (g *gate) askWhenProbed(ctx context.Context) {
	select {
	case <-g.probed:
		g.ask(ctx)
	case <-ctx.Done():
	}
}

// tell has the operator know that the consumer has ended: the kubelet ends a
// native sidecar when the containers after it have ended. If it was not activated
// there was no consumer.
func (g *gate) tell() {
	if g.isActivated() && g.operator != nil {
		g.operator.tell()
	}
}
