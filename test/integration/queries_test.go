package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/controllers"
	"github.com/kohort-dev/kohort/internal/prometheus"
)

// promServer speaks as much of Prometheus' HTTP API as is asked of it.
type promServer struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(query string) string
	asked  map[string]int
}

func newPromServer(t *testing.T) *promServer {
	t.Helper()
	p := &promServer{asked: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		query := r.FormValue("query")
		p.asked[query]++
		if p.answer == nil || r.URL.Path != "/api/v1/query" {
			http.Error(w, "out of order", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, p.answer(query))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *promServer) answers(how func(query string) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = how
}

func (p *promServer) times(query string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[query]
}

func (p *promServer) anything() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

func sample(value string) string {
	return `{"metric":{"pod":"a"},"value":[1700000000,"0"]},{"metric":{"pod":"b"},"value":[1700000000,"` + value + `"]}`
}

const askOften = 100 * time.Millisecond

// asksPrometheus has the world's operator ask a Prometheus.
func (w *world) asksPrometheus(p *promServer) *prometheus.Reader {
	w.t.Helper()
	reader, err := prometheus.New(prometheus.Options{URL: p.URL, Every: askOften})
	w.must(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reader.Run(ctx)
	}()
	w.t.Cleanup(func() {
		stop()
		<-ended
	})
	w.operator.groups.Prometheus = reader
	return reader
}

func gateAsks(g *v1alpha1.ConsumerGroup) {
	g.Spec.Rollout.Gate.MaxAgeSeconds = ptr.To[int32](3600)
	g.Spec.Rollout.Gate.MaxLagGrowthPerSecond = ptr.To[int64](1000)
	g.Spec.Rollout.Gate.Prometheus = []v1alpha1.PrometheusCheck{
		{Name: "load", Query: `load{namespace="$namespace",name="$name",group="$groupId"}`, Max: "0.5"},
		{Name: "errors", Query: `errors{revision="$revision"}`, Max: "0.05"},
	}
}

// TestGateAsksPrometheus: a release waits while Prometheus does not answer, goes on when it
// does and all is well, and goes back when it says that the new revision does harm.
func TestGateAsksPrometheus(t *testing.T) {
	w := newWorld(t)
	p := newPromServer(t)
	reader := w.asksPrometheus(p)
	w.kafkaCluster()
	w.group(2, gateAsks)
	w.comesUp("orders")
	if n := p.anything(); n != 0 {
		t.Errorf("%d queries were asked, and there is no rollout", n)
	}
	before := w.consuming()
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("the release waits for Prometheus", func() bool {
		return strings.Contains(w.read("orders").Status.Message, "slot 0 is next: check load is not known: Prometheus answers server_error: server error: 500")
	})
	load := fmt.Sprintf(`load{namespace=%q,name="orders",group="orders"}`, w.namespace)
	asked := p.times(load)
	w.until("it is asked again", func() bool { return p.times(load) > asked+2 })
	for id, uid := range w.consuming() {
		if before[id] != uid {
			t.Errorf("%s was handed over", id)
		}
	}
	if s := w.read("orders").Status; s.State.Rollout == nil || s.State.Rollout.UnknownSince == nil {
		t.Errorf("the deadline runs: %+v", s.State.Rollout)
	}
	good := w.read("orders").Status.UpdateRevision
	p.answers(func(query string) string {
		if strings.HasPrefix(query, "errors") && query != fmt.Sprintf(`errors{revision=%q}`, good) {
			return sample("0.12")
		}
		return sample("0.01")
	})
	w.until("all slots run the release", func() bool {
		s := w.read("orders").Status
		return s.StableRevision == good && s.UpdatedReplicas == 2 && s.ReadyReplicas == 2
	})
	w.until("what was answered is forgotten", func() bool {
		who := types.NamespacedName{Namespace: w.namespace, Name: "orders"}
		answered := reader.Ask(who, []string{load})[0]
		reader.Forget(who)
		return len(answered) == 0
	})

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "1") })
	w.until("the message has the check with its value and its limit", func() bool {
		return strings.Contains(w.read("orders").Status.Message, "check errors is 0.12, limit 0.05")
	})
	w.until("the release is taken back", func() bool { return w.isStalled("orders", v1alpha1.ReasonRolledBack) })
	s := w.read("orders").Status
	if want := "slot 0 is on trial, and check errors is 0.12, limit 0.05, for 15 s"; !strings.Contains(s.Message, want) || s.StableRevision != good {
		t.Errorf("%q does not say %q", s.Message, want)
	}
	w.until("both slots run what ran before", func() bool { return w.read("orders").Status.ReadyReplicas == 2 })
}

// TestGateWithoutPrometheus: it is said who has to do what, and nothing is handed over.
func TestGateWithoutPrometheus(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1, gateAsks)
	w.comesUp("orders")
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("the release waits for a flag", func() bool {
		return strings.Contains(w.read("orders").Status.Message, "check load is not known: the operator has no Prometheus to ask: start it with --prometheus-url, or remove the check from rollout.gate.prometheus")
	})
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Rollout.Gate.Prometheus = nil })
	w.until("all slots run the release", func() bool {
		s := w.read("orders").Status
		return s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == 1
	})
}

// TestManagerAsksPrometheus: the flags lead to the question.
func TestManagerAsksPrometheus(t *testing.T) {
	w := newWorld(t)
	p := newPromServer(t)
	p.answers(func(string) string { return sample("0.01") })
	w.startManager(w.serviceAccount(), controllers.Options{Prometheus: prometheus.Options{URL: p.URL, Every: askOften}})
	w.kafkaCluster()
	w.group(1, gateAsks)
	isReady := func() bool {
		return w.is("orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning)
	}
	w.nodeUntil("the group is Ready", isReady)
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.nodeUntil("the release is through", func() bool {
		s := w.read("orders").Status
		return isReady() && s.UpdatedReplicas == 1 && s.StableRevision == s.UpdateRevision && p.anything() == 2
	})
}
