package site

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Address is the URL of a door, without a slash at its end. The zero value means that it
// is unknown.
type Address struct {
	Origin string // as a browser writes it: https://leads.casas.mx
	Path   string // prefix of all paths, such as /leads; may be empty
}

// ownPaths are the first segments of the relay's paths.
var ownPaths = []string{"f", "assets", "widget.js", "widget.d.ts", "healthz", "readyz"}

var (
	validPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`) // no segment is . or ..

	errAddress  = errors.New("wants an address such as https://leads.casas.mx, with neither user nor query")
	errPath     = errors.New("wants letters, digits, dots, dashes and underscores alone in the path")
	errOwnPath  = errors.New("has a path that begins as the relay's own do (/f, /assets, …); put another in front")
	errRootOnly = errors.New("wants no path: the console is at the root of its host")
)

// ParseAddress parses the address of the public door. Its errors never contain the text.
func ParseAddress(s string) (Address, error) {
	u, err := url.Parse(EncodeLetters(s)) // a host may have an ñ
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
	case !validPath.MatchString(path):
		return Address{}, errPath
	case slices.Contains(ownPaths, first):
		return Address{}, errOwnPath
	}
	return Address{Origin: scheme + "://" + withoutDefaultPort(scheme, strings.ToLower(u.Host)), Path: path}, nil
}

// ParseRootAddress parses the address of a door that is at the root of its host.
func ParseRootAddress(s string) (Address, error) {
	a, err := ParseAddress(s)
	if a.Path != "" || errors.Is(err, errPath) || errors.Is(err, errOwnPath) {
		return Address{}, errRootOnly
	}
	return a, err
}

// IsZero reports whether the address is unknown.
func (a Address) IsZero() bool { return a == Address{} }

// String returns the URL.
func (a Address) String() string { return a.Origin + a.Path }

// Host returns the name or IP address of the host, without port and brackets.
func (a Address) Host() string {
	u, err := url.Parse(a.Origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
