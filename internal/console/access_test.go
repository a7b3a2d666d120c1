package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
)

// house is a whole operator's door with a real store: a lead of casas and one of lofts in
// each state that a person may change, and something of all else that can be seen.
type house struct {
	*desk
	mux     *chi.Mux
	casas   map[lead.State]lead.RemoteID
	lofts   map[lead.State]lead.RemoteID
	tests   map[string]lead.RemoteID
	jobs    map[string]int64 // by site; "" is of all
	watched knownAlerts
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{desk: newDesk(t), casas: map[lead.State]lead.RemoteID{}, lofts: map[lead.State]lead.RemoteID{}, tests: map[string]lead.RemoteID{}, jobs: map[string]int64{}}
	for site, ids := range map[string]map[lead.State]lead.RemoteID{"casas": h.casas, "lofts": h.lofts} {
		for _, state := range []lead.State{lead.Failed, lead.Quarantined, lead.Discarded, lead.Queued} {
			ids[state] = h.putAt(site, state)
		}
		j, err := h.store.AddJob(t.Context(), lead.Job{Do: lead.JobRetry, Filter: lead.Filter{Site: site, State: lead.Failed}}, []lead.RemoteID{ids[lead.Failed]})
		require.NoError(t, err)
		h.jobs[site], h.tests[site] = j.ID, h.putAt(site, lead.Test)
	}
	all, err := h.store.AddJob(t.Context(), lead.Job{Do: lead.JobRetry, Filter: lead.Filter{State: lead.Failed}}, nil)
	require.NoError(t, err)
	h.jobs[""] = all.ID
	h.courier.keys = []lead.Credential{
		{Sites: []string{"casas", "lofts"}, State: lead.CredentialHeld, Reason: "http_401"}, {Sites: []string{"lofts"}, State: lead.SitePaused, Reason: "lofts"},
	}
	h.watched = knownAlerts{
		{ID: "casas", Kind: lead.AlertFailed, Subject: "casas", Sites: []string{"casas"}, Leads: 1, RemoteIDs: []lead.RemoteID{h.casas[lead.Failed]}, Since: noon},
		{ID: "lofts", Kind: lead.AlertFailed, Subject: "lofts", Sites: []string{"lofts"}, Leads: 1, RemoteIDs: []lead.RemoteID{h.lofts[lead.Failed]}, Since: noon},
		{ID: "both", Kind: lead.AlertTwice, Sites: []string{"casas", "lofts"}, Leads: 2, RemoteIDs: []lead.RemoteID{h.casas[lead.Failed], h.lofts[lead.Failed]}, Since: noon},
		{ID: "clock", Kind: lead.AlertClock, Since: noon},
	}
	h.openDoor()
	return h
}

// putAt keeps a lead of the site whose visitor has the site's name.
func (h *house) putAt(site string, state lead.State) lead.RemoteID {
	h.t.Helper()
	l, err := lead.New(lead.Inquiry{Site: site, PropertyID: "EB-" + site, Name: "Visitor of " + site, Email: string(state) + "@" + site + ".mx", Message: "Hola"},
		site+".mx", lead.DefaultRules(), noon)
	require.NoError(h.t, err)
	l.State, l.DueAt = state, time.Time{}
	if state == lead.Quarantined {
		l.Reason = "links:" + site
	}
	kept, err := h.store.Keep(h.t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(h.t, err)
	return kept.RemoteID
}

// openDoor opens the door anew, as a relay that has just started.
func (h *house) openDoor() {
	sites := []console.Site{{ID: "casas", Source: "casas.mx", Rules: lead.DefaultRules()}, {ID: "lofts", Source: "lofts.mx", Rules: lead.DefaultRules()}}
	rules := map[string]lead.Rules{"casas": lead.DefaultRules(), "lofts": lead.DefaultRules()}
	gate := console.NewGate(secret.New(token), h.store, peer, zerolog.Nop())
	h.mux = chi.NewRouter()
	h.mux.Get("/healthz", metrics)
	events := console.NewEvents(h.store, gate, func() bool { return false })
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		h.mux.Method(method, console.EventsPath, events)
		h.mux.Method(method, console.OpenAPIPath, http.HandlerFunc(console.OpenAPI))
	}
	console.RouteAlerts(h.mux, h.watched, h.store, gate)
	console.RouteReload(h.mux, func(context.Context) (console.Reload, []string, error) {
		return console.Reload{Sites: []string{"casas", "lofts"}}, nil, nil
	}, h.store, gate)
	sessions := console.NewSessions(secret.New(token), []byte("of the database"), h.store, time.Now)
	console.NewPages(h.store, h.courier, h.watched, gate, sessions, console.PageOptions{
		Sites: sites, Draining: func() bool { return false },
		Settings: func(w io.Writer) error { _, err := io.WriteString(w, "of casas and lofts"); return err },
		Examine:  func(context.Context) ([]console.Finding, error) { return nil, nil },
	}).Route(h.mux)
	h.mux.Mount("/", console.New(h.store, h.courier, rules, gate, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, console.SitesOf(r))
	})))
	h.Handler = h.mux
}

