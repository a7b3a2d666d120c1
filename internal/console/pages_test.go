package console_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/web"
)

// person is an operator with a browser.
type person struct {
	t      *testing.T
	door   http.Handler
	cookie *http.Cookie // of the session
	chosen *http.Cookie // the language
	agent  string

	behindTLS bool
}

// use opens the console now and then.
func (p *person) use(lasts time.Duration) {
	p.t.Helper()
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		require.True(p.t, p.isIn())
		time.Sleep(time.Hour - time.Second)
	}
}

func newPerson(t *testing.T, secretToken string, sites ...console.Site) *person {
	return newPersonAt(t, nothing{}, secretToken, sites...)
}

// newPersonAt opens the console of a store.
func newPersonAt(t *testing.T, holdings console.Holdings, secretToken string, sites ...console.Site) *person {
	return &person{t: t, door: replicaAt(holdings, &rider{}, secretToken, endedSessions{}, time.Now, sites...)}
}

// replica returns the pages of one of the relays on a database.
func replica(secretToken string, ended console.EndedSessions, now func() time.Time, sites ...console.Site) http.Handler {
	return replicaAt(nothing{}, &rider{}, secretToken, ended, now, sites...)
}

// nothing is a store without a lead.
type nothing struct{ console.Holdings }

func (nothing) CountsOf(context.Context, ...lead.State) ([]lead.Count, error) { return nil, nil }

func (nothing) Note(context.Context, access.Entry) error { return nil }

func (nothing) LastEvent(context.Context) (lead.EventCursor, error) { return lead.EventCursor{}, nil }

func replicaAt(holdings console.Holdings, courier console.Courier, secretToken string, ended console.EndedSessions, now func() time.Time, sites ...console.Site) http.Handler {
	return pages(holdings, courier, console.NewSessions(secret.New(secretToken), []byte("of the database"), ended, now), console.PageOptions{Sites: sites}, secretToken)
}

// openConsole returns a console that asks for no token.
func openConsole(holdings interface {
	console.Holdings
	console.EndedSessions
}, courier console.Courier,
) http.Handler {
	return pages(holdings, courier, console.NewSessions(secret.New(token), []byte("of the database"), holdings, time.Now), console.PageOptions{IsOpen: true}, token)
}

func pages(holdings console.Holdings, courier console.Courier, sessions *console.Sessions, opt console.PageOptions, secretToken string) http.Handler {
	mux := chi.NewRouter()
	opt.Draining = func() bool { return false }
	opt.Settings = func(w io.Writer) error { _, err := io.WriteString(w, "source: casas.mx\n"); return err }
	opt.Examine = func(context.Context) ([]console.Finding, error) {
		return []console.Finding{{Level: "trouble", About: "key of casas", Says: "it is refused", Remedy: "Set another one."}}, nil
	}
	console.NewPages(holdings, courier, knownAlerts{}, gate(secretToken), sessions, opt).Route(mux)
	return mux
}

// knownAlerts knows these alerts.
type knownAlerts []lead.Alert

// Alerts implements [console.Watcher].
func (w knownAlerts) Alerts() []lead.Alert { return w }

// Quiet implements [console.Watcher].
func (w knownAlerts) Quiet(context.Context) (all []lead.Quiet) {
	for _, a := range w {
		if a.Kind == lead.AlertSilence {
			all = append(all, lead.Quiet{Site: a.Subject, Since: a.Since, TimesAYear: 12})
		}
	}
	return all
}

// See implements [console.Watcher].
func (w knownAlerts) See(_ context.Context, id string) (lead.Alert, error) {
	for _, a := range w {
		if a.ID == id {
			return a, nil
		}
	}
	return lead.Alert{}, lead.ErrNotFound
}

// endedSessions is a store with sessions that have ended.
type endedSessions map[string]time.Time

var endedLock sync.Mutex // streams ask while others leave

// EndSession implements [console.EndedSessions].
func (e endedSessions) EndSession(_ context.Context, id []byte, until time.Time) error {
	endedLock.Lock()
	defer endedLock.Unlock()
	e[string(id)] = until
	return nil
}

