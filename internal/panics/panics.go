// Package panics makes a panic an error, so that a bug that one lead meets stops no other.
package panics

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/rs/zerolog"
)

// Error is a panic that was caught.
type Error struct {
	What  string // without what a visitor typed
	Stack []byte
}

func (e *Error) Error() string { return "panic: " + e.What }

// Catch calls f and returns an [Error] if that panics. What f has locked without a defer
// stays locked.
func Catch(f func()) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = &Error{Describe(what), debug.Stack()}
		}
	}()
	f()
	return nil
}

// Log writes the line of a panic, with its stack.
func Log(log zerolog.Logger, caught error) {
	event := log.Error()
	if e, ok := errors.AsType[*Error](caught); ok {
		event.Str("panic", e.What).Bytes("stack", e.Stack)
	}
	event.Msg("panic")
}

// Describe returns the text of a runtime error, and only the type of any other value,
// which may contain what a visitor typed.
func Describe(what any) string {
	if err, ok := what.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", what)
}
