package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// hooks are what the template asks of the kubelet for its program and the launcher
// does in its place: to the kubelet the container runs while the program does not.
// Field names are those of Kubernetes; ports are numbers here.
type hooks struct {
	StartupProbe *probe   `json:"startupProbe"`
	PostStart    *handler `json:"postStart"`
	// LivenessDelaySeconds is the liveness probe's initialDelaySeconds.
	LivenessDelaySeconds int64 `json:"livenessDelaySeconds"`
	// GraceSeconds are between SIGTERM and SIGKILL after a hook that failed.
	GraceSeconds int64 `json:"graceSeconds"`
}

type probe struct {
	handler
	InitialDelaySeconds int64 `json:"initialDelaySeconds"`
	TimeoutSeconds      int64 `json:"timeoutSeconds"`
}

// handler has one field set.
type handler struct {
	Exec *struct {
		Command []string `json:"command"`
	} `json:"exec"`
	HTTPGet   *httpGet   `json:"httpGet"`
	TCPSocket *tcpSocket `json:"tcpSocket"`
	GRPC      *struct {
		Port    int    `json:"port"`
		Service string `json:"service"`
	} `json:"grpc"`
	Sleep *struct {
		Seconds int64 `json:"seconds"`
	} `json:"sleep"`
}

type tcpSocket struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

type httpGet struct {
	Scheme      string `json:"scheme"`
	Host        string `json:"host"`
	Port        int    `json:"port"`
	Path        string `json:"path"`
	HTTPHeaders []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"httpHeaders"`
}

func parseHooks(text string) (hooks, error) {
	var h hooks
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return h, fmt.Errorf("KOHORT_HOOKS cannot be read: it must be the JSON that the operator writes: %w", err)
	}
	return h, nil
}

// container is where hooks are run.
type container struct {
	children *children
	env      []string
	// podIP is where the kubelet finds the program.
	podIP string
}

// startup performs the template's startup probe once.
func (c container) startup(ctx context.Context, p *probe) error {
	ctx, cancel := context.WithTimeout(ctx, seconds(p.TimeoutSeconds))
	defer cancel()
	switch {
	case p.Exec != nil:
		return c.children.execute(ctx, p.Exec.Command, c.env)
	case p.HTTPGet != nil:
		return askHTTP(ctx, p.HTTPGet, c.podIP)
	case p.TCPSocket != nil:
		return askTCP(ctx, p.TCPSocket, c.podIP)
	case p.GRPC != nil:
		return askGRPC(ctx, address(c.podIP, p.GRPC.Port), p.GRPC.Service)
	}
	return errors.New("the startup probe has no handler that this launcher knows")
}

// postStart runs the template's hook to its end. As to a kubelet, any answer to
// its request is a good one.
func (c container) postStart(ctx context.Context, h *handler) error {
	switch {
	case h == nil:
		return nil
	case h.Exec != nil:
		return c.children.execute(ctx, h.Exec.Command, c.env)
	case h.HTTPGet != nil:
		_, err := h.HTTPGet.send(ctx, c.podIP)
		return err
	case h.Sleep != nil:
		return sleepUntil(ctx, time.Now().Add(seconds(h.Sleep.Seconds)))
	}
	return errors.New("the hook has no handler that this launcher knows")
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// sleepUntil sleeps until then, or less if ctx ends, which is an error.
func sleepUntil(ctx context.Context, then time.Time) error {
	timer := time.NewTimer(time.Until(then))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