// SessionHasEnded implements [console.EndedSessions].
func (e endedSessions) SessionHasEnded(_ context.Context, id []byte, _ time.Time) (bool, error) {
	endedLock.Lock()
	defer endedLock.Unlock()
	_, ok := e[string(id)]
	return ok, nil
}

// ask sends a request and keeps the cookie of the answer, like a browser.
func (p *person) ask(method, target string, form url.Values, header ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.Header.Set("User-Agent", p.agent)
	if p.behindTLS {
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	if p.cookie != nil {
		r.AddCookie(p.cookie)
	}
	if p.chosen != nil {
		r.AddCookie(p.chosen)
	}
	w := httptest.NewRecorder()
	p.door.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if strings.HasSuffix(c.Name, "leadrelay_language") {
			p.chosen = c
			continue
		}
		p.cookie = c
		if c.MaxAge < 0 {
			p.cookie = nil
		}
	}
	return w
}

func (p *person) logIn(given string, header ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	return p.ask(http.MethodPost, "/login", url.Values{"token": {given}}, header...)
}

func (p *person) isIn() bool {
	p.t.Helper()
	w := p.ask(http.MethodGet, "/sites", nil)
	if w.Code == http.StatusSeeOther {
		require.Equal(p.t, "/login", w.Header().Get("Location"))
	}
	return w.Code == http.StatusOK
}

func TestASessionEnds(t *testing.T) {
	tests := map[string]func(p *person){
		"with the day":       func(*person) { time.Sleep(30 * time.Minute) },
		"an hour unused":     func(*person) { time.Sleep(time.Hour) },
		"in another browser": func(p *person) { p.agent = "another" },
		"by leaving":         func(p *person) { p.ask(http.MethodPost, "/logout", nil); require.Nil(p.t, p.cookie) },
		"for who copied it":  func(p *person) { copied := p.cookie; p.ask(http.MethodPost, "/logout", nil); p.cookie = copied },
		"by entering anew":   func(p *person) { old := p.cookie; p.logIn(token); p.cookie = old },
		"with another value": func(p *person) { p.cookie.Value += "x" },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPerson(t, token)
				require.False(t, p.isIn())
				require.Equal(t, http.StatusSeeOther, p.logIn(" "+token+"\n").Code, "as it is copied")
				p.use(11 * time.Hour)
				end(p)
				require.False(t, p.isIn())
			})
		})
	}
}

func TestOnlyTheTokenOpensTheConsole(t *testing.T) {
	for name, given := range map[string]string{"nothing": "", "another": "another", "a part": token[:len(token)-1], "more": token + token} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t, token)
			w := p.logIn(given)
			require.Equal(t, http.StatusUnauthorized, w.Code)
			require.NotContains(t, w.Body.String(), token)
			require.Nil(t, p.cookie)
			require.False(t, p.isIn())
		})
	}
	t.Run("none where there is none", func(t *testing.T) {
		require.Equal(t, http.StatusUnauthorized, newPerson(t, "").logIn("").Code)
	})
	t.Run("not sent by a page elsewhere", func(t *testing.T) {
		p := newPerson(t, token)
		require.Equal(t, http.StatusForbidden, p.logIn(token, "Sec-Fetch-Site", "cross-site").Code)
		require.Equal(t, http.StatusForbidden, p.logIn(token, "Origin", "https://evil.example").Code)
		require.Nil(t, p.cookie)
	})
	t.Run("not by guessing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPerson(t, token)
			for range 10 {
				require.Equal(t, http.StatusUnauthorized, p.logIn("guess").Code)
			}
			w := p.logIn("guess")
			require.Equal(t, http.StatusTooManyRequests, w.Code)
			require.Equal(t, "1", w.Header().Get("Retry-After"))
			require.Equal(t, http.StatusSeeOther, p.logIn(token).Code, "the owner is not locked out")
		})
	})
}