// give makes a token, and returns what is to be sent.
func (h *house) give(role access.Role, sites ...string) string {
	h.t.Helper()
	made, text, err := access.New(access.Settings(), fmt.Sprintf("t%d", time.Now().UnixNano()), role, sites, time.Now(), time.Time{})
	require.NoError(h.t, err)
	require.NoError(h.t, h.store.AddToken(h.t.Context(), made, access.Sum(text)))
	return text
}

// visit is one request of the walk: to a route, about one site.
type visit struct {
	need access.Need
	// body is what is sent; {failed} and such stand for a lead of the site, {site} for it.
	body string
	// open is set for what everybody may ask for.
	open bool
}

var (
	wants    = func(n access.Need) visit { return visit{need: n} }
	sends    = func(n access.Need, body string) visit { return visit{need: n, body: body} }
	everyone = visit{open: true}
	forAll   = func(n access.Need) access.Need { return access.Need{Role: n.Role, AllSites: true} }
)

// walk is what each route of the operator's door needs. Who adds a route adds it here.
var walk = map[string]visit{
	"GET /": wants(access.See), "GET /leads": wants(access.See), "GET /leads.csv": wants(access.See), "GET /leads.ndjson": wants(access.See),
	"GET /leads/{failed}": wants(access.See), "GET /quarantine": wants(access.See), "GET /jobs": wants(access.See), "GET /sites": wants(access.See), "GET /tests": wants(access.See),
	"GET /leads/{failed}/edit": wants(access.Act), "POST /leads/{failed}/edit": sends(access.Act, "name=Luz"),
	"GET /sites/{site}/pause": wants(access.Act), "POST /sites/{site}/pause": sends(access.Act, "lasts=2h0m0s&why=x"), "POST /sites/{site}/resume": wants(access.Act),
	"POST /leads": sends(access.See, "q=visitor&state=failed"), "POST /quarantine": sends(access.See, "q=visitor"),
	"POST /leads/confirm": sends(access.Act, "do=retry&id={failed}"), "POST /leads/move": sends(access.Act, "do=retry&id={failed}"),
	"POST /jobs/confirm": sends(access.Act, "do=release&site={site}"), "POST /jobs": sends(access.Act, "do=release&site={site}&newest={quarantined}&told=999"),
	"POST /jobs/{job}/abort": wants(access.Act), "POST /probe": sends(access.Act, "site={site}"), "POST /alerts/seen": sends(access.Act, "id={site}"),
	"GET /reports": wants(forAll(access.See)), "POST /reports": sends(forAll(access.Act), "days=1"),
	"GET /settings": wants(forAll(access.Own)), "POST /settings": wants(forAll(access.Own)),
	"GET /login": everyone, "POST /login": everyone, "POST /logout": everyone, "POST /language": everyone, "GET /openapi.yaml": everyone, "GET /healthz": everyone, "GET /readyz": everyone,
	"GET /events": wants(access.See), "GET /api/v1/events": wants(access.See), "GET /metrics": wants(access.See),

	"GET /api/v1/leads": wants(access.See), "GET /api/v1/leads.csv": wants(access.See), "GET /api/v1/leads.ndjson": wants(access.See),
	"GET /api/v1/leads/{failed}": wants(access.See), "PATCH /api/v1/leads/{failed}": sends(access.Act, `{"name":"Luz"}`),
	"POST /api/v1/leads/{discarded}/retry": wants(access.Act), "POST /api/v1/leads/{quarantined}/release": wants(access.Act), "POST /api/v1/leads/{failed}/discard": wants(access.Act),
	"GET /api/v1/jobs": wants(access.See), "POST /api/v1/jobs": sends(access.Act, `{"do":"discard","state":"failed","site":"{site}","dry_run":true}`), "POST /api/v1/jobs/{job}/abort": wants(access.Act),
	"POST /api/v1/replays": sends(access.Act, `{"remote_ids":[{failed}],"dry_run":true}`),
	"GET /api/v1/sites":    wants(access.See), "POST /api/v1/sites/{site}/pause": sends(access.Act, `{"until":"2026-11-24T13:00:00Z","why":"x"}`), "POST /api/v1/sites/{site}/resume": wants(access.Act),
	"POST /api/v1/reload": wants(forAll(access.Own)),
	"GET /api/v1/tests":   wants(access.See), "GET /api/v1/tests/{test}": wants(access.See),
	"GET /api/v1/stats": wants(access.See), "GET /api/v1/alerts": wants(access.See), "POST /api/v1/alerts/{site}/seen": wants(access.Act),
	"GET /api/v1/reconciliations": wants(forAll(access.See)), "POST /api/v1/reconciliations": wants(forAll(access.Act)),
	"GET /people": wants(access.Own), "POST /people": sends(access.Own, "who=failed@{site}.mx"), "POST /people/export": sends(access.Own, "who=failed@{site}.mx"), "POST /people/erase": sends(access.Own, "who=nobody@{site}.mx"), "POST /people/block": sends(access.Own, "who=nobody@{site}.mx"),
	"POST /api/v1/people/export": sends(access.Own, `{"email":"failed@{site}.mx"}`), "POST /api/v1/people/erase": sends(access.Own, `{"email":"failed@{site}.mx","dry_run":true}`),
	"GET /api/v1/people/requests": wants(forAll(access.Own)), "POST /api/v1/people/requests": sends(forAll(access.Own), `{"kind":"access","email":"failed@{site}.mx"}`),
	"POST /api/v1/people/requests/{request}/{step}": wants(forAll(access.Own)), "POST /people/requests/{request}/{step}": wants(forAll(access.Own)),
	"POST /people/requests":     sends(forAll(access.Own), "kind=access&who=failed@{site}.mx"),
	"POST /api/v1/people/block": sends(access.Own, `{"email":"failed@{site}.mx","dry_run":true}`),
	"POST /people/unblock":      sends(access.Own, "who=nobody@{site}.mx"), "POST /api/v1/people/unblock": sends(access.Own, `{"email":"failed@{site}.mx","dry_run":true}`),
	"GET /audit": wants(access.See), "GET /audit.ndjson": wants(access.See), "GET /audit.csv": wants(access.See), "GET /api/v1/audit.csv": wants(access.See), "GET /api/v1/audit": wants(access.See), "GET /api/v1/audit.ndjson": wants(access.See),

	"GET /tokens": wants(access.Own), "POST /tokens": sends(access.Own, "name={name}&role=viewer&site={site}&lasts=30"),
	"GET /tokens/{token}/revoke": wants(access.Own), "POST /tokens/{token}/revoke": wants(access.Own),
	"GET /api/v1/tokens": wants(access.Own), "POST /api/v1/tokens": {need: access.Own, body: `{"name":"{name}","role":"viewer","sites":["{site}"]}`}, "POST /api/v1/tokens/{token}/revoke": wants(access.Own),
}

