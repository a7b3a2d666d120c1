package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/flood"
	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"

	wholeForm = "property_id=EB-AB1234&name=Ana&email=ana%40casas.mx&phone=5512345678&message=Hola"
	wholeJSON = `{"property_id":"EB-AB1234","name":"Ana","email":"ana@casas.mx","phone":"5512345678","message":"Hola"}`
)

// memoryKeeper keeps leads in memory, or fails.
type memoryKeeper struct {
	mu    sync.Mutex
	leads []lead.Lead
	ticks []lead.Tick
	fails error
	again bool          // every lead is a repeat
	ahead time.Duration // of its clock
	seen  context.Context
}

func (s *memoryKeeper) Keep(ctx context.Context, sub lead.Submission) (lead.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = ctx
	if s.fails != nil {
		return lead.Kept{}, s.fails
	}
	if s.again {
		return lead.Kept{RemoteID: 28_339_200_000, Again: true}, nil
	}
	s.leads, s.ticks = append(s.leads, sub.Lead), append(s.ticks, sub.Tick)
	return lead.Kept{RemoteID: lead.RemoteID(28_339_200_000 + len(s.leads)), DueAt: sub.Lead.DueAt.Add(s.ahead)}, nil
}

// relay is the handler as the server runs it, with request ids and an access log.
type relay struct {
	http.Handler
	keeper   *memoryKeeper
	log      *bytes.Buffer
	accepted []string
	wait     time.Duration
}

func origins(t testing.TB, list ...string) site.Origins {
	t.Helper()
	o, err := site.ParseOrigins(list)
	require.NoError(t, err)
	return o
}

func rules(t testing.TB, entries ...string) lead.Rules {
	t.Helper()
	r, err := lead.ParseRules(entries)
	require.NoError(t, err)
	return r
}

func sites(t testing.TB) []site.Site {
	return []site.Site{
		{ID: site.Default, Source: "inicio.mx", Origins: origins(t), Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds},
		{
			ID: "casas", Source: "casas.mx", Origins: origins(t, "https://casas.mx", "https://*.casas.mx"), Locale: "es",
			Rules: lead.DefaultRules(), Fields: map[string]string{"Tu Pregunta": "message", "_replyto": "email", "redirect": "name"}, Tick: lead.Milliseconds,
		},
		{
			ID: "homes", Source: "homes.example", Origins: origins(t, "https://homes.example"), Locale: "auto",
			ThanksURL: "https://homes.example/thanks", Rules: rules(t, "name", "email|phone"), Tick: lead.Seconds,
		},
	}
}

func newRelay(t testing.TB) *relay {
	d := &relay{keeper: &memoryKeeper{}, log: &bytes.Buffer{}}
	d.open(intake.New(sites(t), d.keeper, intake.Options{
		Accepted: func(id string) { d.accepted = append(d.accepted, id) },
		Flood:    &gate{Gate: openGate(), relay: d},
		Client:   func(*http.Request) netip.Addr { return netip.Addr{} },
	}))
	return d
}

// gate is a [flood.Gate] whose answers the test sets.
type gate struct {
	*flood.Gate
	relay    *relay
	busy     bool
	decision flood.Decision
	seen     []flood.Lead
	back     []flood.Decision
}

func (g *gate) Wait(netip.Addr) time.Duration { return g.relay.wait }
func (g *gate) Busy(netip.Addr) bool          { return g.busy }
func (g *gate) GiveBack(s flood.Decision)     { g.back = append(g.back, s) }

func (g *gate) Take(l flood.Lead) flood.Decision {
	g.seen = append(g.seen, l)
	return g.decision
}

// openGate returns a gate that lets everything pass.
func openGate() *flood.Gate { return flood.New(flood.Options{Pace: 5}) }

// open puts a handler behind the access log.
func (d *relay) open(handler http.Handler) {
	var mu sync.Mutex
	d.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock() // one line of the log at a time
		ctx := zerolog.New(d.log).WithContext(r.Context())
		w.Header().Set("X-Request-Id", "req-1")
		handler.ServeHTTP(w, r.WithContext(ctx))
		zerolog.Ctx(ctx).Info().Msg("request")
	})
}

// ask sends a request. Headers come in pairs.
func ask(handler http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func (d *relay) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	return ask(d, method, path, body, headers...)
}

