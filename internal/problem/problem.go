// Package problem turns an error into an answer. It is the only place that knows how. An
// [Error] has a public side, with a stable code and texts in the visitor's language, and
// a private cause that only the log shows. Any other error is an internal error, and
// shows nothing of itself.
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

// Code names a problem for programs. Its meaning never changes.
type Code string

// The problems that an answer can have.
const (
	Unreadable       Code = "unreadable"
	BadQuery         Code = "bad_query"
	Unauthorized     Code = "unauthorized"
	Forbidden        Code = "forbidden"
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
	Forbidden:        http.StatusForbidden,
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

// Field is a wrong field. It never holds what was typed.
type Field struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"` // how to mend it, in the visitor's language
}

// Error is an error that may be shown to the person who made the request.
type Error struct {
	Status     int
	Code       Code
	Variant    string        // which of the code's texts it has; empty for the usual ones
	Fields     []Field       // every wrong field, not only the first
	RetryAfter time.Duration // when the client may try again; zero if the answer does not say
	Header     http.Header   // more headers of the answer
	Cause      error         // for the log only; its text must not hold personal data
	toOperator bool          // the texts are for an operator, not for a visitor
}

// New returns the error of a code. The cause may be nil.
func New(code Code, cause error) *Error {
	status, ok := statuses[code]
	if !ok {
		code, status = Internal, http.StatusInternalServerError
	}
	return &Error{Status: status, Code: code, Cause: cause}
}

// NewInvalid returns the error of wrong fields.
func NewInvalid(fields []Field, cause error) *Error {
	e := New(Invalid, cause)
	e.Fields = fields
	return e
}

// NewNoLead returns the error of a lead that does not exist.
func NewNoLead(cause error) *Error {
	e := New(NotFound, cause)
	e.Variant = "lead"
	return e
}

// NewNoSite returns the error of a site that an operator has named and that there is not.
func NewNoSite() *Error {
	e := New(NotFound, nil)
	e.Variant = "site"
	return e
}

// NewWrongState returns the error of a lead whose state does not allow what was asked.
func NewWrongState(asked, state string, cause error) *Error {
	e := New(WrongState, cause)
	e.Variant = asked + "." + state
	return e
}

// NewMethodNotAllowed returns the error of a wrong method. allow lists the right ones.
func NewMethodNotAllowed(allow string) *Error {
	return New(MethodNotAllowed, nil).With("Allow", allow)
}

// NewTryAgain returns the error of a request that had no effect, and may be repeated
// after that time.
func NewTryAgain(after time.Duration, cause error) *Error {
	e := New(TryAgain, cause)
	e.RetryAfter = after
	return e
}

// NewCrowded returns the error of a page that was not rendered because too many were asked
// for. It may be asked for again after that time.
func NewCrowded(after time.Duration, cause error) *Error {
	e := NewTryAgain(after, cause)
	e.Variant = "page"
	return e
}

// NewTooSlow returns the error of a request that took too long, and may be repeated after
// that time.
func NewTooSlow(after time.Duration, cause error) *Error {
	e := New(TooSlow, cause)
	e.RetryAfter = after
	return e
}

// NewInProgress returns the error of a request that is being handled already, and will be
// done after that time.
func NewInProgress(after time.Duration) *Error {
	e := New(InProgress, nil)
	e.RetryAfter = after
	return e
}

// NewTooMany returns the error of a client that must wait for that time.
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

// ToOperator gives the error the texts for operators, and returns it.
func (e *Error) ToOperator() *Error {
	e.toOperator = true
	return e
}

// Error returns the code and the cause, for the log.
func (e *Error) Error() string {
	if e.Cause == nil {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Cause.Error()
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Cause }

// From returns the [Error] in err. It hides any other error behind an internal one.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) && e.Status >= 400 {
		return e
	}
	return New(Internal, err)
}

// Log adds the problem and its cause to the request's line in the access log.
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

// Guard sets the headers of every answer that may hold personal data: no cache keeps it,
// and no browser guesses another type.
func Guard(h http.Header) {
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
}

// All answers share these values, so they cost no allocation.
var noStore, noSniff = []string{"no-store"}, []string{"nosniff"}
