package console

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// Site is what the console knows of a site.
type Site struct {
	ID, Source string
	Origins    []string
	Snippet    web.Snippet // without the relay's address and the property
	Rules      lead.Rules  // for leads that a person edits
	Threshold  int         // the score from which on an inquiry is quarantined; 0 for never
	// Dial returns a phone that a visitor typed as E.164, or as it is.
	Dial func(typed string) string
}

// Holdings is what the pages use of the store.
type Holdings interface {
	Store
	Counter
	// OddLeads returns the newest leads that have arrived and need a person's attention all
	// the same.
	OddLeads(ctx context.Context, n int, sites []string) ([]lead.Lead, error)
	// QuarantineReasons counts the leads in quarantine since a time, by their reason.
	QuarantineReasons(ctx context.Context, since time.Time, sites []string) (map[string]int, error)
	Watched
}

// Pages are the console for people. A browser that has sent the token gets a session.
type Pages struct {
	api
	opt       PageOptions
	sight     pageSight
	gate      *Gate
	sessions  *Sessions
	watcher   lookout
	counts    counts
	events    events
	tabs      tabs
	examining chan struct{} // a token for who looks at the relay from outside
}

// PageOptions are what the pages know of the relay around them.
type PageOptions struct {
	Relay    string // URL of the public door; empty if it is not set
	Sites    []Site
	Draining func() bool // the relay is about to stop
	IsOpen   bool        // whoever comes has a session, without the token
	// Settings writes the settings that are in force, without secrets.
	Settings func(io.Writer) error
	// Examine looks at the relay from outside. It is nil if nobody can.
	Examine func(context.Context) ([]Finding, error)
}

// NewPages returns the pages. The gate checks the token.
func NewPages(holdings Holdings, courier Courier, watcher Watcher, gate *Gate, sessions *Sessions, opt PageOptions) *Pages {
	rules := make(map[string]lead.Rules, len(opt.Sites))
	for _, s := range opt.Sites {
		rules[s.ID] = s.Rules
	}
	return &Pages{
		api: newAPI(holdings, courier, rules), opt: opt, sight: pageSight{eventSight{holdings}, holdings}, gate: gate,
		sessions: sessions, watcher: lookout{watcher, sight{holdings}}, counts: counts{counter: holdings},
		events:    events{store: eventSight{holdings}, draining: opt.Draining},
		examining: make(chan struct{}, 1),
	}
}

// Route adds the pages to the operator's door. A form is taken from our own pages alone.
// The browser says where it comes from, so that no replica has to remember anything.
func (p *Pages) Route(mux chi.Router) {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.OriginNotAllowed, nil)
	}))
	mux = mux.With(guard.Handler)
	exports := newExports(p.store, p.gate.stillIn, p.store.Note)
	for _, method := range readMethods {
		for need, pages := range map[access.Need]map[string]pageFunc{
			access.See: {
				"/": p.showOverview, "/leads": p.showLeads, "/leads/{remote_id}": p.showLead, "/quarantine": p.showQuarantine, "/jobs": p.showJobs, "/sites": p.showSites, "/tests": p.showTests,
				"/audit": p.showAudit, "/audit.ndjson": exporting(p.auditLines), "/audit.csv": exporting(p.auditTable),
				"/leads.csv": exporting(p.opening(exports.csv)), "/leads.ndjson": exporting(p.opening(exports.ndjson)),
			},
			access.Act:           {"/leads/{remote_id}/edit": p.showEdit, "/sites/{site}/pause": p.showPause},
			access.Own:           {"/people": p.showPeople, "/tokens": p.showTokens, "/tokens/{name}/revoke": p.confirmRevoke},
			allSites(access.See): {"/reports": p.showReports},
			allSites(access.Own): {"/settings": p.showSettings},
		} {
			for path, show := range pages {
				mux.Method(method, path, p.requireSession(need, show))
			}
		}
		mux.Method(method, "/events", problem.HandlerFunc(p.watch))
		mux.Method(method, "/login", problem.HandlerFunc(p.showLogin))
		mux.Method(method, "/assets/*", web.ConsoleAssets())
	}
	for need, pages := range map[access.Need]map[string]pageFunc{
		access.See: {"/leads": p.search("/leads"), "/quarantine": p.search("/quarantine")},
		access.Act: {
			"/leads/confirm": p.confirmMove, "/leads/move": p.moveMany, "/leads/{remote_id}/edit": p.saveEdit,
			"/jobs": p.order, "/jobs/confirm": p.confirmJob, "/jobs/{id}/abort": p.abortByForm,
			"/probe": p.probe, "/alerts/seen": p.seeAlert, "/sites/{site}/pause": p.pause, "/sites/{site}/resume": p.resume,
		},
		access.Own: {
			"/people": p.findPeople, "/people/export": p.exportPeople, "/people/block": p.forgetPeople(blocking), "/people/unblock": p.forgetPeople(unblocking), "/people/erase": p.forgetPeople(erasing),
			"/tokens": p.makeTokenByForm, "/tokens/{name}/revoke": p.revokeByForm,
		},
		allSites(access.Act): {"/reports": p.runReport},
		allSites(access.Own): {"/settings": p.examine, "/people/requests": p.openRequestByForm, "/people/requests/{id}/{step}": p.stepRequestByForm},
	} {
		for path, do := range pages {
			mux.Method(http.MethodPost, path, p.requireSession(need, do))
		}
	}
	mux.Method(http.MethodPost, "/login", p.page(p.login))
	mux.Method(http.MethodPost, "/logout", p.page(p.logout))
	mux.Method(http.MethodPost, "/language", problem.HandlerFunc(p.setLanguage))
}