func (d *relay) post(contentType, body string, headers ...string) *httptest.ResponseRecorder {
	return d.ask(http.MethodPost, "/f/casas", body, append([]string{"Content-Type", contentType}, headers...)...)
}

// one returns the only lead that was kept.
func (d *relay) one(t testing.TB) lead.Lead {
	t.Helper()
	require.Len(t, d.keeper.leads, 1)
	return d.keeper.leads[0]
}

type problemDoc struct {
	Type, Title, Detail, Code string
	Status                    int
	RequestID                 string `json:"request_id"`
	Errors                    []struct{ Field, Code, Message string }
}

func readProblem(t testing.TB, w *httptest.ResponseRecorder) problemDoc {
	t.Helper()
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), w.Body.String())
	var p problemDoc
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	return p
}

// wrongFields returns the fields of a problem as "field CODE".
func wrongFields(t testing.TB, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var all []string
	for _, e := range readProblem(t, w).Errors {
		require.NotEmpty(t, e.Message)
		require.NotContains(t, e.Message, "field.", "a text is missing")
		require.NotContains(t, e.Message, "%")
		all = append(all, e.Field+" "+e.Code)
	}
	return all
}

// Every problem is answered for programs and for people.
func TestAnswers(t *testing.T) {
	tests := map[string]struct {
		method, path, body string
		headers            []string
		fails              error
		wait               time.Duration
		status             int
		code               string
	}{
		"accepted":                 {status: 202},
		"accepted at the default":  {path: "/f", status: 202},
		"accepted at its own name": {path: "/f/default", status: 202},
		"not readable":             {body: " ", status: 400, code: "unreadable"},
		"an origin that is not allowed": {
			headers: []string{"Origin", "https://evil.mx"}, status: 403, code: "origin_not_allowed",
		},
		"an unknown site":          {path: "/f/nobody", status: 404, code: "unknown_site"},
		"an unknown site's thanks": {method: "GET", path: "/f/nobody/thanks?folio=1", status: 404, code: "unknown_site"},
		"an unknown site's form":   {method: "GET", path: "/f/nobody", status: 404, code: "unknown_site"},
		"no page below a site":     {path: "/f/casas/more", status: 404, code: "not_found"},
		"behind a slash":           {path: "/f/casas/", status: 202},
		"at the default's slash":   {path: "/f/", status: 202},
		"an unknown site's slash":  {path: "/f/nobody/", status: 404, code: "unknown_site"},
		"no page behind two":       {path: "/f/casas//", status: 404, code: "not_found"},
		"no site behind two":       {path: "/f//", status: 404, code: "unknown_site"},
		"thanks behind a slash":    {path: "/f/casas/thanks/", status: 405, code: "method_not_allowed"},
		"no page elsewhere":        {path: "/other", status: 404, code: "not_found"},
		"nor with a likely name":   {path: "/fcasas", status: 404, code: "not_found"},
		"no folio":                 {method: "GET", path: "/f/casas/thanks?folio=x", status: 404, code: "not_found"},
		"a wrong method":           {method: "PUT", status: 405, code: "method_not_allowed"},
		"a method of nobody's":     {method: "FOO", status: 405, code: "method_not_allowed"},
		"thanks take no posts":     {path: "/f/casas/thanks", status: 405, code: "method_not_allowed"},
		"a wrong type": {
			headers: []string{"Content-Type", "text/xml"}, status: 415, code: "unsupported_type",
		},
		"too large":                   {body: strings.Repeat("a", 64<<10+1), status: 413, code: "too_large"},
		"wrong fields":                {body: "email=a%40b", status: 422, code: "invalid"},
		"too many":                    {wait: 1500 * time.Millisecond, status: 429, code: "too_many"},
		"nothing durable was written": {fails: errors.New("disk full"), status: 503, code: "try_again"},
	}
	for name, tt := range tests {
		if tt.method == "" {
			tt.method = "POST"
		}
		if tt.path == "" {
			tt.path = "/f/casas"
		}
		if tt.body == "" {
			tt.body = wholeForm
		}
		if len(tt.headers) == 0 || tt.headers[0] != "Content-Type" {
			tt.headers = append(tt.headers, "Content-Type", formType)
		}
		try := func(accept string) (*relay, *httptest.ResponseRecorder) {
			d := newRelay(t)
			d.keeper.fails, d.wait = tt.fails, tt.wait
			w := d.ask(tt.method, tt.path, tt.body, append(tt.headers, "Accept", accept)...)
			requireHeaders(t, w)
			return d, w
		}
		t.Run(name+", for a program", func(t *testing.T) {
			d, w := try("application/json")
			require.Equal(t, tt.status, w.Code, w.Body.String())
			require.Empty(t, w.Header().Get("Location"))
			if tt.status == 202 {
				require.Len(t, d.keeper.leads, 1)
				require.Len(t, d.accepted, 1)
				return
			}
			require.Empty(t, d.keeper.leads)
			require.Empty(t, d.accepted)
			p := readProblem(t, w)
			require.Equal(t, tt.code, p.Code)
			require.Equal(t, tt.status, p.Status)
			require.Equal(t, "urn:leadrelay:problem:"+tt.code, p.Type)
			require.Equal(t, "req-1", p.RequestID)
			require.NotContains(t, p.Title+p.Detail, "problem.", "a text is missing")
		})
		t.Run(name+", for a person", func(t *testing.T) {
			d, w := try("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
			if tt.status == 202 {
				require.Equal(t, 303, w.Code)
				require.Len(t, d.keeper.leads, 1)
				return
			}
			require.Equal(t, tt.status, w.Code)
			require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
			requirePolicy(t, w)
			require.Contains(t, w.Body.String(), `<html lang="es"`)
			require.Empty(t, d.keeper.leads)
		})
	}
}

func requireHeaders(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "req-1", w.Header().Get("X-Request-Id"))
	require.Equal(t, "Accept, Origin", w.Header().Get("Vary"))
	require.NotEmpty(t, w.Header().Get("Cross-Origin-Resource-Policy"))
	require.NotEqual(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, w.Header().Get("Access-Control-Allow-Origin") != "", w.Header().Get("Access-Control-Allow-Credentials") == "true")
}

