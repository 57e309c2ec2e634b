package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"
)

// server answers all queries alike.
func server(t *testing.T, answer func(w http.ResponseWriter, query string)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" {
			http.Error(w, "what do you want?", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer(w, r.FormValue("query"))
	}))
	t.Cleanup(s.Close)
	return s
}

func newReader(t *testing.T, options Options) *Reader {
	t.Helper()
	r, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var orders = types.NamespacedName{Namespace: "shop", Name: "orders"}

// once asks a query once.
func once(t *testing.T, r *Reader) Answer {
	t.Helper()
	r.Ask(orders, []string{"q"})
	r.askAll(t.Context())
	answers := r.Ask(orders, []string{"q"})[0]
	if len(answers) != 1 {
		t.Fatalf("answers %v", answers)
	}
	return answers[0]
}

func success(data string) string { return `{"status":"success","data":` + data + `}` }

func vector(values ...string) string {
	samples := make([]string, len(values))
	for i, value := range values {
		samples[i] = fmt.Sprintf(`{"metric":{"pod":"p%d"},"value":[1700000000,%q]}`, i, value)
	}
	return success(`{"resultType":"vector","result":[` + strings.Join(samples, ",") + `]}`)
}

// TestAnswers: what Prometheus may answer, and what is made of it.
func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		value  float64
		// unknown begins the reason.
		unknown string
	}{
		"a scalar":            {body: success(`{"resultType":"scalar","result":[1700000000,"0.25"]}`), value: 0.25},
		"a vector":            {body: vector("-3", "7.5", "2"), value: 7.5},
		"a vector below 0":    {body: vector("-3", "-2"), value: -2},
		"infinity":            {body: vector("1", "+Inf"), value: math.Inf(1)},
		"an empty vector":     {body: vector(), unknown: `the query finds nothing: where that means 0, append "or vector(0)"`},
		"NaN":                 {body: success(`{"resultType":"scalar","result":[1700000000,"NaN"]}`), unknown: "its value is NaN (0 divided by 0, most often)"},
		"NaN among others":    {body: vector("9", "NaN"), unknown: `its value is NaN (0 divided by 0, most often) for {pod="p1"}`},
		"a matrix":            {body: success(`{"resultType":"matrix","result":[]}`), unknown: "the query returns a matrix: it has to return a scalar or an instant vector"},
		"a string":            {body: success(`{"resultType":"string","result":[1700000000,"x"]}`), unknown: "the answer is not understood: the query has to return a scalar or an instant vector: "},
		"a histogram":         {body: success(`{"resultType":"vector","result":[{"metric":{},"histogram":[1700000000,{"count":"1","sum":"1","buckets":[]}]}]}`), unknown: "the query returns a native histogram: "},
		"a part":              {body: `{"status":"success","warnings":["store 2 is away"],"data":{"resultType":"vector","result":[]}}`, unknown: "Prometheus warns that its answer may not be all of it: store 2 is away"},
		"that it is no query": {status: 400, body: `{"status":"error","errorType":"bad_data","error":"1:5: parse error: unexpected\nend of input"}`, unknown: "Prometheus refuses the query, which has to be corrected: 1:5: parse error: unexpected end of input"},
		"that it took long":   {status: 503, body: `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`, unknown: "Prometheus answers server_error: server error: 503: query timed out in expression evaluation"},
		"that it is not for":  {status: 401, body: `no`, unknown: "Prometheus answers client_error: client error: 401"},
		"that it is broken":   {status: 500, body: `oh`, unknown: "Prometheus answers server_error: server error: 500"},
		"nonsense":            {body: `<html>`, unknown: "the answer is not understood: the query has to return a scalar or an instant vector: "},
		"too much":            {body: success(`{"resultType":"vector","result":[` + strings.Repeat(" ", maxAnswer) + `]}`), unknown: "its answer has more than 1048576 bytes: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, func(w http.ResponseWriter, _ string) {
				if tc.status != 0 {
					w.WriteHeader(tc.status)
				}
				_, _ = w.Write([]byte(tc.body))
			})
			got := once(t, newReader(t, Options{URL: s.URL}))
			if got.Value != tc.value || !strings.HasPrefix(got.Unknown, tc.unknown) || (got.Unknown == "") != (tc.unknown == "") {
				t.Errorf("%+v, want %g %q", got, tc.value, tc.unknown)
			}
			if len(got.Unknown) > maxReason+3 || strings.Contains(got.Unknown, "\n") {
				t.Errorf("%d bytes: %q", len(got.Unknown), got.Unknown)
			}
		})
	}
}

