package integration

import (
	"encoding/json"
	"net/http"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/controllers"
	"github.com/kohort-dev/kohort/test/testbed"
)

// TestBurrow: the leader answers Burrow's clients with what it has read, and is behind the
// Service under which they ask.
func TestBurrow(t *testing.T) {
	w := newWorld(t)
	address, err := testbed.FreeAddress()
	w.must(err)
	w.startManager(w.serviceAccount(), controllers.Options{Burrow: controllers.BurrowOptions{
		Listen: address, Namespace: w.namespace, Pod: "kohort-0", PodIP: "10.1.2.3",
	}})
	w.kafkaCluster()
	w.group(2)
	w.nodeUntil("the group consumes", func() bool { return w.read("orders").Status.ReadyReplicas == 2 })
	w.commitAll()
	w.produce(45)
	var got struct {
		Status struct {
			Group  string `json:"group"`
			Status string `json:"status"`
			Total  int    `json:"totallag"`
			Count  int    `json:"partition_count"`
		} `json:"status"`
		Request struct {
			Host string `json:"host"`
		} `json:"request"`
	}
	w.nodeUntil("the lag is served", func() bool {
		resp, err := http.Get("http://" + address + "/v3/kafka/" + w.namespace + ".kafka/consumer/orders/lag")
		w.must(err)
		defer resp.Body.Close()
		w.must(json.NewDecoder(resp.Body).Decode(&got))
		return got.Status.Total == 45
	})
	if got.Status.Group != "orders" || got.Status.Status == "NOTFOUND" || got.Status.Count != partitions || got.Request.Host != "kohort-0" {
		t.Errorf("%+v", got)
	}
	slice := &discoveryv1.EndpointSlice{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "kohort-burrow"}, slice))
	if len(slice.Endpoints) != 1 || len(slice.Ports) != 1 || *slice.Ports[0].Name != "burrow" {
		t.Errorf("EndpointSlice %+v", slice)
	}
}
