package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"
)

// habits are signals that daemons are sent out of habit, to reload or to open
// their log anew, or because a terminal was closed. Each would end a Go program
// at once, without its drain.
var habits = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// ignoreHabits takes the signals from now on; what it returns says in the log
// that they did nothing, until ctx ends.
func ignoreHabits() (report func(ctx context.Context, log zerolog.Logger)) {
	came := make(chan os.Signal, len(habits))
	signal.Notify(came, habits...)
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

// untilTerminalCloses ends the context with the terminal, too, unless nohup has
// asked for the opposite.
func untilTerminalCloses(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}