// A server that does not answer is given up, and one that is not there is named.
func TestNoAnswer(t *testing.T) {
	over := make(chan struct{})
	s := server(t, func(http.ResponseWriter, string) { <-over })
	t.Cleanup(func() { close(over) })
	got := once(t, newReader(t, Options{URL: s.URL, Timeout: time.Millisecond}))
	if want := "Prometheus has not answered within 1ms: is it up, and the query a cheap one?"; got.Unknown != want {
		t.Errorf("%q, want %q", got.Unknown, want)
	}
	gone := server(t, nil)
	gone.Close()
	got = once(t, newReader(t, Options{URL: gone.URL}))
	if !strings.HasPrefix(got.Unknown, "Prometheus cannot be asked: ") || !strings.Contains(got.Unknown, "connection refused") {
		t.Errorf("%q", got.Unknown)
	}
}

// Each query is asked when it is due, for whoever wants it; what nobody wants any more is
// forgotten.
func TestAskAndForget(t *testing.T) {
	var asked atomic.Int32
	s := server(t, func(w http.ResponseWriter, query string) {
		asked.Add(1)
		_, _ = w.Write([]byte(vector(query)))
	})
	r := newReader(t, Options{URL: s.URL, Every: time.Hour})
	other := types.NamespacedName{Namespace: "shop", Name: "other"}
	r.Ask(orders, []string{"1", "2"})
	r.Ask(other, []string{"3"})
	r.askAll(t.Context())
	r.askAll(t.Context())
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
	dated := cmpopts.IgnoreFields(Answer{}, "At")
	if diff := cmp.Diff([][]Answer{{{Value: 2}}, nil, {{Value: 1}}}, r.Ask(orders, []string{"2", "4", "1"}), dated); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]Answer{{{Value: 3}}}, r.Ask(other, []string{"3"}), dated); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.Ask(orders, []string{"2"})
	r.Forget(other)
	if diff := cmp.Diff([][]Answer{nil, {{Value: 2}}}, r.Ask(orders, []string{"1", "2"}), dated); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.Ask(other, []string{"3"}); got[0] != nil {
		t.Errorf("it is remembered what was forgotten: %v", got)
	}
}

// Answers are not kept for ever.
func TestOldAnswersAreForgotten(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, _ string) { _, _ = w.Write([]byte(vector("1"))) })
	r := newReader(t, Options{URL: s.URL})
	r.Ask(orders, []string{"q"})
	old := []Answer{{At: time.Now().Add(-keepFor - time.Second)}, {At: time.Now().Add(-keepFor / 2)}}
	r.wanted[orders][0].answers = old
	r.askAll(t.Context())
	if got := r.Ask(orders, []string{"q"})[0]; len(got) != 2 || !got[0].At.Equal(old[1].At) {
		t.Errorf("%v", got)
	}
}

// Run asks what is new at once, and the rest again and again, until its context ends.
func TestRun(t *testing.T) {
	asked, over := make(chan string), make(chan struct{})
	s := server(t, func(w http.ResponseWriter, query string) {
		_, _ = w.Write([]byte(vector("1")))
		select {
		case asked <- query:
		case <-over:
		}
	})
	t.Cleanup(func() { close(over) }) // a question that was given up may be under way
	r := newReader(t, Options{URL: s.URL, Every: 10 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	r.Ask(orders, []string{"first"})
	for range 3 {
		if got := <-asked; got != "first" {
			t.Errorf("asked %s", got)
		}
	}
	r.Ask(orders, []string{"second"})
	for <-asked != "second" { // one of the first may be under way
	}
	stop()
	for done := false; !done; {
		select {
		case <-asked:
		case <-ended:
			done = true
		}
	}
}

// The file is in Prometheus' own format: who asks says who he is.
func TestConfigFile(t *testing.T) {
	said := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(vector("1")))
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("token", "s3cret")
	file := write("http.yaml", "authorization: {credentials_file: token}\n") // beside the file
	if got := once(t, newReader(t, Options{URL: s.URL, ConfigFile: file})); got.Unknown != "" {
		t.Error(got.Unknown)
	}
	if got := <-said; got != "Bearer s3cret" {
		t.Errorf("Authorization: %q", got)
	}
	for name, c := range map[string]struct{ text, want string }{
		"a field that there is not": {"tocken: x\n", "field tocken not found"},
		"two ways":                  {"basic_auth: {username: a}\nauthorization: {credentials: b}\n", "at most one of"},
	} {
		if _, err := New(Options{URL: s.URL, ConfigFile: write("bad.yaml", c.text)}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Options{URL: s.URL, ConfigFile: filepath.Join(dir, "none.yaml")}); err == nil {
		t.Error("a file that is not there is none")
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "prometheus:9090", "ftp://prometheus", "http://", "http://a b:9090"} {
		if _, err := New(Options{URL: address}); err == nil || !strings.Contains(err.Error(), "http://prometheus.monitoring.svc:9090") {
			t.Errorf("%q: %v", address, err)
		}
	}
	_, err := New(Options{URL: "ftp://me:s3cret@prometheus"})
	if text, _ := json.Marshal(fmt.Sprint(err)); strings.Contains(string(text), "s3cret") {
		t.Errorf("it tells the password: %v", err)
	}
}