// route returns a line of the walk with the names of the description's parameters.
func route(line string) string {
	return strings.NewReplacer("{failed}", "{remote_id}", "{discarded}", "{remote_id}", "{quarantined}", "{remote_id}", "{job}", "{id}",
		"{request}", "{id}", "{test}", "{remote_id}", "/alerts/{site}", "/alerts/{id}", "{token}", "{name}").Replace(line)
}

// Every address of the operator's door asks who may, and shows nothing of a site to whoever
// has a token of another.
func TestWhoMayWhat(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	doc, err := openapi3.NewLoader().LoadFromData(described())
	require.NoError(t, err)
	var known, walked []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if item.Servers[0].Description == "The operator's door" || len(item.Servers) > 1 {
				known = append(known, method+" "+path)
			}
		}
	}
	for line := range walk {
		walked = append(walked, route(line))
	}
	slices.Sort(known)
	slices.Sort(walked)
	require.Equal(t, known, walked, "each route of openapi.yaml stands in the table, and no other")

	h := newHouse(t)
	tokens := map[access.Role]map[string]string{}
	for _, role := range access.Roles() {
		tokens[role] = map[string]string{"all": h.give(role), "ours": h.give(role, "casas"), "another": h.give(role, "lofts")}
	}
	n := 0
	for line, v := range walk {
		if v.open || strings.HasPrefix(line, "GET /readyz") {
			continue
		}
		require.Contains(t, []int{http.StatusUnauthorized, http.StatusSeeOther}, h.visit(line, v, "", n).Code, "%s without a token", line)
		for _, role := range access.Roles() {
			for bound, text := range tokens[role] {
				n++
				h.checkVisit(line, v, role, bound, h.visit(line, v, text, n))
			}
		}
	}
}

