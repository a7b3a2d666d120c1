package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// So long nobody is told of a wait; then a terminal is every second, and
// whatever else reads stderr, such as a log, every ten.
const (
	silence        = 2 * time.Second
	everyOnScreen  = time.Second
	everyElsewhere = 10 * time.Second
)

// progress tells on stderr that something is still being done, so that what is
// on stdout stays what a program can read. Its zero value tells nothing.
type progress struct {
	out        io.Writer
	isTerminal bool
}

func (p *program) progress() progress {
	_, isTerminal := terminalWidth(p.stderr)
	return progress{p.stderr, isTerminal && p.env["TERM"] != "dumb"}
}

// tell says from two seconds on what is being done, and for how long by now,
// until the function that it returns is called.
func (g progress) tell(what string) (done func()) {
	if g.out == nil {
		return func() {}
	}
	every, form, end := everyElsewhere, "leadrelay: %s: %s\n", ""
	if g.isTerminal {
		every, form, end = everyOnScreen, "\r\x1b[K%s: %s", "\r\x1b[K" // the line, anew
	}
	told := false
	stop := meanwhile(every, func(took time.Duration) {
		told = true
		_, _ = fmt.Fprintf(g.out, form, what, took)
	})
	return func() {
		if stop(); told {
			_, _ = io.WriteString(g.out, end)
		}
	}
}

// meanwhile says again and again how long something takes that takes long, until
// the function that it returns is called.
func meanwhile(every time.Duration, say func(took time.Duration)) (done func()) {
	begun, stop := time.Now(), make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		next := time.NewTimer(silence)
		defer next.Stop()
		for {
			select {
			case <-stop:
				return
			case <-next.C:
				say(time.Since(begun).Round(time.Second))
				next.Reset(every)
			}
		}
	})
	return func() {
		close(stop)
		saying.Wait()
	}
}

// terminalWidth is how many columns the terminal has that w is, if it is one.
func terminalWidth(w io.Writer) (columns int, isTerminal bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
