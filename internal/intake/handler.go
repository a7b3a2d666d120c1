// Package intake is the public door: it takes inquiries from web pages, for
// people (forms, pages) and for programs (JSON), and thanks only once the
// [Keeper] has the lead on disk. It knows nothing of how leads are stored or
// delivered, and writes no personal data into a log.
//
// A post is read in four files: handler.go has its steps, request.go what is in
// it, screen.go what becomes of it, and respond.go what it is answered.
package intake

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
	"leadrelay/internal/site"
	"leadrelay/internal/spam"
)

const (
	// keepTimeout bounds the wait for the disk, so that the answer still leaves
	// within the time that the server gives it.
	keepTimeout = 10 * time.Second
	// retryAfterFailure is when a client may try again if nothing could be written.
	retryAfterFailure = 30 * time.Second
	// retryAfterCrowd is when a client may ask again for a page that was not rendered
	// because too many were asked for.
	retryAfterCrowd = 5 * time.Second
	// retryAfterInProgress is when a client may try again if a request with the
	// same key is still running.
	retryAfterInProgress = time.Second

	formMethods = "GET, HEAD, OPTIONS, POST"
	pageMethods = "GET, HEAD"
)

// Keeper puts a lead on disk and gives it its number, or returns the number of the
// lead that it repeats. It returns once the lead is safe from a power cut. If it
// returns an error, nothing is acknowledged. The error is [lead.ErrKeyReused] if
// another lead has the key. Its text goes to the log, so it must not hold personal
// data.
type Keeper interface {
	Keep(ctx context.Context, s lead.Submission) (lead.Kept, error)
}

// Options are optional parts of the handler.
type Options struct {
	// Address is the address of the relay on the web. If it is empty, the addresses in
	// answers are made from each request's Host.
	Address site.Address
	// Accepted is called for every lead that is kept. It must not block.
	Accepted func(siteID string)
	// Refused is called for every post that is refused because of how the site is set up. The
	// name is the origin that is not listed or the site that there is not, cleaned, and
	// empty if it cannot be shown. It must not block.
	Refused func(r Refusal)
	// Sooner is called for every lead that goes out sooner because it came again.
	// It must not block.
	Sooner func(siteID string)
	// Flood limits what a sender may post, and decides what becomes of a lead in a
	// flood. If it is nil, there are no limits.
	Flood Gate
	// Turn waits until a page may be rendered for somebody who has typed nothing, so
	// that those who post need not wait for it. It reports false if too many wait. If
	// it is nil, nobody waits.
	Turn func(r *http.Request) (end func(), ok bool)
	// Client returns the address that a request comes from.
	Client func(r *http.Request) netip.Addr
	// Captchas are the captchas of the sites that want one, by site id.
	Captchas map[string]Captcha
	// CheckMail is called for a kept lead that is spam, for the reason, if its mail
	// domain takes no mail. The lead is delayed until its DueAt, which the store has as
	// dueAt, because its clock may differ. CheckMail must not block.
	CheckMail func(l lead.Lead, dueAt time.Time, reason string)
	// SecurityContacts are URIs of those who want to hear of a hole in the relay.
	SecurityContacts []string
	// IsTest reports whether a secret makes an inquiry for the site a test. If it is nil,
	// there are no tests.
	IsTest func(siteID, secret string) bool
	// Secret is what all replicas share. The key is derived from it that signs the time
	// in our forms. If it is empty, a form is known by the process that has shown it.
	Secret []byte
	// Now is the clock on which all replicas agree; time.Now if nil.
	Now func() time.Time
	// Trace begins the trace of a post to the route and the site. It goes on with a trace
	// that the page has begun, unless parent is empty or no traceparent. The site is empty
	// if there is no such. If Trace is nil, nothing is traced.
	Trace func(parent lead.Trace, route, siteID string) Trace
}

// Refusal is a post that was refused because of how the site is set up.
type Refusal struct {
	Why    RefusedFor
	Site   string // empty if there is no such site
	Name   string
	Client netip.Addr
}

// RefusedFor is what a post was refused for.
type RefusedFor string

