package activation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// served is a server under test, which takes a pod's UID for its token.
type served struct {
	*Server
	url    string
	client *http.Client
	clock  *atomic.Int64 // seconds
	asked  chan Pod
	ended  chan Pod
}

func serve(t *testing.T) served {
	t.Helper()
	s := served{clock: &atomic.Int64{}, asked: make(chan Pod, 10), ended: make(chan Pod, 1)}
	s.Server = &Server{
		Review: func(_ context.Context, token string) (Pod, error) {
			switch token {
			case "stolen":
				return Pod{}, ErrNotAPod
			case "early":
				return Pod{}, errors.New("connection refused")
			}
			return Pod{types.NamespacedName{Namespace: "shop", Name: "orders-0"}, types.UID(token)}, nil
		},
		Asked: func(pod Pod) { s.asked <- pod },
		Ended: func(_ context.Context, pod Pod) error {
			s.ended <- pod
			if pod.UID == "unread" {
				return errors.New("connection refused")
			}
			return nil
		},
		Now: func() time.Time { return time.Unix(s.clock.Load(), 0) },
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	s.url, s.client = server.URL, server.Client()
	return s
}

// send sends a request and gives the status of its answer.
func (s served) send(ctx context.Context, t *testing.T, method, path, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// ask opens a pod's request and waits until the server holds it.
func (s served) ask(ctx context.Context, t *testing.T, uid string) <-chan int {
	t.Helper()
	before := s.held(uid)
	status := make(chan int, 1)
	go func() { status <- s.send(ctx, t, http.MethodGet, PathActivated, uid) }()
	s.until(t, func() bool { return s.held(uid) == before+1 })
	return status
}

func (s served) held(uid string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.waiting[types.UID(uid)]; w != nil {
		return w.requests
	}
	return 0
}

func (s served) until(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to that")
		}
	}
}

func TestOnlyTheActivatedPodIsAnswered(t *testing.T) {
	s := serve(t)
	first, second := s.ask(t.Context(), t, "uid-1"), s.ask(t.Context(), t, "uid-1")
	ctx, hangUp := context.WithCancel(t.Context())
	other := s.ask(ctx, t, "uid-2")
	if !s.Waits("uid-1") || s.Waits("uid-3") || len(s.asked) != 3 {
		t.Errorf("uid-1 waits: %v, uid-3: %v; %d have asked", s.Waits("uid-1"), s.Waits("uid-3"), len(s.asked))
	}
	if got := s.Activate("uid-1"); got != Answered {
		t.Error(got)
	}
	if a, b := <-first, <-second; a != http.StatusOK || b != http.StatusOK {
		t.Errorf("answers %d and %d", a, b)
	}
	select {
	case status := <-other:
		t.Errorf("another pod was answered: %d", status)
	default:
	}
	hangUp()
	s.until(t, func() bool { return s.held("uid-2") == 0 })
	if got := s.Activate("uid-2"); got != Unasked {
		t.Error("a pod that hung up counts as answered:", got)
	}
}

func TestActivationIsAnsweredToWhoAsksLater(t *testing.T) {
	s := serve(t)
	if got := s.Activate("uid-1"); got != Unasked {
		t.Error("answered, and nobody has asked:", got)
	}
	if status := s.send(t.Context(), t, http.MethodGet, PathActivated, "uid-1"); status != http.StatusOK {
		t.Error(status)
	}
	if got := s.Activate("uid-1"); got != Known {
		t.Error("its annotation would not be written:", got)
	}
}

func TestKubeletIsLeftAloneForAMoment(t *testing.T) {
	s := serve(t)
	status := s.ask(t.Context(), t, "uid-1")
	got := []Answer{s.Activate("uid-1"), s.Activate("uid-1")}
	s.clock.Add(1)
	got = append(got, s.Activate("uid-1"))
	if diff := cmp.Diff([]Answer{Answered, Resting, Known}, got); diff != "" {
		t.Error(diff)
	}
	<-status
	s.clock.Add(int64(keepFor/time.Second) + 1)
	s.Activate("uid-2")
	if _, kept := s.done["uid-1"]; kept {
		t.Error("it is remembered for ever")
	}
}

func TestWordOfTheEnd(t *testing.T) {
	s := serve(t)
	if status := s.send(t.Context(), t, http.MethodPost, PathEnded, "uid-7"); status != http.StatusNoContent {
		t.Error(status)
	}
	want := Pod{types.NamespacedName{Namespace: "shop", Name: "orders-0"}, "uid-7"}
	if diff := cmp.Diff(want, <-s.ended); diff != "" {
		t.Error(diff)
	}
	if status := s.send(t.Context(), t, http.MethodPost, PathEnded, "unread"); status != http.StatusServiceUnavailable {
		t.Error("a word that could not be taken is answered", status)
	}
}

func TestWhoIsNotAnswered(t *testing.T) {
	s := serve(t)
	for _, path := range []struct{ method, path string }{{http.MethodGet, PathActivated}, {http.MethodPost, PathEnded}} {
		for token, want := range map[string]int{
			"":       http.StatusUnauthorized,
			"stolen": http.StatusForbidden,
			"early":  http.StatusServiceUnavailable,
		} {
			if status := s.send(t.Context(), t, path.method, path.path, token); status != want {
				t.Errorf("%s with token %q: %d, want %d", path.path, token, status, want)
			}
		}
	}
	if len(s.ended) != 0 {
		t.Error("an end was told by nobody")
	}
}

func TestAuthority(t *testing.T) {
	now := time.Now()
	made, err := NewAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := made.PEM()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := ParseAuthority(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(made.Certificate())
	for _, host := range []string{"kohort-activation.kohort-system.svc", "127.0.0.1", "::1"} {
		clock := now
		config := kept.ServerConfig(host, func() time.Time { return clock })
		first := handshake(t, config)
		if _, err := first.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if _, err := first.Leaf.Verify(x509.VerifyOptions{DNSName: "example.com", Roots: pool}); err == nil {
			t.Errorf("the certificate of %s is good for another host", host)
		}
		if handshake(t, config) != first {
			t.Error("each connection gets a certificate of its own")
		}
		if clock = clock.Add(renewAfter); handshake(t, config) == first {
			t.Error("the certificate is never renewed")
		}
	}
}

func handshake(t *testing.T, config *tls.Config) *tls.Certificate {
	t.Helper()
	certificate, err := config.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestBadAuthorities(t *testing.T) {
	authority, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := other.PEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2][]byte{
		"nothing":        {nil, nil},
		"no key":         {certificate, nil},
		"another's key":  {certificate, otherKey},
		"no certificate": {key, key},
	} {
		if _, err := ParseAuthority(pair[0], pair[1]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
