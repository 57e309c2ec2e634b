package testbed

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

// probeRun is one probe of one process.
type probeRun struct {
	kind  string
	probe *corev1.Probe
	// ask asks once; the context ends at the probe's timeout.
	ask func(context.Context) error
	// tell is called whenever the count of equal answers reaches the threshold;
	// the probe goes on while it says so.
	tell func(err error) (goOn bool)
	// failed is called at each failure.
	failed func(err error)
}

// startProbes begins to probe a new process: startup first, and when that has
// succeeded the others.
func (w *podWorker) startProbes(c *container) {
	ctx, cancel := context.WithCancel(w.k.ctx)
	c.probes = cancel
	spec := c.spec.StartupProbe
	if spec == nil {
		w.hasStarted(ctx, c)
		return
	}
	w.runProbe(ctx, c, "Startup", spec, func(err error) {
		if err != nil {
			w.kill(c, spec, "startup probe")
			return
		}
		w.hasStarted(ctx, c)
		c.startedAt = w.k.options.Delays.probed(w.uid, w.now, w.annotatedAt)
	})
}

func (w *podWorker) hasStarted(ctx context.Context, c *container) {
	c.started, c.startedAt = true, w.now
	c.ready = c.spec.ReadinessProbe == nil
	if spec := c.spec.ReadinessProbe; spec != nil {
		w.runProbe(ctx, c, "Readiness", spec, func(err error) { c.ready = err == nil })
	}
	if spec := c.spec.LivenessProbe; spec != nil {
		w.runProbe(ctx, c, "Liveness", spec, func(err error) {
			if err != nil {
				w.kill(c, spec, "liveness probe")
			}
		})
	}
}

// runProbe asks in a goroutine and lets the worker act on what it learns, as long
// as it is about the same process.
func (w *podWorker) runProbe(ctx context.Context, c *container, kind string, spec *corev1.Probe, act func(error)) {
	about := c.process
	asker := w.asker(c, spec)
	run := probeRun{
		kind: kind, probe: spec, ask: asker,
		tell: func(err error) bool {
			w.tell(func() {
				if c.process == about && ctx.Err() == nil {
					act(err)
				}
			})
			return kind != "Startup"
		},
		failed: func(err error) {
			w.tell(func() {
				if c.process == about && ctx.Err() == nil {
					w.event(corev1.EventTypeWarning, "Unhealthy", fmt.Sprintf("%s probe failed: %v", kind, err))
				}
			})
		},
	}
	w.k.running.Go(func() { run.loop(ctx) })
}

func (r probeRun) loop(ctx context.Context) {
	successes, failures := 0, 0
	wait := seconds(r.probe.InitialDelaySeconds, 0)
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		next := time.Now().Add(seconds(r.probe.PeriodSeconds, 10))
		asked, cancel := context.WithTimeout(ctx, seconds(r.probe.TimeoutSeconds, 1))
		err := r.ask(asked)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			successes, failures = successes+1, 0
		} else {
			successes, failures = 0, failures+1
			r.failed(err)
		}
		if successes >= max(1, int(r.probe.SuccessThreshold)) || failures >= failureThreshold(r.probe) {
			if !r.tell(err) {
				return
			}
		}
		// A kubelet's ticks go on while a probe is under way: one that took longer
		// than the period is followed by the next at once.
		wait = max(0, time.Until(next))
	}
}

func failureThreshold(probe *corev1.Probe) int {
	if probe.FailureThreshold == 0 {
		return 3
	}
	return int(probe.FailureThreshold)
}

func seconds(value, byDefault int32) time.Duration {
	if value == 0 {
		value = byDefault
	}
	return time.Duration(value) * time.Second
}

// asker makes the function that asks once.
func (w *podWorker) asker(c *container, probe *corev1.Probe) func(context.Context) error {
	switch {
	case probe.HTTPGet != nil:
		port, err := w.probePort(c, probe.HTTPGet.Port)
		return func(ctx context.Context) error {
			if err != nil {
				return err
			}
			return askHTTP(ctx, probe.HTTPGet, port)
		}
	case probe.TCPSocket != nil:
		port, err := w.probePort(c, probe.TCPSocket.Port)
		return func(ctx context.Context) error {
			if err != nil {
				return err
			}
			return askTCP(ctx, port)
		}
	case probe.Exec != nil:
		spec, err := w.processSpec(w.k.ctx, &container{
			spec: execSpec(c.spec, probe.Exec.Command), image: c.image,
		})
		return func(ctx context.Context) error {
			if err != nil {
				return err
			}
			return askExec(ctx, spec)
		}
	}
	return func(context.Context) error { return errors.New("the testbed knows httpGet, tcpSocket and exec only") }
}

// execSpec is a container's specification with another command.
func execSpec(spec *corev1.Container, command []string) *corev1.Container {
	other := spec.DeepCopy()
	other.Command, other.Args = command, nil
	return other
}

// probePort finds a port by its number or its name.
func (w *podWorker) probePort(c *container, port intstr.IntOrString) (string, error) {
	number := port.IntVal
	if port.Type == intstr.String {
		number = 0
		for _, declared := range c.spec.Ports {
			if declared.Name == port.StrVal {
				number = declared.ContainerPort
			}
		}
		if number == 0 {
			return "", fmt.Errorf("container %s has no port named %s", c.spec.Name, port.StrVal)
		}
	}
	return w.hostPort(strconv.Itoa(int(number))), nil
}

// askHTTP makes a request over a connection of its own. It may take as long as the
// probe's timeout allows.
func askHTTP(ctx context.Context, get *corev1.HTTPGetAction, port string) error {
	scheme := strings.ToLower(string(get.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	path := "/" + strings.TrimPrefix(get.Path, "/")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(loopback, port)+path, nil)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("User-Agent", "kube-probe/1.36")
	for _, header := range get.HTTPHeaders {
		request.Header.Add(header.Name, header.Value)
	}
	// As a kubelet does it: a probe's certificate is not verified.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 10<<10))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d: %s", response.StatusCode, process.LastLines(string(body), 1))
	}
	return nil
}

func askTCP(ctx context.Context, port string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(loopback, port))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := connection.Close(); err != nil {
		return fmt.Errorf("close the connection: %w", err)
	}
	return nil
}

func askExec(ctx context.Context, spec process.Spec) error {
	var output bytes.Buffer
	spec.Stdout, spec.Stderr = &output, &output
	child, err := process.Start(ctx, spec)
	if err != nil {
		return err
	}
	if status := child.Wait(); status.Code != 0 {
		return fmt.Errorf("command %s: %s", status, process.LastLines(output.String(), 3))
	}
	return nil
}