func requirePolicy(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Regexp(t, `^default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; `+
		`form-action 'self'[^;]*; base-uri 'none'; frame-ancestors 'none'$`, w.Header().Get("Content-Security-Policy"))
	require.Equal(t, "same-origin", w.Header().Get("Referrer-Policy"))
}

func TestAcceptedJSONHasTheseMembersAndNoOther(t *testing.T) {
	d := newRelay(t)
	w := d.post(jsonType, wholeJSON)
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Equal(t, jsonType, w.Header().Get("Content-Type"))
	require.JSONEq(t, `{"ok":true,"success":true,"remote_id":28339200001,"next":"http://example.com/f/casas/thanks?folio=28339200001",`+
		`"message":"Recibimos tu mensaje"}`, w.Body.String())
}

func TestKeptLead(t *testing.T) {
	d := newRelay(t)
	begun := time.Now()
	require.Equal(t, 303, d.post(formType, wholeForm).Code)
	l := d.one(t)
	require.WithinRange(t, l.ReceivedAt, begun, time.Now())
	l.ReceivedAt, l.QueuedAt, l.DueAt = time.Time{}, time.Time{}, time.Time{}
	require.Equal(t, lead.Lead{
		Inquiry: lead.Inquiry{
			Site: "casas", PropertyID: "EB-AB1234", Name: "Ana", Email: "ana@casas.mx", Phone: "5512345678", Message: "Hola",
		},
		Source: "casas.mx", State: lead.Queued,
	}, l)
	require.Equal(t, []lead.Tick{lead.Milliseconds}, d.keeper.ticks)
	require.Equal(t, []string{"casas"}, d.accepted)

	require.Equal(t, 303, d.ask("POST", "/f/homes", wholeForm, "Content-Type", formType).Code)
	require.Equal(t, []lead.Tick{lead.Milliseconds, lead.Seconds}, d.keeper.ticks)
}

func TestAnOptionlessDoorWorks(t *testing.T) {
	kept := &memoryKeeper{}
	w := ask(intake.New(sites(t), kept, intake.Options{}), "POST", "/f/casas", wholeJSON, "Content-Type", jsonType)
	require.Equal(t, 202, w.Code)
	require.Len(t, kept.leads, 1)
}

func TestWaits(t *testing.T) {
	tests := map[string]struct {
		wait  time.Duration
		fails error
		want  string
	}{
		"a part of a second is a whole one": {wait: 1100 * time.Millisecond, want: "2"},
		"whole seconds stay":                {wait: 60 * time.Second, want: "60"},
		"the disk has time to recover":      {fails: errors.New("disk full"), want: "30"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			d.wait, d.keeper.fails = tt.wait, tt.fails
			require.Equal(t, tt.want, d.post(jsonType, wholeJSON).Header().Get("Retry-After"))
		})
	}
}