func TestTheSessionsCookie(t *testing.T) {
	for forwarded, isSecure := range map[string]bool{"": false, "http": false, "https": true} {
		p := newPerson(t, token)
		p.logIn(token, "X-Forwarded-Proto", forwarded)
		require.True(t, p.cookie.HttpOnly)
		require.Equal(t, http.SameSiteStrictMode, p.cookie.SameSite)
		require.Equal(t, "/", p.cookie.Path)
		require.Empty(t, p.cookie.Domain)
		require.Equal(t, isSecure, p.cookie.Secure, forwarded)
		require.Equal(t, isSecure, strings.HasPrefix(p.cookie.Name, "__Host-"), forwarded)
		require.NotContains(t, p.cookie.Value, token)
	}
}

// A load balancer sends the browser to another replica, or the relay starts anew.
func TestASessionIsGoodAtEveryReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := endedSessions{}
		ahead := func() time.Time { return time.Now().Add(2 * time.Minute) }
		one, other := replica(token, ended, time.Now), replica(token, ended, ahead)
		p := &person{t: t, door: one}
		p.logIn(token)
		for range 20 { // it is used, now here and now there
			p.door = other
			require.True(t, p.isIn())
			time.Sleep(30 * time.Minute)
			p.door = one
			require.True(t, p.isIn(), "whose clock is behind")
		}
		copied := p.cookie
		require.Equal(t, http.StatusSeeOther, p.ask(http.MethodPost, "/logout", nil, "Sec-Fetch-Site", "same-origin").Code)
		p.door, p.cookie = other, copied
		require.False(t, p.isIn(), "it has ended everywhere")
		p.door = replica(token, ended, time.Now)
		require.False(t, p.isIn(), "after a restart, too")
	})
}

// The form is shown by one replica, and posted to another.
func TestAFormIsGoodAtEveryReplica(t *testing.T) {
	ended := endedSessions{}
	p := &person{t: t, door: replica(token, ended, time.Now)}
	require.Equal(t, http.StatusOK, p.ask(http.MethodGet, "/login", nil).Code)
	p.door = replica(token, ended, time.Now)
	require.Equal(t, http.StatusSeeOther, p.logIn(token, "Sec-Fetch-Site", "same-origin", "Origin", "http://example.com").Code)
	for _, from := range []string{"cross-site", "same-site"} { // a server on another port is the same site
		require.Equal(t, http.StatusForbidden, p.ask(http.MethodPost, "/logout", nil, "Sec-Fetch-Site", from).Code, from)
	}
	require.True(t, p.isIn())
}

func TestWhatIsNoSession(t *testing.T) {
	for name, change := range map[string]func(p *person){
		"one of another token":    func(p *person) { p.door = replica("another-token-of-the-tests", endedSessions{}, time.Now) },
		"one where there is none": func(p *person) { p.door = replica("", endedSessions{}, time.Now) },
		"another one's, by name": func(p *person) {
			name := p.cookie.Name
			other := &person{t: p.t, door: replica("another-token-of-the-tests", endedSessions{}, time.Now)}
			other.logIn("another-token-of-the-tests")
			require.NotEqual(p.t, name, other.cookie.Name, "two relays on one host leave each other's sessions alone")
			p.cookie.Value = other.cookie.Value
		},
		"one without an end":        func(p *person) { p.cookie.Value = p.cookie.Value[:40] },
		"nothing":                   func(p *person) { p.cookie.Value = "" },
		"the same in other letters": func(p *person) { p.cookie.Value += "=" },
		"one of a clock that is wrong": func(p *person) {
			p.door = replica(token, endedSessions{}, func() time.Time { return time.Now().Add(-time.Hour) })
		},
		"one that came by HTTP": func(p *person) { p.behindTLS = true },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t, token)
			p.logIn(token)
			require.True(t, p.isIn())
			change(p)
			require.False(t, p.isIn())
		})
	}
}

// Every bit of a session is signed.
func TestASessionCannotBeChanged(t *testing.T) {
	p := newPerson(t, token)
	p.logIn(token)
	good := p.cookie.Value
	for i := range good {
		changed := []byte(good)
		if changed[i]++; changed[i] > 'z' {
			changed[i] = 'A'
		}
		p.cookie.Value = string(changed)
		require.False(t, p.isIn(), i)
	}
	p.cookie.Value = good
	require.True(t, p.isIn())
}

