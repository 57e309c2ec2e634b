// Package kafka is the only place that speaks Kafka: connections, the collector
// that reads all groups of a cluster together, and the few admin writes.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// How long is waited for a broker. A dead one must turn into an error within
// seconds: what waits for a reading is told why there is none.
const (
	dialTimeout  = 2 * time.Second
	stageTimeout = 3 * time.Second // one kind of request, at all brokers together
	retries      = 2
	retryBackoff = 100 * time.Millisecond // times the number of tries
)

// Config says how to reach a Kafka cluster.
type Config struct {
	// BootstrapServers are the first brokers to ask, as host:port.
	BootstrapServers []string
	// TLS encrypts the connections; nil for plain text.
	TLS *tls.Config
	// SASL authenticates them; nil for none.
	SASL *SASL
}

// SASL says who the client is.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism          string
	Username, Password string
}

// Info is what a cluster says about itself.
type Info struct {
	ClusterID string
	Brokers   int32
}

// Client is a connection to one Kafka cluster, safe for concurrent use.
type Client struct {
	kgo     *kgo.Client
	config  Config
	traffic traffic
}

// Open prepares a connection. Nothing is sent before the first request: only a
// Config that can never work is an error here.
func Open(config Config, clientID string) (*Client, error) { return open(config, clientID) }

// open is Open with more options, which win over those that all connections have.
func open(config Config, clientID string, more ...kgo.Opt) (*Client, error) {
	if len(config.BootstrapServers) == 0 {
		return nil, errors.New("opening a connection to Kafka: no bootstrap servers are given")
	}
	c := &Client{config: config}
	// Before version 3 LeaveGroup names one member id and no instance id: it
	// must never be sent that way.
	oldest := new(kversion.Versions)
	oldest.SetMaxKeyVersion(kmsg.LeaveGroup.Int16(), 3)
	opts := []kgo.Opt{
		kgo.SeedBrokers(config.BootstrapServers...),
		kgo.ClientID(clientID),
		kgo.DialTimeout(dialTimeout),
		kgo.RequestTimeoutOverhead(stageTimeout),
		kgo.RetryTimeout(stageTimeout),
		kgo.RequestRetries(retries),
		kgo.RetryBackoffFn(func(tries int) time.Duration { return time.Duration(tries) * retryBackoff }),
		kgo.MinVersions(oldest),
		kgo.DisableClientMetrics(),
		kgo.WithHooks(&c.traffic),
	}
	if config.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(config.TLS))
	}
	if config.SASL != nil {
		mechanism, err := config.SASL.mechanism()
		if err != nil {
			return nil, fmt.Errorf("opening a connection to %s: %w", c.servers(), err)
		}
		opts = append(opts, kgo.SASL(mechanism))
	}
	var err error
	if c.kgo, err = kgo.NewClient(append(opts, more...)...); err != nil {
		return nil, fmt.Errorf("opening a connection to %s: %w", c.servers(), err)
	}
	return c, nil
}

// Close ends the connections. Requests under way fail.
func (c *Client) Close() { c.kgo.Close() }

// Ping asks the cluster who it is.
func (c *Client) Ping(ctx context.Context) (Info, error) {
	info, _, err := c.topics(ctx, nil)
	return info, err
}

// RequestCounts is how many requests of each kind were sent so far, by the name
// that the Kafka protocol gives them.
func (c *Client) RequestCounts() map[string]int { return c.traffic.counts() }

func (c *Client) servers() string { return strings.Join(c.config.BootstrapServers, ", ") }

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	default:
		return nil, fmt.Errorf("SASL mechanism %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", s.Mechanism)
	}
}

// traffic watches the connections: how many requests go out, and the last
// failure to connect, which tells more than the timeout of a request that waited
// for the connection.
type traffic struct {
	mu      sync.Mutex
	sent    map[string]int
	failure *connectError
}

// connectError is why a connection could not be made ready for requests.
type connectError struct {
	broker string // host:port
	err    error
}

func (f *connectError) Error() string {
	if errors.Is(f.err, io.EOF) {
		return fmt.Sprintf("broker %s closed the connection during the handshake: %v", f.broker, f.err)
	}
	return fmt.Sprintf("broker %s: %v", f.broker, f.err)
}

func (f *connectError) Unwrap() error { return f.err }

var (
	_ kgo.HookBrokerWrite   = (*traffic)(nil)
	_ kgo.HookBrokerConnect = (*traffic)(nil)
)

// OnBrokerWrite counts a request.
func (t *traffic) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent == nil {
		t.sent = map[string]int{}
	}
	t.sent[kmsg.NameForKey(key)]++
}

// OnBrokerConnect remembers the last failure to connect.
func (t *traffic) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.failure = nil
		return
	}
	if !errors.Is(err, context.Canceled) {
		t.failure = &connectError{broker: address(meta), err: err}
	}
}

func (t *traffic) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := make(map[string]int, len(t.sent))
	for name, n := range t.sent {
		counts[name] = n
	}
	return counts
}

func (t *traffic) lastFailure() *connectError {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure
}

func address(meta kgo.BrokerMetadata) string {
	return net.JoinHostPort(meta.Host, fmt.Sprint(meta.Port))
}
