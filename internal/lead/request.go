package lead

import (
	"fmt"
	"slices"
	"time"
)

// RequestKind is what a person asks for: one of the four rights of Mexican law.
type RequestKind string

// The kinds of requests.
const (
	RequestAccess        RequestKind = "access"
	RequestRectification RequestKind = "rectification"
	RequestCancellation  RequestKind = "cancellation"
	RequestOpposition    RequestKind = "opposition"
)

// RequestKinds returns all kinds, in the order of the law.
func RequestKinds() []RequestKind {
	return []RequestKind{RequestAccess, RequestRectification, RequestCancellation, RequestOpposition}
}

// RequestStep is what is done with a request.
type RequestStep string

// The steps of a request.
const (
	CheckRequest  RequestStep = "check"  // whoever asks is who they say
	AcceptRequest RequestStep = "accept" // and was told that it will be done
	FinishRequest RequestStep = "finish" // it is carried out
	RefuseRequest RequestStep = "refuse" // and they were told why
)

// RequestSteps returns all steps, in their order.
func RequestSteps() []RequestStep {
	return []RequestStep{CheckRequest, AcceptRequest, FinishRequest, RefuseRequest}
}

// RequestState is how far a request is.
type RequestState string

// The states of a request.
const (
	RequestOpen     RequestState = "open"
	RequestChecked  RequestState = "checked"
	RequestAccepted RequestState = "accepted"
	RequestFinished RequestState = "carried_out"
	RequestRefused  RequestState = "refused"
)

// requestMoves says from which states each step is possible, and what follows.
var requestMoves = map[RequestStep]struct {
	from []RequestState
	to   RequestState
}{
	CheckRequest:  {[]RequestState{RequestOpen}, RequestChecked},
	AcceptRequest: {[]RequestState{RequestChecked}, RequestAccepted},
	FinishRequest: {[]RequestState{RequestChecked, RequestAccepted}, RequestFinished},
	RefuseRequest: {[]RequestState{RequestOpen, RequestChecked}, RequestRefused},
}

// PersonRequest is a request of a person, from when it was received until it has ended.
type PersonRequest struct {
	ID    int64
	Kind  RequestKind
	Who   string // an address or a phone, as it was typed; empty once it has ended
	State RequestState

	ReceivedAt, CheckedAt, AcceptedAt, EndedAt time.Time
}

// StepError means that a step is not possible in the state of a request.
type StepError struct {
	Step  RequestStep
	State RequestState
}

func (e *StepError) Error() string {
	return fmt.Sprintf("cannot %s a request that is %s", e.Step, e.State)
}

// Allows reports whether the step is one of the next.
func (r *PersonRequest) Allows(s RequestStep) bool {
	return slices.Contains(requestMoves[s].from, r.State)
}

// Take takes a step. When a request has ended, it is not kept any more whose it was: its
// number and its times show that it was answered.
func (r *PersonRequest) Take(s RequestStep, now time.Time) error {
	if !r.Allows(s) {
		return &StepError{Step: s, State: r.State}
	}
	r.State = requestMoves[s].to
	switch s {
	case CheckRequest:
		r.CheckedAt = now
	case AcceptRequest:
		r.AcceptedAt = now
	case FinishRequest, RefuseRequest:
		r.EndedAt, r.Who = now, ""
	}
	return nil
}

// HasEnded reports whether nothing is left to do.
func (r *PersonRequest) HasEnded() bool {
	return r.State == RequestFinished || r.State == RequestRefused
}

// The time that the law gives, in working days: to answer, and then to carry it out.
const answerDays, finishDays = 20, 15

// DueOn returns the last day on which the next step is in time, as its first moment in the
// zone: the answer, and once the request is accepted that it is carried out. It is zero for a
// request that has ended.
func (r *PersonRequest) DueOn(zone *time.Location) time.Time {
	switch {
	case r.HasEnded():
		return time.Time{}
	case r.State == RequestAccepted:
		return addWorkingDays(r.AcceptedAt.In(zone), finishDays)
	default:
		return addWorkingDays(r.ReceivedAt.In(zone), answerDays)
	}
}

// addWorkingDays returns the n-th day from Monday to Friday after a time. Holidays are not
// known, so it is never too late.
func addWorkingDays(t time.Time, n int) time.Time {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	for n > 0 {
		if day = day.AddDate(0, 0, 1); isWorkingDay(day) {
			n--
		}
	}
	return day
}

func isWorkingDay(day time.Time) bool {
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
}

// WorkingDaysLeft returns how many working days there are after today until the day of
// [PersonRequest.DueOn], or below zero how many of them it is late.
func (r *PersonRequest) WorkingDaysLeft(now time.Time) int {
	due := r.DueOn(now.Location())
	if due.IsZero() {
		return 0
	}
	today := addWorkingDays(now, 0)
	from, to, sign := today, due, 1
	if due.Before(today) {
		from, to, sign = due, today, -1
	}
	left := 0
	for day := from; day.Before(to); {
		if day = day.AddDate(0, 0, 1); isWorkingDay(day) {
			left++
		}
	}
	if left == 0 && sign < 0 { // it was due on a Friday, and this is the weekend after it
		left = 1
	}
	return sign * left
}
