package spam

import (
	"slices"
	"strings"
)

// link is where a link leads to. Its host has no www.
type link struct {
	host, path string
	bare       bool // nothing but the host: "Casas.com" may be somebody's firm
}

// isDelimiter reports what stands around links, in HTML and BBCode too.
func isDelimiter(r rune) bool {
	switch r {
	case '<', '>', '[', ']', '(', ')', '{', '}', '"', '\'', '=', ',', ';', '|':
		return true
	}
	return r <= ' '
}

// parseLink reads a link as people and robots write them: with or without
// its scheme.
func parseLink(field string) (link, bool) {
	if strings.IndexByte(field, '.') < 0 && strings.IndexByte(field, ':') < 0 {
		return link{}, false // most words
	}
	scheme, rest, ok := strings.Cut(field, "://")
	switch {
	case ok && !isWeb(scheme):
		return link{}, false
	case !ok:
		rest = field
		if strings.Contains(rest, "@") { // a mail address
			return link{}, false
		}
	}
	if len(rest) >= len("www.") && strings.EqualFold(rest[:len("www.")], "www.") {
		rest, ok = rest[len("www."):], true
	}
	l := link{host: rest}
	if i := strings.IndexAny(rest, "/?#:\\"); i >= 0 {
		l.host, l.path = rest[:i], rest[i:]
	}
	l.host = strings.TrimRight(l.host, ".!…»”")
	l.bare = !ok && l.path == ""
	return l, l.host != "" && (ok || l.hasKnownEnding())
}

// isWeb reports a scheme that a browser follows, whatever stands before it.
func isWeb(scheme string) bool {
	scheme = strings.ToLower(scheme[max(0, len(scheme)-len("https")):])
	return strings.HasSuffix(scheme, "http") || strings.HasSuffix(scheme, "https")
}

// hasKnownEnding tells a domain from two sentences without a blank between
// them. So the list leaves out what is a word in Spanish or English.
func (l link) hasKnownEnding() bool {
	label, ending := cutLast(l.host)
	return label != "" && (contains(bareEndings, ending) || strings.HasPrefix(l.path, "/") && contains(oddEndings, ending))
}

// isOrdinary reports a link that an inquiry may well have: to the site itself,
// to a portal with the same listing, to a map or a person's own page.
func (l link) isOrdinary(hosts []string) bool {
	isBelow := func(host string) bool { return below(l.host, host) }
	if slices.ContainsFunc(hosts, isBelow) || slices.ContainsFunc(ordinaryHosts, isBelow) {
		return true
	}
	return strings.Contains(l.host, "google.") && strings.HasPrefix(l.path, "/maps")
}

func (l link) isShortened() bool {
	return slices.ContainsFunc(shorteners, func(host string) bool { return below(l.host, host) })
}

func (l link) isOdd() bool {
	_, ending := cutLast(l.host)
	return contains(oddEndings, ending)
}

func (l link) isExample() bool { return isExample(l.host) }

// isExample reports a host that is nobody's, which only testers use.
func isExample(host string) bool {
	return slices.ContainsFunc(exampleHosts, func(example string) bool { return below(host, example) })
}

// below reports whether a host is domain or below it.
func below(host, domain string) bool {
	n := len(host) - len(domain)
	return n >= 0 && strings.EqualFold(host[n:], domain) && (n == 0 || host[n-1] == '.')
}

func cutLast(host string) (label, ending string) {
	i := strings.LastIndexByte(host, '.')
	if i < 0 {
		return "", host
	}
	return host[:i], host[i+1:]
}

func contains(list []string, s string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, s) })
}

var (
	bareEndings = []string{"com", "net", "org", "mx", "io", "info", "biz", "ru", "top", "xyz", "shop", "club", "vip"}
	// oddEndings are top-level domains that spam loves and agencies do not use.
	oddEndings = []string{
		"ru", "su", "top", "xyz", "shop", "club", "vip", "live", "biz", "info", "pw", "icu", "click", "buzz", "cc", "tk", "ml", "ga", "cf", "gq",
		"online", "site", "space", "website", "fun", "pro", "work", "loan", "win", "bid", "cn", "vn",
	}
	shorteners   = []string{"bit.ly", "u.to", "tinyurl.com", "t.me", "telegra.ph", "cutt.ly", "is.gd", "ow.ly", "rb.gy", "goo.su", "t.co", "clck.ru", "shorturl.at"}
	exampleHosts = []string{"example.com", "example.org", "example.net", "test.com", "localhost", "oast.fun", "oast.pro", "interact.sh", "burpcollaborator.net"}
	// ordinaryHosts are where people find and show properties, and themselves.
	ordinaryHosts = []string{
		"easybroker.com", "inmuebles24.com", "vivanuncios.com.mx", "lamudi.com.mx", "propiedades.com", "icasas.mx", "metroscubicos.com", "mercadolibre.com.mx",
		"segundamano.mx", "century21mexico.com", "remax.com.mx", "airbnb.com", "airbnb.mx", "zillow.com", "realtor.com", "goo.gl", "wa.me", "whatsapp.com",
		"facebook.com", "instagram.com", "youtube.com", "youtu.be", "linkedin.com",
	}
)

// linkInName weighs a link where a name belongs.
func (e *evidence) linkInName() int {
	return max(when(e.name.links > e.name.bare, enough), when(e.name.bare > 0, some))
}

// manyLinks weighs other people's links in the message, by number. One is
// nothing much; several are what robots live from.
func (e *evidence) manyLinks() int {
	points := []int{0, weak, some, strong, enough}
	return points[min(e.message.links, len(points)-1)]
}

// oddLinks weighs where they lead to, and that there is nothing beside them.
func (e *evidence) oddLinks() int {
	const fewWords = 2
	m := &e.message
	kind := max(when(m.shortened > 0, some), when(m.examples > 0, some), when(m.odd > 0, weak))
	return kind + when(m.links > 0 && m.words < fewWords, some)
}
