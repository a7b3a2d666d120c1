// Package intake is the public door: it takes inquiries from web pages, for
// people (forms, pages) and for programs (JSON), and thanks only once the
// [Keeper] has the lead on disk. It knows nothing of how leads are stored or
// carried on, and writes no personal data into a log.
package intake

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/internal/site"
	"leadrelay/internal/spam"
)

const (
	// keepWithin bounds the wait for the disk, so that the answer still leaves
	// within the time that the server gives it.
	keepWithin  = 10 * time.Second
	formMethods = "GET, HEAD, OPTIONS, POST"
	readMethods = "GET, HEAD"
	// comeBack is what a client hears when nothing could be written.
	comeBack = 30 * time.Second
	// soon is when a request that has the key of a running one may try again.
	soon = time.Second
)

// Keeper puts a lead on disk and gives it its number, or that of the lead which
// it repeats. It returns once the lead is safe from a power cut. After an error
// nothing is acknowledged; it is [lead.ErrKeyReused] when another lead has the
// key, and its text goes to the log, so it must hold no personal data.
type Keeper interface {
	Keep(ctx context.Context, s lead.Submission) (lead.Kept, error)
}

// Options are what the door can do without.
type Options struct {
	// Address is where the door is on the web. Without it, its addresses are
	// made of each request's Host.
	Address site.Address
	// Accepted hears of every kept lead; it must not wait.
	Accepted func(siteID string)
	// Released hears of every lead that goes sooner because it came again; it must
	// not wait.
	Released func(siteID string)
	// Flood says what a sender may post, before the body is read, and what
	// becomes of a lead; without it nobody does. Client is the address that a
	// request comes from.
	Flood  Gate
	Client func(r *http.Request) netip.Addr
	// Captchas are those of the sites that want one, by their ids.
	Captchas map[string]Captcha
	// AskMail hears of a kept lead that looks like spam, for the reason, if its
	// mail domain takes no mail. The lead is held for a moment, until DueAt. It
	// must not wait.
	AskMail func(l lead.Lead, reason string)
}

// New makes the handler of everything below /f. Whatever else it is asked for
// is answered with a problem, so a router in front can leave all that it has no
// route or method for to it.
func New(sites []site.Site, keep Keeper, opt Options) http.Handler {
	d := &door{desks: make(map[string]*desk, len(sites)), keep: keep, opt: opt, clock: newClock(), echoes: spam.NewEchoes(samples()...)}
	for _, s := range sites {
		d.desks[s.ID] = newDesk(s, opt.Address)
	}
	mux := chi.NewRouter()
	mux.Use(middleware.StripSlashes) // a form's address may end with one, and a redirect would lose what was posted
	for _, path := range []string{"/f", "/f/{site}"} {
		mux.Post(path, d.serve(d.submit))
		mux.Get(path, d.serve(d.showForm))
		mux.Head(path, d.serve(d.showForm))
		mux.Options(path, d.serve(d.preflight))
	}
	mux.Get("/", d.serve(d.showRunning))
	mux.Head("/", d.serve(d.showRunning))
	mux.Get("/f/{site}/theme.css", d.serve(d.showTheme))
	mux.Head("/f/{site}/theme.css", d.serve(d.showTheme))
	mux.Get("/f/{site}/thanks", d.serve(d.showThanks))
	mux.Head("/f/{site}/thanks", d.serve(d.showThanks))
	mux.NotFound(d.serve(d.stray))
	mux.MethodNotAllowed(d.serve(d.stray))
	return mux
}

type door struct {
	desks   map[string]*desk
	keep    Keeper
	opt     Options
	running running
	echoes  *spam.Echoes
	clock   *clock
}

// visit is one request, and what is known of it so far.
type visit struct {
	from    netip.Addr    // who sends it, when that is asked
	own     site.Address  // where the door is on the web, if that was said
	desk    *desk         // nil when there is no such site
	media   body.Media    // what the Content-Type says
	json    bool          // the answer is for a program
	lang    locale.Lang   // the answer's language
	origin  string        // the site's own origin of the page, when it is on the list
	posted  []body.Field  // the fields, once they are read
	leftOut int           // how many more there were
	draft   *fields.Draft // the same, sorted
	next    string        // where the form sends the visitor, checked
	meant   string        // the address that the visitor meant, if that is another
}

type handler func(w http.ResponseWriter, r *http.Request, v *visit) error

// serve adapts a handler: it looks at the visitor first, so that every answer,
// an error too, has its CORS headers, form and language.
func (d *door) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := d.meet(w.Header(), r)
		if err := h(w, r, v); err != nil {
			v.explain(w, r, err)
		}
	}
}

