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

// Headers that are the same in many answers share their values, so they cost no
// allocation. [http.Header.Add] leaves a shared value unchanged.
var (
	vary          = []string{"Accept, Origin"}
	crossOrigin   = []string{"cross-origin"}
	jsonType      = []string{"application/json"}
	allowed       = []string{"true"}
	exposeHeaders = []string{"Idempotency-Replayed, Retry-After, X-Request-Id"}
)

// allowOrigin lets a page of the site read the answer, whatever it is, and returns
// the site's own origin of that page. It returns "" for any other page. The page
// may send its cookies along: we have none and read none.
func (s *siteForms) allowOrigin(h http.Header, r *http.Request) string {
	origin, _ := originOf(r)
	if origin == "" {
		return ""
	}
	own := s.Origins.Own(origin)
	if own == "" {
		return ""
	}
	h["Access-Control-Allow-Origin"] = r.Header["Origin"]
	h["Access-Control-Allow-Credentials"] = allowed
	h["Access-Control-Expose-Headers"] = exposeHeaders
	return own
}

// preflight tells a browser what a page of the site may send. Whatever headers the
// page asks for are allowed, because frameworks add their own to every request.
func (h *handler) preflight(w http.ResponseWriter, r *request) error {
	if r.site == nil {
		return h.unknownSite(r)
	}
	header := w.Header()
	header.Set("Allow", formMethods)
	header.Add("Vary", "Access-Control-Request-Headers")
	names, ok := requestedHeaders(r.Request)
	switch {
	case !ok:
		for _, name := range []string{"Origin", "Credentials"} {
			header.Del("Access-Control-Allow-" + name)
		}
		header.Del("Access-Control-Expose-Headers")
	case r.origin != "":
		header.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		header.Set("Access-Control-Max-Age", "7200")
		if names != "" {
			header.Set("Access-Control-Allow-Headers", names)
		}
	}
	r.recordPreflight(ok)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// requestedHeaders returns the headers that a preflight asks for. ok is false if no
// browser would ask like this.
func requestedHeaders(r *http.Request) (names string, ok bool) {
	const maxLength = 1024 // no page asks for so many
	requested := strings.Join(r.Header["Access-Control-Request-Headers"], ",")
	if len(requested) > maxLength {
		return "", false
	}
	var all []string
	for name := range strings.SplitSeq(requested, ",") {
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

// maxLoggedOrigin bounds an origin in the log. No host name is longer.
const maxLoggedOrigin = 300

// logRefusedOrigin tells the operator which setting would let the page in. It does
// so once a minute, so that a flood of refused posts does not flood the log.
func (s *siteForms) logRefusedOrigin(r *request) {
	if !onceAMinute(&s.originLogged) {
		return
	}
	event := zerolog.Ctx(r.Context()).Warn()
	given, ok := originOf(r.Request)
	origin := cspSource(given) // nothing odd may reach a terminal
	_, unfit := site.ParseOrigins([]string{origin})
	list := strings.Join(slices.Concat(s.Origins.List(), []string{origin}), ", ")
	switch {
	case !ok:
		event = event.Str("origin", "several at once")
	case given == "null":
		event = event.Str("origin", "null").Str("remedy", "open the page over http or https: a file on a disk and a sandboxed frame have no origin")
	case origin == "" || len(origin) > maxLoggedOrigin:
		event = event.Str("origin", "unreadable")
	case unfit != nil: // no setting can allow it
		event = event.Str("origin", origin)
	case s.ID == site.Default:
		event = event.Str("origin", origin).Str("allow_with", "LEADRELAY_ORIGINS="+strings.ReplaceAll(list, ", ", ","))
	default:
		event = event.Str("origin", origin).Str("allow_with", "sites."+s.ID+".origins: ["+list+"]")
	}
	event.Msg("origin refused")
}

// onceAMinute reports whether a minute has passed since it last returned true.
func onceAMinute(last *atomic.Int64) bool {
	now, before := time.Now().UnixNano(), last.Load()
	return (before == 0 || now-before >= int64(time.Minute)) && last.CompareAndSwap(before, now)
}
