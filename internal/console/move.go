package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

func (a api) retry(w http.ResponseWriter, r *http.Request) error {
	var force bool
	if err := readBody(w, r, jsonFields{"force": parseInto(&force)}); err != nil {
		return err
	}
	return a.move(w, r, access.DidRetry, retry(force))
}

func (a api) release(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	return a.move(w, r, access.DidRelease, release)
}

func (a api) discard(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	return a.move(w, r, access.DidDiscard, discard)
}

// edit changes the fields in the body. null clears a field.
func (a api) edit(w http.ResponseWriter, r *http.Request) error {
	changes, known := map[lead.Field]string{}, jsonFields{}
	for _, f := range lead.Fields() {
		known[string(f)] = parseText(func(s string) { changes[f] = s })
	}
	if err := readBody(w, r, known); err != nil {
		return err
	}
	return a.move(w, r, access.DidEdit, a.edited(changes))
}

// change is what a person does with a lead, at a time.
type change func(l *lead.Lead, now time.Time) error

// move changes a lead and answers it.
func (a api) move(w http.ResponseWriter, r *http.Request, what string, f change) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	zerolog.Ctx(r.Context()).UpdateContext(func(c zerolog.Context) zerolog.Context { return c.Int64("remote_id", int64(id)) })
	l, err := a.amend(access.Doing(r.Context(), what), id, f)
	if err != nil {
		return moveProblem(r, err)
	}
	_, attempts, err := a.store.Find(r.Context(), id)
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return writeJSON(w, a.detail(r.Context(), l, attempts))
}

// amend changes a lead by the store's clock, and wakes the courier if the lead is queued
// then. All that a person does with a lead passes here.
func (a api) amend(ctx context.Context, id lead.RemoteID, f change) (lead.Lead, error) {
	now, err := a.store.Now(ctx)
	if err != nil {
		return lead.Lead{}, err
	}
	l, err := a.store.Amend(ctx, id, func(l *lead.Lead) error { return f(l, now) })
	if err == nil && l.State == lead.Queued {
		a.courier.Wake(l.Site)
	}
	return l, err
}

// retry returns the change that sends a lead again.
func retry(force bool) change {
	return func(l *lead.Lead, now time.Time) error { return l.Retry(now, force) }
}

// release is the change that sends a quarantined lead.
func release(l *lead.Lead, now time.Time) error { return l.Release(now) }

// discard is the change that throws a lead away.
func discard(l *lead.Lead, _ time.Time) error { return l.Discard() }

// edited returns the change of fields.
func (a api) edited(fields map[lead.Field]string) change {
	return func(l *lead.Lead, _ time.Time) error { return l.Edit(fields, a.rules[l.Site]) }
}

// allows reports whether the lead's state allows the change. The lead stays as it is.
func allows(l lead.Lead, f change) bool { return f(&l, time.Now()) == nil }

// moveProblem returns the problem of a lead that could not be changed.
func moveProblem(r *http.Request, err error) error {
	var wrongState *lead.MoveError
	var wrongFields *lead.InvalidError
	switch {
	case errors.Is(err, lead.ErrNotFound):
		return problem.NewNoLead(err)
	case errors.As(err, &wrongState):
		return problem.NewWrongState(wrongState.Verb, string(wrongState.From), err)
	case errors.As(err, &wrongFields):
		return invalid(r, wrongFields)
	}
	return problem.NewTryAgain(time.Second, err)
}