func TestAVisitorWhoLeavesStillHasHisInquiryKept(t *testing.T) {
	d := newRelay(t)
	ctx, leave := context.WithCancel(t.Context())
	r := httptest.NewRequest("POST", "/f/casas", strings.NewReader(wholeForm)).WithContext(ctx)
	r.Header.Set("Content-Type", formType)
	leave()
	d.ServeHTTP(httptest.NewRecorder(), r)
	require.Len(t, d.keeper.leads, 1)
	deadline, bounded := d.keeper.seen.Deadline()
	require.True(t, bounded)
	require.WithinDuration(t, time.Now().Add(10*time.Second), deadline, 5*time.Second)
}

func TestAllowNamesTheMethods(t *testing.T) {
	d := newRelay(t)
	for _, method := range []string{"PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO", "post", "PROPFIND"} {
		for path, allow := range map[string]string{
			"/f": "GET, HEAD, OPTIONS, POST", "/f/casas": "GET, HEAD, OPTIONS, POST", "/f/casas/thanks": "GET, HEAD",
			"/f/": "GET, HEAD, OPTIONS, POST", "/f/casas/": "GET, HEAD, OPTIONS, POST",
		} {
			w := d.ask(method, path, "")
			require.Equal(t, 405, w.Code, "%s %s", method, path)
			require.Equal(t, allow, w.Header().Get("Allow"), "%s %s", method, path)
			require.NotContains(t, w.Body.String(), method+" "+path, "nothing is echoed")
		}
	}
}

func TestHead(t *testing.T) {
	d := newRelay(t)
	require.Equal(t, 200, d.ask("HEAD", "/f/casas", "").Code)
	require.Equal(t, 200, d.ask("HEAD", "/f/casas/thanks?folio=1", "").Code)
	require.Equal(t, 404, d.ask("HEAD", "/f/nobody", "").Code)
}

// A link or a form may have a slash at its end. That is the same address, and not a
// redirect, which would lose what was posted.
func TestASlashAtTheEndMakesNoDifference(t *testing.T) {
	for path, same := range map[string]string{"/f/": "/f/default", "/f/casas/": "/f/casas"} {
		d := newRelay(t)
		require.Equal(t, 303, d.ask("POST", path, wholeForm, "Content-Type", formType).Code)
		require.Equal(t, strings.TrimPrefix(same, "/f/"), d.one(t).Site)
		form := d.ask("GET", path+"?property_id=EB-1", "")
		require.Equal(t, 200, form.Code)
		require.Contains(t, form.Body.String(), `action="`+same+`"`)
		require.Equal(t, 200, d.ask("HEAD", path, "").Code)
		require.Equal(t, 405, d.ask("PUT", path, "").Code)
		asked := d.ask("OPTIONS", path, "", "Origin", "https://casas.mx", "Access-Control-Request-Method", "POST")
		require.Equal(t, 204, asked.Code)
		require.Equal(t, same == "/f/casas", asked.Header().Get(corsAllow) != "")
	}
}

func TestBehindAnotherRouter(t *testing.T) {
	d := newRelay(t)
	outer := chi.NewRouter()
	outer.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	outer.Get("/files/*", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	outer.Mount("/", d)
	outer.NotFound(d.ServeHTTP)
	outer.MethodNotAllowed(d.ServeHTTP)
	for target, status := range map[string]int{
		"GET /healthz": 204, "GET /": 200, "POST /": 405, "FOO /": 405, "POST /healthz": 405, "FOO /healthz": 405, "OPTIONS /healthz": 405, "GET /files/a": 204, "DELETE /files/a": 405, "POST /f/casas": 415, "FOO /f/casas": 405, "PUT /f/casas": 405, "GET /other": 404, "GET /f": 200,
		"GET /f/casas/thanks?folio=7": 200, "FOO /other": 404,
	} {
		method, path, _ := strings.Cut(target, " ")
		w := ask(outer, method, path, "")
		require.Equal(t, status, w.Code, target)
		if status == 405 && !strings.HasPrefix(path, "/f/") {
			require.Equal(t, []string{"GET, HEAD"}, w.Header()["Allow"], target)
		}
	}
}
