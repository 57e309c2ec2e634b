package controllers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	discoveryac "k8s.io/client-go/applyconfigurations/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shutdownPatience bounds the wait for requests under way.
const shutdownPatience = time.Second

// leaderService is a Service behind which only the operator that leads is: it selects no
// pods, and the leader writes its EndpointSlice.
type leaderService struct {
	client                client.Client
	namespace, name, port string
	podIP                 string // "": it is reached otherwise
}

// +kubebuilder:rbac:groups=discovery.k8s.io,namespace=kohort-system,resources=endpointslices,verbs=create;patch

// lead puts this operator behind the Service, where it listens.
func (s leaderService) lead(ctx context.Context, listener net.Listener) error {
	if s.podIP == "" {
		return nil
	}
	family := discoveryv1.AddressTypeIPv4
	if ip := net.ParseIP(s.podIP); ip != nil && ip.To4() == nil {
		family = discoveryv1.AddressTypeIPv6
	}
	slice := discoveryac.EndpointSlice(s.name, s.namespace).
		WithLabels(map[string]string{discoveryv1.LabelServiceName: s.name, discoveryv1.LabelManagedBy: fieldOwner}).
		WithAddressType(family).
		WithEndpoints(discoveryac.Endpoint().WithAddresses(s.podIP).
			WithConditions(discoveryac.EndpointConditions().WithReady(true))).
		WithPorts(discoveryac.EndpointPort().WithName(s.port).WithPort(int32(listener.Addr().(*net.TCPAddr).Port)).WithProtocol(corev1.ProtocolTCP))
	if err := s.client.Apply(ctx, slice, client.FieldOwner(fieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("writing EndpointSlice %s/%s: %w", s.namespace, s.name, err)
	}
	return nil
}

// serve serves until the context ends.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.Background(), shutdownPatience)
		defer cancel()
		// Requests that are held never end by themselves.
		if server.Shutdown(ending) != nil {
			_ = server.Close()
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
