package spam

import (
	"iter"
	"slices"
	"strings"
)

// link is the target of a link. Its host is without www.
type link struct {
	host, path string
	bare       bool // only a host, such as "Casas.com", which may be a firm
}

// delimiters are the characters that may stand around links, in HTML and BBCode, too.
var delimiters = func() (all [256]bool) {
	for c := range byte(' ' + 1) {
		all[c] = true
	}
	for _, c := range []byte("<>[](){}\"'=,;|") {
		all[c] = true
	}
	return all
}()

// parts returns the parts of a text between delimiters.
func parts(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		begin := 0
		for i := range len(text) {
			if !delimiters[text[i]] {
				continue
			}
			if begin < i && !yield(text[begin:i]) {
				return
			}
			begin = i + 1
		}
		if begin < len(text) {
			yield(text[begin:])
		}
	}
}

// parseLink parses a link as people and robots write it, with or without a scheme.
func parseLink(part string) (link, bool) {
	if strings.IndexByte(part, '.') < 0 && strings.IndexByte(part, ':') < 0 {
		return link{}, false // most words
	}
	scheme, rest, ok := strings.Cut(part, "://")
	switch {
	case ok && !isWeb(scheme):
		return link{}, false
	case !ok:
		rest = part
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

// isWeb reports whether the text ends with a scheme that a browser follows.
func isWeb(scheme string) bool {
	scheme = strings.ToLower(scheme[max(0, len(scheme)-len("https")):])
	return strings.HasSuffix(scheme, "http") || strings.HasSuffix(scheme, "https")
}

// hasKnownEnding tells a domain from two sentences without a blank between them.
// Therefore the list has no endings that are words in Spanish or English.
func (l link) hasKnownEnding() bool {
	label, ending := cutLast(l.host)
	return label != "" && (contains(bareEndings, ending) || strings.HasPrefix(l.path, "/") && contains(oddEndings, ending))
}

// isOrdinary reports whether an inquiry may well have the link: to the site itself, to a
// portal with the same listing, to a map or a person's own page.
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

// isExample reports whether the host is one that only testers use.
func isExample(host string) bool {
	return slices.ContainsFunc(exampleHosts, func(example string) bool { return below(host, example) })
}

// below reports whether the host is the domain or a subdomain of it.
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
	// oddEndings are top-level domains that spam uses and agencies do not.
	oddEndings = []string{
		"ru", "su", "top", "xyz", "shop", "club", "vip", "live", "biz", "info", "pw", "icu", "click", "buzz", "cc", "tk", "ml", "ga", "cf", "gq",
		"online", "site", "space", "website", "fun", "pro", "work", "loan", "win", "bid", "cn", "vn",
	}
	shorteners   = []string{"bit.ly", "u.to", "tinyurl.com", "t.me", "telegra.ph", "cutt.ly", "is.gd", "ow.ly", "rb.gy", "goo.su", "t.co", "clck.ru", "shorturl.at"}
	exampleHosts = []string{"example.com", "example.org", "example.net", "test.com", "localhost", "oast.fun", "oast.pro", "interact.sh", "burpcollaborator.net"}
	// ordinaryHosts are hosts where people find and show properties, and themselves.
	ordinaryHosts = []string{
		"easybroker.com", "inmuebles24.com", "vivanuncios.com.mx", "lamudi.com.mx", "propiedades.com", "icasas.mx", "metroscubicos.com", "mercadolibre.com.mx",
		"segundamano.mx", "century21mexico.com", "remax.com.mx", "airbnb.com", "airbnb.mx", "zillow.com", "realtor.com", "goo.gl", "wa.me", "whatsapp.com",
		"facebook.com", "instagram.com", "youtube.com", "youtu.be", "linkedin.com",
	}
)

// linkInName weighs a link in the name.
func (e *evidence) linkInName() int {
	return max(when(e.name.links > e.name.bare, enough), when(e.name.bare > 0, some))
}

// manyLinks weighs the number of links in the message. One is not much. Several are
// what robots post for.
func (e *evidence) manyLinks() int {
	points := []int{0, weak, some, strong, enough}
	return points[min(e.message.links, len(points)-1)]
}

// oddLinks weighs where the links lead to, and a message with hardly a word beside them.
func (e *evidence) oddLinks() int {
	const fewWords = 2
	m := &e.message
	kind := max(when(m.shortened > 0, some), when(m.examples > 0, some), when(m.odd > 0, weak))
	return kind + when(m.links > 0 && m.words < fewWords, some)
}
