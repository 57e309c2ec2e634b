package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

const (
	// signalBacklog is how many signals wait to be forwarded.
	signalBacklog = 64
	// lastSignal is the highest number of a signal, on any system.
	lastSignal = 64
)

// kept are signals that are not the program's: those that nobody can catch, the
// ends of children, a write of the launcher's own that nobody reads, and what Go
// sends itself to change goroutines.
var kept = []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGURG}

// harmless are signals that end no program that has not asked for them.
var harmless = []syscall.Signal{syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGWINCH}

// receive gets all signals that are the program's.
func receive() <-chan os.Signal {
	var all []os.Signal
	for s := syscall.Signal(1); s <= lastSignal; s++ {
		if !slices.Contains(kept, s) {
			all = append(all, s)
		}
	}
	signals := make(chan os.Signal, signalBacklog)
	signal.Notify(signals, all...)
	return signals
}

// ends says whether a signal asks for the end. Which one the runtime sends is up
// to the image (STOPSIGNAL) and the pod.
func ends(s os.Signal) bool { return !slices.Contains(harmless, s.(syscall.Signal)) }
