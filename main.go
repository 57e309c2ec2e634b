// Kohort runs Kafka consumer groups on Kubernetes. This is its operator.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/controllers"
	"github.com/kohort-dev/kohort/internal/prometheus"
)

// leaderElectionID names the lease of the operator that acts.
const leaderElectionID = "kohort.dev"

// settings are what the flags say.
type settings struct {
	metrics, probes string
	leaderElection  bool
	launcherImage   string
	endpoint        controllers.EndpointOptions
	burrow          controllers.BurrowOptions
	prometheus      prometheus.Options
	lagMetrics      string
	logging         zap.Options
}

func main() {
	if err := run(parse()); err != nil {
		fmt.Fprintln(os.Stderr, "kohort:", err)
		os.Exit(1)
	}
}

func parse() settings {
	var s settings
	flag.StringVar(&s.metrics, "metrics-bind-address", ":8080", "where metrics are served; 0 for nowhere")
	flag.StringVar(&s.probes, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served; 0 for nowhere")
	flag.BoolVar(&s.leaderElection, "leader-elect", false, "act only as the leader, where several operators run")
	flag.StringVar(&s.launcherImage, "launcher-image", "kohort-launcher:latest", "image of Kohort's own containers in the pods")
	flag.StringVar(&s.endpoint.Address, "activation-address", "",
		"host:port under which pods reach the leader's activation endpoint; empty: there is none, and they start up to a second later")
	flag.StringVar(&s.endpoint.Listen, "activation-bind-address", ":8443", "where the activation endpoint is served")
	flag.StringVar(&s.endpoint.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "the operator's namespace; default: $POD_NAMESPACE")
	flag.StringVar(&s.endpoint.PodIP, "pod-ip", os.Getenv("POD_IP"),
		"the operator's address behind the Service kohort-activation; default: $POD_IP; empty: the activation address leads here directly")
	flag.StringVar(&s.burrow.Listen, "burrow-bind-address", "", "where the leader serves lag as Burrow does (HTTP API v3, read only); empty: nowhere")
	flag.StringVar(&s.prometheus.URL, "prometheus-url", "",
		"the Prometheus that the gates of rollouts ask (rollout.gate.prometheus), as in http://prometheus.monitoring.svc:9090; empty: none")
	flag.StringVar(&s.prometheus.ConfigFile, "prometheus-http-config", "",
		"a file that says how to connect to it (TLS, bearer token, basic auth), in Prometheus' own format for HTTP clients; empty: plainly")
	flag.StringVar(&s.lagMetrics, "lag-metrics", string(controllers.LagMetricsPartition),
		"how detailed the metrics of lag are: group, topic, partition (of groups that ConsumerGroups run), all (also partitions of groups that are watched)")
	s.logging.BindFlags(flag.CommandLine)
	flag.Parse()
	s.burrow.Namespace, s.burrow.PodIP = s.endpoint.Namespace, s.endpoint.PodIP
	s.burrow.Pod, _ = os.Hostname() // a pod's is its name; without it nobody is named
	return s
}

func run(s settings) error {
	ctx := ctrl.SetupSignalHandler()
	ctrl.SetLogger(untilEnd(ctx, zap.New(zap.UseFlagOptions(&s.logging))))
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the Kubernetes cluster: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("making the scheme: %w", err)
	}
	cached, err := controllers.CacheOptions()
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cached,
		Metrics:                       metricsserver.Options{BindAddress: s.metrics},
		HealthProbeBindAddress:        s.probes,
		LeaderElection:                s.leaderElection,
		LeaderElectionID:              leaderElectionID,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("making the manager: %w", err)
	}
	if err := controllers.Setup(mgr, controllers.Options{
		LauncherImage: s.launcherImage, Endpoint: s.endpoint, Burrow: s.burrow, Prometheus: s.prometheus,
		LagMetrics: controllers.LagMetrics(s.lagMetrics),
	}); err != nil {
		return err
	}
	err = errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping))
	if err != nil {
		return fmt.Errorf("adding the probes: %w", err)
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running: %w", err)
	}
	return nil
}
