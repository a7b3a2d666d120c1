package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// We print nothing for quietTime, then something every second on a terminal, and every
// ten seconds elsewhere, such as in a log.
const (
	quietTime      = 2 * time.Second
	everyOnScreen  = time.Second
	everyElsewhere = 10 * time.Second
)

// progress prints on stderr that something is still being done, because programs read
// stdout. The zero value prints nothing.
type progress struct {
	out        io.Writer
	isTerminal bool
}

func (p *program) progress() progress {
	_, isTerminal := terminalWidth(p.stderr)
	return progress{p.stderr, isTerminal && p.env["TERM"] != "dumb"}
}

// start prints what is being done and how long it has taken so far, until the function
// that it returns is called.
func (g progress) start(what string) (done func()) {
	return g.startCounting(what, nil)
}

// startCounting does the same, and also prints how much there is so far.
func (g progress) startCounting(what string, much func() string) (done func()) {
	if g.out == nil {
		return func() {}
	}
	every, form, end := everyElsewhere, "leadrelay: %s: %s\n", ""
	if g.isTerminal {
		every, form, end = everyOnScreen, "\r\x1b[K%s: %s", "\r\x1b[K" // overwrites the line
	}
	told := false
	stop := repeatUntilDone(every, func(took time.Duration) {
		told = true
		so := took.String()
		if much != nil {
			so = much() + " in " + so
		}
		_, _ = fmt.Fprintf(g.out, form, what, so)
	})
	return func() {
		if stop(); told {
			_, _ = io.WriteString(g.out, end)
		}
	}
}

// repeatUntilDone calls say again and again with how long something has taken, until the
// function that it returns is called.
func repeatUntilDone(every time.Duration, say func(took time.Duration)) (done func()) {
	begun, stop := time.Now(), make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		next := time.NewTimer(quietTime)
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

// terminalWidth returns how many columns w has if it is a terminal.
func terminalWidth(w io.Writer) (columns int, isTerminal bool) {
	f, ok := w.(interface{ Fd() uintptr }) // a file, or a screen
	if !ok {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
