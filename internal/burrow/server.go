// Package burrow serves what was read about groups as Burrow does (its HTTP API, version
// 3), to the tools that know it. Nothing can be changed through it.
package burrow

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// Source is where the answers come from.
type Source interface {
	// Clusters by the names under which they are served.
	Clusters() map[string]Cluster
}

// Cluster is what is known of one Kafka cluster.
type Cluster interface {
	// Servers at which it is reached first, as host:port.
	Servers() []string
	// Ready says whether every group that somebody runs was read.
	Ready() bool
	// Groups that are read, in order.
	Groups() []string
	// Said is a group's last reading; nil if there is none.
	Said(group string) *lag.Reading
	// Judged is the same with the commits behind it; false if there is none.
	Judged(group string) (lag.Judged, bool)
	// Topics of the groups, in order.
	Topics() []string
	// TopicEnds are the ends of a topic's logs by partition; nil if it is none of those.
	TopicEnds(topic string) []int64
}

// Options of a handler.
type Options struct {
	Source Source
	// Host is the name of who answers.
	Host string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Bounds of a server that answers anybody: a request is short, and who reads its answer
// slowly is not waited for.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
)

// NewServer is a server that answers, within bounds of size and time.
func NewServer(options Options) *http.Server {
	return &http.Server{
		Handler:           NewHandler(options),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
	}
}

type handler struct{ Options }

// NewHandler answers requests.
func NewHandler(options Options) http.Handler {
	if options.Now == nil {
		options.Now = time.Now
	}
	h := &handler{options}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /burrow/admin", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "GOOD") })
	mux.HandleFunc("GET /burrow/admin/ready", h.ready)
	mux.HandleFunc("GET /v3/kafka", h.clusters)
	mux.HandleFunc("GET /v3/kafka/{cluster}", h.ofCluster(h.cluster))
	mux.HandleFunc("GET /v3/kafka/{cluster}/topic", h.ofCluster(h.topics))
	mux.HandleFunc("GET /v3/kafka/{cluster}/topic/{topic}", h.ofCluster(h.topic))
	mux.HandleFunc("GET /v3/kafka/{cluster}/topic/{topic}/consumers", h.ofCluster(h.topicConsumers))
	mux.HandleFunc("GET /v3/kafka/{cluster}/consumer", h.ofCluster(h.consumers))
	mux.HandleFunc("GET /v3/kafka/{cluster}/consumer/{group}", h.ofCluster(h.consumer))
	mux.HandleFunc("GET /v3/kafka/{cluster}/consumer/{group}/status", h.status(func(p partitionStatus) bool { return p.is != lag.StatusOK }))
	mux.HandleFunc("GET /v3/kafka/{cluster}/consumer/{group}/lag", h.status(func(partitionStatus) bool { return true }))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, "invalid request type") })
	return mux
}

func say(w http.ResponseWriter, code int, text string) {
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // whoever asked may have gone
}

// ready: a cluster is.
func (h *handler) ready(w http.ResponseWriter, _ *http.Request) {
	for _, cluster := range h.Source.Clusters() {
		if cluster.Ready() {
			say(w, http.StatusOK, "READY")
			return
		}
	}
	say(w, http.StatusServiceUnavailable, "STARTING")
}

func (h *handler) clusters(w http.ResponseWriter, r *http.Request) {
	names := slices.Sorted(maps.Keys(h.Source.Clusters()))
	h.write(w, http.StatusOK, clusterList{h.answer(r, "cluster list returned"), list(names)})
}

// ofCluster answers for a cluster that is there.
func (h *handler) ofCluster(serve func(http.ResponseWriter, *http.Request, Cluster)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		clusters := h.Source.Clusters()
		if name, found := named(r, "cluster", func(name string) bool { return clusters[name] != nil }); found {
			serve(w, r, clusters[name])
			return
		}
		h.fail(w, r, "cluster not found")
	}
}

// named is a name in the path that is known. Telegraf escapes names twice.
func named(r *http.Request, wildcard string, known func(string) bool) (string, bool) {
	name := r.PathValue(wildcard)
	if known(name) {
		return name, true
	}
	name, err := url.PathUnescape(name)
	return name, err == nil && known(name)
}

func (h *handler) cluster(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	h.write(w, http.StatusOK, clusterDetail{h.answer(r, "cluster module detail returned"), module{"kafka", list(cluster.Servers())}})
}

func (h *handler) topics(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	h.write(w, http.StatusOK, topicList{h.answer(r, "topic list returned"), list(cluster.Topics())})
}

func (h *handler) topic(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	if _, ends := topic(r, cluster); ends != nil {
		h.write(w, http.StatusOK, topicDetail{h.answer(r, "topic offsets returned"), ends})
		return
	}
	h.fail(w, r, "cluster or topic not found")
}

// topic is the topic that is asked for, with the ends of its logs; nil if it is not known.
func topic(r *http.Request, cluster Cluster) (name string, ends []int64) {
	name, _ = named(r, "topic", func(name string) bool {
		ends = cluster.TopicEnds(name)
		return ends != nil
	})
	return name, ends
}

func (h *handler) topicConsumers(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	var consumers []string
	if name, ends := topic(r, cluster); ends != nil {
		for _, group := range cluster.Groups() {
			if reading := cluster.Said(group); reading != nil && len(reading.Of(name)) > 0 {
				consumers = append(consumers, group)
			}
		}
	}
	h.write(w, http.StatusOK, consumerList{h.answer(r, "consumers of topic returned"), list(consumers)})
}

func (h *handler) consumers(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	h.write(w, http.StatusOK, consumerList{h.answer(r, "consumer list returned"), list(cluster.Groups())})
}

func (h *handler) consumer(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	if _, judged, found := group(r, cluster); found {
		h.write(w, http.StatusOK, consumerDetail{h.answer(r, "consumer detail returned"), detailOf(judged)})
		return
	}
	h.fail(w, r, "cluster or consumer not found")
}

// group is the group that is asked for, if it was read.
func group(r *http.Request, cluster Cluster) (name string, judged lag.Judged, found bool) {
	name, found = named(r, "group", func(name string) bool {
		of, read := cluster.Judged(name)
		if read {
			judged = of
		}
		return read
	})
	return name, judged, found
}

// status answers with some of a group's partitions. A group that is not there has a
// status, too.
func (h *handler) status(shown func(partitionStatus) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		clusters := h.Source.Clusters()
		cluster, _ := named(r, "cluster", func(name string) bool { return clusters[name] != nil })
		code, status := http.StatusNotFound, groupStatus{
			Cluster: r.PathValue("cluster"), Group: r.PathValue("group"), Status: "NOTFOUND", Complete: 1, Partitions: []partitionStatus{},
		}
		if of := clusters[cluster]; of != nil {
			if name, judged, found := group(r, of); found {
				code, status = http.StatusOK, statusOf(cluster, name, judged, h.Now())
				status.Partitions = slices.DeleteFunc(status.Partitions, func(p partitionStatus) bool { return !shown(p) })
			}
		}
		h.write(w, code, consumerStatus{h.answer(r, "consumer status returned"), status})
	}
}

func (h *handler) fail(w http.ResponseWriter, r *http.Request, message string) {
	failed := h.answer(r, message)
	failed.Error = true
	h.write(w, http.StatusNotFound, failed)
}

func (h *handler) answer(r *http.Request, message string) answer {
	return answer{Message: message, Request: request{URL: r.URL.Path, Host: h.Host}}
}

func (h *handler) write(w http.ResponseWriter, code int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, `{"error":true,"message":"could not encode JSON"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	say(w, code, string(text))
}

// list is an array, also of nothing.
func list(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
