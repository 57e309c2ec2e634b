package burrow

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/internal/lag"
)

var now = time.UnixMilli(1_764_158_400_000)

// clusters are those of a test, by name.
type clusters map[string]Cluster

func (c clusters) Clusters() map[string]Cluster { return c }

// cluster has the readings of some groups.
type cluster map[string]lag.Judged

func (cluster) Servers() []string { return []string{"kafka:9092"} }

func (c cluster) Ready() bool { return len(c) > 0 }

func (c cluster) Groups() []string { return []string{"billing", "odd/näme%2F?"} }

func (c cluster) Said(group string) *lag.Reading {
	if judged, found := c[group]; found {
		return &judged.Reading
	}
	return nil
}

func (c cluster) Judged(group string) (lag.Judged, bool) {
	judged, found := c[group]
	return judged, found
}

func (c cluster) Topics() []string { return []string{"a/b", "orders"} }

func (c cluster) TopicEnds(topic string) []int64 {
	return map[string][]int64{"orders": {120, 80}, "a/b": {1}}[topic]
}

// example is a cluster with a group that keeps up on one partition, stands still on
// another, never committed to the third, and is denied the fourth.
func example() cluster {
	tp := func(n int32) lag.TopicPartition { return lag.TopicPartition{Topic: "orders", Partition: n} }
	at := func(n int64) *int64 { return &n }
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	judged := lag.Judged{
		Rules: lag.Rules{Samples: 2},
		Reading: lag.Reading{
			At:      ago(3),
			Members: []lag.Member{{ClientID: "app", Host: "10.0.0.7", Assigned: []lag.TopicPartition{tp(0), tp(1)}}},
			Partitions: []lag.Partition{
				{TopicPartition: tp(0), Committed: at(100), End: 120, Status: lag.StatusOK},
				{TopicPartition: tp(1), Committed: at(50), End: 80, Status: lag.StatusStall},
				{TopicPartition: tp(2), End: 7},
				{TopicPartition: tp(3), Err: "denied"},
			},
		},
		Commits: [][]lag.Commit{
			{{Offset: 90, At: ago(33), Lag: 5}, {Offset: 100, At: ago(3), Lag: 20}},
			{{Offset: 50, At: ago(3), Lag: lag.Unknown}},
			nil, nil,
		},
	}
	return cluster{"billing": judged, "odd/näme%2F?": judged}
}

func serve(t *testing.T, source Source) func(path string) (code int, body string) {
	server := httptest.NewServer(NewHandler(Options{Source: source, Host: "kohort-0", Now: func() time.Time { return now }}))
	t.Cleanup(server.Close)
	return func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}

func TestAnswers(t *testing.T) {
	get := serve(t, clusters{"shop.prod": example()})
	const (
		ok1   = `{"topic":"orders","partition":0,"owner":"10.0.0.7","client_id":"app","status":"OK","start":{"offset":90,"timestamp":1764158367000,"observedAt":1764158367000,"lag":5},"end":{"offset":100,"timestamp":1764158397000,"observedAt":1764158397000,"lag":20},"current_lag":20,"complete":1}`
		stall = `{"topic":"orders","partition":1,"owner":"10.0.0.7","client_id":"app","status":"STALL","start":{"offset":50,"timestamp":1764158397000,"observedAt":1764158397000,"lag":null},"end":{"offset":50,"timestamp":1764158397000,"observedAt":1764158397000,"lag":null},"current_lag":30,"complete":0.5}`
		group = `"status":"ERR","complete":0.5,"partitions":[`
		rest  = `],"partition_count":2,"maxlag":` + stall + `,"totallag":50,"read_at":1764158397000}}`
	)
	for path, want := range map[string]struct {
		code int
		body string // without the request; all of it if there is none
	}{
		"/burrow/admin":                              {200, `GOOD`},
		"/burrow/admin/ready":                        {200, `READY`},
		"/v3/kafka":                                  {200, `{"error":false,"message":"cluster list returned","clusters":["shop.prod"]}`},
		"/v3/kafka/shop.prod":                        {200, `{"error":false,"message":"cluster module detail returned","module":{"class-name":"kafka","servers":["kafka:9092"]}}`},
		"/v3/kafka/shop.prod/topic":                  {200, `{"error":false,"message":"topic list returned","topics":["a/b","orders"]}`},
		"/v3/kafka/shop.prod/topic/orders":           {200, `{"error":false,"message":"topic offsets returned","offsets":[120,80]}`},
		"/v3/kafka/shop.prod/topic/a%2Fb":            {200, `{"error":false,"message":"topic offsets returned","offsets":[1]}`},
		"/v3/kafka/shop.prod/topic/orders/consumers": {200, `{"error":false,"message":"consumers of topic returned","consumers":["billing","odd/näme%2F?"]}`},
		"/v3/kafka/shop.prod/topic/none/consumers":   {200, `{"error":false,"message":"consumers of topic returned","consumers":[]}`},
		"/v3/kafka/shop.prod/consumer":               {200, `{"error":false,"message":"consumer list returned","consumers":["billing","odd/näme%2F?"]}`},
		"/v3/kafka/shop.prod/consumer/billing": {200, `{"error":false,"message":"consumer detail returned","topics":{"orders":[` +
			`{"offsets":[{"offset":90,"timestamp":1764158367000,"observedAt":1764158367000,"lag":5},{"offset":100,"timestamp":1764158397000,"observedAt":1764158397000,"lag":20}],"owner":"10.0.0.7","client_id":"app","current-lag":20},` +
			`{"offsets":[null,{"offset":50,"timestamp":1764158397000,"observedAt":1764158397000,"lag":null}],"owner":"10.0.0.7","client_id":"app","current-lag":30},` +
			`{"offsets":[null,null],"owner":"","client_id":"","current-lag":null},` +
			`{"offsets":[null,null],"owner":"","client_id":"","current-lag":null}]}}`},
		"/v3/kafka/shop.prod/consumer/billing/lag": {200, `{"error":false,"message":"consumer status returned","status":{"cluster":"shop.prod","group":"billing",` +
			group + ok1 + `,` + stall + rest},
		"/v3/kafka/shop.prod/consumer/billing/status": {200, `{"error":false,"message":"consumer status returned","status":{"cluster":"shop.prod","group":"billing",` +
			group + stall + rest},
		"/v3/kafka/shop.prod/consumer/nobody/lag": {404, `{"error":false,"message":"consumer status returned","status":{"cluster":"shop.prod","group":"nobody","status":"NOTFOUND","complete":1,"partitions":[],"partition_count":0,"maxlag":null,"totallag":0}}`},
		"/v3/kafka/none/consumer/billing/status":  {404, `{"error":false,"message":"consumer status returned","status":{"cluster":"none","group":"billing","status":"NOTFOUND","complete":1,"partitions":[],"partition_count":0,"maxlag":null,"totallag":0}}`},
		"/v3/kafka/none/topic":                    {404, `{"error":true,"message":"cluster not found"}`},
		"/v3/kafka/shop.prod/topic/none":          {404, `{"error":true,"message":"cluster or topic not found"}`},
		"/v3/kafka/shop.prod/consumer/nobody":     {404, `{"error":true,"message":"cluster or consumer not found"}`},
		"/v3/kafka/shop.prod/whatever":            {404, `{"error":true,"message":"invalid request type"}`},
		"/":                                       {404, `{"error":true,"message":"invalid request type"}`},
	} {
		code, body := get(path)
		if strings.HasPrefix(want.body, "{") {
			said := `"request":{"url":"` + path + `","host":"kohort-0"}`
			said = strings.ReplaceAll(said, "%2F", "/")
			if !strings.Contains(body, said) {
				t.Errorf("%s: %s does not say %s", path, body, said)
			}
			want.body, body = sorted(t, want.body), without(t, body, "request")
		}
		if diff := cmp.Diff(want.body, body); code != want.code || diff != "" {
			t.Errorf("%s: %d, want %d; -want +got\n%s", path, code, want.code, diff)
		}
	}
}

