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
}

// suffix stands for any subdomain, at any depth, but not the domain itself.
type suffix struct{ scheme, tail string }

var errOrigin = errors.New("an origin is https://host or https://*.host, with a port where it has one and nothing behind it")

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
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || strings.ContainsAny(entry, "?#") ||
		(u.Path != "" && u.Path != "/") || !hasFinePort(u) {
		return errOrigin
	}
	name := strings.ToLower(u.Hostname())
	host := withoutDefaultPort(u.Scheme, strings.ToLower(u.Host))
	if domain, ok := strings.CutPrefix(name, "*."); ok {
		if !isLabels(domain) || !strings.Contains(domain, ".") {
			return errOrigin
		}
		o.suffixes = append(o.suffixes, suffix{u.Scheme, host[1:]})
	} else {
		if _, err := netip.ParseAddr(name); err != nil && !isLabels(name) {
			return errOrigin
		}
		o.exact[u.Scheme+"://"+host] = true
	}
	o.written = append(o.written, entry)
	return nil
}

func hasFinePort(u *url.URL) bool {
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil || (u.Port() == "" && !strings.HasSuffix(u.Host, ":"))
}

// withoutDefaultPort writes the host as browsers do in an Origin header.
func withoutDefaultPort(scheme, host string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// Allow reports whether origin, as a browser writes it, is on the list.
func (o Origins) Allow(origin string) bool {
	const longest = 300                              // a host has at most 253 bytes
	if len(origin) > longest || hasOddByte(origin) { // lower case makes a k of the Kelvin sign
		return false
	}
	scheme, host, ok := strings.Cut(strings.ToLower(origin), "://")
	if !ok {
		return false
	}
	host = withoutDefaultPort(scheme, host)
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
