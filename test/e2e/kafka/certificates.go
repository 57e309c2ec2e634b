package kafka

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/test/e2e/cluster"
	"github.com/kohort-dev/kohort/test/testbed/certificates"
)

// secretName is what the brokers mount. It keeps their authority as well.
const secretName = "certificates"

// certify gives the brokers certificates, unless they have some.
func certify(ctx context.Context, c *cluster.Cluster, brokers int) error {
	if _, err := authority(ctx, c); !apierrors.IsNotFound(err) {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("make the brokers' certificates: %w", err) }
	a, err := certificates.NewAuthority("kohort-e2e")
	if err != nil {
		return fail(err)
	}
	kept, err := a.KeyPair()
	if err != nil {
		return fail(err)
	}
	names := make([]string, brokers)
	for i := range names {
		names[i] = host(i)
	}
	pair, err := a.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "kafka"}, DNSNames: names,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fail(err)
	}
	secret := &corev1.Secret{Data: map[string][]byte{
		"ca.crt": kept.Certificate, "ca.key": kept.Key, "broker.pem": slices.Concat(pair.Key, pair.Certificate),
	}}
	secret.Namespace, secret.Name = Namespace, secretName
	if err := c.Client.Create(ctx, secret); err != nil {
		return fail(err)
	}
	return nil
}

func authority(ctx context.Context, c *cluster.Cluster) (*certificates.Authority, error) {
	secret := &corev1.Secret{}
	if err := c.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: Namespace, Name: secretName}, secret); err != nil {
		return nil, fmt.Errorf("read the brokers' certificates: %w", err)
	}
	return certificates.ParseAuthority(certificates.KeyPair{Certificate: secret.Data["ca.crt"], Key: secret.Data["ca.key"]})
}

// ClientCertificate is one that the brokers trust, and the authority that they
// are to be trusted by.
func ClientCertificate(ctx context.Context, c *cluster.Cluster, user string) (pair certificates.KeyPair, ca []byte, err error) {
	a, err := authority(ctx, c)
	if err != nil {
		return pair, nil, err
	}
	pair, err = a.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: user}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return pair, a.PEM, err
}
