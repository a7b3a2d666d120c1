package site

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Address is where the relay is on the web. Its zero value is unknown.
type Address struct {
	Origin string // as browsers write it: https://leads.casas.mx
	Path   string // in front of all paths there: /leads, or empty
}

// ownPaths are the first segments of the relay's own paths.
var ownPaths = []string{"f", "assets", "widget.js", "widget.d.ts", "healthz", "readyz"}

var (
	plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`) // with neither . nor .. as a segment

	errAddress  = errors.New("wants an address such as https://leads.casas.mx, with neither user nor query")
	errPath     = errors.New("wants letters, digits, dots, dashes and underscores alone in the path")
	errOwnPath  = errors.New("has a path that begins as the relay's own do (/f, /assets, …); put another in front")
	errRootOnly = errors.New("wants no path: the console is at the root of its host")
)

// ParseAddress reads the address of the public door. Its errors never repeat
// what was there.
func ParseAddress(s string) (Address, error) {
	u, err := url.Parse(EncodeLetters(s)) // a name with an ñ is one, too
	if err != nil || strings.Contains(u.Host, "*") || strings.ContainsAny(s, "?#\\") || u.User != nil || u.Opaque != "" {
		return Address{}, errAddress
	}
	scheme := strings.ToLower(u.Scheme)
	if _, err := ParseOrigins([]string{scheme + "://" + u.Host}); err != nil || u.Host == "" || (scheme != "https" && scheme != "http") {
		return Address{}, errAddress
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case !plainPath.MatchString(path):
		return Address{}, errPath
	case slices.Contains(ownPaths, first):
		return Address{}, errOwnPath
	}
	return Address{Origin: scheme + "://" + withoutDefaultPort(scheme, strings.ToLower(u.Host)), Path: path}, nil
}

// ParseRootAddress reads the address of a door that takes no path in front.
func ParseRootAddress(s string) (Address, error) {
	a, err := ParseAddress(s)
	if a.Path != "" || errors.Is(err, errPath) || errors.Is(err, errOwnPath) {
		return Address{}, errRootOnly
	}
	return a, err
}

// IsZero reports whether nobody has said where the relay is.
func (a Address) IsZero() bool { return a == Address{} }

// String is the whole address, without a slash at its end.
func (a Address) String() string { return a.Origin + a.Path }

// Host is the name or number of the host, without a port; an IPv6 number has no
// brackets.
func (a Address) Host() string {
	u, err := url.Parse(a.Origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
