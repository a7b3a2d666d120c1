package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// RequestStore is the part of the store with what people have asked for.
type RequestStore interface {
	AddRequest(ctx context.Context, r lead.PersonRequest) (lead.PersonRequest, error)
	Requests(ctx context.Context, n int) ([]lead.PersonRequest, error)
	TakeStep(ctx context.Context, id int64, step lead.RequestStep) (lead.PersonRequest, error)
}

// maxRequests is how many requests are listed.
const maxRequests = 1000

// AddRequest keeps a person's request. It is about all sites, because it says whose it is.
func (s sight) AddRequest(ctx context.Context, r lead.PersonRequest) (lead.PersonRequest, error) {
	if _, err := access.Check(ctx, allSites(access.Own)); err != nil {
		return r, err
	}
	return s.all.AddRequest(ctx, r)
}

// Requests returns the requests of people, those first that have not ended.
func (s sight) Requests(ctx context.Context) ([]lead.PersonRequest, error) {
	if _, err := access.Check(ctx, allSites(access.Own)); err != nil {
		return nil, err
	}
	return s.all.Requests(ctx, maxRequests)
}

// TakeStep takes a step with a request.
func (s sight) TakeStep(ctx context.Context, id int64, step lead.RequestStep) (lead.PersonRequest, error) {
	if _, err := access.Check(ctx, allSites(access.Own)); err != nil {
		return lead.PersonRequest{}, err
	}
	return s.all.TakeStep(ctx, id, step)
}

// Request is a person's request in the API.
type Request struct {
	ID              int64             `json:"id"`
	Kind            lead.RequestKind  `json:"kind"`
	Who             *string           `json:"who"` // null once it has ended
	State           lead.RequestState `json:"state"`
	ReceivedAt      *time.Time        `json:"received_at"`
	CheckedAt       *time.Time        `json:"checked_at"`
	AcceptedAt      *time.Time        `json:"accepted_at"`
	EndedAt         *time.Time        `json:"ended_at"`
	DueOn           *string           `json:"due_on"`            // the last day; null once it has ended
	WorkingDaysLeft *int              `json:"working_days_left"` // below zero if it is late
}

// RequestList is what people have asked for.
type RequestList struct {
	Requests []Request `json:"requests"`
}

// viewRequest returns a request as it stands at a time, in its zone.
func viewRequest(r lead.PersonRequest, now time.Time) Request {
	v := Request{
		ID: r.ID, Kind: r.Kind, Who: orNull(r.Who), State: r.State, ReceivedAt: timeOrNull(r.ReceivedAt),
		CheckedAt: timeOrNull(r.CheckedAt), AcceptedAt: timeOrNull(r.AcceptedAt), EndedAt: timeOrNull(r.EndedAt),
	}
	if !r.HasEnded() {
		v.DueOn, v.WorkingDaysLeft = new(r.DueOn(now.Location()).Format(time.DateOnly)), new(r.WorkingDaysLeft(now))
	}
	return v
}

func (a api) listRequests(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	all, err := a.store.Requests(ctx)
	if err != nil {
		return storeProblem(ctx, err)
	}
	list := RequestList{Requests: make([]Request, len(all))}
	for i, one := range all {
		list.Requests[i] = viewRequest(one, time.Now())
	}
	return writeJSON(w, list)
}

// parseKind parses the kind of a request.
func parseKind(to *lead.RequestKind) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		if json.Unmarshal(value, to) != nil || !slices.Contains(lead.RequestKinds(), *to) {
			return codeInvalid
		}
		return ""
	}
}

func (a api) openRequest(w http.ResponseWriter, r *http.Request) error {
	one := lead.PersonRequest{ReceivedAt: time.Now()}
	p, err := readPerson(w, r, jsonFields{"kind": parseKind(&one.Kind), "received_at": parsePast(&one.ReceivedAt)})
	if err != nil {
		return err
	}
	if one.Kind == "" {
		return invalid(r, &lead.InvalidError{Fields: []lead.FieldError{{Field: "kind", Code: lead.Missing}}})
	}
	one.Who = p.Text()
	added, err := a.store.AddRequest(r.Context(), one)
	if err != nil {
		return storeProblem(r.Context(), err)
	}
	return writeJSON(w, viewRequest(added, time.Now()))
}

func (a api) stepRequest(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	one, err := a.takeStep(r)
	if err != nil {
		return err
	}
	return writeJSON(w, viewRequest(one, time.Now()))
}

// takeStep takes the step in the path.
func (a api) takeStep(r *http.Request) (lead.PersonRequest, error) {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	step := lead.RequestStep(chi.URLParam(r, "step"))
	if err != nil || !slices.Contains(lead.RequestSteps(), step) {
		return lead.PersonRequest{}, problem.New(problem.NotFound, err)
	}
	one, err := a.store.TakeStep(r.Context(), id, step)
	wrong := (*lead.StepError)(nil)
	switch {
	case errors.Is(err, lead.ErrNotFound):
		return one, problem.New(problem.NotFound, err)
	case errors.As(err, &wrong):
		return one, problem.NewWrongState("request", string(wrong.State), err)
	case err != nil:
		return one, storeProblem(r.Context(), err)
	}
	return one, nil
}

// openRequestsOf returns what a person has asked for that has not ended. A token of some
// sites sees no requests.
func (a api) openRequestsOf(ctx context.Context, p lead.Person) ([]Request, error) {
	theirs := []Request{}
	if by, err := access.From(ctx); err != nil || by.Sites != nil {
		return theirs, err
	}
	all, err := a.store.Requests(ctx)
	for _, one := range all {
		if one.Who != "" && p.Has(&lead.Inquiry{Email: one.Who, Phone: one.Who}) {
			theirs = append(theirs, viewRequest(one, time.Now()))
		}
	}
	return theirs, err
}
