// Command controlplane builds the testbed's control plane, unless that was done
// before, and prints the folder with etcd, kube-apiserver,
// kube-controller-manager and kubectl. A Makefile calls it so that the minutes
// which the first build takes are spent in a step of their own.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/kohort-dev/kohort/test/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	paths, err := testbed.Binaries(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
	fmt.Println(filepath.Dir(paths.KubeAPIServer))
}