func (d *door) meet(h http.Header, r *http.Request) *visit {
	v := &visit{own: d.opt.Address, desk: d.at(r.URL.Path), media: body.ParseMedia(r.Header.Get("Content-Type"))}
	v.json = wantsJSON(r, v.media)
	v.lang = v.desk.language(r)
	problem.Guard(h)
	h["Vary"] = varies
	h["Cross-Origin-Resource-Policy"] = crossOrigin // a page may post without CORS, and need not see the answer
	if v.desk != nil {
		v.origin = v.desk.cors(h, r)
		note(r, func(c zerolog.Context) zerolog.Context { return c.Str("site", v.desk.ID) })
	}
	return v
}

// at finds the site that a path belongs to.
func (d *door) at(path string) *desk {
	rest, ok := strings.CutPrefix(path, "/f")
	switch {
	case !ok:
		return nil
	case rest == "", rest == "/":
		return d.desks[site.Default]
	case rest[0] != '/':
		return nil
	}
	id, _, _ := strings.Cut(rest[1:], "/")
	return d.desks[id]
}

// submit takes an inquiry: who posts, what is in it, is it whole, is it spam, is
// it part of a flood, keep it, thank for it.
func (d *door) submit(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := d.admit(r, v); err != nil {
		return err
	}
	if err := v.read(w, r); err != nil {
		return err
	}
	l, err := v.lead(r, time.Now())
	if err != nil {
		return err
	}
	ifNoMail := d.screen(r, v, &l)
	share, err := d.ration(r, v, &l)
	if err != nil {
		return err
	}
	v.ponder(&l)
	kept, err := d.store(r.Context(), v.submission(r, l))
	if err != nil || (kept.Again && !kept.Sooner) {
		d.giveBack(share)
	}
	if err != nil {
		return err
	}
	if ifNoMail != "" && (!kept.Again || kept.Sooner) && l.State == lead.Queued {
		l.RemoteID = kept.RemoteID
		d.opt.AskMail(l, ifNoMail)
	}
	note(r, func(c zerolog.Context) zerolog.Context {
		if c = c.Int64("remote_id", int64(kept.RemoteID)); kept.Again {
			c = c.Bool("repeat", true)
		}
		return c
	})
	return v.thank(w, r, kept)
}

// admit decides who may post, before a byte of the body is read.
func (d *door) admit(r *http.Request, v *visit) error {
	if v.desk == nil {
		return unknownSite()
	}
	if !v.fromKnownPage(r) {
		v.desk.reportOrigin(r)
		return problem.New(problem.OriginNotAllowed, nil)
	}
	v.notePost(r)
	return d.limit(r, v)
}

// store keeps the lead even if the client hangs up now: the inquiry is whole,
// and a page that is being closed wants it delivered all the same.
func (d *door) store(ctx context.Context, s lead.Submission) (lead.Kept, error) {
	end, ok := d.running.begin(s.Key)
	if !ok {
		return lead.Kept{}, problem.NewInProgress(soon)
	}
	defer end()
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), keepWithin)
	defer stop()
	kept, err := d.keep.Keep(ctx, s)
	switch {
	case errors.Is(err, lead.ErrKeyReused):
		return kept, problem.New(problem.KeyReused, err)
	case err != nil:
		return kept, problem.NewTryAgain(comeBack, err)
	case !kept.Again && d.opt.Accepted != nil:
		d.opt.Accepted(s.Lead.Site)
	case kept.Sooner && d.opt.Released != nil:
		d.opt.Released(s.Lead.Site)
	}
	return kept, nil
}

// stray answers what has no route: a wrong method where there is a page, and
// no page anywhere else.
func (d *door) stray(_ http.ResponseWriter, r *http.Request, v *visit) error {
	path := strings.TrimSuffix(r.URL.Path, "/")
	depth := strings.Count(path, "/")
	switch {
	case path == "":
		return problem.NewMethodNotAllowed(readMethods)
	case path != "/f" && !strings.HasPrefix(path, "/f/"):
		if isRead(r) {
			return problem.NewMethodNotAllowed(readMethods)
		}
	case depth <= 2 && v.desk == nil:
		return unknownSite()
	case depth <= 2:
		return problem.NewMethodNotAllowed(formMethods)
	case depth == 3 && (strings.HasSuffix(path, "/thanks") || strings.HasSuffix(path, "/theme.css")):
		return problem.NewMethodNotAllowed(readMethods)
	}
	return problem.New(problem.NotFound, nil)
}

// isRead reports a page that a router in front has for those who only read it.
func isRead(r *http.Request) bool {
	route := chi.RouteContext(r.Context()).Routes.Find(chi.NewRouteContext(), http.MethodGet, r.URL.Path)
	return route != "" && route != "/*" // the latter is us
}

func unknownSite() error { return problem.New(problem.UnknownSite, nil) }

// note adds to the request's line in the access log, which the server writes.
func note(r *http.Request, update func(zerolog.Context) zerolog.Context) {
	zerolog.Ctx(r.Context()).UpdateContext(update)
}
