package broker

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

const (
	loopback = "127.0.0.1"
	// The broker's ports are below the range that outgoing connections take theirs
	// from: while it restarts, a client that tries again and again would otherwise
	// take its port one day. The rest of the testbed takes ports above these, so
	// that none is chosen twice while the broker's storage is formatted.
	firstPort = 14000
	lastPort  = 19999
)

// freeAddresses are loopback addresses on which nobody listens, all different.
func freeAddresses(count int) ([]string, error) {
	var addresses []string
	var last error
	for tries := 0; len(addresses) < count; tries++ {
		if tries == 1000 {
			return nil, fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, last)
		}
		address := net.JoinHostPort(loopback, strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort+1)))
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			last = err
			continue
		}
		// Only at the end, or the same one could be found twice.
		defer listener.Close()
		addresses = append(addresses, address)
	}
	return addresses, nil
}
