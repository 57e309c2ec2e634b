package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	pathActivated = "/v1/activated"
	pathEnded     = "/v1/ended"

	// askPatience is longer than the operator holds a request.
	askPatience = 90 * time.Second
	// dialPatience bounds the way to an operator that may not be there.
	dialPatience = 3 * time.Second
	// tellPatience bounds the word of the end: the pod is not gone before.
	tellPatience = 500 * time.Millisecond
	// firstRetry and lastRetry bound the wait after a request that failed. An
	// operator that was replaced is asked again within seconds.
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// endpoint is the operator's, which knows of an activation before the annotation
// does, and wants to know of the end before the kubelet says so. All of it can
// fail: the annotation and the kubelet say the same, later.
type endpoint struct {
	url       string
	tokenFile string
	client    *http.Client
	log       *slog.Logger
}

// newEndpoint is nil where the pod was not told of one.
func newEndpoint(env func(string) string, log *slog.Logger) (*endpoint, error) {
	url := env("KOHORT_ENDPOINT")
	if url == "" {
		return nil, nil
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(env("KOHORT_ENDPOINT_CA"))) {
		return nil, errors.New("KOHORT_ENDPOINT_CA has no certificate: it must be the PEM of the operator's authority")
	}
	if env("KOHORT_TOKEN") == "" {
		return nil, errors.New("KOHORT_TOKEN is not set: it must be the file with the pod's token for the operator")
	}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13},
		DialContext:         (&net.Dialer{Timeout: dialPatience}).DialContext,
		TLSHandshakeTimeout: dialPatience,
		MaxIdleConns:        1,
	}
	return &endpoint{url: url, tokenFile: env("KOHORT_TOKEN"), client: &http.Client{Transport: transport}, log: log}, nil
}

// send sends a request with the pod's token, which the kubelet renews, and gives
// the status of its answer.
func (e *endpoint) send(ctx context.Context, method, path string) (int, error) {
	token, err := os.ReadFile(e.tokenFile)
	if err != nil {
		return 0, fmt.Errorf("read the pod's token: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, e.url+path, nil)
	if err != nil {
		return 0, fmt.Errorf("make a request to the operator: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := e.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask the operator: %w", err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 512)) // only for people
	if response.StatusCode >= http.StatusBadRequest {
		return response.StatusCode, fmt.Errorf("the operator answers %s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	return response.StatusCode, nil
}

// ask asks until the pod is activated (true) or nobody wants to know any more.
func (e *endpoint) ask(ctx context.Context) bool {
	retry, complaint := firstRetry, ""
	for ctx.Err() == nil {
		began := time.Now()
		asking, cancel := context.WithTimeout(ctx, askPatience)
		status, err := e.send(asking, http.MethodGet, pathActivated)
		cancel()
		switch {
		case err == nil && status == http.StatusOK:
			return true
		case err == nil:
			retry, complaint = firstRetry, ""
			if time.Since(began) > lastRetry {
				continue // it was held
			}
		// Each kind of failure is said once, and an end is none.
		case ctx.Err() == nil && err.Error() != complaint:
			complaint = err.Error()
			e.log.Warn("Failed to ask the operator; the annotation activates as well, somewhat later", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
		retry = min(2*retry, lastRetry)
	}
	return false
}

// tell gives the word that the pod's other containers have ended.
func (e *endpoint) tell() {
	ctx, cancel := context.WithTimeout(context.Background(), tellPatience)
	defer cancel()
	if _, err := e.send(ctx, http.MethodPost, pathEnded); err != nil {
		e.log.Warn("Failed to tell the operator of the end; the kubelet does so as well, somewhat later", "error", err)
	}
}
