// Package site defines the web sites that may send inquiries: their origins, what they
// require of a visitor, and their language. It also has the relay's own addresses.
package site

import (
	"cmp"
	"net/url"
	"strings"

	"leadrelay/internal/lead"
)

// Default is the id of the site that has its settings in the environment. POST /f is the
// same as POST /f/default.
const Default = "default"

// Site is one web site.
type Site struct {
	ID      string
	Source  string // what we send to EasyBroker as the source, such as casas.mx
	Name    string // the site's name on our pages; if empty, Source
	Color   string // of buttons and links, such as #0e6657; if empty, ours
	Privacy string // URL of its privacy notice, if it has one
	// PrivacyText stands in front of the link to that, in place of ours.
	PrivacyText string
	Origins     Origins
	ThanksURL   string            // where a plain form goes after an inquiry; if empty, our own page
	Locale      string            // es, en or auto
	Rules       lead.Rules        // what an inquiry must have
	Fields      map[string]string // from the form's name of a field to ours
	Tick        lead.Tick         // the unit of its remote ids

	SpamThreshold int // the score from which a lead is quarantined; 0 means never
}

// Redirect returns the URL to which a visitor may be redirected after an inquiry. It
// returns "" if target is neither a path on the relay nor on one of the site's origins.
// Browsers read `\` as `/`, drop tabs and line ends, and take `//host` as another host.
// So it refuses anything unusual instead of correcting it.
func (s *Site) Redirect(target string) string {
	u := parseTarget(target)
	switch {
	case u == nil:
		return ""
	case isReference(u) && target[0] == '/':
		return u.String()
	case !s.Origins.Allow(u.Scheme + "://" + u.Host):
		return ""
	}
	return u.String()
}

// RedirectFrom is Redirect for a target that a page of the site has given. The target may
// be relative to that page. If the page is nil, it must be an absolute URL.
func (s *Site) RedirectFrom(page *url.URL, target string) string {
	u := parseTarget(target)
	switch {
	case u == nil || (page == nil && isReference(u)):
		return ""
	case !isReference(u):
		return s.Redirect(target)
	case target[0] == '/':
		return page.Scheme + "://" + page.Host + u.String()
	}
	base := *page
	base.Path = cmp.Or(base.Path, "/")
	return base.ResolveReference(u).String()
}

// isReference reports whether a target has neither scheme nor host.
func isReference(u *url.URL) bool { return u.Scheme == "" && u.Host == "" }

// parseTarget parses a target. It returns nil if browsers might read it differently.
func parseTarget(target string) *url.URL {
	const maxLength = 2048
	if len(target) > maxLength {
		return nil
	}
	target = EncodeLetters(target)
	if target == "" || HasUnsafeByte(target) || strings.HasPrefix(target, "//") {
		return nil
	}
	u, err := url.Parse(target)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil
	}
	return u
}

// HasUnsafeByte reports whether s has a byte that must be encoded in a URL, and that
// browsers may change.
func HasUnsafeByte(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '\\' || c >= 0x7f {
			return true
		}
	}
	return false
}
