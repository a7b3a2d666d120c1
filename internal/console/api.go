// Package console is the operator's side: an API that shows which leads came in,
// where they are and what was tried, and pages for people. All of it needs the
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

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// Leads is the part of the store with leads that an operator reads and changes.
type Leads interface {
	Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error)
	// Deliveries returns what others than EasyBroker were told of a lead.
	Deliveries(ctx context.Context, id lead.RemoteID) ([]lead.Delivery, error)
	List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error)
	Amend(ctx context.Context, id lead.RemoteID, f func(*lead.Lead) error) (lead.Lead, error)
	// Now is the time by which leads are due. It may differ from this process's clock.
	Now(ctx context.Context) (time.Time, error)
}

// Reports is the part of the store with drift reports, newest first.
type Reports interface {
	KeepReport(ctx context.Context, at time.Time, body []byte) error
	Reports(ctx context.Context, n int) (reports [][]byte, left int, err error)
}

// Stats is the part of the store that counts leads.
type Stats interface {
	Stats(ctx context.Context, q lead.StatsQuery) ([]lead.Bucket, error)
	Overview(ctx context.Context, now time.Time, sites []string) (lead.Now, error)
}

// Store is what the console uses of the store.
type Store interface {
	Leads
	Reports
	Jobs
	counter
	Stats
	TokenStore
	AuditStore
	PeopleStore
	RequestStore
	TestStore
}

// Courier is what the console uses of the courier.
type Courier interface {
	Wake(site string) // a lead of the site was queued
	Reconcile(ctx context.Context, since time.Time) (lead.Drift, error)
	Replay(ctx context.Context, f lead.Filter, dryRun bool) (all []lead.Replayed, left int, err error)
	Status() []lead.Credential
	Pauses
}

// Pauses is the part of the courier with the pauses that people order.
type Pauses interface {
	Pause(ctx context.Context, sites []string, p lead.Pause) error
	Resume(ctx context.Context, sites []string) error
	Now() time.Time // all replicas agree on it
	// Probe reads a line of EasyBroker's list now, and returns why it could not, or
	// nothing if the credential of the site works.
	Probe(ctx context.Context, site string) (reason string)
}

// New returns the operator API and the metrics. The gate checks the token of each
// request. The rules are those of each site, by its id, for leads that a person edits.
func New(store Store, courier Courier, rules map[string]lead.Rules, gate *Gate, metrics http.Handler) http.Handler {
	a := newAPI(store, courier, rules)
	mux := chi.NewRouter()
	mux.Use(gate.guard)
	a.route(mux, gate)
	for _, method := range readMethods {
		mux.Method(method, "/metrics", needs(access.See, metrics))
	}
	mux.NotFound(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.NotFound, nil)
	}).ServeHTTP)
	mux.MethodNotAllowed(problem.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return wrongMethod(mux, r)
	}).ServeHTTP)
	return mux
}

// readMethods are the methods that change nothing.
var readMethods = []string{http.MethodGet, http.MethodHead}

// api is the operator API.
type api struct {
	store   sight
	courier reach
	rules   map[string]lead.Rules

	// Each has a token for each list that is being read and written.
	pages, searches chan struct{}
}

func newAPI(store Store, courier Courier, rules map[string]lead.Rules) api {
	return api{sight{store}, reach{courier}, rules, make(chan struct{}, maxPages), make(chan struct{}, maxSearches)}
}

func (a api) route(mux chi.Router, gate *Gate) {
	const leads, one = "/api/v1/leads", "/api/v1/leads/{remote_id}"
	for _, method := range readMethods {
		mux.Method(method, leads, needs(access.See, problem.HandlerFunc(a.list)))
		mux.Method(method, one, needs(access.See, withoutQuery(a.show)))
		mux.Method(method, "/api/v1/reconciliations", needs(allSites(access.See), withoutQuery(a.reports)))
		mux.Method(method, "/api/v1/jobs", needs(access.See, withoutQuery(a.jobs)))
		mux.Method(method, "/api/v1/sites", needs(access.See, withoutQuery(a.listSites)))
		mux.Method(method, "/api/v1/tests", needs(access.See, withoutQuery(a.listTests)))
		mux.Method(method, "/api/v1/tests/{remote_id}", needs(access.See, withoutQuery(a.showTest)))
		mux.Method(method, "/api/v1/audit", needs(access.See, problem.HandlerFunc(a.audit)))
		mux.Method(method, "/api/v1/audit.ndjson", needs(access.See, problem.HandlerFunc(a.auditLines)))
		mux.Method(method, "/api/v1/audit.csv", needs(access.See, problem.HandlerFunc(a.auditTable)))
		mux.Method(method, "/api/v1/people/requests", needs(allSites(access.Own), withoutQuery(a.listRequests)))
		mux.Method(method, "/api/v1/tokens", needs(access.Own, withoutQuery(a.listTokens)))
		mux.Method(method, "/api/v1/stats", needs(access.See, problem.HandlerFunc(a.stats)))
	}
	all := newExports(a.store, gate.stillIn, a.store.Note)
	for _, method := range readMethods {
		mux.Method(method, leads+".csv", needs(access.See, problem.HandlerFunc(all.csv)))
		mux.Method(method, leads+".ndjson", needs(access.See, problem.HandlerFunc(all.ndjson)))
	}
	mux.Method(http.MethodPatch, one, needs(access.Act, withoutQuery(a.edit)))
	mux.Method(http.MethodPost, one+"/retry", needs(access.Act, withoutQuery(a.retry)))
	mux.Method(http.MethodPost, one+"/release", needs(access.Act, withoutQuery(a.release)))
	mux.Method(http.MethodPost, one+"/discard", needs(access.Act, withoutQuery(a.discard)))
	mux.Method(http.MethodPost, "/api/v1/people/export", needs(access.Own, withoutQuery(a.exportPerson)))
	mux.Method(http.MethodPost, "/api/v1/people/requests", needs(allSites(access.Own), withoutQuery(a.openRequest)))
	mux.Method(http.MethodPost, "/api/v1/people/requests/{id}/{step}", needs(allSites(access.Own), withoutQuery(a.stepRequest)))
	mux.Method(http.MethodPost, "/api/v1/people/block", needs(access.Own, withoutQuery(a.forgetPerson(blocking))))
	mux.Method(http.MethodPost, "/api/v1/people/unblock", needs(access.Own, withoutQuery(a.forgetPerson(unblocking))))
	mux.Method(http.MethodPost, "/api/v1/people/erase", needs(access.Own, withoutQuery(a.forgetPerson(erasing))))
	mux.Method(http.MethodPost, "/api/v1/tokens", needs(access.Own, withoutQuery(a.makeToken)))
	mux.Method(http.MethodPost, "/api/v1/tokens/{name}/revoke", needs(access.Own, withoutQuery(a.revokeToken)))
	mux.Method(http.MethodPost, "/api/v1/replays", needs(access.Act, withoutQuery(a.replay)))
	mux.Method(http.MethodPost, "/api/v1/reconciliations", needs(allSites(access.Act), withoutQuery(a.reconcile)))
	mux.Method(http.MethodPost, "/api/v1/jobs", needs(access.Act, withoutQuery(a.orderJob)))
	mux.Method(http.MethodPost, "/api/v1/jobs/{id}/abort", needs(access.Act, withoutQuery(a.abortJob)))
	mux.Method(http.MethodPost, "/api/v1/sites/{site}/pause", needs(access.Act, withoutQuery(a.pause)))
	mux.Method(http.MethodPost, "/api/v1/sites/{site}/resume", needs(access.Act, withoutQuery(a.resume)))
}

