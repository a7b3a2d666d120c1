package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
	"leadrelay/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "token-of-all-the-tests"

// noon is when the tests' leads are received.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 123e6, time.UTC)

// desk is a console with a real store.
type desk struct {
	http.Handler
	t       *testing.T
	store   *store.Store
	courier *rider
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leadrelay.db"))
	require.NoError(t, err)
	d := &desk{t: t, store: s, courier: &rider{store: s}}
	d.reopen()
	t.Cleanup(d.close)
	return d
}

// reopen opens the console anew, without any guesses.
func (d *desk) reopen() {
	rules := map[string]lead.Rules{"casas": lead.DefaultRules(), "lofts": lead.DefaultRules()}
	d.Handler = console.New(d.store, d.courier, rules, gate(token), http.HandlerFunc(metrics))
}

func metrics(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "leads 1\n") }

// close closes the store once.
func (d *desk) close() {
	if d.store != nil {
		require.NoError(d.t, d.store.Close())
	}
	d.store = nil
}

// ask sends a request as the operator. The headers are names and values in turn.
func (d *desk) ask(method, target string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	w := d.askAs("Bearer "+token, method, target, headers...)
	require.Equal(d.t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(d.t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	return w
}

func (d *desk) askAs(authorization, method, target string, headers ...string) *httptest.ResponseRecorder {
	return d.send(authorization, method, target, "", headers...)
}

// order sends a change as the operator.
func (d *desk) order(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.send("Bearer "+token, method, target, body, headers...)
}

func (d *desk) send(authorization, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Accept-Language", "en")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func (d *desk) get(target string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.ask(http.MethodGet, target)
}

// list requires a page.
func (d *desk) list(query string) (page console.Page) {
	d.t.Helper()
	w := d.get("/api/v1/leads?" + query)
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(d.t, "application/json", w.Header().Get("Content-Type"))
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &page))
	return page
}

// refused requires a problem.
func (d *desk) refused(w *httptest.ResponseRecorder, status int, code problem.Code) (doc problem.Document) {
	d.t.Helper()
	require.Equal(d.t, status, w.Code, w.Body.String())
	require.Equal(d.t, "application/problem+json", w.Header().Get("Content-Type"))
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &doc))
	require.Equal(d.t, code, doc.Code)
	require.Equal(d.t, status, doc.Status)
	return doc
}

// keep keeps a lead that was received that much later than noon.
func (d *desk) keep(later time.Duration, q lead.Inquiry) lead.RemoteID {
	d.t.Helper()
	if q.Site == "" {
		q.Site = "casas"
	}
	if q.PropertyID == "" {
		q.PropertyID = "EB-AB1234"
	}
	if q.Email == "" {
		q.Email = "ana@ejemplo.mx"
	}
	if q.Message == "" {
		q.Message = "Hola"
	}
	l, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon.Add(later))
	require.NoError(d.t, err)
	kept, err := d.store.Keep(d.t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(d.t, err)
	return kept.RemoteID
}

// put keeps a lead in the state.
func (d *desk) put(state lead.State) lead.RemoteID {
	d.t.Helper()
	l, err := lead.New(lead.Inquiry{
		Site: "casas", PropertyID: "EB-AB1234", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "55 1234 5678", Message: "Hola",
	}, "casas.mx", lead.DefaultRules(), noon)
	require.NoError(d.t, err)
	l.State, l.Reason = state, "no se pudo"
	kept, err := d.store.Keep(d.t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(d.t, err)
	return kept.RemoteID
}

// begin begins an attempt for the only lead that is due.
func (d *desk) begin() lead.Claim {
	d.t.Helper()
	claims, _, err := d.store.Begin(d.t.Context(), "casas", lead.Due{Now: noon.Add(time.Second), N: 1, Lease: time.Minute})
	require.NoError(d.t, err)
	require.Len(d.t, claims, 1)
	return claims[0]
}

// settle ends the attempt.
func (d *desk) settle(c lead.Claim, to lead.Settlement) {
	d.t.Helper()
	require.NoError(d.t, d.store.Settle(d.t.Context(), c, to))
}

func TestEverythingWantsTheToken(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{})
	targets := []string{
		"/api/v1/leads", "/api/v1/leads?state=wrong", "/api/v1/leads/" + id.String(), "/api/v1/leads/" + id.String() + "/retry",
		"/api/v1/replays", "/api/v1/reconciliations", "/metrics", "/", "/nowhere",
	}
	tests := map[string]struct {
		authorization string
		let           bool
	}{
		"the token":                      {"Bearer " + token, true},
		"a scheme in small letters":      {"bearer " + token, true},
		"a scheme in large letters":      {"BEARER " + token, true},
		"blanks around the token":        {"Bearer   " + token + " ", true},
		"nothing":                        {"", false},
		"no token":                       {"Bearer", false},
		"an empty token":                 {"Bearer ", false},
		"a wrong token":                  {"Bearer wrong", false},
		"the begin of the token":         {"Bearer " + token[:5], false},
		"the token and more":             {"Bearer " + token + "x", false},
		"the token twice":                {"Bearer " + token + " " + token, false},
		"the token in other letters":     {"Bearer TOKEN-OF-ALL-THE-TESTS", false},
		"the token without a scheme":     {token, false},
		"another scheme":                 {"Basic " + token, false},
		"a scheme that begins like ours": {"BearerX " + token, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, target := range targets {
				for _, method := range []string{"GET", "HEAD", "POST", "PATCH", "DELETE", "INVENTED"} {
					d.reopen() // too many guesses would be slowed
					w := d.askAs(tt.authorization, method, target)
					if tt.let {
						require.NotEqual(t, http.StatusUnauthorized, w.Code)
						continue
					}
					d.refused(w, http.StatusUnauthorized, problem.Unauthorized)
					require.Equal(t, `Bearer realm="leadrelay"`, w.Header().Get("WWW-Authenticate"))
					require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
					require.NotContains(t, w.Body.String(), "casas")
				}
			}
		})
	}
}

