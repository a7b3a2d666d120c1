package site

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// idnaProfile converts the name of a host like a browser.
var idnaProfile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true))

// punycode returns a host's name as browsers write it: cañada.mx is xn--caada-pta.mx.
func punycode(name string) (string, error) {
	if isASCII(name) {
		return name, nil
	}
	return idnaProfile.ToASCII(name)
}

// EncodeLetters encodes the letters beyond ASCII of a URL like a browser: the host in
// punycode and the rest with percent signs. Other characters beyond ASCII stay, because
// browsers take some of them for a dot or a slash. It returns "" if a browser would go to
// another host than the one that is written.
func EncodeLetters(address string) string {
	if isASCII(address) {
		return address
	}
	scheme, rest, hasHost := strings.Cut(address, "://")
	if !hasHost || !isASCII(scheme) || strings.ContainsAny(scheme, `/\?#`) {
		return percentEncode(address)
	}
	end := strings.IndexAny(rest, `/\?#`)
	if end < 0 {
		end = len(rest)
	}
	host, ok := roundTripPunycode(rest[:end])
	if !ok {
		return ""
	}
	return scheme + "://" + host + percentEncode(rest[end:])
}

// roundTripPunycode is punycode for a host, perhaps with a port. It reports false if
// browsers map the host to another one.
func roundTripPunycode(host string) (string, bool) {
	if isASCII(host) {
		return host, true
	}
	name, port := host, ""
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 {
		name, port = host[:colon], host[colon:]
	}
	ascii, err := punycode(name)
	if err != nil {
		return "", false
	}
	back, err := idnaProfile.ToUnicode(ascii)
	return ascii + port, err == nil && back == strings.ToLower(name)
}

func percentEncode(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= utf8.RuneSelf && r != utf8.RuneError && unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number) {
			b.WriteString(url.PathEscape(string(r)))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}
