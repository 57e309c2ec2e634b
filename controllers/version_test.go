package controllers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

func TestCheckVersion(t *testing.T) {
	const old = "the cluster runs Kubernetes %s: Kohort needs 1.29 or later, for native sidecars"
	for given, want := range map[string]string{
		"v1.28.15":        fmt.Sprintf(old, "v1.28.15"),
		"v1.28.9-gke.100": fmt.Sprintf(old, "v1.28.9-gke.100"),
		"v1.29.0":         "",
		"v1.36.3+k3s1":    "",
		"main":            "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"major": "1", "gitVersion": %q}`, given)
		}))
		defer server.Close()
		got := ""
		if err := checkVersion(discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: server.URL})); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", given, got, want)
		}
	}
}
