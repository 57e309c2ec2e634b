package testbed

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are given out from below the ranges that Linux and macOS take theirs for
// outgoing connections from, so that none is taken between being chosen here and
// being listened on by the program it was chosen for.
const (
	firstPort = 20000
	lastPort  = 31999
)

var ports = struct {
	sync.Mutex
	taken map[int]bool
}{taken: map[int]bool{}}

// freePort gives a loopback port on which nobody listens, and gives it to nobody
// else until releasePort.
func freePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	var last error
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if ports.taken[port] {
			continue
		}
		listener, err := net.Listen("tcp4", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		ports.taken[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, last)
}

func releasePort(port int) {
	ports.Lock()
	defer ports.Unlock()
	delete(ports.taken, port)
}

// FreeAddress is a loopback address with a port on which nobody listens and which
// nobody else of this process is given.
func FreeAddress() (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(loopback, strconv.Itoa(port)), nil
}
