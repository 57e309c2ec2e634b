package main

import (
	"context"
	"errors"

	"github.com/go-logr/logr"
)

// untilEnd is a log for a process that may be told to end. A request that its end
// interrupts is no error: whoever leads next makes it again.
func untilEnd(ctx context.Context, log logr.Logger) logr.Logger {
	return log.WithSink(sink{log.GetSink(), ctx})
}

type sink struct {
	logr.LogSink
	ctx context.Context
}

// Error is information if it says no more than that the process ends.
func (s sink) Error(err error, msg string, keysAndValues ...any) {
	if s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		s.Info(0, msg, append(keysAndValues, "interrupted", err.Error())...)
		return
	}
	s.LogSink.Error(err, msg, keysAndValues...)
}

func (s sink) WithValues(keysAndValues ...any) logr.LogSink {
	return sink{s.LogSink.WithValues(keysAndValues...), s.ctx}
}

func (s sink) WithName(name string) logr.LogSink {
	return sink{s.LogSink.WithName(name), s.ctx}
}
