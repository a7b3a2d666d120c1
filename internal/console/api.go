// Package console is the operator's side: what came in, where it is, and what
// was tried. Everything in it is behind the operator's token.
package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
	"leadrelay/internal/secret"
)

// Leads is the part of the store that an operator looks into.
type Leads interface {
	Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error)
	List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error)
}

// New returns the operator API, and metrics beside it, for holders of the
// token.
func New(leads Leads, token secret.Text, metrics http.Handler) http.Handler {
	a := api{leads}
	mux := chi.NewRouter()
	mux.Use(requireToken(token))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		mux.Method(method, "/api/v1/leads", problem.HandlerFunc(a.list))
		mux.Method(method, "/api/v1/leads/{remote_id}", problem.HandlerFunc(a.show))
		mux.Method(method, "/metrics", metrics)
	}
	mux.NotFound(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.NotFound, nil)
	}).ServeHTTP)
	mux.MethodNotAllowed(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.NewMethodNotAllowed("GET, HEAD")
	}).ServeHTTP)
	return mux
}

func requireToken(token secret.Text) func(http.Handler) http.Handler {
	refuse := problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.Unauthorized, nil).With("WWW-Authenticate", `Bearer realm="leadrelay"`)
	})
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if token.IsZero() || !strings.EqualFold(scheme, "Bearer") || !token.Equal(strings.TrimSpace(given)) {
				refuse.ServeHTTP(w, r)
				return
			}
			problem.Guard(w.Header()) // metrics would set neither
			next.ServeHTTP(w, r)
		})
	}
}

type api struct{ leads Leads }

func (a api) list(w http.ResponseWriter, r *http.Request) error {
	f, err := readFilter(r)
	if err != nil {
		return err
	}
	leads, more, err := a.leads.List(r.Context(), f)
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	page := Page{Leads: make([]Lead, len(leads))}
	for i, l := range leads {
		page.Leads[i] = view(l)
	}
	if more {
		cursor := leads[len(leads)-1].RemoteID.String()
		page.NextCursor = &cursor
	}
	return writeJSON(w, page)
}

func (a api) show(w http.ResponseWriter, r *http.Request) error {
	id, err := lead.ParseRemoteID(chi.URLParam(r, "remote_id"))
	if err != nil {
		return problem.New(problem.NotFound, err)
	}
	l, attempts, err := a.leads.Find(r.Context(), id)
	if errors.Is(err, lead.ErrNotFound) {
		return problem.New(problem.NotFound, err)
	}
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	return writeJSON(w, Story{Lead: view(l), Attempts: viewAttempts(attempts)})
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // the client has gone; nobody is left to tell
	return nil
}
