package controllers

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
)

// The keys of Secrets.
const (
	keyCA       = "ca.crt"
	keyUsername = "username"
	keyPassword = "password"
)

// secretError is about a Secret that cannot be used.
type secretError struct{ text string }

func (e secretError) Error() string { return e.text }

// secrets reads the Secrets of one KafkaCluster, and remembers what it read.
type secrets struct {
	from      client.Reader
	namespace string
	read      map[string]map[string][]byte
}

// configOf is the connection that a KafkaCluster describes, and its version: it is
// another one when anything of it has changed, in the spec or in a Secret.
func (r *KafkaClusterReconciler) configOf(ctx context.Context, cluster *v1alpha1.KafkaCluster) (kafka.Config, string, error) {
	s := secrets{from: r.APIReader, namespace: cluster.Namespace, read: map[string]map[string][]byte{}}
	config := kafka.Config{BootstrapServers: cluster.Spec.BootstrapServers}
	var err error
	if wanted := cluster.Spec.TLS; wanted != nil {
		if config.TLS, err = s.tls(ctx, wanted); err != nil {
			return kafka.Config{}, "", err
		}
	}
	if wanted := cluster.Spec.SASL; wanted != nil {
		if config.SASL, err = s.sasl(ctx, wanted); err != nil {
			return kafka.Config{}, "", err
		}
	}
	text, err := json.Marshal([]any{cluster.UID, cluster.Spec.BootstrapServers, cluster.Spec.TLS, cluster.Spec.SASL, s.read})
	if err != nil {
		return kafka.Config{}, "", fmt.Errorf("comparing the connection of KafkaCluster %s/%s: %w", cluster.Namespace, cluster.Name, err)
	}
	sum := sha256.Sum256(text)
	return config, hex.EncodeToString(sum[:]), nil
}

func (s secrets) tls(ctx context.Context, wanted *v1alpha1.KafkaTLS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca := wanted.CA; ca != nil {
		key := ca.Key
		if key == "" {
			key = keyCA
		}
		text, err := s.value(ctx, ca.Name, key)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, secretError{fmt.Sprintf("tls.ca: key %s of Secret %s/%s has no certificate in PEM", key, s.namespace, ca.Name)}
		}
	}
	if own := wanted.ClientCertificate; own != nil {
		certificate, err := s.value(ctx, own.Name, corev1.TLSCertKey)
		if err != nil {
			return nil, err
		}
		key, err := s.value(ctx, own.Name, corev1.TLSPrivateKeyKey)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, secretError{fmt.Sprintf("tls.clientCertificate: Secret %s/%s: %v", s.namespace, own.Name, err)}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (s secrets) sasl(ctx context.Context, wanted *v1alpha1.KafkaSASL) (*kafka.SASL, error) {
	username, err := s.value(ctx, wanted.Credentials.Name, keyUsername)
	if err != nil {
		return nil, err
	}
	password, err := s.value(ctx, wanted.Credentials.Name, keyPassword)
	if err != nil {
		return nil, err
	}
	return &kafka.SASL{Mechanism: wanted.Mechanism, Username: string(username), Password: string(password)}, nil
}

func (s secrets) value(ctx context.Context, name, key string) ([]byte, error) {
	data, ok := s.read[name]
	if !ok {
		var secret corev1.Secret
		err := s.from.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, &secret)
		switch {
		case apierrors.IsNotFound(err):
			return nil, secretError{fmt.Sprintf("there is no Secret %s/%s", s.namespace, name)}
		case apierrors.IsForbidden(err):
			return nil, secretError{fmt.Sprintf("the operator may not read Secret %s/%s: %v", s.namespace, name, err)}
		case err != nil:
			return nil, fmt.Errorf("reading Secret %s/%s: %w", s.namespace, name, err)
		}
		data = secret.Data
		s.read[name] = data
	}
	if len(data[key]) == 0 {
		return nil, secretError{fmt.Sprintf("Secret %s/%s has no key %s", s.namespace, name, key)}
	}
	return data[key], nil
}
