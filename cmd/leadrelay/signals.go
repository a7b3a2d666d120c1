package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"leadrelay/internal/signals"
)

// ignoreSignals keeps the signals that are no request to stop from now on. SIGHUP, which
// asks for a reload, comes in hangups. The function that it returns logs each of the others
// until ctx ends.
func ignoreSignals() (hangups <-chan os.Signal, report func(ctx context.Context, log zerolog.Logger)) {
	asked, came := make(chan os.Signal, 1), make(chan os.Signal, len(signals.Ignored))
	for _, s := range signals.Ignored {
		if s == syscall.SIGHUP {
			signal.Notify(asked, s)
		} else {
			signal.Notify(came, s)
		}
	}
	return asked, func(ctx context.Context, log zerolog.Logger) {
		for {
			select {
			case s := <-came:
				log.Warn().Stringer("signal", s).Msg("signal ignored: the log goes to stdout, and SIGHUP reloads")
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
