package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
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

	"github.com/google/go-cmp/cmp"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func podinfo(uid string) string {
	return fmt.Sprintf("kohort.dev/consumer=%q\n%s=%q\n", "app", annotationActivate, uid)
}

// startGate runs the gate of the pod uid-1 behind a test server.
func startGate(t *testing.T, file string) *httptest.Server {
	t.Helper()
	g := newGate(config{podUID: "uid-1", podinfo: file}, logTo(t.Output()))
	server := httptest.NewServer(g.handler())
	t.Cleanup(server.Close)
	go g.watch(t.Context())
	return server
}

func TestProbesAreHeldUntilTheActivation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "annotations")
	server := startGate(t, file)
	const probes = 20
	answers := make(chan string, probes)
	var asked sync.WaitGroup
	for range probes {
		asked.Add(1)
		go func() {
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/activated", nil)
			asked.Done()
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- response.Status
			_ = response.Body.Close()
		}()
	}
	asked.Wait()
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// None of these is this pod's activation, however long they stay.
	for _, content := range []string{"", podinfo(""), podinfo("uid-of-another-pod"), podinfo("uid-11")} {
		write(content)
		select {
		case answer := <-answers:
			t.Fatalf("with the annotations %q a probe was answered: %s", content, answer)
		case <-time.After(20 * pollInterval):
		}
	}
	write(podinfo("uid-1"))
	got := map[string]int{}
	for range probes {
		select {
		case answer := <-answers:
			got[answer]++
		case <-time.After(patience):
			t.Fatalf("after the activation only these probes were answered: %v", got)
		}
	}
	if diff := cmp.Diff(map[string]int{"200 OK": probes}, got); diff != "" {
		t.Error(diff)
	}
	// A restarted kubelet asks again, whatever became of the annotation.
	write(podinfo(""))
	response, err := http.Get(server.URL + "/activated")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("a later probe got %s", response.Status)
	}
}

func TestOnlyTheProbesPathExists(t *testing.T) {
	server := startGate(t, filepath.Join(t.TempDir(), "annotations"))
	response, err := http.Get(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("got %s", response.Status)
	}
}

func TestGateEndsWhenAskedTo(t *testing.T) {
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "annotations")
	if err := os.WriteFile(file, []byte(podinfo("uid-1")), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	g := newGate(config{podUID: "uid-1", podinfo: file, port: port}, logTo(&log))
	terminated, done := make(chan os.Signal, 1), make(chan error, 1)
	go func() { done <- g.run(terminated) }()
	answered := func() bool {
		response, err := http.Get("http://127.0.0.1:" + strconv.Itoa(port) + "/activated")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	for end := time.Now().Add(patience); !answered(); time.Sleep(pollInterval) {
		if time.Now().After(end) {
			t.Fatal("the gate never answered")
		}
	}
	terminated <- syscall.SIGTERM
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the gate did not end")
	}
	var said []string
	for line := range strings.Lines(log.String()) {
		for _, word := range []string{"Began", "Activated", "Ended"} {
			if strings.Contains(line, word) {
				said = append(said, word)
			}
		}
	}
	if diff := cmp.Diff([]string{"Began", "Activated", "Ended"}, said); diff != "" {
		t.Errorf("%s\n%s", diff, log.String())
	}
}
