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
	if err := readBody(w, r, members{"force": into(&force)}); err != nil {
		return err
	}
	return a.move(w, r, func(l *lead.Lead) error { return l.Retry(time.Now(), force) })
}

func (a api) release(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	return a.move(w, r, func(l *lead.Lead) error { return l.Release(time.Now()) })
}

func (a api) discard(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, nil); err != nil {
		return err
	}
	return a.move(w, r, (*lead.Lead).Discard)
}

// edit changes the fields that the body has; null takes one away.
func (a api) edit(w http.ResponseWriter, r *http.Request) error {
	changes, known := map[lead.Field]string{}, members{}
	for _, f := range lead.Fields() {
		known[string(f)] = text(func(s string) { changes[f] = s })
	}
	if err := readBody(w, r, known); err != nil {
		return err
	}
	return a.move(w, r, func(l *lead.Lead) error { return l.Edit(changes, a.rules[l.Site]) })
}

// move lets the operator change a lead, and answers what has become of it.
func (a api) move(w http.ResponseWriter, r *http.Request, f func(*lead.Lead) error) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	zerolog.Ctx(r.Context()).UpdateContext(func(c zerolog.Context) zerolog.Context { return c.Int64("remote_id", int64(id)) })
	l, err := a.store.Amend(r.Context(), id, f)
	if err != nil {
		return unmoved(r, err)
	}
	if l.State == lead.Queued {
		a.courier.Wake(l.Site)
	}
	_, attempts, err := a.store.Find(r.Context(), id)
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return writeJSON(w, story(l, attempts))
}

// unmoved says why a lead is as it was.
func unmoved(r *http.Request, err error) error {
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