// What a post is refused for.
const (
	ForOrigin RefusedFor = "origin" // its page is not on the site's list
	ForSite   RefusedFor = "site"   // there is no such site
	ForFields RefusedFor = "fields" // something that the site requires is missing or wrong
)

// Handler handles everything below /f. It answers any other request with a problem,
// so a router in front can pass on whatever it has no route or method for.
type Handler struct {
	http.Handler
	// Route adds the routes to the router in front. To mount the handler there would
	// cost each post a second search for its route, and a map.
	Route func(mux chi.Router)
}

// New returns the handler of the sites.
func New(sites []site.Site, keep Keeper, opt Options) *Handler {
	h := &handler{sites: make(map[string]*siteForms, len(sites)), keep: keep, opt: opt, stamps: newStamper(opt.Secret, opt.Now), repeats: spam.NewRepeatCounter(sampleTexts()...)}
	for _, s := range sites {
		h.sites[s.ID] = newSiteForms(s, opt.Address)
	}
	mux := chi.NewRouter()
	mux.Use(middleware.StripSlashes) // a form's address may end with one, and a redirect would lose what was posted
	h.route(mux)
	mux.NotFound(h.serve(h.notFound))
	mux.MethodNotAllowed(h.serve(h.notFound))
	return &Handler{Handler: mux, Route: h.route}
}

func (h *handler) route(mux chi.Router) {
	for _, path := range []string{"/f", "/f/{site}"} {
		mux.Post(path, h.servePost(path))
		mux.Get(path, h.serve(h.showForm))
		mux.Head(path, h.serve(h.showForm))
		mux.Options(path, h.serve(h.preflight))
	}
	mux.Get("/", h.serve(h.showRunning))
	mux.Head("/", h.serve(h.showRunning))
	mux.Get(securityTxtPath, h.serve(h.showSecurityTxt))
	mux.Head(securityTxtPath, h.serve(h.showSecurityTxt))
	mux.Get("/f/{site}/theme.css", h.serve(h.showTheme))
	mux.Head("/f/{site}/theme.css", h.serve(h.showTheme))
	mux.Get("/f/{site}/thanks", h.serve(h.showThanks))
	mux.Head("/f/{site}/thanks", h.serve(h.showThanks))
}

type handler struct {
	sites   map[string]*siteForms
	keep    Keeper
	opt     Options
	writing inProgress // the inquiries that are being written
	repeats *spam.RepeatCounter
	stamps  *stamper

	siteLogged atomic.Int64 // when an unknown site was last logged
}

// serve adapts a method. The request is looked at first, so that every answer,
// including an error, has its CORS headers, form and language.
func (h *handler) serve(method func(http.ResponseWriter, *request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h.newRequest(w.Header(), r).serve(w, method) }
}

func (r *request) serve(w http.ResponseWriter, method func(http.ResponseWriter, *request) error) {
	if err := method(w, r); err != nil {
		r.writeError(w, err)
	}
}

// submit takes an inquiry. These are the steps: who posts, what is in it, is it
// complete, is it spam, is it part of a flood; then it is kept and answered.
func (h *handler) submit(w http.ResponseWriter, r *request) error {
	if err := h.admit(r); err != nil {
		return err
	}
	if err := r.read(w); err != nil {
		return err
	}
	r.isTest = h.isTest(r)
	l, err := r.lead(time.Now())
	switch {
	case err != nil && !r.isTest:
		h.noteRefused(r, Refusal{Why: ForFields, Site: r.site.ID})
		return err
	case err != nil:
		return err
	case r.isTest:
		return h.submitTest(w, r, l)
	}
	noMailReason := h.checkSpam(r, &l)
	decision, err := h.applyFloodLimits(r, &l)
	if err != nil {
		return err
	}
	r.delayIfMistyped(&l)
	kept, err := h.keepLead(r, l)
	wasKept := err == nil && (!kept.Again || kept.Sooner) // a repeat that changes nothing is not kept
	if !wasKept {
		h.uncount(decision)
	}
	if err != nil {
		return err
	}
	if wasKept && noMailReason != "" && l.State == lead.Queued {
		l.RemoteID = kept.RemoteID
		h.opt.CheckMail(l, kept.DueAt, noMailReason)
	}
	r.log(func(c zerolog.Context) zerolog.Context {
		if c = c.Int64("remote_id", int64(kept.RemoteID)); kept.Again {
			c = c.Bool("repeat", true)
		}
		return c
	})
	return r.writeAccepted(w, kept)
}

