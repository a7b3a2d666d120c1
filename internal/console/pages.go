package console

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// Site is what the console shows of a site.
type Site struct {
	ID, Source string
	Origins    []string
	Snippet    web.Snippet // without the relay's address and the property
}

// Pages are the console for people. A browser that has sent the token gets a session.
type Pages struct {
	relay    string // URL of the public door; empty if it is not set
	sites    []Site
	gate     *Gate
	sessions *Sessions
	store    counter
	courier  SiteCourier
}

// SiteCourier is the part of the courier with how sites stand.
type SiteCourier interface {
	Status() []lead.Credential
	Pauses
}

// NewPages returns the pages. relay is the URL of the public door, if it is set. The
// gate checks the token.
func NewPages(relay string, sites []Site, gate *Gate, sessions *Sessions, store counter, courier SiteCourier) *Pages {
	return &Pages{relay: relay, sites: sites, gate: gate, sessions: sessions, store: store, courier: courier}
}

// Route adds the pages to the operator's door. A form is taken from our own pages alone.
// The browser says where it comes from, so that no replica has to remember anything.
func (p *Pages) Route(mux chi.Router) {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.OriginNotAllowed, nil)
	}))
	mux = mux.With(guard.Handler)
	assets := web.ConsoleAssets()
	for _, method := range readMethods {
		mux.Method(method, "/", p.requireSession(p.home))
		mux.Method(method, "/sites", p.requireSession(p.showSites))
		mux.Method(method, "/sites/{site}/pause", p.requireSession(p.showPause))
		mux.Method(method, "/login", problem.HandlerFunc(p.showLogin))
		mux.Method(method, "/assets/*", assets)
	}
	mux.Method(http.MethodPost, "/login", problemPage(p.login))
	mux.Method(http.MethodPost, "/sites/{site}/pause", p.requireSession(p.pause))
	mux.Method(http.MethodPost, "/sites/{site}/resume", p.requireSession(p.resume))
	mux.Method(http.MethodPost, "/logout", problemPage(p.logout))
}

// requireSession redirects a browser without a session to the login page.
func (p *Pages) requireSession(h problem.HandlerFunc) problem.HandlerFunc {
	return problemPage(func(w http.ResponseWriter, r *http.Request) error {
		switch isGood, err := p.sessions.use(w, r); {
		case err != nil:
			return err
		case !isGood:
			return redirect(w, "/login")
		}
		return h(w, r)
	})
}

func (p *Pages) home(w http.ResponseWriter, _ *http.Request) error { return redirect(w, "/sites") }

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request) error {
	return writePage(w, r, http.StatusOK, func(b io.Writer, l locale.Lang) error { return web.RenderLogin(b, web.LoginPage{Lang: l}) })
}

func (p *Pages) login(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch ok, wait := p.gate.check(r, byPage, r.PostFormValue("token")); {
	case wait > 0:
		w.Header().Set("Retry-After", "1")
		return showLoginError(w, r, http.StatusTooManyRequests, "console.login.slow")
	case !ok:
		w.Header().Set("WWW-Authenticate", challenge)
		return showLoginError(w, r, http.StatusUnauthorized, "console.login.wrong")
	}
	if err := p.sessions.start(w, r); err != nil {
		return err
	}
	return redirect(w, "/")
}

func (p *Pages) logout(w http.ResponseWriter, r *http.Request) error {
	if err := p.sessions.end(r); err != nil {
		return err // the browser keeps its session, so that the person can leave again
	}
	p.sessions.forget(w, r)
	return redirect(w, "/login")
}

// sampleRelay stands for the relay's URL where no setting has it.
const sampleRelay = "https://leads.example"

// showSites shows the tags for the pages of each site. If the relay's URL is not set,
// the operator enters it here.
func (p *Pages) showSites(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	page := web.SitesPage{Relay: query.Get("relay"), PropertyID: query.Get("property_id")}
	if !query.Has("relay") {
		page.Relay, page.PropertyID = cmp.Or(p.relay, sampleRelay), "EB-AB1234"
	}
	isAddress := isWebAddress(page.Relay)
	lang := locale.Match(r.Header.Get("Accept-Language"))
	statuses, err := siteStatuses(r.Context(), p.store, p.courier, p.siteIDs())
	if err != nil {
		return err
	}
	for i, s := range p.sites {
		view := web.SiteView{ID: s.ID, Source: s.Source, Origins: s.Origins}
		view.Paused, view.Waiting = describe(lang, statuses[i])
		if isAddress {
			s.Snippet.Relay, s.Snippet.PropertyID = page.Relay, page.PropertyID
			view.Form, view.Tag, view.PinnedTag = s.Snippet.FormURL(), s.Snippet.Tag(), s.Snippet.PinnedTag()
		}
		page.Sites = append(page.Sites, view)
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, l locale.Lang) error {
		page.Lang = l
		switch {
		case !isAddress:
			page.Error = locale.Text(l, "console.relay.wrong")
		case page.Relay == sampleRelay:
			page.Hint = locale.Text(l, "console.relay.sample")
		}
		return web.RenderSites(b, page)
	})
}

func isWebAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// showLoginError shows the login page again with the reason.
func showLoginError(w http.ResponseWriter, r *http.Request, status int, reason string) error {
	return writePage(w, r, status, func(b io.Writer, l locale.Lang) error {
		return web.RenderLogin(b, web.LoginPage{Lang: l, Error: locale.Text(l, reason)})
	})
}

func redirect(w http.ResponseWriter, path string) error {
	problem.Guard(w.Header())
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// pagePolicy allows our pages their own files and forms, and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// writePage renders a page in the browser's language. It writes nothing if rendering
// fails.
func writePage(w http.ResponseWriter, r *http.Request, status int, render func(io.Writer, locale.Lang) error) error {
	lang := locale.Match(r.Header.Get("Accept-Language"))
	var page bytes.Buffer
	if err := render(&page, lang); err != nil {
		return err
	}
	h := w.Header()
	problem.Guard(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(lang))
	h.Set("Vary", "Accept-Language")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // if it fails, the browser has gone
	return nil
}
