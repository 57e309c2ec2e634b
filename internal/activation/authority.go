package activation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

const (
	// authorityFor is how long an authority is good for: longer than any pod.
	authorityFor = 10 * 365 * 24 * time.Hour
	// certificateFor is how long a server's certificate is good for, and renewAfter
	// when another is made. It lives in memory only.
	certificateFor = 7 * 24 * time.Hour
	renewAfter     = 24 * time.Hour
	// clocksDiffer by no more than this.
	clocksDiffer = time.Hour
)

// Authority is the operator's own, which the pods trust and nobody else.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes one.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the activation endpoint's authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "kohort-activation"},
		NotBefore:             now.Add(-clocksDiffer),
		NotAfter:              now.Add(authorityFor),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	certificate, err := sign(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making the activation endpoint's authority: %w", err)
	}
	return &Authority{certificate, key}, nil
}

// ParseAuthority reads one from the PEM of its certificate and its key.
func ParseAuthority(certificatePEM, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the activation endpoint's authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("reading the activation endpoint's authority: it is not an ECDSA certificate authority")
	}
	return &Authority{pair.Leaf, key}, nil
}

// PEM of the certificate and of the key.
func (a *Authority) PEM() (certificate, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("writing the activation endpoint's authority: %w", err)
	}
	return a.Certificate(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Certificate is the PEM of the certificate, which is no secret.
func (a *Authority) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// ServerConfig is TLS for a server that is reached under a host name or address.
// Its certificate is made anew every day.
func (a *Authority) ServerConfig(host string, now func() time.Time) *tls.Config {
	var mu sync.Mutex
	var current *tls.Certificate
	var madeAt time.Time
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			if current != nil && now().Sub(madeAt) < renewAfter {
				return current, nil
			}
			made, err := a.issue(host, now())
			if err != nil {
				return nil, err
			}
			current, madeAt = made, now()
			return current, nil
		},
	}
}

func (a *Authority) issue(host string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", host, err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: host},
		NotBefore:   now.Add(-clocksDiffer),
		NotAfter:    now.Add(certificateFor),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	leaf, err := sign(template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", host, err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// sign makes a certificate with a random serial number.
func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
