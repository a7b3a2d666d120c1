package intake

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/site"
)

// corsHeaders are what a page may send. @formspree/core sends the last two, so
// its preflight fails without them.
const corsHeaders = "Accept, Content-Type, X-Requested-With, Idempotency-Key, Formspree-Client, Formspree-Session-Data"

// cors lets a page of the site read the answer, whatever it is, and returns
// that page's origin; "" for any other page.
func (k *desk) cors(h http.Header, r *http.Request) string {
	origin := r.Header.Get("Origin")
	if origin == "" || !k.Origins.Allow(origin) {
		return ""
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Idempotency-Replayed, Retry-After, X-Request-Id")
	return origin
}

// preflight tells a browser what a page of the site may send.
func (d *door) preflight(w http.ResponseWriter, r *http.Request, v *visit) error {
	const longest = 1024 // no page asks for so many headers
	if v.desk == nil {
		return unknownSite()
	}
	h := w.Header()
	h.Set("Allow", formMethods)
	if len(r.Header.Get("Access-Control-Request-Headers")) > longest {
		h.Del("Access-Control-Allow-Origin")
		h.Del("Access-Control-Expose-Headers")
	} else if v.origin != "" {
		h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", "7200")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// fromKnownPage reports whether the page that posts may do so. Servers and old
// browsers send no origin. A page under Referrer-Policy: no-referrer sends
// "null", and so does any sandboxed script: only a plain form's navigation is
// taken with it.
func (v *visit) fromKnownPage(r *http.Request) bool {
	switch origin := r.Header.Get("Origin"); origin {
	case "":
		return true
	case "null":
		return v.isPlainForm(r)
	default:
		return v.origin != "" || isOwnPage(r, origin)
	}
}

// isOwnPage reports a page of the relay itself. Sec-Fetch-Site knows better
// than the host where a proxy in front rewrites that; no script can forge it.
func isOwnPage(r *http.Request, origin string) bool {
	_, host, _ := strings.Cut(origin, "://")
	return (host != "" && strings.EqualFold(host, r.Host)) || r.Header.Get("Sec-Fetch-Site") == "same-origin"
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
	now, last := time.Now().UnixNano(), k.reported.Load()
	if last != 0 && now-last < int64(time.Minute) || !k.reported.CompareAndSwap(last, now) {
		return
	}
	event := zerolog.Ctx(r.Context()).Warn()
	origin := cspSource(r.Header.Get("Origin")) // nothing odd may reach a terminal
	if list := slices.Concat(k.Origins.List(), []string{origin}); origin == "" || len(origin) > 300 {
		event = event.Str("origin", "null or unreadable")
	} else if event = event.Str("origin", origin); k.ID == site.Default {
		event = event.Str("allow_with", "LEADRELAY_ORIGINS="+strings.Join(list, ","))
	} else {
		event = event.Str("allow_with", "sites."+k.ID+".origins: ["+strings.Join(list, ", ")+"]")
	}
	event.Msg("origin refused")
}
