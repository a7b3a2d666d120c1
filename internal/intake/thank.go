package intake

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// accepted is the answer to a program whose inquiry is on disk. The clients of
// form services look for one of its members each: Formspree's for next,
// Web3Forms' for success.
type accepted struct {
	OK       bool          `json:"ok"`
	RemoteID lead.RemoteID `json:"remote_id"`
	Next     string        `json:"next"`
	Message  string        `json:"message"`
	Success  bool          `json:"success"`
	Hint     string        `json:"hint,omitempty"`  // what the visitor may have mistyped
	Meant    string        `json:"meant,omitempty"` // the address that the hint is about
}

// thank answers an inquiry that is on disk, and a repeat as it did the first.
// Whoever has the key of an inquiry sent it and may hear that it is known; the
// words may be a stranger's, who would learn that somebody asked.
func (v *visit) thank(w http.ResponseWriter, r *http.Request, kept lead.Kept) error {
	if kept.ByKey {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	id, next := kept.RemoteID, cmp.Or(v.next, v.desk.ThanksURL)
	if next == "" {
		next = v.thanksPath(r, id)
	}
	if !v.json {
		if strings.HasPrefix(next, "/") {
			next = v.own.Origin + next
		}
		if v.meant != "" {
			return v.ask(w, id, next)
		}
		w.Header().Set("Location", next)
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	if strings.HasPrefix(next, "/") { // a page elsewhere has no use for a bare path
		next = cmp.Or(v.own.Origin, requestOrigin(r)) + next
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // an address is easier to read with a plain &
	_ = out.Encode(accepted{
		OK: true, RemoteID: id, Next: next, Message: locale.Text(v.lang, "accepted.message"), Success: true, Hint: v.hint(), Meant: v.meant,
	})
	return nil
}

// thanksPath is our own thank-you page, in the language that the form asked for.
func (v *visit) thanksPath(r *http.Request, id lead.RemoteID) string {
	path := v.desk.path + "/thanks?folio=" + id.String()
	if v.lang != v.desk.language(r) {
		path += "&_language=" + string(v.lang)
	}
	return path
}

// requestOrigin is the relay's origin as the client knows it, where nobody has
// said it. These headers are taken from anybody, for who forges them bends only
// the answer to himself.
func requestOrigin(r *http.Request) string {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	switch {
	case r.Host == "": // HTTP/1.0
		return ""
	case r.TLS != nil || strings.EqualFold(proto, "https"):
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// landing is where the form sends the visitor, if it may.
func (v *visit) landing(r *http.Request) string {
	if v.draft.Next == "" {
		return ""
	}
	return v.desk.RedirectFrom(v.posting(r), v.draft.Next)
}

// posting is the page of the site that posts, as far as it is known: most
// browsers tell its origin only. It is nil when it is no page of the site.
func (v *visit) posting(r *http.Request) *url.URL {
	from, err := url.Parse(r.Referer())
	if err != nil {
		from = &url.URL{}
	}
	own := v.desk.Origins.Own(from.Scheme + "://" + from.Host)
	if v.origin != "" && v.origin != own {
		own, from = v.origin, &url.URL{}
	}
	page, err := url.Parse(own)
	if err != nil || own == "" {
		return nil
	}
	page.Path, page.RawPath, page.RawQuery = from.Path, from.RawPath, from.RawQuery
	return page
}

// showThanks is our thank-you page. The number in its address is only a
// number: it opens nothing.
func (d *door) showThanks(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.desk == nil {
		return unknownSite()
	}
	query := r.URL.Query()
	folio, err := lead.ParseRemoteID(query.Get("folio"))
	if err != nil {
		return problem.New(problem.NotFound, err)
	}
	v.lang = spoken(query.Get("_language"), v.lang)
	page := web.ThanksPage{Lang: v.lang, Base: v.own.Path, SiteName: v.desk.title(), Theme: v.desk.themePath(), Folio: int64(folio), Back: v.desk.back(r)}
	return v.page(w, http.StatusOK, func(out io.Writer) error { return web.RenderThanks(out, page) })
}

// back is the page that the visitor came from, or the site's first origin.
func (k *desk) back(r *http.Request) string {
	if from := k.Redirect(r.Referer()); strings.Contains(from, "://") {
		return from
	}
	for _, origin := range k.Origins.List() {
		if !strings.Contains(origin, "*") && strings.HasPrefix(origin, "http") {
			return origin
		}
	}
	return ""
}
