// Package problem is how an error becomes an answer, and the only place that
// knows. An [Error] has a public face, a stable code and texts in the visitor's
// language, and a private cause that only the log sees. Any other error is an
// internal one and shows nothing of itself.
package problem

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/rs/zerolog"
)

// Code names a problem for programs; it never changes its meaning.
type Code string

// The problems that an answer can have.
const (
	Unreadable       Code = "unreadable"
	BadQuery         Code = "bad_query"
	Unauthorized     Code = "unauthorized"
	OriginNotAllowed Code = "origin_not_allowed"
	UnknownHost      Code = "unknown_host"
	UnknownSite      Code = "unknown_site"
	NotFound         Code = "not_found"
	MethodNotAllowed Code = "method_not_allowed"
	InProgress       Code = "in_progress"
	WrongState       Code = "wrong_state"
	TooLarge         Code = "too_large"
	UnsupportedType  Code = "unsupported_type"
	Invalid          Code = "invalid"
	KeyReused        Code = "key_reused"
	TooMany          Code = "too_many"
	TryAgain         Code = "try_again"
	TooSlow          Code = "too_slow"
	Internal         Code = "internal"
)

// statuses are the HTTP statuses of the problems.
var statuses = map[Code]int{
	Unreadable:       http.StatusBadRequest,
	BadQuery:         http.StatusBadRequest,
	Unauthorized:     http.StatusUnauthorized,
	OriginNotAllowed: http.StatusForbidden,
	UnknownHost:      http.StatusMisdirectedRequest,
	UnknownSite:      http.StatusNotFound,
	NotFound:         http.StatusNotFound,
	MethodNotAllowed: http.StatusMethodNotAllowed,
	InProgress:       http.StatusConflict,
	WrongState:       http.StatusConflict,
	TooLarge:         http.StatusRequestEntityTooLarge,
	UnsupportedType:  http.StatusUnsupportedMediaType,
	Invalid:          http.StatusUnprocessableEntity,
	KeyReused:        http.StatusUnprocessableEntity,
	TooMany:          http.StatusTooManyRequests,
	TryAgain:         http.StatusServiceUnavailable,
	TooSlow:          http.StatusServiceUnavailable,
	Internal:         http.StatusInternalServerError,
}

// Field is one wrong field. It never holds what was typed.
type Field struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"` // how to mend it, in the visitor's language
}

// Error is an error that may be shown to the person who made the request.
type Error struct {
	Status     int
	Code       Code
	Variant    string        // which of the code's texts it has; empty: the usual ones
	Fields     []Field       // every wrong field, not only the first
	RetryAfter time.Duration // zero: nothing is said of a later try
	Header     http.Header   // more headers of the answer
	Cause      error         // for the log only; its text must hold no personal data
	toOperator bool          // the texts are for an operator, not for a visitor
}

// New makes the error of a code. The cause may be nil.
func New(code Code, cause error) *Error {
	status, ok := statuses[code]
	if !ok {
		code, status = Internal, http.StatusInternalServerError
	}
	return &Error{Status: status, Code: code, Cause: cause}
}

// NewInvalid is the answer to wrong fields.
func NewInvalid(fields []Field, cause error) *Error {
	e := New(Invalid, cause)
	e.Fields = fields
	return e
}

// NewNoLead says that there is no such lead.
func NewNoLead(cause error) *Error {
	e := New(NotFound, cause)
	e.Variant = "lead"
	return e
}

// NewWrongState says which state of a lead is in the way of what was asked.
func NewWrongState(asked, state string, cause error) *Error {
	e := New(WrongState, cause)
	e.Variant = asked + "." + state
	return e
}

// NewMethodNotAllowed names the methods that the address does take.
func NewMethodNotAllowed(allow string) *Error {
	return New(MethodNotAllowed, nil).With("Allow", allow)
}

// NewTryAgain says that nothing was done and when to come back.
func NewTryAgain(after time.Duration, cause error) *Error {
	e := New(TryAgain, cause)
	e.RetryAfter = after
	return e
}

// NewTooSlow says that there was too much to read, and when to ask again.
func NewTooSlow(after time.Duration, cause error) *Error {
	e := New(TooSlow, cause)
	e.RetryAfter = after
	return e
}

// NewInProgress says that the same is being done already, and when it will be
// done.
func NewInProgress(after time.Duration) *Error {
	e := New(InProgress, nil)
	e.RetryAfter = after
	return e
}

// NewTooMany says when there is room again.
func NewTooMany(after time.Duration) *Error {
	e := New(TooMany, nil)
	e.RetryAfter = after
	return e
}

// With adds a header to the answer and returns the error.
func (e *Error) With(name, value string) *Error {
	if e.Header == nil {
		e.Header = http.Header{}
	}
	e.Header.Set(name, value)
	return e
}

// Error is for the log: the code, and the cause behind it.
func (e *Error) Error() string {
	if e.Cause == nil {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Cause.Error()
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Cause }

// From finds the Error in err. What is none is hidden behind an internal one.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) && e.Status >= 400 {
		return e
	}
	return New(Internal, err)
}

// Log puts the problem and its cause into the request's line of the access log.
func (e *Error) Log(ctx context.Context) {
	zerolog.Ctx(ctx).UpdateContext(func(c zerolog.Context) zerolog.Context {
		c = c.Str("problem", string(e.Code))
		if e.Cause != nil {
			c = c.Str("cause", e.Cause.Error())
		}
		return c
	})
}

// WriteHeaders sets the headers that the problem asks for.
func (e *Error) WriteHeaders(h http.Header) {
	Guard(h)
	maps.Copy(h, e.Header)
	if e.RetryAfter > 0 {
		seconds := (e.RetryAfter + time.Second - 1) / time.Second // never too early
		h.Set("Retry-After", strconv.Itoa(int(seconds)))
	}
}

// Guard sets what every answer that may hold personal data carries: no cache
// keeps it, and no browser takes it for another type.
func Guard(h http.Header) {
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
}

// All answers share these values: each would cost an allocation.
var noStore, noSniff = []string{"no-store"}, []string{"nosniff"}
