// Package console is the operator's side: what came in, where it is, and what
// was tried. Everything in it is behind the operator's token.
package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
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
	mux.Method(http.MethodGet, "/api/v1/leads", problem.HandlerFunc(a.list))
	mux.Method(http.MethodGet, "/api/v1/leads/{remote_id}", problem.HandlerFunc(a.show))
	mux.Method(http.MethodGet, "/metrics", metrics)
	mux.NotFound(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.NotFound, nil)
	}).ServeHTTP)
	mux.MethodNotAllowed(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.NewMethodNotAllowed(http.MethodGet)
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
			next.ServeHTTP(w, r)
		})
	}
}

type api struct{ leads Leads }

const (
	usualLimit = 50
	mostLimit  = 500
)

func (a api) list(w http.ResponseWriter, r *http.Request) error {
	f, wrong := readFilter(r)
	if len(wrong) > 0 {
		e := problem.New(problem.BadQuery, nil)
		e.Fields = wrong
		return e
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
	problem.Guard(w.Header())
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// filterReader collects everything that is wrong with a query.
type filterReader struct {
	query url.Values
	lang  locale.Lang
	wrong []problem.Field
}

func readFilter(r *http.Request) (lead.Filter, []problem.Field) {
	in := filterReader{query: r.URL.Query(), lang: locale.Match(r.Header.Get("Accept-Language"))}
	f := lead.Filter{Site: in.query.Get("site"), PropertyID: in.query.Get("property_id"), Text: in.query.Get("q"), Limit: usualLimit}
	in.read("state", func(s string) bool {
		f.State = lead.State(s)
		return slices.Contains(lead.States(), f.State)
	})
	in.read("after", func(s string) bool { return readTime(s, &f.After) })
	in.read("before", func(s string) bool { return readTime(s, &f.Before) })
	in.read("cursor", func(s string) (ok bool) {
		var err error
		f.Below, err = lead.ParseRemoteID(s)
		return err == nil
	})
	in.read("limit", func(s string) bool {
		n, err := strconv.Atoi(s)
		f.Limit = n
		return err == nil && n >= 1 && n <= mostLimit
	})
	for name := range in.query {
		if !slices.Contains([]string{"site", "state", "property_id", "q", "after", "before", "limit", "cursor"}, name) {
			in.refuse(name)
		}
	}
	return f, in.wrong
}

func (in *filterReader) read(name string, parse func(string) bool) {
	if s := in.query.Get(name); s != "" && !parse(s) {
		in.refuse(name)
	}
}

func (in *filterReader) refuse(name string) {
	const code = "INVALID_PARAMETER"
	in.wrong = append(in.wrong, problem.Field{Field: lead.Line(name), Code: code, Message: locale.FieldText(in.lang, code, name)})
}

func readTime(s string, to *time.Time) bool {
	t, err := time.Parse(time.RFC3339, s)
	*to = t
	return err == nil
}
