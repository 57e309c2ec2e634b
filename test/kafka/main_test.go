// Package kafka_test runs internal/kafka against a real broker: what an
// in-process one gets wrong is asserted here.
package kafka_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Where the broker listens: in plain text without authentication, and with SASL
// PLAIN.
const (
	bootstrapVar     = "KAFKA_BOOTSTRAP"
	saslBootstrapVar = "KAFKA_SASL_BOOTSTRAP"
)

func TestMain(m *testing.M) {
	for _, name := range []string{bootstrapVar, saslBootstrapVar} {
		if os.Getenv(name) == "" {
			fmt.Fprintf(os.Stderr, "These tests need a real broker: set %s to its host:port\n", name)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func bootstrap() []string     { return strings.Split(os.Getenv(bootstrapVar), ",") }
func saslBootstrap() []string { return strings.Split(os.Getenv(saslBootstrapVar), ",") }
