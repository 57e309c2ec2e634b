package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What a failed request comes down to, for errors.Is.
var (
	// ErrUnreachable: no broker answers.
	ErrUnreachable = errors.New("no broker answers")
	// ErrRefused: a broker answers, and does not let the client in.
	ErrRefused = errors.New("the broker refuses the connection")
	// ErrDenied: the client is let in and may not do this.
	ErrDenied = errors.New("the broker denies this to the user of the connection")
)

// explain says what a failed request comes down to, at which broker and what a
// person can do about it. Doing is what was attempted.
func (c *Client) explain(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if failure := c.traffic.lastFailure(); failure != nil && hidesCause(err) {
		err = failure
	}
	switch known := new(kerr.Error); {
	case isRefusal(err):
		return fmt.Errorf("%s at %s: %w %s: %w: check %s", doing, c.servers(), ErrRefused, c.identity(), err, c.credentials())
	case isDenial(err):
		return fmt.Errorf("%s: %w: %w", doing, ErrDenied, err)
	case errors.As(err, &known):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return fmt.Errorf("%s at %s: %w with a certificate that is trusted: %w: check tls.ca", doing, c.servers(), ErrUnreachable, err)
	case errors.As(err, new(tls.RecordHeaderError)):
		return fmt.Errorf("%s at %s: %w with TLS: %w: check tls, and the port", doing, c.servers(), ErrUnreachable, err)
	case isNetwork(err):
		return fmt.Errorf("%s at %s: %w: %w: check bootstrapServers, the brokers, that the network lets the operator through, and that the port is one %s TLS",
			doing, c.servers(), ErrUnreachable, err, c.withTLS())
	default:
		return fmt.Errorf("%s at %s: %w", doing, c.servers(), err)
	}
}

func isNetwork(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) ||
		errors.As(err, new(*net.OpError)) || kgo.IsRetryableBrokerErr(err)
}

// hidesCause: the request only waited for a connection that did not come about.
func hidesCause(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || kgo.IsRetryableBrokerErr(err) && !errors.As(err, new(*kerr.Error))
}

func isRefusal(err error) bool {
	return errors.Is(err, kerr.SaslAuthenticationFailed) ||
		errors.Is(err, kerr.UnsupportedSaslMechanism) ||
		errors.Is(err, kerr.IllegalSaslState) ||
		errors.As(err, new(*kgo.ErrFirstReadEOF)) ||
		// Some brokers say no by closing the connection.
		errors.As(err, new(*connectError)) && errors.Is(err, io.EOF) ||
		// An alert is what the broker thinks of our certificate.
		errors.As(err, new(tls.AlertError))
}

func isDenial(err error) bool {
	return errors.Is(err, kerr.ClusterAuthorizationFailed) ||
		errors.Is(err, kerr.GroupAuthorizationFailed) ||
		errors.Is(err, kerr.TopicAuthorizationFailed)
}

// identity is who the client says it is.
func (c *Client) identity() string {
	switch {
	case c.config.SASL != nil:
		return fmt.Sprintf("of user %q with %s", c.config.SASL.Username, c.config.SASL.Mechanism)
	case c.config.TLS != nil && len(c.config.TLS.Certificates) > 0:
		return "with the client certificate"
	case c.config.TLS != nil:
		return "with TLS and without credentials"
	default:
		return "in plain text without credentials"
	}
}

func (c *Client) withTLS() string {
	if c.config.TLS != nil {
		return "with"
	}
	return "without"
}

func (c *Client) credentials() string {
	if c.config.SASL != nil {
		return "sasl and the Secret that it names"
	}
	return "tls and sasl: the broker may want them, or the port may be another listener's"
}
