// Package console is the operator's side: what came in, where it is, and what
// was tried, for programs, and pages for people. Everything in it is behind the
// operator's token.
package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// Leads is the part of the store that an operator looks into, and changes.
type Leads interface {
	Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error)
	List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error)
	Amend(ctx context.Context, id lead.RemoteID, f func(*lead.Lead) error) (lead.Lead, error)
}

// Reports is the part of the store that keeps drift reports, newest first.
type Reports interface {
	KeepReport(ctx context.Context, at time.Time, body []byte) error
	Reports(ctx context.Context, n int) (reports [][]byte, left int, err error)
}

// Store is all that the console wants of the store.
type Store interface {
	Leads
	Reports
}

// Courier is the part of the courier that an operator commands.
type Courier interface {
	Wake(site string) // a lead of the site was queued
	Reconcile(ctx context.Context, since time.Time) (lead.Drift, error)
	Replay(ctx context.Context, f lead.Filter, dryRun bool) (all []lead.Replayed, left int, err error)
	Status() []lead.Credential
}

// New returns the operator API, and metrics beside it, for whom the gate lets in
// with each request. The rules are those of each site, for leads that a person corrects.
func New(store Store, courier Courier, rules map[string]lead.Rules, gate *Gate, metrics http.Handler) http.Handler {
	a := api{store, courier, rules, make(chan struct{}, mostPages), make(chan struct{}, mostSearches)}
	mux := chi.NewRouter()
	mux.Use(gate.guard)
	a.route(mux)
	for _, method := range looks {
		mux.Method(method, "/metrics", metrics)
	}
	mux.NotFound(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.NotFound, nil)
	}).ServeHTTP)
	mux.MethodNotAllowed(problem.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return wrongMethod(mux, r)
	}).ServeHTTP)
	return mux
}

// looks are the methods that change nothing.
var looks = []string{http.MethodGet, http.MethodHead}

// api is the operator API.
type api struct {
	store   Store
	courier Courier
	rules   map[string]lead.Rules

	// Each holds one for each answer that is being read and written.
	pages, searches chan struct{}
}

func (a api) route(mux chi.Router) {
	const leads, one = "/api/v1/leads", "/api/v1/leads/{remote_id}"
	for _, method := range looks {
		mux.Method(method, leads, problem.HandlerFunc(a.list))
		mux.Method(method, one, problem.HandlerFunc(a.show))
		mux.Method(method, "/api/v1/reconciliations", problem.HandlerFunc(a.reports))
	}
	mux.Method(http.MethodPatch, one, problem.HandlerFunc(a.edit))
	mux.Method(http.MethodPost, one+"/retry", problem.HandlerFunc(a.retry))
	mux.Method(http.MethodPost, one+"/release", problem.HandlerFunc(a.release))
	mux.Method(http.MethodPost, one+"/discard", problem.HandlerFunc(a.discard))
	mux.Method(http.MethodPost, "/api/v1/replays", problem.HandlerFunc(a.replay))
	mux.Method(http.MethodPost, "/api/v1/reconciliations", problem.HandlerFunc(a.reconcile))
}

// wrongMethod names the methods that the address does take.
func wrongMethod(mux chi.Routes, r *http.Request) error {
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost} {
		if mux.Match(chi.NewRouteContext(), method, r.URL.Path) {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		return problem.New(problem.NotFound, nil) // an invented method is refused before its address is looked at
	}
	return problem.NewMethodNotAllowed(strings.Join(allow, ", "))
}

// patience is how long a person's question may read. Whoever wants all leads
// that mention a word may wait; the machine has other work.
const patience = 5 * time.Second

// So many pages of leads or reports are held at once, and of leads that mention a
// word: each may have megabytes, for as long as its reader takes.
const mostPages, mostSearches = 4, 2

// await waits for a place among them. Whoever has got it gives it back with done.
func await(ctx context.Context, places chan struct{}) (done func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, unread(ctx, ctx.Err())
	}
}

// unread is the answer to a question that the store could not answer.
func unread(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.NewTooSlow(patience, err)
	}
	return problem.NewTryAgain(time.Second, err)
}

func (a api) list(w http.ResponseWriter, r *http.Request) error {
	f, err := readFilter(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	places := a.pages
	if f.Text != "" {
		places = a.searches
	}
	done, err := await(ctx, places)
	if err != nil {
		return err
	}
	defer done()
	leads, more, err := a.store.List(ctx, f)
	if err != nil {
		return unread(ctx, err)
	}
	next := json.RawMessage("null")
	if more {
		next = json.RawMessage(`"` + leads[len(leads)-1].RemoteID.String() + `"`)
	}
	writeList(w, "leads", len(leads), func(i int) any { return view(leads[i]) }, "next_cursor", next)
	return nil
}

func (a api) show(w http.ResponseWriter, r *http.Request) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	l, attempts, err := a.store.Find(ctx, id)
	if errors.Is(err, lead.ErrNotFound) {
		return problem.NewNoLead(err)
	}
	if err != nil {
		return unread(ctx, err)
	}
	return writeJSON(w, story(l, attempts))
}

// remoteID is the id in the address. What is none is the address of nothing.
func remoteID(r *http.Request) (lead.RemoteID, error) {
	id, err := lead.ParseRemoteID(chi.URLParam(r, "remote_id"))
	if err != nil {
		return 0, problem.NewNoLead(err)
	}
	return id, nil
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

// writeList writes an object with a list, and one member more, one item after the
// other: a page of leads is large, and its JSON may be six times as large.
func writeList(w http.ResponseWriter, name string, n int, item func(i int) any, last string, value any) {
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriter(w) // what goes wrong there is the client's going; nobody is left to tell
	each := json.NewEncoder(inLine{out})
	_, _ = fmt.Fprintf(out, "{%q:[", name)
	for i := range n {
		if i > 0 {
			_ = out.WriteByte(',')
		}
		_ = each.Encode(item(i))
	}
	_, _ = fmt.Fprintf(out, "],%q:", last)
	_ = each.Encode(value)
	_, _ = out.WriteString("}\n")
	_ = out.Flush()
}

// inLine takes the line feed off that an encoder writes behind each value.
type inLine struct{ out *bufio.Writer }

// Write implements [io.Writer].
func (l inLine) Write(p []byte) (int, error) {
	_, err := l.out.Write(bytes.TrimSuffix(p, []byte("\n")))
	return len(p), err
}
