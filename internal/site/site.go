// Package site knows the web sites that may send inquiries: their origins,
// what they require of a visitor, and how they speak.
package site

import (
	"cmp"
	"net/url"
	"strings"

	"leadrelay/internal/lead"
)

// Default is the id of the site that the environment describes; POST /f is
// the same as POST /f/default.
const Default = "default"

// Site is one web site.
type Site struct {
	ID        string
	Source    string // what EasyBroker is told as the inquiry's source, e.g. casas.mx
	Name      string // what the pages call it; empty: as the source
	Color     string // of its buttons and links, as #0e6657; empty: ours
	Privacy   string // address of its privacy notice; empty: none is shown
	Origins   Origins
	ThanksURL string            // where a plain form goes after an inquiry; empty: our own page
	Locale    string            // es, en or auto
	Rules     lead.Rules        // what an inquiry must have
	Fields    map[string]string // the form's name for a field → ours
	Tick      lead.Tick         // what its remote ids count

	SpamThreshold int // the score from which a lead is set apart; 0: none is
}

// Redirect returns the address that a visitor may be sent to after an
// inquiry, or "" when target is neither a path on the relay's own site nor on
// one of this site's origins. Browsers read `\` as `/`, drop tabs and line
// ends, and take `//host` as another host, so anything odd is refused rather
// than mended.
func (s *Site) Redirect(target string) string {
	u := parse(target)
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

// RedirectFrom is Redirect for a target that a page of the site has named,
// which may be relative to that page. Without a page only a whole address goes
// anywhere.
func (s *Site) RedirectFrom(page *url.URL, target string) string {
	u := parse(target)
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

// isReference reports a target that is neither on another host nor of another
// scheme.
func isReference(u *url.URL) bool { return u.Scheme == "" && u.Host == "" }

// parse reads a target. It returns nil when browsers might read it another way.
func parse(target string) *url.URL {
	const longest = 2048
	if len(target) > longest {
		return nil
	}
	target = EncodeLetters(target)
	if target == "" || hasOddByte(target) || strings.HasPrefix(target, "//") {
		return nil
	}
	u, err := url.Parse(target)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil
	}
	return u
}

// hasOddByte reports a byte that no address needs raw and browsers bend.
func hasOddByte(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '\\' || c >= 0x7f {
			return true
		}
	}
	return false
}
