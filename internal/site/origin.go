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
	origins   map[string]bool
	wildcards []wildcard // from https://*.casas.mx
	written   []string
	sources   []string
}

// wildcard allows subdomains at any depth, but not the domain itself.
type wildcard struct{ scheme, tail string }

var errOrigin = errors.New("an origin is https://host or https://*.host, with a port where it has one and nothing behind it; " +
	"an app's is what it sends, such as capacitor://localhost")

// ParseOrigins parses a list of origins. The error names every entry that is wrong.
func ParseOrigins(list []string) (Origins, error) {
	o := Origins{origins: map[string]bool{}}
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
	if err != nil || u.User != nil || strings.ContainsAny(entry, "?#%") || (u.Path != "" && u.Path != "/") || !hasValidPort(u) {
		return errOrigin
	}
	domain, isWildcard := strings.CutPrefix(strings.ToLower(u.Hostname()), "*.")
	name, err := punycode(domain)
	if _, noIP := netip.ParseAddr(name); err != nil || (noIP != nil && !isLabels(name)) {
		return errOrigin
	}
	host := withoutDefaultPort(u.Scheme, strings.Replace(strings.ToLower(u.Host), domain, name, 1))
	switch isWeb := u.Scheme == "https" || u.Scheme == "http"; {
	case !isWeb && (isWildcard || !isAppOrigin(u.Scheme, host)):
		return errOrigin
	case isWildcard && !strings.Contains(name, "."):
		return errOrigin
	case isWildcard:
		o.wildcards = append(o.wildcards, wildcard{u.Scheme, host[1:]})
	default:
		o.origins[u.Scheme+"://"+host] = true
	}
	o.written = append(o.written, entry)
	o.sources = append(o.sources, u.Scheme+"://"+host)
	return nil
}

// isAppOrigin reports whether the origin is that of a page in an app, made with
// Capacitor, Ionic, Tauri or Electron. If an app chooses its own scheme, its host is
// usually localhost.
// https://capacitorjs.com/docs/config, https://tauri.app/reference/config
func isAppOrigin(scheme, host string) bool {
	switch scheme {
	case "app", "capacitor", "ionic", "tauri":
		return !strings.Contains(host, ":")
	case "file", "ftp", "ws", "wss":
		return false
	}
	return host == "localhost"
}

func hasValidPort(u *url.URL) bool {
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil || (u.Port() == "" && !strings.HasSuffix(u.Host, ":"))
}

// withoutDefaultPort returns the host as browsers write it in an Origin header.
func withoutDefaultPort(scheme, host string) string {
	switch scheme {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// Allow reports whether an origin, as a browser writes it, is on the list.
func (o Origins) Allow(origin string) bool {
	scheme, host, ok := splitOrigin(origin)
	return ok && o.contains(scheme, host)
}

// Own returns the origin of the site's page that a browser shows at origin. It is origin
// itself, or that of the page of which Google shows a translation there. It returns "" if
// neither is on the list.
func (o Origins) Own(origin string) string {
	scheme, host, ok := splitOrigin(origin)
	switch {
	case !ok:
		return ""
	case o.contains(scheme, host):
		return origin
	case scheme != "https":
		return ""
	}
	for _, host := range translatedHosts(host) {
		if o.contains("https", host) {
			return "https://" + host
		}
	}
	return ""
}

// splitOrigin splits an origin into its scheme and host. It reports false for a text that
// no browser sends.
func splitOrigin(origin string) (scheme, host string, ok bool) {
	const maxLength = 300                                 // a host has at most 253 bytes
	if len(origin) > maxLength || HasUnsafeByte(origin) { // in lower case, the Kelvin sign is a k
		return "", "", false
	}
	scheme, host, ok = strings.Cut(strings.ToLower(origin), "://")
	return scheme, withoutDefaultPort(scheme, host), ok
}

func (o Origins) contains(scheme, host string) bool {
	if o.origins[scheme+"://"+host] {
		return true
	}
	for _, s := range o.wildcards {
		if label, ok := strings.CutSuffix(host, s.tail); ok && scheme == s.scheme && isLabels(label) {
			return true
		}
	}
	return false
}

// isLabels reports whether s consists of host labels, and contains nothing with which
// another host could be put in front of the domain.
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
