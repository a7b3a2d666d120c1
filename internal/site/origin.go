package site

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Origins is the list of web origins that a browser may post from.
type Origins struct {
	exact    map[string]bool
	suffixes []suffix // from https://*.casas.mx
	written  []string
	sources  []string
}

// suffix stands for any subdomain, at any depth, but not the domain itself.
type suffix struct{ scheme, tail string }

var errOrigin = errors.New("an origin is https://host or https://*.host, with a port where it has one and nothing behind it; " +
	"an app's is what it sends, such as capacitor://localhost")

// ParseOrigins checks each entry; the error names the one that is wrong.
func ParseOrigins(list []string) (Origins, error) {
	o := Origins{exact: map[string]bool{}}
	var errs []error
	for _, entry := range list {
		if err := o.add(strings.TrimSpace(entry)); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", entry, err))
		}
	}
	return o, errors.Join(errs...)
}

func (o *Origins) add(entry string) error {
	u, err := url.Parse(entry)
	if err != nil || u.User != nil || strings.ContainsAny(entry, "?#%") || (u.Path != "" && u.Path != "/") || !hasFinePort(u) {
		return errOrigin
	}
	domain, isWildcard := strings.CutPrefix(strings.ToLower(u.Hostname()), "*.")
	name, err := punycode(domain)
	if _, noIP := netip.ParseAddr(name); err != nil || (noIP != nil && !isLabels(name)) {
		return errOrigin
	}
	host := withoutDefaultPort(u.Scheme, strings.Replace(strings.ToLower(u.Host), domain, name, 1))
	switch isWeb := u.Scheme == "https" || u.Scheme == "http"; {
	case !isWeb && (isWildcard || !isApp(u.Scheme, host)):
		return errOrigin
	case isWildcard && !strings.Contains(name, "."):
		return errOrigin
	case isWildcard:
		o.suffixes = append(o.suffixes, suffix{u.Scheme, host[1:]})
	default:
		o.exact[u.Scheme+"://"+host] = true
	}
	o.written = append(o.written, entry)
	o.sources = append(o.sources, u.Scheme+"://"+host)
	return nil
}

// isApp reports the origin of a page inside an app: Capacitor's and Ionic's on
// iOS, Tauri's, Electron's. Where the app chooses the scheme itself, its host is
// localhost, unless it chooses that too.
// https://capacitorjs.com/docs/config, https://tauri.app/reference/config
func isApp(scheme, host string) bool {
	switch scheme {
	case "app", "capacitor", "ionic", "tauri":
		return !strings.Contains(host, ":")
	case "file", "ftp", "ws", "wss":
		return false
	}
	return host == "localhost"
}

func hasFinePort(u *url.URL) bool {
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil || (u.Port() == "" && !strings.HasSuffix(u.Host, ":"))
}

// withoutDefaultPort writes the host as browsers do in an Origin header.
func withoutDefaultPort(scheme, host string) string {
	switch scheme {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// Allow reports whether origin, as a browser writes it, is on the list.
func (o Origins) Allow(origin string) bool {
	scheme, host, ok := split(origin)
	return ok && o.has(scheme, host)
}

// Own returns the origin of the site's own page that a browser shows at origin:
// origin itself when it is on the list, or that of the page which Google shows
// there in another language. It returns "" when neither is on the list.
func (o Origins) Own(origin string) string {
	scheme, host, ok := split(origin)
	switch {
	case !ok:
		return ""
	case o.has(scheme, host):
		return origin
	case scheme != "https":
		return ""
	}
	for _, host := range originals(host) {
		if o.has("https", host) {
			return "https://" + host
		}
	}
	return ""
}

// split cuts an origin in two. What no browser writes is none.
func split(origin string) (scheme, host string, ok bool) {
	const longest = 300                              // a host has at most 253 bytes
	if len(origin) > longest || hasOddByte(origin) { // lower case makes a k of the Kelvin sign
		return "", "", false
	}
	scheme, host, ok = strings.Cut(strings.ToLower(origin), "://")
	return scheme, withoutDefaultPort(scheme, host), ok
}

func (o Origins) has(scheme, host string) bool {
	if o.exact[scheme+"://"+host] {
		return true
	}
	for _, s := range o.suffixes {
		if label, ok := strings.CutSuffix(host, s.tail); ok && scheme == s.scheme && isLabels(label) {
			return true
		}
	}
	return false
}

// isLabels reports whether s is one or more host labels, and not something
// that smuggles another host in front of the suffix.
func isLabels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}

// List returns the origins as they were written in the settings.
func (o Origins) List() []string { return o.written }

// Sources returns the origins as browsers write them.
func (o Origins) Sources() []string { return o.sources }
