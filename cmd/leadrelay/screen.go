package main

import (
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"leadrelay/internal/lead"
)

// screen is a terminal. It shows nothing that would command it: a visitor may have
// written anything, and a file that is read may have it, too.
type screen struct {
	file *os.File // not embedded, because what it copies would pass by Write
	cut  []byte   // the begin of a character whose end is not written yet
}

// onScreen returns out, or a [screen] if it is a terminal.
func onScreen(out io.Writer) io.Writer {
	f, ok := out.(*os.File)
	if !ok {
		return out
	}
	if _, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err != nil {
		return out
	}
	return &screen{file: f}
}

// Write implements [io.Writer].
func (s *screen) Write(p []byte) (int, error) {
	var safe string
	safe, s.cut = visible(append(s.cut, p...))
	if _, err := s.file.WriteString(safe); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Fd returns the terminal's descriptor.
func (s *screen) Fd() uintptr { return s.file.Fd() }

// visible returns a text without control characters, and the begin of a character at its
// end.
func visible(p []byte) (safe string, cut []byte) {
	end := len(p)
	for i := max(0, len(p)-utf8.UTFMax); i < len(p); i++ {
		if utf8.RuneStart(p[i]) && !utf8.FullRune(p[i:]) {
			end = i
			break
		}
	}
	return lead.Visible(string(p[:end])), append([]byte(nil), p[end:]...)
}