// sorted is a JSON object with its keys in order.
func sorted(t *testing.T, text string) string { return without(t, text, "") }

// without is a JSON object without one of its keys, and the others in order.
func without(t *testing.T, text, key string) string {
	t.Helper()
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	delete(object, key)
	again, err := json.MarshalIndent(object, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(again)
}

// TestOddNames are found however often they are escaped.
func TestOddNames(t *testing.T) {
	get := serve(t, clusters{"shop.prod": example()})
	once := url.PathEscape("odd/näme%2F?")
	for _, escaped := range []string{once, url.PathEscape(once)} {
		if code, body := get("/v3/kafka/shop.prod/consumer/" + escaped + "/lag"); code != 200 || !strings.Contains(body, `"group":"odd/näme%2F?"`) {
			t.Errorf("%s: %d %s", escaped, code, body)
		}
	}
	for _, escaped := range []string{"%25", "%25zz", "%2e%2e", "..%2f..", "%00", strings.Repeat("x", 10_000)} {
		if code, body := get("/v3/kafka/shop.prod/consumer/" + escaped + "/lag"); code != 404 {
			t.Errorf("%s: %d %s", escaped, code, body)
		}
	}
}

// TestOldReading: numbers stay, and nothing is said to be well.
func TestOldReading(t *testing.T) {
	old := example()
	judged := old["billing"]
	judged.Reading.At = now.Add(-lag.FreshFor - time.Second)
	old["billing"] = judged
	code, body := serve(t, clusters{"shop.prod": old})("/v3/kafka/shop.prod/consumer/billing/lag")
	if code != 200 || strings.Contains(body, `"status":"OK"`) || !strings.Contains(body, `"status":"UNKNOWN"`) ||
		!strings.Contains(body, `"totallag":50,"read_at":1764158384000`) {
		t.Errorf("%d %s", code, body)
	}
}

func TestNotReady(t *testing.T) {
	for name, source := range map[string]clusters{"no cluster": {}, "a group that was not read": {"shop.prod": cluster{}}} {
		if code, body := serve(t, source)("/burrow/admin/ready"); code != 503 || body != "STARTING" {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
}

func TestNothingCanBeChanged(t *testing.T) {
	server := httptest.NewServer(NewHandler(Options{Source: clusters{"shop.prod": example()}}))
	defer server.Close()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		req, err := http.NewRequest(method, server.URL+"/v3/kafka/shop.prod/consumer/billing", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s: %d", method, resp.StatusCode)
		}
	}
}

// TestDeniedPartition is not there, and nothing is said to be well.
func TestDeniedPartition(t *testing.T) {
	dark := example()
	judged := dark["billing"]
	judged.Reading.Partitions[1].Status = lag.StatusOK
	code, body := serve(t, clusters{"shop.prod": dark})("/v3/kafka/shop.prod/consumer/billing/lag")
	if code != 200 || !strings.Contains(body, `"group":"billing","status":"UNKNOWN","complete":0.5`) || strings.Contains(body, `"partition":3`) {
		t.Errorf("%d %s", code, body)
	}
}

// TestLargeRequest is refused before it is read.
func TestLargeRequest(t *testing.T) {
	server := NewServer(Options{Source: clusters{}})
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 {
		t.Errorf("who is slow is waited for: %+v", server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Close()
	resp, err := http.Get("http://" + listener.Addr().String() + "/v3/kafka/" + strings.Repeat("x", 40_000))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a name of 40,000 characters: %d", resp.StatusCode)
	}
}
