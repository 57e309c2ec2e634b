package activation

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

const (
	// PathActivated is where a pod asks (GET) whether it is activated. The answer is
	// 200 when it is; 204 if it was not for a while: ask again.
	PathActivated = "/v1/activated"
	// PathEnded is where a pod tells (POST) that its consumer has ended: 204.
	PathEnded = "/v1/ended"

	// holdFor is how long a request is held; proxies on the way cut longer ones.
	holdFor = 50 * time.Second
	// actFor is how long a kubelet is left alone with an answer before anything else
	// about the pod is changed: a change of its annotations just then costs it the
	// wait for its next look at the containers, up to a second.
	actFor = time.Second
	// keepFor is how long an activation is answered to a pod that asks again. Its
	// annotation is there long before.
	keepFor = time.Hour
)

// ErrNotAPod is the reviewer's error for a token that is not one of a pod for
// v1alpha1.TokenAudience.
var ErrNotAPod = errors.New("the token is not one of a pod for " + v1alpha1.TokenAudience)

// Pod is who asks or tells.
type Pod struct {
	types.NamespacedName
	UID types.UID
}

// Server answers the pods. It is made with its exported fields set.
type Server struct {
	// Review finds out which pod a token belongs to; ErrNotAPod if to none.
	Review func(ctx context.Context, token string) (Pod, error)
	// Asked is told of a pod that has begun to wait for its answer.
	Asked func(Pod)
	// Ended is told of the end of a pod's consumer. An error means that it could not
	// be taken.
	Ended func(context.Context, Pod) error
	// Now is the clock.
	Now func() time.Time

	mu      sync.Mutex
	waiting map[types.UID]*waiting
	done    map[types.UID]activated
}

// waiting is the open requests of one pod.
type waiting struct {
	requests int
	answer   chan struct{}
}

// activated is what became of an activation.
type activated struct {
	at       time.Time
	answered bool
}

// Answer is what Activate did.
type Answer int

const (
	// Unasked says that the pod is not waiting. It is answered when it asks; the annotation
	// is to be written.
	Unasked Answer = iota
	// Answered says that the pod was waiting, and now knows.
	Answered
	// Resting says that it was answered a moment ago, and its kubelet should be left
	// alone.
	Resting
	// Known says that it was activated before; the annotation is to be written.
	Known
)

// Activate answers a pod's open request, now or when it asks. It can be repeated.
func (s *Server) Activate(uid types.UID) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	maps.DeleteFunc(s.done, func(_ types.UID, a activated) bool { return now.Sub(a.at) > keepFor })
	if a, again := s.done[uid]; again {
		if a.answered && now.Sub(a.at) < actFor {
			return Resting
		}
		return Known
	}
	w := s.waiting[uid]
	if s.done == nil {
		s.done = map[types.UID]activated{}
	}
	s.done[uid] = activated{at: now, answered: w != nil}
	if w == nil {
		return Unasked
	}
	close(w.answer)
	delete(s.waiting, uid)
	return Answered
}

// Waits says whether a pod waits for its answer.
func (s *Server) Waits(uid types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[uid] != nil
}

// Handler serves the pods.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathActivated, s.authenticated(s.activated))
	mux.HandleFunc("POST "+PathEnded, s.authenticated(s.ended))
	return mux
}

// authenticated finds out who it is that asks.
func (s *Server) authenticated(next func(http.ResponseWriter, *http.Request, Pod)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || token == "" {
			http.Error(w, "send the token of the pod's service account for "+v1alpha1.TokenAudience, http.StatusUnauthorized)
			return
		}
		pod, err := s.Review(r.Context(), token)
		switch {
		case errors.Is(err, ErrNotAPod):
			http.Error(w, err.Error(), http.StatusForbidden)
		case err != nil:
			http.Error(w, "the API server does not say whose token this is: "+err.Error(), http.StatusServiceUnavailable)
		default:
			next(w, r, pod)
		}
	}
}

// activated holds the request until the pod is activated, or for a while.
func (s *Server) activated(w http.ResponseWriter, r *http.Request, pod Pod) {
	answer, leave := s.wait(pod.UID)
	defer leave()
	s.Asked(pod)
	hold := time.NewTimer(holdFor)
	defer hold.Stop()
	select {
	case <-answer:
		w.WriteHeader(http.StatusOK)
	case <-hold.C:
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
}

func (s *Server) ended(w http.ResponseWriter, r *http.Request, pod Pod) {
	if err := s.Ended(r.Context(), pod); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// wait is closed when the pod is activated, and may be so already.
func (s *Server) wait(uid types.UID) (answer <-chan struct{}, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, done := s.done[uid]; done {
		closed := make(chan struct{})
		close(closed)
		return closed, func() {}
	}
	w := s.waiting[uid]
	if w == nil {
		w = &waiting{answer: make(chan struct{})}
		if s.waiting == nil {
			s.waiting = map[types.UID]*waiting{}
		}
		s.waiting[uid] = w
	}
	w.requests++
	return w.answer, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.requests--
		if w.requests == 0 && s.waiting[uid] == w {
			delete(s.waiting, uid)
		}
	}
}