// Whatever a browser sends, nothing but what we gave it is a session.
func FuzzWhatIsNoSession(f *testing.F) {
	for _, value := range []string{"", "x", strings.Repeat("A", 86), strings.Repeat("_", 86)} {
		f.Add(value)
	}
	door := replica(token, endedSessions{}, time.Now)
	f.Fuzz(func(t *testing.T, value string) {
		p := &person{t: t, door: door}
		p.logIn(token)
		if value == p.cookie.Value {
			return
		}
		p.cookie.Value = value
		require.False(t, p.isIn())
	})
}

// A session that somebody else has put into the browser does not become the person's.
func TestNobodyGivesAPersonHisSession(t *testing.T) {
	p := newPerson(t, token)
	p.logIn(token)
	planted := *p.cookie
	p.logIn(token)
	require.NotEqual(t, planted.Value, p.cookie.Value)
	p.cookie = &planted
	require.False(t, p.isIn())
}

// brokenSessions cannot be read or written.
type brokenSessions struct{}

func (brokenSessions) EndSession(context.Context, []byte, time.Time) error {
	return errors.New("the database is away")
}

func (brokenSessions) SessionHasEnded(context.Context, []byte, time.Time) (bool, error) {
	return false, errors.New("the database is away")
}

// Nobody knows whether the session has ended, so it opens nothing. Who leaves is told
// that it did not work, and can do it again.
func TestWithoutTheDatabaseNoSessionIsGood(t *testing.T) {
	p := &person{t: t, door: replica(token, brokenSessions{}, time.Now)}
	require.Equal(t, http.StatusSeeOther, p.logIn(token).Code)
	for method, path := range map[string]string{http.MethodGet: "/sites", http.MethodPost: "/logout"} {
		w := p.ask(method, path, nil, "Accept", "text/html", "Accept-Language", "es")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), "El relay no pudo hacerlo ahora")
		require.NotContains(t, w.Body.String(), "database")
	}
	require.NotNil(t, p.cookie)
}

func TestThePagesAreGuarded(t *testing.T) {
	p := newPerson(t, token)
	h := p.ask(http.MethodGet, "/login", nil).Header()
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
	require.Equal(t, "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		h.Get("Content-Security-Policy"))
}

func TestTheSitesAndTheirTags(t *testing.T) {
	p := newPerson(t, token,
		console.Site{ID: "casas", Source: "casas.mx", Origins: []string{"https://casas.mx"}, Snippet: web.Snippet{Site: "casas", Require: "name message"}},
		console.Site{ID: "lofts", Source: "lofts.mx", Snippet: web.Snippet{Site: "lofts"}})
	p.logIn(token)
	tests := map[string]struct{ query, holds, lacks string }{
		"as a start":             {"", `https://leads.example/widget.js&#34; data-relay=&#34;https://leads.example&#34; data-site=&#34;casas&#34; data-property-id=&#34;EB-AB1234&#34; data-require=&#34;name message&#34;`, "aria-invalid"},
		"as a start, a sample":   {"", `<p class="warning" id="relay-hint">leads.example está en lugar de la tuya`, "aria-invalid"},
		"for an address":         {"?relay=https://leads.casas.mx/&property_id=EB-1", `https://leads.casas.mx/widget.js&#34; data-relay=&#34;https://leads.casas.mx&#34; data-site=&#34;lofts&#34; data-property-id=&#34;EB-1&#34;&gt;`, "aria-invalid"},
		"for one's own address":  {"?relay=https://leads.casas.mx", "https://leads.casas.mx/widget.js", "relay-hint"},
		"with the script's hash": {"?relay=https://leads.casas.mx", web.WidgetPath() + `&#34; integrity=&#34;` + strings.ReplaceAll(web.WidgetIntegrity(), "+", "&#43;"), "aria-invalid"},
		"for any property":       {"?relay=https://leads.casas.mx&property_id=", `href="https://leads.casas.mx/f/casas"`, "property_id="},
		"whose pages may post":   {"", "<code>https://casas.mx</code>", "evil"},
		"whose may not":          {"", `class="warning"`, "evil"},
		"for no address":         {"?relay=leads", `aria-invalid="true"`, "widget.js"},
		"for a script":           {"?relay=javascript:alert(1)", `aria-invalid="true"`, "widget.js"},
		"for markup":             {`?relay=https://x.mx&property_id=</textarea><script>alert(1)</script>`, "&lt;/textarea&gt;", "</textarea><script>alert"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			target, err := url.Parse("/sites" + tt.query)
			require.NoError(t, err)
			target.RawQuery = target.Query().Encode()
			w := p.ask(http.MethodGet, target.String(), nil)
			require.Equal(t, http.StatusOK, w.Code)
			require.Contains(t, w.Body.String(), tt.holds)
			require.NotContains(t, w.Body.String(), tt.lacks)
		})
	}
}

