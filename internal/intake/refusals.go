package intake

import (
	"regexp"
	"strings"
	"unicode"
)

// noteRefused tells whoever wants to know of a post that is refused.
func (h *handler) noteRefused(r *request, refusal Refusal) {
	if h.opt.Refused == nil {
		return
	}
	if h.opt.Client != nil {
		refusal.Client = h.opt.Client(r.Request)
	}
	h.opt.Refused(refusal)
}

// shownOrigin returns an origin as it may be shown, or nothing.
func shownOrigin(given string) string {
	if given == "null" {
		return given
	}
	if origin := cspSource(given); len(origin) <= maxLoggedOrigin {
		return origin
	}
	return ""
}

// siteName is what a site may be called.
var siteName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// shownSite returns the name of a site that there is not, as it may be shown, or nothing: it
// comes from outside, and what could be a phone number is left out.
func shownSite(name string) string {
	const mostDigits = 6
	digits := strings.Count(strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return '0'
		}
		return r
	}, name), "0")
	if !siteName.MatchString(name) || digits > mostDigits {
		return ""
	}
	return name
}