// wrongMethod returns the problem of a wrong method. It names those that the path
// accepts.
func wrongMethod(mux chi.Routes, r *http.Request) error {
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost} {
		if mux.Match(chi.NewRouteContext(), method, r.URL.Path) {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		return problem.New(problem.NotFound, nil) // the router refuses an unknown method before it looks at the path
	}
	return problem.NewMethodNotAllowed(strings.Join(allow, ", "))
}

// queryTimeout is how long a request of the operator may read the database. A search
// for a word may take long, and must not slow down other work.
const queryTimeout = 5 * time.Second

// How many lists of leads or reports, and how many searches, are in memory at once.
// Each may have megabytes for as long as the client reads it.
const maxPages, maxSearches = 4, 2

// acquire waits for one of the slots. The caller must call free.
func acquire(ctx context.Context, slots chan struct{}) (free func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, storeProblem(ctx, ctx.Err())
	}
}

// storeProblem returns the problem of a query that failed.
func storeProblem(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, access.ErrRefused):
		return problem.New(problem.Forbidden, err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return problem.NewTooSlow(queryTimeout, err)
	}
	return problem.NewTryAgain(time.Second, err)
}

func (a api) list(w http.ResponseWriter, r *http.Request) error {
	f, err := parseFilter(r)
	if err != nil {
		return err
	}
	leads, more, free, err := a.find(r.Context(), f)
	if err != nil {
		return err
	}
	defer free()
	next := json.RawMessage("null")
	if more {
		next = json.RawMessage(`"` + leads[len(leads)-1].RemoteID.String() + `"`)
	}
	writeList(w, "leads", len(leads), func(i int) any { return view(leads[i]) }, "next_cursor", next)
	return nil
}

// find lists leads. The caller calls free when it needs them no more.
func (a api) find(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, free func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	slots := a.pages
	if f.Text != "" || f.Notice != "" {
		slots = a.searches
	}
	if free, err = acquire(ctx, slots); err != nil {
		return nil, false, nil, err
	}
	if leads, more, err = a.store.List(ctx, f); err != nil {
		free()
		return nil, false, nil, storeProblem(ctx, err)
	}
	return leads, more, free, nil
}

// findOne returns a lead with its attempts.
func (a api) findOne(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	l, attempts, err := a.store.Find(ctx, id)
	if errors.Is(err, lead.ErrNotFound) {
		return l, nil, problem.NewNoLead(err)
	}
	if err != nil {
		return l, nil, storeProblem(ctx, err)
	}
	return l, attempts, nil
}

func (a api) show(w http.ResponseWriter, r *http.Request) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	l, attempts, err := a.findOne(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, a.detail(r.Context(), l, attempts))
}

// remoteID returns the id in the path. If it is not an id, there is no such lead.
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
	_, _ = w.Write(append(body, '\n')) // if it fails, the client has gone
	return nil
}

// writeList writes an object with a list and one more field. It encodes one item
// after the other, because a page of leads is large and its JSON may be six times as
// large.
func writeList(w http.ResponseWriter, name string, n int, item func(i int) any, last string, value any) {
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriter(w) // if it fails, the client has gone
	each := json.NewEncoder(newlineTrimmer{out})
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

// newlineTrimmer removes the line feed that an encoder writes after each value.
type newlineTrimmer struct{ out *bufio.Writer }

// Write implements [io.Writer].
func (l newlineTrimmer) Write(p []byte) (int, error) {
	_, err := l.out.Write(bytes.TrimSuffix(p, []byte("\n")))
	return len(p), err
}
