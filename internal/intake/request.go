package intake

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/accept"
	"leadrelay/internal/intake/body"
	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/internal/site"
	"leadrelay/web"
)

// request is a request and what is known about it so far.
type request struct {
	*http.Request
	turn      func(*http.Request) (end func(), ok bool) // see [Options]
	relay     site.Address                              // the address of the relay on the web; empty if the settings do not say
	site      *siteForms                                // nil if there is no such site
	media     body.Media                                // the Content-Type
	wantsJSON bool                                      // the answer is for a program
	lang      locale.Lang                               // the language of the answer
	origin    string                                    // the site's own origin of the page that asks; empty if it is not listed
	client    netip.Addr                                // who sends it; set for posts
	trace     Trace                                     // nil unless it is traced

	// The fields below are set once the body has been read.
	posted  []body.Field
	leftOut int           // how many fields there were beyond those
	draft   *fields.Draft // what the visitor meant by the fields
	next    string        // where the form sends the visitor; empty unless it may
	isTest  bool          // it is a test inquiry
	meant   string        // the e-mail address that the visitor probably meant, if it is another
}

// newRequest looks at the headers and sets those of the answer that every answer
// has.
func (h *handler) newRequest(header http.Header, r *http.Request) *request {
	req := &request{Request: r, turn: h.opt.Turn, relay: h.opt.Address, site: h.siteAt(r.URL.Path), media: body.ParseMedia(headerOf(r, "Content-Type"))}
	req.wantsJSON = wantsJSON(r, req.media)
	req.lang = req.site.language(r)
	problem.Guard(header)
	header["Vary"] = vary
	header["Cross-Origin-Resource-Policy"] = crossOrigin // a page may post without CORS, and need not see the answer
	if req.site != nil {
		req.origin = req.site.allowOrigin(header, r)
		req.log(func(c zerolog.Context) zerolog.Context { return c.Str("site", req.site.ID) })
	}
	return req
}

