package testbed_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// programVariable makes the test binary the program of a test image: its first
// argument says which.
const programVariable = "TESTBED_TEST_PROGRAM"

func beProgram(args []string) {
	stamp("begin " + strings.Join(args, " "))
	programs := map[string]func([]string) int{
		"exit": exitWith, "env": printEnvironment, "app": runUntilAsked, "stubborn": runUntilKilled,
		"gate": holdGate, "serve": serve,
	}
	program, ok := programs[args[0]]
	if !ok {
		fmt.Println("no program", args[0])
		os.Exit(99)
	}
	code := program(args[1:])
	stamp("end " + args[0])
	os.Exit(code)
}

// stamp writes a line that a test can order by its time, in nanoseconds.
func stamp(text string) { fmt.Println(time.Now().UnixNano(), text) }

func exitWith(args []string) int {
	code, err := strconv.Atoi(args[0])
	if err != nil {
		fmt.Println(err)
		return 98
	}
	return code
}

func printEnvironment(names []string) int {
	for _, name := range names {
		fmt.Printf("%s=%s\n", name, os.Getenv(name))
	}
	return runUntilAsked(nil)
}

func runUntilAsked([]string) int {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	stamp("up")
	<-asked
	return 0
}

func runUntilKilled([]string) int {
	signal.Ignore(syscall.SIGTERM)
	stamp("up")
	for {
		time.Sleep(time.Hour)
	}
}

// holdGate answers a request for /activated once the annotation "activate" is in
// the file, and holds it until then.
func holdGate(args []string) int {
	activated := make(chan struct{})
	go func() {
		for ; ; time.Sleep(5 * time.Millisecond) {
			content, err := os.ReadFile(args[0])
			if err == nil && strings.Contains(string(content), `activate="`+os.Getenv("UID_OF_POD")+`"`) {
				stamp("activated")
				close(activated)
				return
			}
		}
	}()
	http.HandleFunc("/activated", func(http.ResponseWriter, *http.Request) { <-activated })
	return listen(os.Getenv("GATE_PORT"))
}

// serve answers /healthy while no file is where its argument says.
func serve(args []string) int {
	http.HandleFunc("/healthy", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(args[0]); err == nil {
			http.Error(w, "the file is there", http.StatusServiceUnavailable)
		}
	})
	return listen(os.Getenv("HTTP_PORT"))
}

func listen(port string) int {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		fmt.Println(err)
		return 97
	}
	go func() { _ = http.Serve(listener, nil) }()
	return runUntilAsked(nil)
}
