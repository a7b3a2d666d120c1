package easybroker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// NotSentError means that certainly no byte of the request left this machine: the
// account cannot be used, the name or the address was not reached, TLS failed, or
// the context ended before anything was written.
type NotSentError struct{ Err error }

// Error implements error.
func (e *NotSentError) Error() string { return "easybroker: not sent: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Err }

// UnansweredError means that the request was sent, or may have been, and no
// readable head of an answer came back.
type UnansweredError struct{ Err error }

// Error implements error.
func (e *UnansweredError) Error() string { return "easybroker: unanswered: " + e.Err.Error() }

// Unwrap returns the cause: the end of a context, a reset, an early end, or an
// error of our own. It is never the transport's error, which quotes the server.
func (e *UnansweredError) Unwrap() error { return e.Err }

// UnreadableError means that the status of EasyBroker's answer is good but its body
// does not say so.
type UnreadableError struct {
	Status    int
	RequestID string // EasyBroker's X-Request-Id, if it is fit for the log
	Why       string // a text of our own
}

// Error implements error.
func (e *UnreadableError) Error() string {
	return fmt.Sprintf("easybroker: status %d, but unreadable: %s", e.Status, e.Why)
}

// StatusError is every answer that is not a success, redirects included.
type StatusError struct {
	Status        int
	RetryAfter    time.Duration // at most 15 minutes; zero if there is none, or none that makes sense
	Reason        string        // EasyBroker's text, for the operator alone: it may quote the visitor
	NamesRemoteID bool          // the complaint is about remote_id
	NotJSON       bool          // the body is no JSON object, so perhaps somebody else has answered
	RequestID     string        // EasyBroker's X-Request-Id, if it is fit for the log
}

// Error implements error. It says what an operator can do where the status alone does
// not, and leaves out Reason, because errors are logged.
func (e *StatusError) Error() string {
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return fmt.Sprintf("EasyBroker refuses the key (%d)", e.Status)
	case e.Status == http.StatusTooManyRequests:
		return fmt.Sprintf("EasyBroker asks for a pause (%d)", e.Status)
	case e.Status == http.StatusNotFound && e.NotJSON:
		return fmt.Sprintf("easybroker: status %d, and not in EasyBroker's JSON: is EASYBROKER_URL right?", e.Status)
	}
	return fmt.Sprintf("easybroker: status %d", e.Status)
}

// Format implements [fmt.Formatter], so that no verb prints Reason.
func (e *StatusError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// errBroken stands for everything else that a server can do to a connection.
var errBroken = errors.New("the connection broke, or the answer was not HTTP")

// cause replaces the transport's error with one that quotes nothing. A server may
// send back what it was sent, and net/http puts a line that it cannot read into
// its error.
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
