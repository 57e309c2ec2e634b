package testbed

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"

	"github.com/kohort-dev/kohort/test/testbed/certificates"
)

// serverCertificate is for servers on the loopback address.
func serverCertificate(a *certificates.Authority) (certificates.KeyPair, error) {
	return a.Sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.ParseIP(loopback), net.IPv6loopback},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// clientCertificate is one with which the API server knows a user.
func clientCertificate(a *certificates.Authority, user string, groups ...string) (certificates.KeyPair, error) {
	return a.Sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// newTokenKey makes the key that service account tokens are signed with. It is
// RSA, which the controller manager reads in every version.
func newTokenKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the key for service accounts: %w", err)
	}
	return certificates.Encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), nil
}

// writeSecret writes a file that only this user may read.
func writeSecret(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
