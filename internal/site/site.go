// Package site knows the web sites that may send inquiries: their origins,
// what they require of a visitor, and how they speak.
package site

import (
	"net/url"

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
	const longest = 2048
	if target == "" || len(target) > longest || hasOddByte(target) {
		return ""
	}
	u, err := url.Parse(target)
	if err != nil || u.User != nil || u.Opaque != "" {
		return ""
	}
	if u.Scheme == "" && u.Host == "" {
		if target[0] != '/' || (len(target) > 1 && target[1] == '/') {
			return ""
		}
		return u.String()
	}
	if !s.Origins.Allow(u.Scheme + "://" + u.Host) {
		return ""
	}
	return u.String()
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
