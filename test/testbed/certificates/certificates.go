// Package certificates makes authorities and certificates for tests.
package certificates

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// life is how long certificates are good: longer than any run, and from an hour
// ago, for clocks that are set back.
const life = 7 * 24 * time.Hour

// Authority signs certificates.
type Authority struct {
	// PEM is the authority's own certificate.
	PEM []byte

	certificate *x509.Certificate
	key         crypto.Signer
}

// KeyPair is a certificate with its key (PKCS #8), both PEM.
type KeyPair struct {
	Certificate, Key []byte
}

// NewAuthority makes an authority with a name.
func NewAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	return &Authority{certificate: certificate, key: key, PEM: Encode("CERTIFICATE", der)}, nil
}

// ParseAuthority reads an authority that was kept: its certificate and its key.
func ParseAuthority(kept KeyPair) (*Authority, error) {
	pair, err := tls.X509KeyPair(kept.Certificate, kept.Key)
	if err != nil {
		return nil, fmt.Errorf("read an authority: %w", err)
	}
	return &Authority{PEM: kept.Certificate, certificate: pair.Leaf, key: pair.PrivateKey.(crypto.Signer)}, nil
}

// KeyPair is what to keep of an authority.
func (a *Authority) KeyPair() (KeyPair, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("keep an authority: %w", err)
	}
	return KeyPair{Certificate: a.PEM, Key: Encode("PRIVATE KEY", der)}, nil
}

// Sign makes a certificate with the template's subject, names and usages. The
// template is changed.
func (a *Authority) Sign(template *x509.Certificate) (KeyPair, error) {
	fail := func(err error) (KeyPair, error) {
		return KeyPair{}, fmt.Errorf("make a certificate for %s: %w", template.Subject.CommonName, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return fail(err)
	}
	template.NotBefore, template.NotAfter = a.certificate.NotBefore, a.certificate.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return fail(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	return KeyPair{Certificate: Encode("CERTIFICATE", der), Key: Encode("PRIVATE KEY", keyDER)}, nil
}

// Encode makes PEM of DER.
func Encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
