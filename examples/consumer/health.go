package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// serveHealth answers the kubelet's probes until the process ends.
func serveHealth(port int, ready func() bool) error {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return fmt.Errorf("listen for the probes: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, "not a member of the group yet", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	// Serving ends with the process.
	go func() { _ = server.Serve(listener) }()
	return nil
}