// admit decides who may post, before a byte of the body is read.
func (h *handler) admit(r *request) error {
	if r.site == nil {
		return h.unknownSite(r)
	}
	if !r.isFromKnownPage() {
		r.site.logRefusedOrigin(r)
		given, _ := originOf(r.Request)
		h.noteRefused(r, Refusal{Why: ForOrigin, Site: r.site.ID, Name: shownOrigin(given)})
		return problem.New(problem.OriginNotAllowed, nil)
	}
	r.recordPost()
	if h.opt.Client != nil {
		r.client = h.opt.Client(r.Request)
	}
	if h.opt.Flood == nil {
		return nil
	}
	if wait := h.opt.Flood.Wait(r.client); wait > 0 {
		return problem.NewTooMany(wait)
	}
	return nil
}

// unknownSite returns the problem of a post to no site. It tells the operator, once a
// minute, which page posts, and which sites there are. The one that the page names is in
// the path, which is not logged.
func (h *handler) unknownSite(r *request) error {
	const most = 20
	h.noteRefused(r, Refusal{Why: ForSite, Name: shownSite(chi.URLParam(r.Request, "site"))})
	if onceAMinute(&h.siteLogged) {
		given, _ := originOf(r.Request)
		names := slices.Sorted(maps.Keys(h.sites))
		event := zerolog.Ctx(r.Context()).Warn().Strs("sites", names[:min(most, len(names))])
		if origin := cspSource(given); origin != "" && len(origin) <= maxLoggedOrigin {
			event = event.Str("origin", origin)
		}
		event.Msg("post to a site that there is not")
	}
	return problem.New(problem.UnknownSite, nil)
}

// store keeps the lead even if the client hangs up now. The inquiry is complete,
// and a visitor who closes the page still wants it delivered.
func (h *handler) store(ctx context.Context, s lead.Submission) (lead.Kept, error) {
	end, ok := h.writing.begin(s.Key)
	if !ok {
		return lead.Kept{}, problem.NewInProgress(retryAfterInProgress)
	}
	defer end()
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer stop()
	kept, err := h.keep.Keep(ctx, s)
	switch {
	case errors.Is(err, lead.ErrKeyReused):
		return kept, problem.New(problem.KeyReused, err)
	case err != nil:
		return kept, problem.NewTryAgain(retryAfterFailure, err)
	case s.Lead.State == lead.Test: // which is nobody's lead
	case !kept.Again && h.opt.Accepted != nil:
		h.opt.Accepted(s.Lead.Site)
	case kept.Sooner && h.opt.Sooner != nil:
		h.opt.Sooner(s.Lead.Site)
	}
	return kept, nil
}

// notFound answers what has no route: with the allowed methods if there is a page
// at the path, and with "not found" otherwise.
func (h *handler) notFound(_ http.ResponseWriter, r *request) error {
	path := strings.TrimSuffix(r.URL.Path, "/")
	depth := strings.Count(path, "/")
	switch {
	case path == "":
		return problem.NewMethodNotAllowed(pageMethods)
	case path != "/f" && !strings.HasPrefix(path, "/f/"):
		if isPageOfOuterRouter(r.Request) {
			return problem.NewMethodNotAllowed(pageMethods)
		}
	case depth <= 2 && r.site == nil:
		return problem.New(problem.UnknownSite, nil)
	case depth <= 2:
		return problem.NewMethodNotAllowed(formMethods)
	case depth == 3 && (strings.HasSuffix(path, "/thanks") || strings.HasSuffix(path, "/theme.css")):
		return problem.NewMethodNotAllowed(pageMethods)
	}
	return problem.New(problem.NotFound, nil)
}

// isPageOfOuterRouter reports whether the router in front has a page at the path.
func isPageOfOuterRouter(r *http.Request) bool {
	route := chi.RouteContext(r.Context()).Routes.Find(chi.NewRouteContext(), http.MethodGet, r.URL.Path)
	return route != "" && route != "/*" // the latter is this handler
}