func described() []byte {
	w := httptest.NewRecorder()
	console.OpenAPI(w, httptest.NewRequest(http.MethodGet, console.OpenAPIPath, nil))
	return w.Body.Bytes()
}

// visit sends a request about casas. What it would change is made anew.
func (h *house) visit(line string, v visit, text string, n int) *httptest.ResponseRecorder {
	h.t.Helper()
	h.courier.broken = false
	for _, state := range []lead.State{lead.Failed, lead.Quarantined, lead.Discarded} {
		h.casas[state] = h.putAt("casas", state)
	}
	asked, err := h.store.AddRequest(h.t.Context(), lead.PersonRequest{Kind: lead.RequestAccess, Who: "nobody@ejemplo.mx", ReceivedAt: noon})
	require.NoError(h.t, err)
	h.tests["casas"] = h.putAt("casas", lead.Test)
	name := fmt.Sprint("n", n)
	doomed, _, err := access.New(access.Settings(), "doomed-"+name, access.Viewer, []string{"casas"}, time.Now(), time.Time{})
	require.NoError(h.t, err)
	require.NoError(h.t, h.store.AddToken(h.t.Context(), doomed, access.Sum(name)))
	defer func() { _ = h.store.RevokeToken(h.t.Context(), doomed) }()
	fill := strings.NewReplacer("{failed}", h.casas[lead.Failed].String(), "{quarantined}", h.casas[lead.Quarantined].String(), "{discarded}", h.casas[lead.Discarded].String(),
		"{site}", "casas", "{job}", fmt.Sprint(h.jobs["casas"]), "{test}", h.tests["casas"].String(), "{token}", doomed.Name, "{request}", fmt.Sprint(asked.ID), "{step}", "check", "{name}", name)
	return h.request(fill.Replace(line), fill.Replace(v.body), text)
}

