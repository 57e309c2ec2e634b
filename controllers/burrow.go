package controllers

import (
	"context"
	"fmt"
	"net"

	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kohort-dev/kohort/internal/burrow"
)

// burrowService is the Service under which the leader answers as Burrow does.
const burrowService = "kohort-burrow"

// BurrowOptions say where lag is served as Burrow does.
type BurrowOptions struct {
	// Listen is where the operator listens, as host:port. Empty: it does not.
	Listen string
	// Namespace and name of the operator's pod.
	Namespace, Pod string
	// PodIP of the operator, behind the Service; empty: it is reached otherwise.
	PodIP string
}

// burrowServer answers while this operator leads: only the leader reads.
type burrowServer struct {
	options BurrowOptions
	client  client.Client
	source  burrow.Source
}

// Start serves until the end. A manager calls it when this operator leads.
func (b *burrowServer) Start(ctx context.Context) error {
	listener, err := net.Listen("tcp", b.options.Listen)
	if err != nil {
		return fmt.Errorf("listening for Burrow's clients: %w", err)
	}
	service := leaderService{client: b.client, namespace: b.options.Namespace, name: burrowService, port: "burrow", podIP: b.options.PodIP}
	if err := service.lead(ctx, listener); err != nil {
		logf.FromContext(ctx).Error(err, "Burrow's clients reach nobody under the Service")
	}
	if err := serve(ctx, burrow.NewServer(burrow.Options{Source: b.source, Host: b.options.Pod}), listener); err != nil {
		return fmt.Errorf("serving Burrow's clients: %w", err)
	}
	return nil
}

// Clusters are those that are connected, as NAMESPACE.NAME of their KafkaCluster: in the
// name of a namespace there is no dot.
func (c *Clusters) Clusters() map[string]burrow.Cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	clusters := map[string]burrow.Cluster{}
	for key, connected := range c.connections {
		clusters[key.Namespace+"."+key.Name] = *connected.reads.Load()
	}
	return clusters
}
