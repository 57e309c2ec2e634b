package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// external is a broker that somebody else runs.
type external []string

func (e external) bootstrap() []string         { return e }
func (external) saslBootstrap() []string       { return nil }
func (external) rebalances(string) int         { return UnknownRebalances }
func (external) groupLog() string              { return "" }
func (external) restart(context.Context) error { return errNotOurs }
func (external) pause() error                  { return errNotOurs }
func (external) resume() error                 { return errNotOurs }
func (external) stop() error                   { return nil }

// errKfake is why kfake cannot be restarted or paused.
var errKfake = errors.New("kfake lives in this process and can be neither restarted nor paused: install java and mvn to have a real broker")

// fake is kfake, in this process. A cluster has either authentication or none, so
// the one that wants it stands beside the other.
type fake struct{ cluster, sasl *kfake.Cluster }

func startKfake(options Options) (*fake, error) {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.DefaultNumPartitions(int(options.Partitions)),
		kfake.GroupMaxSessionTimeout(30 * time.Minute), // a broker's default
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start kfake: %w", err)
	}
	sasl, err := kfake.NewCluster(append(opts, kfake.EnableSASL(), kfake.Superuser("PLAIN", User, Password))...)
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("start kfake with authentication: %w", err)
	}
	return &fake{cluster, sasl}, nil
}

func (f *fake) bootstrap() []string         { return f.cluster.ListenAddrs() }
func (f *fake) saslBootstrap() []string     { return f.sasl.ListenAddrs() }
func (*fake) groupLog() string              { return "" }
func (*fake) restart(context.Context) error { return errKfake }
func (*fake) pause() error                  { return errKfake }
func (*fake) resume() error                 { return errKfake }

// rebalances is the group's generation: each rebalance makes a new one.
func (f *fake) rebalances(group string) int {
	info := f.cluster.GroupInfo(group)
	if info == nil {
		return 0
	}
	return int(info.Epoch)
}

func (f *fake) stop() error {
	f.cluster.Close()
	f.sasl.Close()
	return nil
}
