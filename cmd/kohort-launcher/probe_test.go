package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked is what a probe's request looks like to the program.
type asked struct{ Host, Path, Query, Agent, Accept, Own string }

func programThatAnswers(t *testing.T, status int, secure bool) (port string, requests chan asked) {
	requests = make(chan asked, 20)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- asked{r.Host, r.URL.Path, r.URL.RawQuery, r.UserAgent(), r.Header.Get("Accept"), r.Header.Get("X-Own")}
		switch r.URL.Path {
		case "/here":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/there":
			http.Redirect(w, r, "http://another.invalid/", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		default:
			w.WriteHeader(status)
		}
	}))
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port(), requests
}

// startupOf is a probe as the operator passes it on.
func startupOf(t *testing.T, handler string) error {
	t.Helper()
	h, err := parseHooks(`{"startupProbe": {"timeoutSeconds": 1, ` + handler + `}}`)
	if err != nil {
		t.Fatal(err)
	}
	c := container{podIP: "127.0.0.1"}
	return c.startup(t.Context(), h.StartupProbe)
}

func TestProbes(t *testing.T) {
	good, _ := programThatAnswers(t, http.StatusOK, false)
	secure, _ := programThatAnswers(t, http.StatusOK, true)
	bad, _ := programThatAnswers(t, http.StatusInternalServerError, false)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	silentPort := strconv.Itoa(silent.Addr().(*net.TCPAddr).Port)
	nobody := strconv.Itoa(freePort(t))
	for name, c := range map[string]struct{ handler, fails string }{
		"http":                       {`"httpGet": {"port": ` + good + `}`, ""},
		"https, whoever signed it":   {`"httpGet": {"scheme": "HTTPS", "port": ` + secure + `}`, ""},
		"an error":                   {`"httpGet": {"port": ` + bad + `}`, "statuscode: 500"},
		"nobody listens":             {`"httpGet": {"port": ` + nobody + `}`, "connection refused"},
		"no answer in time":          {`"httpGet": {"port": ` + silentPort + `}`, "deadline exceeded"},
		"a redirect":                 {`"httpGet": {"path": "/here", "port": ` + good + `}`, ""},
		"a redirect to another host": {`"httpGet": {"path": "/there", "port": ` + good + `}`, ""},
		"redirects without end":      {`"httpGet": {"path": "/round", "port": ` + good + `}`, "stopped after 10 redirects"},
		"tcp":                        {`"tcpSocket": {"port": ` + good + `}`, ""},
		"tcp, nobody listens":        {`"tcpSocket": {"port": ` + nobody + `}`, "connection refused"},
		"tcp on a host":              {`"tcpSocket": {"host": "localhost", "port": ` + good + `}`, ""},
		"a handler of the future":    {`"telepathy": {}`, "no handler that this launcher knows"},
	} {
		t.Run(name, func(t *testing.T) {
			err := startupOf(t, c.handler)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
}

func TestHTTPProbeIsTheKubelets(t *testing.T) {
	port, requests := programThatAnswers(t, http.StatusOK, false)
	for handler, want := range map[string]asked{
		`"path": "/up?deep=1"`:              {"127.0.0.1:" + port, "/up", "deep=1", userAgent, "*/*", ""},
		`"path": "up", "host": "localhost"`: {"localhost:" + port, "/up", "", userAgent, "*/*", ""},
		`"httpHeaders": [{"name": "host", "value": "shop"}, {"name": "x-own", "value": "1"}, {"name": "User-Agent", "value": "me"}, {"name": "Accept", "value": "text/plain"}]`: {"shop", "/", "", "me", "text/plain", "1"},
	} {
		if err := startupOf(t, `"httpGet": {"port": `+port+`, `+handler+`}`); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, <-requests); diff != "" {
			t.Error(diff)
		}
	}
}

// grpcServer is one that knows of the health of one service, in the terms of the
// protocol.
func grpcServer(t *testing.T, service string, answer []byte, code string) string {
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := append([]byte{0, 0, 0, 0, byte(2 + len(service)), 10, byte(len(service))}, service...)
		if r.ProtoMajor != 2 || r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Content-Type") != "application/grpc" ||
			r.Header.Get("TE") != "trailers" || !cmp.Equal(body, want) {
			t.Errorf("%s %s %v: % x, want % x", r.Proto, r.URL, r.Header, body, want)
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		if answer != nil {
			_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(answer))), answer...))
		}
		w.Header().Set("Grpc-Status", code)
		w.Header().Set("Grpc-Message", "a word")
	})}
	server.Protocols.SetUnencryptedHTTP2(true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() { _ = server.Close() })
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func TestGRPCProbe(t *testing.T) {
	for name, c := range map[string]struct {
		service string
		answer  []byte
		code    string
		fails   string
	}{
		"serving":             {"orders", []byte{8, 1}, "0", ""},
		"serving, all of it":  {"", []byte{8, 1}, "0", ""},
		"not serving":         {"orders", []byte{8, 2}, "0", "its status is 2"},
		"unknown":             {"orders", []byte{}, "0", "its status is UNKNOWN"},
		"no such service":     {"orders", nil, "5", "gRPC status 5: a word"},
		"no health service":   {"orders", nil, "12", "gRPC status 12: a word"},
		"an error at the end": {"orders", []byte{8, 1}, "13", "gRPC status 13: a word"},
	} {
		t.Run(name, func(t *testing.T) {
			port := grpcServer(t, c.service, c.answer, c.code)
			err := startupOf(t, `"grpc": {"service": "`+c.service+`", "port": `+port+`}`)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
	plain, _ := programThatAnswers(t, http.StatusOK, false)
	if err := startupOf(t, `"grpc": {"port": `+plain+`}`); err == nil {
		t.Error("a server without HTTP/2 is well")
	}
}

func TestPostStartHooks(t *testing.T) {
	bad, _ := programThatAnswers(t, http.StatusInternalServerError, false)
	for name, c := range map[string]struct{ handler, fails string }{
		"none":                       {`null`, ""},
		"http, whatever it says":     {`{"httpGet": {"port": ` + bad + `}}`, ""},
		"http, nobody listens":       {`{"httpGet": {"port": ` + strconv.Itoa(freePort(t)) + `}}`, "connection refused"},
		"sleep":                      {`{"sleep": {"seconds": 1}}`, ""},
		"tcp, which no kubelet runs": {`{"tcpSocket": {"port": 1}}`, "no handler that this launcher knows"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := parseHooks(`{"postStart": ` + c.handler + `}`)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = container{podIP: "127.0.0.1"}.postStart(t.Context(), h.PostStart)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
			if name == "sleep" && time.Since(began) < time.Second {
				t.Error("it slept for", time.Since(began))
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h, err := parseHooks(fmt.Sprintf(`{"postStart": {"sleep": {"seconds": %d}}}`, 1000))
	if err != nil {
		t.Fatal(err)
	}
	if (container{}).postStart(ctx, h.PostStart) == nil {
		t.Error("it sleeps on after the end")
	}
}
