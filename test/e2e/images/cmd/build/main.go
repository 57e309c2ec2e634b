// Command build builds the images of the e2e tests: those whose names are its
// arguments, or all (package images).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/kohort-dev/kohort/test/e2e/images"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := images.Build(ctx, os.Stderr, os.Args[1:]...)
	cancel()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
		os.Exit(1)
	}
}
