// Package signals keeps the relay from ending at a signal that is no request to
// stop, from its first moment on.
//
// Before main begins, Go initializes all packages, which takes tens of milliseconds on
// a busy machine, most of them for telephone numbering plans. A signal that comes
// meanwhile would end the process. Of the packages that are ready to be initialized, Go
// takes the one whose import path sorts first. This package needs little of the standard
// library, so it is one of the first: let it import nothing else.
package signals

import (
	"os"
	"os/signal"
	"syscall"
)

// Ignored are signals that people and tools send to daemons, to reload settings or to
// reopen a log, or because a terminal was closed. Each would end a Go program at once,
// without its drain.
var Ignored = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

func init() { //nolint:gochecknoinits // main would be too late
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		signal.Ignore(Ignored...)
	}
}
