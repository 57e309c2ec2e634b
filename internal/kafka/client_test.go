package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestOpenRefusesWhatCanNeverWork(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"no servers": {Config{}, "no bootstrap servers"},
		"port":       {Config{BootstrapServers: []string{"kafka:port"}}, "kafka:port"},
		"mechanism":  {Config{BootstrapServers: []string{"kafka:9092"}, SASL: &SASL{Mechanism: "GSSAPI"}}, `"GSSAPI" is none of PLAIN`},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := Open(c.config, "kohort-test")
			if err == nil {
				client.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant it to say %s", err, c.want)
			}
		})
	}
}

// ping tries once and says how long it took.
func ping(t *testing.T, config Config) error {
	t.Helper()
	client, err := Open(config, "kohort-test")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	began := time.Now()
	_, err = client.Ping(t.Context())
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	return err
}

// freeAddress is one where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

func TestPingSaysWhatIsWrong(t *testing.T) {
	nobody := freeAddress(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	open := newFakeBroker(t, kfake.NumBrokers(1)).ListenAddrs()[0]
	guarded := saslCluster(t).ListenAddrs()[0]

	for name, c := range map[string]struct {
		config Config
		want   error
		says   []string
	}{
		"nobody listens": {
			Config{BootstrapServers: []string{nobody}}, ErrUnreachable, []string{nobody, "connection refused", "bootstrapServers"},
		},
		"nobody answers": {
			Config{BootstrapServers: []string{silent.Addr().String()}}, ErrUnreachable, []string{silent.Addr().String(), "bootstrapServers"},
		},
		"no such host": {
			Config{BootstrapServers: []string{"kafka.invalid:9092"}}, ErrUnreachable, []string{"kafka.invalid"},
		},
		"wrong password": {
			Config{BootstrapServers: []string{guarded}, SASL: &SASL{"SCRAM-SHA-256", "kohort", "wrong"}},
			ErrRefused, []string{guarded, `user "kohort" with SCRAM-SHA-256`, "the Secret"},
		},
		"another mechanism": {
			Config{BootstrapServers: []string{guarded}, SASL: &SASL{"PLAIN", "kohort", "right"}},
			ErrRefused, []string{guarded, `user "kohort" with PLAIN`},
		},
		"no credentials": {
			Config{BootstrapServers: []string{guarded}}, ErrRefused, []string{guarded, "without credentials", "sasl"},
		},
		"TLS where there is none": {
			Config{BootstrapServers: []string{open}, TLS: &tls.Config{}}, ErrUnreachable, []string{open, "with TLS"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := ping(t, c.config)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v\nwant it to be: %v", err, c.want)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v\nwant it to say %s", err, s)
				}
			}
		})
	}
	right := Config{BootstrapServers: []string{guarded}, SASL: &SASL{"SCRAM-SHA-256", "kohort", "right"}}
	if err := ping(t, right); err != nil {
		t.Errorf("with the right password: %v", err)
	}
}

// A real broker answers wrong credentials; kfake closes the connection.
func TestPingPassesOnWhatTheBrokerSays(t *testing.T) {
	cluster := saslCluster(t)
	cluster.ControlKey(kmsg.SASLAuthenticate.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		resp.ErrorMessage = kmsg.StringPtr("invalid credentials with SASL mechanism SCRAM-SHA-256")
		return resp, nil, true
	})
	err := ping(t, Config{BootstrapServers: cluster.ListenAddrs(), SASL: &SASL{"SCRAM-SHA-256", "kohort", "wrong"}})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "invalid credentials with SASL mechanism") {
		t.Errorf("%v, want what the broker said", err)
	}
}

func TestCancelledIsNotUnreachable(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.client.Ping(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("%v, want only that it was cancelled", err)
	}
}

func saslCluster(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "kohort", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}
