// Command kohort-launcher is the small static program inside the pods of a
// ConsumerGroup. It knows nothing of Kafka and needs nothing but the standard
// library, so it runs in any image, as any user, on a read-only file system.
//
//	kohort-launcher install DEST   copy this program to DEST, which other
//	                               containers of the pod can then run
//	kohort-launcher check          do nothing, successfully: that it ran proves
//	                               that the container's image is on the node
//	kohort-launcher wait           the gate: hold the kubelet's startup probe
//	                               until the pod is activated
//	kohort-launcher run -- COMMAND the same in the consumer's own container, and
//	                               then run its program
//
// The gate is a native sidecar, the last init container. The kubelet starts the
// containers after it when its startup probe has succeeded, so a pod whose probe
// is held is warm: its images are pulled, its volumes mounted, its own init
// containers done, and only the consumer is missing. The pod is activated by an
// annotation that names the pod's own UID.
//
// With run there is no gate. The container runs, and its startup probe is held; at
// the activation the program is started in a few milliseconds. The launcher stays
// its parent: it passes signals and the exit code on, reaps what the program leaves
// behind, does what the template asked the kubelet to do when the program starts
// (postStart, startup probe), and tells the operator when the program has ended
// after a signal that asked for it.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage:
  kohort-launcher install DEST   copy this program to DEST
  kohort-launcher check          exit with 0: the image is on the node
  kohort-launcher wait           hold the startup probe until the pod is activated;
                                 reads KOHORT_POD_UID, KOHORT_PODINFO and KOHORT_GATE_PORT
  kohort-launcher run -- COMMAND run COMMAND when the pod is activated; reads these,
                                 KOHORT_HOOKS and KOHORT_POD_IP
`

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	// As a shell has them for a command.
	exitNotExecutable = 126
	exitNotFound      = 127
)

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stderr)) }

// run is main without the process around it.
func run(args []string, env func(string) string, stderr io.Writer) int {
	switch {
	case len(args) == 1 && args[0] == "check":
		return exitOK
	case len(args) == 2 && args[0] == "install":
		if err := install(args[1]); err != nil {
			fmt.Fprintf(stderr, "kohort-launcher: %v\n", err)
			return exitFailed
		}
		return exitOK
	case len(args) == 1 && args[0] == "wait":
		return wait(env, stderr)
	case len(args) > 2 && args[0] == "run" && args[1] == "--":
		return runProgram(args[2:], env, stderr)
	}
	fmt.Fprintf(stderr, "kohort-launcher: unknown command %q\n%s", args, usage)
	return exitUsage
}

// wait runs the gate until the kubelet ends the pod.
func wait(env func(string) string, stderr io.Writer) int {
	// Before anything else: as process 1 of its container, a program that has not
	// asked for SIGTERM does not get it.
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, os.Interrupt)
	log := slog.New(slog.NewTextHandler(stderr, nil))
	config, err := parseConfig(env, log)
	if err != nil {
		fmt.Fprintf(stderr, "kohort-launcher: %v\n%s", err, usage)
		return exitUsage
	}
	if err := newGate(config, log).run(terminated); err != nil {
		fmt.Fprintf(stderr, "kohort-launcher: %v\n", err)
		return exitFailed
	}
	return exitOK
}