// request sends a request of the walk. A stream begins where the headers say.
func (h *house) request(line, body, text string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	method, path, _ := strings.Cut(line, " ")
	ctx, cancel := context.WithTimeout(h.t.Context(), 50*time.Millisecond)
	defer cancel()
	if !strings.HasSuffix(path, "/events") {
		ctx = h.t.Context()
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body)).WithContext(ctx)
	r.Header.Set("Accept-Language", "en")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	switch {
	case strings.HasPrefix(path, "/api/") || path == "/metrics":
		r.Header.Set("Authorization", "Bearer "+text)
	default:
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie := h.session(text); cookie != nil {
			r.AddCookie(cookie)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// session logs in with the token.
func (h *house) session(text string) *http.Cookie {
	if text == "" {
		return nil
	}
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"token": {text}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(h.t, http.StatusSeeOther, w.Code, w.Body.String())
	return w.Result().Cookies()[0]
}

// checkVisit checks an answer to somebody with the role, whose token is for all sites, ours
// alone or another alone.
func (h *house) checkVisit(line string, v visit, role access.Role, bound string, w *httptest.ResponseRecorder) {
	h.t.Helper()
	what := fmt.Sprintf("%s as a %s of %s: %s", line, role, bound, w.Body.String())
	by := access.Access{Role: role}
	if bound != "all" {
		by.Sites = []string{"x"}
	}
	body := w.Body.String()
	switch {
	case !by.May(v.need):
		require.Equal(h.t, http.StatusForbidden, w.Code, what)
	case bound != "another":
		require.Contains(h.t, []int{http.StatusOK, http.StatusSeeOther}, w.Code, what)
		require.NotEqual(h.t, "/login", w.Header().Get("Location"), what)
	default:
		require.NotContains(h.t, []int{http.StatusUnauthorized, http.StatusInternalServerError, http.StatusServiceUnavailable}, w.Code, what)
		isAboutOne := strings.Contains(line, "{") || strings.Contains(line, "/probe") || strings.Contains(line, "/alerts/seen") || strings.HasSuffix(line, "POST /api/v1/tokens")
		if isAboutOne {
			require.Contains(h.t, []int{http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest}, w.Code, what)
		}
	}
	sees := map[string]bool{"casas": bound != "another", "lofts": bound != "ours"}
	for site, may := range sees {
		if !may || w.Code == http.StatusForbidden {
			for _, of := range []string{"Visitor of " + site, "EB-" + site, "links:" + site, site + ".mx", fmt.Sprint(h.lofts[lead.Failed]), `"` + site + `"`, ">" + site + "<"} {
				isAsked := strings.Contains(v.body, "{site}") && (strings.Trim(of, `"><`) == site || of == site+".mx") // which an answer may repeat
				if isAsked || site == "casas" && of == fmt.Sprint(h.lofts[lead.Failed]) {
					continue
				}
				require.NotContains(h.t, body, of, what)
			}
		}
	}
	if !sees["casas"] {
		l, _, err := h.store.Find(h.t.Context(), h.casas[lead.Failed])
		require.NoError(h.t, err)
		require.Equal(h.t, lead.Failed, l.State, what)
		require.Equal(h.t, "Visitor of casas", l.Name, what)
	}
}

// A handler whose route does not say what it needs shows nothing.
func TestWithoutANeedNothingIsShown(t *testing.T) {
	h := newHouse(t)
	for name, see := range map[string]func(context.Context) error{
		"a list": func(ctx context.Context) error { return console.SightOf(h.store).ListAll(ctx) },
	} {
		require.ErrorIs(t, see(t.Context()), access.ErrUnknown, name)
	}
}

// What a page counts is of the sites of whoever looks, whoever has looked before.
func TestCountsAreOfTheirSites(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		h.putAt("lofts", lead.Quarantined)
	}
	count := func(text string) string {
		h.t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/sites", nil)
		r.Header.Set("Accept-Language", "en")
		r.AddCookie(h.session(text))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		_, after, _ := strings.Cut(w.Body.String(), `<a href="/quarantine">`)
		before, _, _ := strings.Cut(after, "<")
		return before
	}
	all, casas, lofts := h.give(access.Viewer), h.give(access.Viewer, "casas"), h.give(access.Viewer, "lofts")
	for range 2 {
		require.Equal(t, "Quarantine 5", count(all))
		require.Equal(t, "Quarantine 1", count(casas))
		require.Equal(t, "Quarantine 4", count(lofts))
	}
}

// A session ends with its token, at every replica, and so does a live page and a stream.
func TestASessionEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		made, text, err := access.New(access.Settings(), "ana", access.Operator, nil, time.Now(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.NoError(t, h.store.AddToken(t.Context(), made, access.Sum(text)))
		cookie := h.session(text)
		see := func() int {
			r := httptest.NewRequest(http.MethodGet, "/leads", nil)
			r.AddCookie(cookie)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		require.Equal(t, http.StatusOK, see())
		h.openDoor()
		require.Equal(t, http.StatusOK, see(), "at another replica")
		streams := make(chan string, 2)
		for _, path := range []string{"/events", console.EventsPath} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.AddCookie(cookie)
			r.Header.Set("Authorization", "Bearer "+text)
			go func() { h.ServeHTTP(httptest.NewRecorder(), r); streams <- path }()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, streams)
		require.NoError(t, h.store.RevokeToken(t.Context(), made))
		require.Equal(t, http.StatusSeeOther, see())
		time.Sleep(16 * time.Second)
		synctest.Wait()
		require.Len(t, streams, 2)

		again, text, err := access.New(access.Settings(), "ana", access.Operator, nil, time.Now(), time.Now().Add(time.Minute))
		require.NoError(t, err)
		require.NoError(t, h.store.AddToken(t.Context(), again, access.Sum(text)))
		require.Equal(t, http.StatusSeeOther, see(), "of the same name, and another")
		cookie = h.session(text)
		require.Equal(t, http.StatusOK, see())
		time.Sleep(time.Minute)
		require.Equal(t, http.StatusSeeOther, see(), "it has expired")
		require.Equal(t, http.StatusUnauthorized, h.askAs("Bearer "+text, "GET", "/api/v1/leads").Code)
	})
}

