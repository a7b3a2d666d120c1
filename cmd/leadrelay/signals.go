package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"leadrelay/internal/signals"
)

// ignoreSignals keeps the signals that are no request to stop from now on. The function
// that it returns logs each of them until ctx ends.
func ignoreSignals() (report func(ctx context.Context, log zerolog.Logger)) {
	came := make(chan os.Signal, len(signals.Ignored))
	signal.Notify(came, signals.Ignored...)
	return func(ctx context.Context, log zerolog.Logger) {
		for {
			select {
			case s := <-came:
				log.Warn().Stringer("signal", s).Msg("signal ignored: settings are read at the start alone, and the log goes to stdout")
			case <-ctx.Done():
				return
			}
		}
	}
}

// untilTerminalCloses returns a context that also ends if the terminal is closed, unless
// the process was started with nohup.
func untilTerminalCloses(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}
