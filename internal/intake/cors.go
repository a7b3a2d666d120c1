package intake

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/http/httpguts"

	"leadrelay/internal/site"
)

// originOf is the page that a request says it comes from, "" when it says
// nothing. Browsers send one; several are none that can be believed.
func originOf(r *http.Request) (origin string, ok bool) {
	switch all := r.Header["Origin"]; len(all) {
	case 0:
		return "", true
	case 1:
		return all[0], true
	}
	return "", false
}

// cors lets a page of the site read the answer, whatever it is, and returns the
// site's own origin of that page; "" for any other page. A page may send along
// its cookies: there are none of ours, and nobody looks at them.
func (k *desk) cors(h http.Header, r *http.Request) string {
	origin, _ := originOf(r)
	if origin == "" {
		return ""
	}
	own := k.Origins.Own(origin)
	if own == "" {
		return ""
	}
	h["Access-Control-Allow-Origin"] = r.Header["Origin"]
	h["Access-Control-Allow-Credentials"] = allowed
	h["Access-Control-Expose-Headers"] = exposed
	return own
}

// Headers that are the same in all answers share their values, which costs them
// no allocation. [http.Header.Add] leaves a shared value as it is.
var (
	varies      = []string{"Accept, Origin"}
	crossOrigin = []string{"cross-origin"}
	allowed     = []string{"true"}
	exposed     = []string{"Idempotency-Replayed, Retry-After, X-Request-Id"}
)

// preflight tells a browser what a page of the site may send: what it asks for,
// since frameworks add headers of their own to every request.
func (d *door) preflight(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.desk == nil {
		return unknownSite()
	}
	h := w.Header()
	h.Set("Allow", formMethods)
	h.Add("Vary", "Access-Control-Request-Headers")
	names, ok := askedHeaders(r)
	switch {
	case !ok:
		for _, name := range []string{"Origin", "Credentials"} {
			h.Del("Access-Control-Allow-" + name)
		}
		h.Del("Access-Control-Expose-Headers")
	case v.origin != "":
		h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		h.Set("Access-Control-Max-Age", "7200")
		if names != "" {
			h.Set("Access-Control-Allow-Headers", names)
		}
	}
	v.watch(r, ok)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// askedHeaders are the headers that a preflight asks for. It is not ok when no
// browser would ask so.
func askedHeaders(r *http.Request) (names string, ok bool) {
	const longest = 1024 // no page asks for so many
	asked := strings.Join(r.Header["Access-Control-Request-Headers"], ",")
	if len(asked) > longest {
		return "", false
	}
	var all []string
	for name := range strings.SplitSeq(asked, ",") {
		switch name = strings.Trim(name, " \t"); {
		case name == "":
		case !httpguts.ValidHeaderFieldName(name):
			return "", false
		default:
			all = append(all, name)
		}
	}
	return strings.Join(all, ", "), true
}

// fromKnownPage reports whether the page that posts may do so. Servers and old
// browsers send no origin. A page under Referrer-Policy: no-referrer sends
// "null", and so does any sandboxed script: only a plain form's navigation is
// taken with it.
func (v *visit) fromKnownPage(r *http.Request) bool {
	switch origin, ok := originOf(r); {
	case !ok:
		return false
	case origin == "":
		return true
	case origin == "null":
		return v.isPlainForm(r)
	default:
		return v.origin != "" || origin == v.own.Origin || isOwnPage(r, origin)
	}
}

// isOwnPage reports a page of the relay itself. Sec-Fetch-Site knows better
// than the host where a proxy in front rewrites that; no script can forge it.
func isOwnPage(r *http.Request, origin string) bool {
	scheme, host, _ := strings.Cut(strings.ToLower(origin), "://")
	if scheme != "https" && scheme != "http" {
		return false
	}
	return (host != "" && host == strings.ToLower(r.Host)) || r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

func (v *visit) isPlainForm(r *http.Request) bool {
	if !v.media.IsForm() {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return !v.json
}

// reportOrigin tells the operator which setting would let the page in, once a
// minute, so that a flood of refused posts does not flood the log.
func (k *desk) reportOrigin(r *http.Request) {
	if !isDue(&k.reported) {
		return
	}
	event := zerolog.Ctx(r.Context()).Warn()
	given, ok := originOf(r)
	origin := cspSource(given) // nothing odd may reach a terminal
	_, unfit := site.ParseOrigins([]string{origin})
	list := strings.Join(slices.Concat(k.Origins.List(), []string{origin}), ", ")
	switch {
	case !ok:
		event = event.Str("origin", "several at once")
	case origin == "" || len(origin) > 300:
		event = event.Str("origin", "null or unreadable")
	case unfit != nil: // it cannot be allowed
		event = event.Str("origin", origin)
	case k.ID == site.Default:
		event = event.Str("origin", origin).Str("allow_with", "LEADRELAY_ORIGINS="+strings.ReplaceAll(list, ", ", ","))
	default:
		event = event.Str("origin", origin).Str("allow_with", "sites."+k.ID+".origins: ["+list+"]")
	}
	event.Msg("origin refused")
}

// isDue reports that a minute has passed since it last did.
func isDue(last *atomic.Int64) bool {
	now, before := time.Now().UnixNano(), last.Load()
	return (before == 0 || now-before >= int64(time.Minute)) && last.CompareAndSwap(before, now)
}
