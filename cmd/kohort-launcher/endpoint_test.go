package main

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/internal/activation"
)

// operator is the operator's side as it really is, but for the API server that
// knows the tokens: a token is its pod's UID.
type operator struct {
	*activation.Server
	env   map[string]string
	asked chan string
	ended chan activation.Pod
}

func startOperator(t testing.TB) operator {
	t.Helper()
	o := operator{asked: make(chan string, 100), ended: make(chan activation.Pod, 1)}
	o.Server = &activation.Server{
		Review: func(_ context.Context, token string) (activation.Pod, error) {
			o.asked <- token
			return activation.Pod{UID: "uid-1"}, nil
		},
		Asked: func(activation.Pod) {},
		Ended: func(_ context.Context, pod activation.Pod) error {
			o.ended <- pod
			return nil
		},
		Now: time.Now,
	}
	authority, err := activation.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", authority.ServerConfig("127.0.0.1", time.Now))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: o.Handler(), ErrorLog: log.New(t.Output(), "", 0)}
	go server.Serve(listener)
	t.Cleanup(func() { _ = server.Close() })
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("the-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.env = map[string]string{
		"KOHORT_POD_UID": "uid-1", "KOHORT_PODINFO": filepath.Join(t.TempDir(), "none"), "KOHORT_GATE_PORT": strconv.Itoa(freePort(t)),
		"KOHORT_ENDPOINT": "https://" + listener.Addr().String(), "KOHORT_ENDPOINT_CA": string(authority.Certificate()), "KOHORT_TOKEN": token,
	}
	return o
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// record is a log that can be read while it is written.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// runGate runs the gate with an operator's environment until it is told to end.
func (o operator) runGate(t *testing.T) (activated <-chan struct{}, log *record, end func()) {
	t.Helper()
	log = &record{}
	config, err := parseConfig(func(name string) string { return o.env[name] }, logTo(log))
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(config, logTo(log))
	terminated, done := make(chan os.Signal, 1), make(chan error, 1)
	go func() { done <- g.run(terminated) }()
	go askStartup(t, config.port)
	return g.activated, log, func() {
		terminated <- syscall.SIGTERM
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("the gate did not end")
		}
	}
}

// askStartup is the kubelet's startup probe.
func askStartup(t *testing.T, port int) {
	for t.Context().Err() == nil {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+"/activated", nil)
		if err != nil {
			return
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			return
		}
		time.Sleep(pollInterval) // it does not listen yet
	}
}

func await[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("not in time: " + what)
	}
	panic("unreachable")
}

func TestOperatorActivatesAndIsTold(t *testing.T) {
	o := startOperator(t)
	activated, log, end := o.runGate(t)
	if token := await(t, "the question", o.asked); token != "the-token" {
		t.Errorf("it asks with the token %q", token)
	}
	o.Activate("uid-1")
	await(t, "the activation", activated)
	end()
	if !strings.Contains(log.String(), "by=operator") {
		t.Error("it was activated otherwise:\n", log)
	}
	if pod := await(t, "the word of the end", o.ended); pod.UID != "uid-1" {
		t.Error(pod)
	}
}

func TestNoWordOfAConsumerThatNeverWas(t *testing.T) {
	o := startOperator(t)
	_, _, end := o.runGate(t)
	await(t, "the question", o.asked)
	end()
	if len(o.ended) != 0 {
		t.Error("it told of an end")
	}
}

func TestWithoutTheOperatorTheAnnotationActivates(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, env map[string]string){
		"nobody listens": func(t *testing.T, env map[string]string) {
			env["KOHORT_ENDPOINT"] = "https://127.0.0.1:" + strconv.Itoa(freePort(t))
		},
		"another's certificate": func(t *testing.T, env map[string]string) {
			env["KOHORT_ENDPOINT_CA"] = startOperator(t).env["KOHORT_ENDPOINT_CA"]
		},
		"no token": func(_ *testing.T, env map[string]string) { env["KOHORT_TOKEN"] += ".missing" },
		"it answers errors": func(t *testing.T, env map[string]string) {
			server := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(server.Close)
			env["KOHORT_ENDPOINT"] = server.URL
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := startOperator(t)
			file := filepath.Join(t.TempDir(), "annotations")
			o.env["KOHORT_PODINFO"] = file
			spoil(t, o.env)
			activated, log, end := o.runGate(t)
			for began := time.Now(); !strings.Contains(log.String(), "Failed to ask"); time.Sleep(pollInterval) {
				if time.Since(began) > patience {
					t.Fatal("it does not complain")
				}
			}
			time.Sleep(4 * firstRetry) // it fails again meanwhile, and says nothing
			if err := os.WriteFile(file, []byte(podinfo("uid-1")), 0o600); err != nil {
				t.Fatal(err)
			}
			await(t, "the activation", activated)
			end()
			if n := strings.Count(log.String(), "Failed to ask"); n != 1 {
				t.Errorf("it complains %d times:\n%s", n, log)
			}
			if !strings.Contains(log.String(), "Failed to tell") || len(o.ended) != 0 {
				t.Errorf("nobody can have been told of the end:\n%s", log)
			}
		})
	}
}

func TestBadEndpoints(t *testing.T) {
	for missing, want := range map[string]string{
		"KOHORT_ENDPOINT_CA": "KOHORT_ENDPOINT_CA has no certificate",
		"KOHORT_TOKEN":       "KOHORT_TOKEN is not set",
	} {
		o := startOperator(t)
		delete(o.env, missing)
		_, err := parseConfig(func(name string) string { return o.env[name] }, logTo(t.Output()))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

func TestPathsAreTheOperators(t *testing.T) {
	if pathActivated != activation.PathActivated || pathEnded != activation.PathEnded {
		t.Error(pathActivated, pathEnded)
	}
}
