// Package kafka_test runs internal/kafka against a real broker: what an
// in-process one gets wrong is asserted here.
package kafka_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/kohort-dev/kohort/test/testbed/broker"
)

var started *broker.Broker

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if started, err = broker.Start(context.Background(), broker.Options{Progress: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if started.Kind == broker.Kfake {
		fmt.Fprintln(os.Stderr, "Not run: there is no java and mvn for a real broker, and kfake differs in what is asserted here")
		return 0
	}
	code := m.Run()
	if err := started.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func bootstrap() []string     { return started.Bootstrap() }
func saslBootstrap() []string { return started.SASLBootstrap() }
