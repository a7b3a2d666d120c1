package easybroker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// NotSentError says that surely no byte of the request left this machine: the
// account is unusable, the name or the address was not reached, TLS failed, or
// the context ended in time.
type NotSentError struct{ Err error }

// Error implements error.
func (e *NotSentError) Error() string { return "easybroker: not sent: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Err }

// UnansweredError says that the request left, or may have left, and no
// readable head of an answer came back.
type UnansweredError struct{ Err error }

// Error implements error.
func (e *UnansweredError) Error() string { return "easybroker: unanswered: " + e.Err.Error() }

// Unwrap returns the cause: a context's end, a reset, an early end, or a text
// of our own. It never is the transport's error, which quotes the server.
func (e *UnansweredError) Unwrap() error { return e.Err }

// UnreadableError says that EasyBroker answered well but with a body that does
// not say so.
type UnreadableError struct {
	Status    int
	RequestID string // EasyBroker's X-Request-Id, when it is fit to be logged
	Why       string // a text of our own
}

// Error implements error.
func (e *UnreadableError) Error() string {
	return fmt.Sprintf("easybroker: status %d, but unreadable: %s", e.Status, e.Why)
}

// StatusError is every answer that is not a success, redirects included.
type StatusError struct {
	Status        int
	RetryAfter    time.Duration // at most 15 minutes; 0 when absent or absurd
	Reason        string        // EasyBroker's text, for the operator's eyes only: it may quote the visitor
	NamesRemoteID bool          // the complaint is about remote_id
	RequestID     string        // EasyBroker's X-Request-Id, when it is fit to be logged
}

// Error implements error. It leaves out Reason, since errors are logged.
func (e *StatusError) Error() string { return fmt.Sprintf("easybroker: status %d", e.Status) }

// Format implements [fmt.Formatter], so that no verb shows Reason.
func (e *StatusError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// errBroken stands for everything else that a server can do to a connection.
var errBroken = errors.New("the connection broke, or the answer was not HTTP")

// cause replaces the transport's error by one that quotes nobody. Servers may
// send back what they were sent, and net/http puts a line that it cannot read
// into its error.
func cause(err error) error {
	var timeout net.Error
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE, io.ErrUnexpectedEOF, io.EOF,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		return context.DeadlineExceeded
	}
	return errBroken
}