// headerOf returns the first value of a header. The name must be in its canonical form,
// which [http.Header.Get] would work out each time.
func headerOf(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// log adds to the request's line in the access log, which the server writes.
func (r *request) log(update func(zerolog.Context) zerolog.Context) {
	zerolog.Ctx(r.Context()).UpdateContext(update)
}

// siteAt returns the site that a path belongs to, or nil.
func (h *handler) siteAt(path string) *siteForms {
	rest, ok := strings.CutPrefix(path, "/f")
	switch {
	case !ok:
		return nil
	case rest == "", rest == "/":
		return h.sites[site.Default]
	case rest[0] != '/':
		return nil
	}
	id, _, _ := strings.Cut(rest[1:], "/")
	return h.sites[id]
}

// wantsJSON reports whether the answer is for a program. A fetch that does not say
// what it wants gets JSON, too. A redirect to the site's own page would have no
// CORS headers, and the script would see a failure although the lead was kept.
func wantsJSON(r *http.Request, m body.Media) bool {
	if strings.EqualFold(headerOf(r, "X-Requested-With"), "XMLHttpRequest") {
		return true
	}
	header := strings.Join(r.Header["Accept"], ",")
	asJSON, namesJSON := accept.Quality(header, "application/json")
	asProblem, namesProblem := accept.Quality(header, "application/problem+json")
	asHTML, namesHTML := accept.Quality(header, "text/html")
	if asJSON = max(asJSON, asProblem); asJSON != asHTML {
		return asJSON > asHTML
	}
	mode := headerOf(r, "Sec-Fetch-Mode") // old browsers send none
	if m.IsJSON() || mode == "cors" || mode == "same-origin" {
		return true
	}
	return (namesJSON || namesProblem) && !namesHTML // a library's "application/json, */*"
}

// originOf returns the origin of the page that a request comes from, or "" if the
// request has none. Browsers send at most one; ok is false if there are several.
func originOf(r *http.Request) (origin string, ok bool) {
	switch all := r.Header["Origin"]; len(all) {
	case 0:
		return "", true
	case 1:
		return all[0], true
	}
	return "", false
}

// isFromKnownPage reports whether the page that posts may do so. Servers and old
// browsers send no origin. A page under Referrer-Policy: no-referrer sends "null",
// and so does any sandboxed script, so "null" is accepted only with the navigation
// of a plain form.
func (r *request) isFromKnownPage() bool {
	switch origin, ok := originOf(r.Request); {
	case !ok:
		return false
	case origin == "":
		return true
	case origin == "null":
		if mode := headerOf(r.Request, "Sec-Fetch-Mode"); mode != "" {
			return r.media.IsForm() && mode == "navigate"
		}
		return r.media.IsForm() && !r.wantsJSON
	default:
		return r.origin != "" || origin == r.relay.Origin || isOwnPage(r.Request, origin)
	}
}

// isOwnPage reports whether the origin is that of a page of the relay itself.
// Behind a proxy that rewrites the host, only Sec-Fetch-Site tells. No script can
// forge that header.
func isOwnPage(r *http.Request, origin string) bool {
	scheme, host, _ := strings.Cut(strings.ToLower(origin), "://")
	if scheme != "https" && scheme != "http" {
		return false
	}
	return (host != "" && host == strings.ToLower(r.Host)) || headerOf(r, "Sec-Fetch-Site") == "same-origin"
}

// read reads the body, and what it says about the answer.
func (r *request) read(w http.ResponseWriter) error {
	posted, leftOut, err := body.Read(w, r.Request, r.media)
	if err != nil {
		return bodyProblem(err)
	}
	r.posted, r.leftOut, r.draft = posted, leftOut, r.site.vocabulary.Assign(posted)
	r.lang = languageOr(r.draft.Language, r.lang)
	if r.draft.Next != "" {
		r.next = r.site.RedirectFrom(r.postingPage(), r.draft.Next)
	}
	return nil
}

// bodyProblem returns the problem of a body that could not be read.
func bodyProblem(err error) error {
	var unread *body.Error
	if !errors.As(err, &unread) {
		return err
	}
	switch unread.Reason {
	case body.TooLarge:
		return problem.New(problem.TooLarge, unread.Cause)
	case body.UnsupportedType:
		return problem.New(problem.UnsupportedType, err).With("Accept-Post", body.AcceptPost)
	case body.UnsupportedCoding:
		return problem.New(problem.UnsupportedType, err).With("Accept-Post", body.AcceptPost).With("Accept-Encoding", "identity")
	}
	return problem.New(problem.Unreadable, err)
}

// languageOr returns the language that a form or an address names, or the other
// if it names none of ours.
func languageOr(name string, other locale.Lang) locale.Lang {
	name, _, _ = strings.Cut(strings.ToLower(name), "-")
	if l := locale.Lang(name); l == locale.ES || l == locale.EN {
		return l
	}
	return other
}

// postingPage returns the page of the site that posts, as far as it is known: most
// browsers send only its origin. It returns nil if it is not a page of the site.
func (r *request) postingPage() *url.URL {
	from, err := url.Parse(r.Referer())
	if err != nil {
		from = &url.URL{}
	}
	own := r.site.Origins.Own(from.Scheme + "://" + from.Host)
	if r.origin != "" && r.origin != own {
		own, from = r.origin, &url.URL{}
	}
	page, err := url.Parse(own)
	if err != nil || own == "" {
		return nil
	}
	page.Path, page.RawPath, page.RawQuery = from.Path, from.RawPath, from.RawQuery
	return page
}

// lead makes a lead of the draft. The error names every field that is wrong. The
// log tells how many fields the lead has no room for.
func (r *request) lead(now time.Time) (lead.Lead, error) {
	q := r.draft.Inquiry(r.site.ID)
	q.LeftOut = r.leftOut
	if r.draft.Typed != "" {
		q.Extra = append(q.Extra, lead.Pair{Name: "typed_email", Value: r.draft.Typed}) // what the visitor has corrected, for the operator
	}
	l, err := lead.New(q, r.site.Source, r.site.Rules, now)
	if invalid, ok := errors.AsType[*lead.InvalidError](err); ok {
		for i := range invalid.Fields {
			r.refine(&invalid.Fields[i])
		}
		r.site.logUnknownNames(r, invalid.Fields)
		return l, invalidProblem(r.lang, invalid.Fields)
	}
	if l.LeftOut > 0 {
		r.log(func(c zerolog.Context) zerolog.Context { return c.Int("fields_left_out", l.LeftOut) })
	}
	return l, err
}

// refine says more about a field that is missing: it may have come blank, or as a
// list, an object or true, which is not text.
func (r *request) refine(e *lead.FieldError) {
	came := r.draft.Of(e.Field)
	switch {
	case (e.Code == lead.Missing || e.Code == lead.EmailOrPhone) && came.Unreadable:
		e.Code = lead.NotText
	case e.Code == lead.Missing && came.Posted != "":
		e.Code = lead.Empty
	}
}

// invalidProblem returns the problem that says how to mend each wrong field.
func invalidProblem(lang locale.Lang, wrong []lead.FieldError) *problem.Error {
	all := make([]problem.Field, len(wrong))
	for i, e := range wrong {
		var args []any
		if e.Code == lead.TooLong {
			args = []any{e.Max}
		}
		all[i] = problem.Field{Field: string(e.Field), Code: string(e.Code), Message: locale.FieldText(lang, string(e.Code), string(e.Field), args...)}
	}
	return problem.NewInvalid(all, &lead.InvalidError{Fields: wrong})
}

// submission returns the lead and what tells whether it is a repeat: the sender's
// own id for it, if there is one. Programs set the header Idempotency-Key, webhook
// senders a header of their own, and forms a field.
func (r *request) submission(l lead.Lead) lead.Submission {
	s := lead.Submission{Lead: l, Tick: r.site.Tick, Content: l.Content()}
	if r.draft.Typed != "" {
		s.Corrects = l.Corrects(r.draft.Typed)
	}
	if id := headerOf(r.Request, "Idempotency-Key"); id != "" {
		s.Key = lead.KeyOf(l.Site, id)
	} else if id := cmp.Or(deliveryID(r.Header), r.draft.SubmissionID); id != "" {
		s.Key = lead.ContentKeyOf(l.Site, id, s.Content)
	}
	return s
}

// hiddenFields returns the posted fields that a page carries along unseen: all
// that are not among the five that it shows.
func (r *request) hiddenFields() []web.Pair {
	var pairs []web.Pair
	for _, p := range r.draft.Rest() {
		if fields.IsNext(p.Name) && r.next != "" {
			p.Value = r.next // a relative path would mean another page once ours posts it
		}
		pairs = append(pairs, web.Pair{Name: p.Name, Value: p.Value})
	}
	return pairs
}

// resubmission returns everything that was posted, as a form that sends it again.
func (r *request) resubmission() (action string, all []web.Pair) {
	if r.draft == nil {
		return "", nil
	}
	for _, f := range lead.Fields() { // they come first, before others of the same name
		if e := r.draft.Of(f); e.Posted != "" {
			all = append(all, web.Pair{Name: e.Again, Value: e.Value})
		}
	}
	return r.site.path, append(all, r.hiddenFields()...)
}