// pageFunc is a handler for people that returns its error instead of writing it.
type pageFunc func(w http.ResponseWriter, r *http.Request) error

// exporting sets the headers that keep an export out of caches.
func exporting(h pageFunc) pageFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		problem.Guard(w.Header())
		return h(w, r)
	}
}

// page answers the handler's error as a page, and logs it.
func (p *Pages) page(h pageFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { p.serve(h, w, r) }
}

func (p *Pages) serve(h pageFunc, w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	e := problem.From(err).ToOperator()
	e.Log(r.Context())
	e.WriteHeaders(w.Header())
	frame := p.frame(r, "")
	doc := e.Document(w.Header(), frame.Lang)
	_ = writePage(w, r, e.Status, func(b io.Writer, _ locale.Lang) error {
		return web.RenderMessage(b, web.MessagePage{
			Frame: frame, Title: doc.Title, Detail: doc.Detail, Next: doc.Next, Status: e.Status, RequestID: doc.RequestID,
		})
	})
}

// requireSession redirects a browser without a session to the login page, and lets only
// those use the page who may do what it needs.
func (p *Pages) requireSession(need access.Need, h pageFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		one, by, isGood, err := p.whoseSession(w, r)
		if isGood {
			r = r.WithContext(withSession(access.With(r.Context(), p.gate.from(r, by)), one))
		}
		p.serve(func(w http.ResponseWriter, r *http.Request) error {
			switch {
			case err != nil:
				return err
			case !isGood:
				return redirect(w, "/login")
			case !by.May(need):
				return forbidden(by, need)
			}
			return h(w, r)
		}, w, r)
	}
}

// whoseSession returns the request's session and who has it, and starts one if nobody needs
// a token.
func (p *Pages) whoseSession(w http.ResponseWriter, r *http.Request) (one session, by access.Access, isGood bool, err error) {
	one, isGood, err = p.sessions.check(r)
	if err != nil {
		return one, by, false, err
	}
	if isGood {
		if by, isGood, err = p.gate.holder(r.Context(), one.token); err != nil {
			return one, by, false, err
		}
	}
	if isGood {
		p.sessions.goOn(w, r, one)
		return one, by, true, nil
	}
	if p.opt.IsOpen {
		one, err = p.sessions.start(w, r, access.TokenID{})
		return one, access.Settings(), true, err
	}
	return one, by, false, nil
}

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request) error {
	return writePage(w, r, http.StatusOK, func(b io.Writer, l locale.Lang) error { return web.RenderLogin(b, web.LoginPage{Lang: l}) })
}

func (p *Pages) login(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	by, ok, wait, err := p.gate.check(r, byPage, r.PostFormValue("token"))
	switch {
	case err != nil:
		return err
	case wait > 0:
		w.Header().Set("Retry-After", "1")
		return showLoginError(w, r, http.StatusTooManyRequests, "console.login.slow")
	case !ok:
		w.Header().Set("WWW-Authenticate", challenge)
		return showLoginError(w, r, http.StatusUnauthorized, "console.login.wrong")
	}
	if _, err := p.sessions.start(w, r, by.Token); err != nil {
		return err
	}
	p.note(access.With(r.Context(), by), access.Entry{What: access.DidLogIn, Sites: by.Sites})
	return redirect(w, "/")
}

func (p *Pages) logout(w http.ResponseWriter, r *http.Request) error {
	if err := p.sessions.end(r); err != nil {
		return err // the browser keeps its session, so that the person can leave again
	}
	if one, ok := p.sessions.read(r); ok {
		p.tabs.end(one.id)
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
	page := web.SitesPage{Frame: p.frame(r, "/sites"), Relay: query.Get("relay"), PropertyID: query.Get("property_id")}
	if !query.Has("relay") {
		page.Relay, page.PropertyID = cmp.Or(p.opt.Relay, sampleRelay), "EB-AB1234"
	}
	isAddress, trouble := isWebAddress(page.Relay), p.troubleBySite(r)
	statuses, err := siteStatuses(r.Context(), p.store, p.courier, p.ids(r.Context()))
	if err != nil {
		return err
	}
	quiet := p.watcher.Quiet(r.Context())
	for i, s := range p.sitesOf(r.Context()) {
		view := web.SiteView{ID: s.ID, Source: s.Source, Origins: s.Origins, Trouble: trouble[s.ID], Quiet: wordsFor(r).quiet(quiet, s.ID)}
		view.Paused, view.Waiting = wordsFor(r).describe(statuses[i])
		if isAddress {
			s.Snippet.Relay, s.Snippet.PropertyID = page.Relay, page.PropertyID
			view.Form, view.Tag, view.PinnedTag = s.Snippet.FormURL(), s.Snippet.Tag(), s.Snippet.PinnedTag()
		}
		page.Sites = append(page.Sites, view)
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, l locale.Lang) error {
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
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// writePage renders a page in the person's language. It writes nothing if rendering
// fails.
func writePage(w http.ResponseWriter, r *http.Request, status int, render func(io.Writer, locale.Lang) error) error {
	lang := language(r)
	var page bytes.Buffer
	if err := render(&page, lang); err != nil {
		return err
	}
	h := w.Header()
	problem.Guard(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(lang))
	h.Set("Vary", "Accept-Language, Cookie")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // if it fails, the browser has gone
	return nil
}
