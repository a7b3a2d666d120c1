package console

import (
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

func (a api) retry(w http.ResponseWriter, r *http.Request) error {
	var force bool
	if err := readBody(w, r, jsonFields{"force": parseInto(&force)}); err != nil {
		return err
	}
	now, err := a.store.Now(r.Context())
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return a.move(w, r, func(l *lead.Lead) error { return l.Retry(now, force) })
}

func (a api) release(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	now, err := a.store.Now(r.Context())
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return a.move(w, r, func(l *lead.Lead) error { return l.Release(now) })
}

func (a api) discard(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	return a.move(w, r, (*lead.Lead).Discard)
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
	return a.move(w, r, func(l *lead.Lead) error { return l.Edit(changes, a.rules[l.Site]) })
}

// move changes a lead with f and answers the lead.
func (a api) move(w http.ResponseWriter, r *http.Request, f func(*lead.Lead) error) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	zerolog.Ctx(r.Context()).UpdateContext(func(c zerolog.Context) zerolog.Context { return c.Int64("remote_id", int64(id)) })
	l, err := a.store.Amend(r.Context(), id, f)
	if err != nil {
		return moveProblem(r, err)
	}
	if l.State == lead.Queued {
		a.courier.Wake(l.Site)
	}
	_, attempts, err := a.store.Find(r.Context(), id)
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return writeJSON(w, a.detail(l, attempts))
}

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
