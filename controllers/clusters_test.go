package controllers

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/internal/burrow"
	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

// brokenBroker is a listener that does something to each connection.
func brokenBroker(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}

// TestBadBrokers: whatever one cluster's brokers do, the others are read as before, and
// Burrow's clients are answered at once: with the last numbers, and how old they are.
func TestBadBrokers(t *testing.T) {
	good := newCluster(t)
	junk := brokenBroker(t, func(conn net.Conn) {
		for request := make([]byte, 1<<12); ; {
			if _, err := conn.Read(request); err != nil {
				return
			}
			_, _ = conn.Write([]byte(strings.Repeat("\x00\x00\x00\x08junkjunk", 3)))
		}
	})
	mute := brokenBroker(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	half := newCluster(t)
	half.ControlKey(kmsg.ListOffsets.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		half.KeepControl()
		return req.ResponseKind(), nil, true // of nothing that was asked for
	})
	wrong := newCluster(t)
	wrong.ControlKey(kmsg.ListOffsets.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		wrong.KeepControl()
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, asked := range req.(*kmsg.ListOffsetsRequest).Topics {
			topic := kmsg.NewListOffsetsResponseTopic()
			topic.Topic = asked.Topic
			for _, p := range asked.Partitions {
				partition := kmsg.NewListOffsetsResponseTopicPartition()
				partition.Partition, partition.Offset = p.Partition, -7
				topic.Partitions = append(topic.Partitions, partition)
			}
			resp.Topics = append(resp.Topics, topic)
		}
		return resp, nil, true
	})

	clusters := &Clusters{Options: kafka.Options{Interval: 50 * time.Millisecond}}
	defer clusters.Close()
	key := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: name} }
	for name, servers := range map[string][]string{
		"good": good.ListenAddrs(), "junk": {junk}, "mute": {mute}, "half": half.ListenAddrs(), "wrong": wrong.ListenAddrs(),
	} {
		if err := clusters.Connect(key(name), "1", kafka.Config{BootstrapServers: servers}); err != nil {
			t.Fatal(err)
		}
		clusters.Track(key(name), key("orders"), "billing", kafka.Target{Topics: []string{"orders"}})
	}
	newest := func(name string) lag.Reading {
		window, _, _ := clusters.Window(key(name), "billing")
		if len(window) == 0 {
			return lag.Reading{}
		}
		return window[len(window)-1]
	}
	for range 10 { // which the bad ones, with their timeouts of seconds, do not stretch
		after := time.Now()
		waitFor(t, "the good cluster is read", func() bool { r := newest("good"); return r.At.After(after) && r.Err == "" })
		if took := time.Since(after); took > 3*time.Second {
			t.Errorf("the good cluster was read after %s", took)
		}
	}
	for name, want := range map[string]string{
		"half":  "the broker did not answer for the partition",
		"wrong": "the broker answers with offset -7, which there cannot be",
	} {
		waitFor(t, name+" is read", func() bool { return !newest(name).At.IsZero() })
		r := newest(name)
		if r.Err != "" || len(r.Partitions) != 1 || r.Partitions[0].Err != want {
			t.Errorf("%s: %+v, want %q", name, r, want)
		}
		if _, _, known := r.Lag(); known {
			t.Errorf("%s has a lag", name)
		}
	}
	for _, name := range []string{"junk", "mute"} {
		waitFor(t, name+" was asked in vain", func() bool { return newest(name).Err != "" })
	}

	server := httptest.NewServer(burrow.NewHandler(burrow.Options{Source: clusters, Now: func() time.Time { return time.Now().Add(time.Minute) }}))
	defer server.Close()
	good.Close()
	for name, want := range map[string]string{
		"good": `"status":"UNKNOWN"`, "half": `"status":"UNKNOWN"`, "wrong": `"status":"UNKNOWN"`, "mute": `"status":"NOTFOUND"`, "junk": `"status":"NOTFOUND"`,
	} {
		began := time.Now()
		resp, err := http.Get(server.URL + "/v3/kafka/shop." + name + "/consumer/billing/lag")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v %s, want %s", name, err, body, want)
		}
		if name == "good" && !strings.Contains(string(body), `"read_at":1`) {
			t.Errorf("it is not said how old that is: %s", body)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s was answered after %s", name, took)
		}
	}
}

// newCluster is a broker with a topic, and a group that has committed to it.
func newCluster(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	commit(t, cluster, "billing", kadm.Offset{Topic: "orders", At: 0})
	return cluster
}
