package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// What the end of the process interrupts is told, but not as an error; everything
// else stays one.
func TestLogAtTheEnd(t *testing.T) {
	interrupted := fmt.Errorf("write event: %w", context.Canceled)
	for name, c := range map[string]struct {
		ended bool
		err   error
		level string
	}{
		"interrupted by the end": {true, interrupted, "info"},
		"another error":          {true, errors.New("refused"), "error"},
		"before the end":         {false, interrupted, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			defer end()
			var out bytes.Buffer
			log := untilEnd(ctx, zap.New(zap.WriteTo(&out))).WithName("events").WithValues("group", "orders")
			if c.ended {
				end()
			}
			log.Error(c.err, "Unable to write event")
			for _, want := range []string{`"level":"` + c.level + `"`, c.err.Error(), `"group":"orders"`, `"logger":"events"`} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%s\nis without %s", out.String(), want)
				}
			}
		})
	}
}