// clockOf returns how a page shows an hour of the desk's day.
func clockOf(hour int) string {
	return time.Date(2026, 11, 24, hour, 0, 0, 0, time.UTC).Local().Format("15:04:05")
}

// A person pauses a site and goes on, without a script.
func TestASiteIsPausedOnAPage(t *testing.T) {
	d := newDesk(t)
	d.keep(0, lead.Inquiry{})
	d.courier.keys = []lead.Credential{key(lead.CredentialWorking)}
	p := &person{t: t, door: replicaAt(d.store, d.courier, token, d.store, time.Now, console.Site{ID: "casas"}, console.Site{ID: "lofts"})}
	require.Equal(t, http.StatusSeeOther, p.ask(http.MethodPost, "/sites/casas/pause", url.Values{"why": {"x"}, "lasts": {"2h0m0s"}}).Code)
	require.Len(t, d.courier.keys, 1, "nobody is logged in")
	p.logIn(token)
	page := func(path, language string, holds ...string) {
		w := p.ask(http.MethodGet, path, nil, "Accept-Language", language)
		require.Equal(t, http.StatusOK, w.Code)
		for _, text := range holds {
			require.Contains(t, w.Body.String(), text)
		}
	}
	page("/sites", "en", `<a href="/sites/casas/pause">Pause…</a>`, "Leads that wait: 1, since ", clockOf(12)+".")
	page("/sites/casas/pause", "es", "Pausar el sitio casas", `<option value="2h0m0s" selected>2 h</option>`, "Sus mensajes se reciben", "la misma clave: lofts")

	w := p.ask(http.MethodPost, "/sites/casas/pause", url.Values{"lasts": {"8h0m0s"}}, "Accept-Language", "es")
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Contains(t, w.Body.String(), "Di por qué")
	require.Contains(t, w.Body.String(), `<option value="8h0m0s" selected>8 h</option>`, "what was chosen stays")
	require.Equal(t, http.StatusNotFound, p.ask(http.MethodGet, "/sites/villas/pause", nil, "Accept", "text/html").Code)
	require.Equal(t, http.StatusUnprocessableEntity, p.ask(http.MethodPost, "/sites/casas/pause", url.Values{"lasts": {"9000h"}, "why": {"x"}}).Code)

	require.Equal(t, http.StatusSeeOther, p.ask(http.MethodPost, "/sites/casas/pause", url.Values{"lasts": {"8h0m0s"}, "why": {"<b>EasyBroker</b>"}}).Code)
	page("/sites", "es", "En pausa por una persona hasta ", clockOf(20)+": &lt;b&gt;EasyBroker&lt;/b&gt;", `<a href="/sites/casas/pause">Reanudar`, `<a href="/sites/lofts/pause">Pausar…`)
	page("/sites/casas/pause", "en", "Resume the site casas", `action="/sites/casas/resume"`, "until ", clockOf(20))
	require.Equal(t, http.StatusSeeOther, p.ask(http.MethodPost, "/sites/lofts/pause", url.Values{"lasts": {"1h0m0s"}, "why": {"x"}, "credential": {"true"}}).Code)
	require.Len(t, d.courier.keys, 3)
	require.Equal(t, http.StatusSeeOther, p.ask(http.MethodPost, "/sites/casas/resume", url.Values{"credential": {"true"}}).Code)
	require.Len(t, d.courier.keys, 1)
}