// A console without a token accepts none, not even an empty one.
func TestAConsoleWithoutATokenIsShut(t *testing.T) {
	d := &desk{t: t, Handler: console.New(nil, nil, nil, gate(""), http.HandlerFunc(metrics))}
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer x"} {
		d.refused(d.askAs(authorization, "GET", "/metrics"), http.StatusUnauthorized, problem.Unauthorized)
	}
}

func TestTheTokenOutsideTheHeaderIsNone(t *testing.T) {
	d := newDesk(t)
	d.refused(d.askAs("", "GET", "/api/v1/leads?token="+token+"&access_token="+token), http.StatusUnauthorized, problem.Unauthorized)
	d.refused(d.askAs("", "GET", "/api/v1/leads", "Cookie", "token="+token, "X-Authorization", "Bearer "+token), http.StatusUnauthorized, problem.Unauthorized)
}

func TestPathsAndMethods(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{}).String()
	tests := map[string]struct {
		method, target string
		status         int
		allow          string
	}{
		"the list":                      {"GET", "/api/v1/leads", 200, ""},
		"the list's head":               {"HEAD", "/api/v1/leads", 200, ""},
		"a lead":                        {"GET", "/api/v1/leads/" + id, 200, ""},
		"a lead's head":                 {"HEAD", "/api/v1/leads/" + id, 200, ""},
		"metrics":                       {"GET", "/metrics", 200, ""},
		"the head of metrics":           {"HEAD", "/metrics", 200, ""},
		"a lead that there is not":      {"GET", "/api/v1/leads/1", 404, ""},
		"the largest id":                {"GET", "/api/v1/leads/9007199254740991", 404, ""},
		"an id beyond it":               {"GET", "/api/v1/leads/9007199254740992", 404, ""},
		"an id beyond all numbers":      {"GET", "/api/v1/leads/99999999999999999999", 404, ""},
		"no id":                         {"GET", "/api/v1/leads/", 404, ""},
		"zero":                          {"GET", "/api/v1/leads/0", 404, ""},
		"a number below zero":           {"GET", "/api/v1/leads/-1", 404, ""},
		"a text":                        {"GET", "/api/v1/leads/canary", 404, ""},
		"SQL":                           {"GET", "/api/v1/leads/1%20OR%201=1", 404, ""},
		"a path out of here":            {"GET", "/api/v1/leads/../../metrics", 404, ""},
		"an unknown path":               {"GET", "/api/v2/leads", 404, ""},
		"the root":                      {"GET", "/", 404, ""},
		"a POST to the list":            {"POST", "/api/v1/leads", 405, "GET, HEAD"},
		"a DELETE of a lead":            {"DELETE", "/api/v1/leads/" + id, 405, "GET, HEAD, PATCH"},
		"a POST to a lead":              {"POST", "/api/v1/leads/" + id, 405, "GET, HEAD, PATCH"},
		"a look at a retry":             {"GET", "/api/v1/leads/" + id + "/retry", 405, "POST"},
		"a PATCH of a discard":          {"PATCH", "/api/v1/leads/" + id + "/discard", 405, "POST"},
		"a look at a release":           {"HEAD", "/api/v1/leads/" + id + "/release", 405, "POST"},
		"a look at replays":             {"GET", "/api/v1/replays", 405, "POST"},
		"a DELETE of reports":           {"DELETE", "/api/v1/reconciliations", 405, "GET, HEAD, POST"},
		"a step that there is not":      {"POST", "/api/v1/leads/" + id + "/send", 404, ""},
		"an invented method elsewhere":  {"CANARY", "/nowhere", 404, ""},
		"a preflight: no page may read": {"OPTIONS", "/api/v1/leads", 405, "GET, HEAD"},
		"an invented method":            {"CANARY", "/api/v1/leads", 405, "GET, HEAD"},
		"a POST to metrics":             {"POST", "/metrics", 405, "GET, HEAD"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := d.ask(tt.method, tt.target, "Origin", "https://evil.mx")
			require.Equal(t, tt.status, w.Code)
			require.NotContains(t, w.Body.String(), "canary")
			require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
			switch tt.status {
			case http.StatusNotFound:
				d.refused(w, tt.status, problem.NotFound)
			case http.StatusMethodNotAllowed:
				d.refused(w, tt.status, problem.MethodNotAllowed)
				require.Equal(t, tt.allow, w.Header().Get("Allow"))
			}
		})
	}
}

func TestTheHeadOfALeadIsThatOfItsPage(t *testing.T) {
	d := newDesk(t)
	d.keep(0, lead.Inquiry{})
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	client := server.Client()
	t.Cleanup(client.CloseIdleConnections)
	var lengths []int64
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/api/v1/leads", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		require.NoError(t, err)
		lengths = append(lengths, resp.ContentLength)
		require.NoError(t, resp.Body.Close())
	}
	require.Positive(t, lengths[0])
	require.Equal(t, lengths[0], lengths[1])
}

func TestAStoreThatFails(t *testing.T) {
	d := newDesk(t)
	id := d.keep(0, lead.Inquiry{})
	d.close()
	for _, target := range []string{"/api/v1/leads", "/api/v1/leads/" + id.String()} {
		w := d.get(target)
		d.refused(w, http.StatusServiceUnavailable, problem.TryAgain)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.NotContains(t, w.Body.String(), "database")
	}
	require.Equal(t, http.StatusOK, d.get("/metrics").Code)
}
