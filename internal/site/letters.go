package site

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// browsers write the name of a host as this does.
var browsers = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true))

// punycode writes a host's name as browsers do: cañada.mx is xn--caada-pta.mx.
func punycode(name string) (string, error) {
	if isASCII(name) {
		return name, nil
	}
	return browsers.ToASCII(name)
}

// EncodeLetters writes an address with letters beyond ASCII as browsers do: its
// host in punycode, the rest in percent signs. What else is beyond ASCII stays as
// it is: browsers take some of it for a dot or a slash. A host that they would
// read as another than is written makes it "".
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
	host, ok := plainPunycode(rest[:end])
	if !ok {
		return ""
	}
	return scheme + "://" + host + percentEncode(rest[end:])
}

// plainPunycode is punycode for a host, perhaps with a port, that stays the
// same where it is read back: none that browsers map to another one.
func plainPunycode(host string) (string, bool) {
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
	back, err := browsers.ToUnicode(ascii)
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