// A token makes none that sees or does more than itself.
func TestATokenMakesNoneBeyondItself(t *testing.T) {
	h := newHouse(t)
	bound := h.give(access.Owner, "casas")
	make := func(text, body string) int { return h.send("Bearer "+text, "POST", "/api/v1/tokens", body).Code }
	require.Equal(t, http.StatusForbidden, make(bound, `{"name":"a","role":"viewer"}`), "of all sites")
	require.Equal(t, http.StatusForbidden, make(bound, `{"name":"a","role":"viewer","sites":["casas","lofts"]}`))
	require.Equal(t, http.StatusOK, make(bound, `{"name":"a","role":"owner","sites":["casas"]}`))
	require.Equal(t, http.StatusUnprocessableEntity, make(bound, `{"name":"a","role":"owner","sites":["casas"]}`), "of the same name")
	require.Equal(t, http.StatusOK, make(token, `{"name":"b","role":"viewer"}`))
	for _, body := range []string{
		`{"name":"Ana","role":"viewer"}`, `{"name":"ana@x.mx","role":"viewer"}`, `{"name":"c","role":"root"}`, `{"name":"c","role":"viewer","sites":[]}`,
		`{"name":"c","role":"viewer","sites":["nowhere"]}`, `{"name":"c","role":"viewer","expires_at":"2026-01-01T00:00:00Z"}`, `{"role":"viewer"}`,
	} {
		require.Equal(t, http.StatusUnprocessableEntity, make(token, body), body)
	}
	require.NotContains(t, h.send("Bearer "+bound, "GET", "/api/v1/tokens", "").Body.String(), `"b"`)
	require.Equal(t, http.StatusNotFound, h.send("Bearer "+bound, "POST", "/api/v1/tokens/b/revoke", "").Code)
	require.Equal(t, http.StatusOK, h.send("Bearer "+token, "POST", "/api/v1/tokens/b/revoke", "").Code)
}

// see opens a page in English.
func (h *house) see(path string, session *http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Language", "en")
	r.AddCookie(session)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
