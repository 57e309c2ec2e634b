package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
)

// screen shows what goes on. On a terminal its last line is rewritten; elsewhere
// a line is written when there is something new.
type screen struct {
	out   io.Writer
	live  bool
	width int
	start time.Time
	shown string
}

func newScreen(out *os.File) *screen {
	s := &screen{out: out, live: term.IsTerminal(int(out.Fd())), width: 120, start: time.Now()}
	if w, _, err := term.GetSize(int(out.Fd())); err == nil && w > 0 {
		s.width = w
	}
	return s
}

func (s *screen) title(text string) {
	fmt.Fprintf(s.out, "\n%s\n", text)
	s.shown = ""
}

func (s *screen) result(format string, args ...any) {
	fmt.Fprintf(s.out, "  => "+format+"\n", args...)
}

// status shows a group's status. What is new by its key gets a line of its own.
func (s *screen) status(cg *v1alpha1.ConsumerGroup) {
	st := cg.Status
	lag := "?"
	if st.Lag != nil {
		lag = fmt.Sprint(st.Lag.Total)
	}
	key := fmt.Sprintf("%-11s %-5s ready %d/%d", st.Phase, st.Step, st.ReadyReplicas, st.DesiredReplicas)
	line := fmt.Sprintf("  %6.1fs  %s  lag %-6s %s", time.Since(s.start).Seconds(), key, lag, st.Message)
	if len(line) >= s.width {
		line = line[:s.width-1]
	}
	if s.live {
		if s.shown != "" && key != s.shown {
			fmt.Fprintln(s.out)
		}
		fmt.Fprintf(s.out, "\r\x1b[K%s", line)
	} else if key != s.shown {
		fmt.Fprintln(s.out, line)
	}
	s.shown = key
}

// done ends the line that is being rewritten.
func (s *screen) done() {
	if s.live {
		fmt.Fprintln(s.out)
	}
}

// watch shows the group until something holds.
func (d *demo) watch(ctx context.Context, until string, holds func(*v1alpha1.ConsumerGroup) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not so after %v: %s", patience, until))
	defer cancel()
	defer d.screen.done()
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		cg := &v1alpha1.ConsumerGroup{}
		err := d.lab.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: namespace, Name: group}, cg)
		if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
			return fmt.Errorf("read the ConsumerGroup: %w", err)
		}
		d.screen.status(cg)
		if err == nil && holds(cg) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("watch the group (operator's log: %s): %w", d.lab.OperatorLog(), context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// apply changes the group's template, as kubectl apply would.
func (d *demo) apply(ctx context.Context, version lab.Version) error {
	cg := &v1alpha1.ConsumerGroup{}
	err := d.lab.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: namespace, Name: group}, cg)
	if err == nil {
		before := cg.DeepCopy()
		cg.Spec.Template = version.Raw(group)
		err = d.lab.Client.Patch(ctx, cg, ctrlclient.MergeFrom(before))
	}
	if err != nil {
		return fmt.Errorf("apply version %s: %w", version.Name, err)
	}
	return nil
}
