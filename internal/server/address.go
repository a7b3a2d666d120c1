package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// BelowPath lets a door stand below a path of its host. Some proxies take the
// path away before they ask, and others do not: either is understood.
func BelowPath(path string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rest, ok := strings.CutPrefix(r.URL.Path, path)
			if path == "" || !ok || !strings.HasPrefix(rest, "/") {
				next.ServeHTTP(w, r)
				return
			}
			below := *r
			below.URL = new(url.URL)
			*below.URL = *r.URL
			below.URL.Path, below.URL.RawPath = rest, strings.TrimPrefix(r.URL.RawPath, path)
			next.ServeHTTP(w, &below)
		})
	}
}

// Hosts are the names that a door answers for. A page anywhere on the web can
// give its own name this machine's address and then read what is there; but its
// requests bear that name.
type Hosts struct {
	names     map[string]bool
	anyNumber bool // a door on all addresses of a machine cannot know them
}

// NewHosts returns the names of a door that listens at addr, and more of them.
// Loopback names are always among them. A number as such cannot be pointed
// elsewhere, so where the door listens on all addresses, any will do.
func NewHosts(addr string, more ...string) Hosts {
	h := Hosts{names: map[string]bool{}}
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	h.anyNumber = host == "" || err == nil && ip.IsUnspecified()
	for _, name := range append(more, host) {
		if name != "" {
			h.names[plainName(name)] = true
		}
	}
	return h
}

// Has reports whether a Host header names the door, whatever its port.
func (h Hosts) Has(header string) bool {
	host, port, err := net.SplitHostPort(header)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]"), "0"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	name := plainName(host)
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.IsLoopback() || h.anyNumber || h.names[name]
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || h.names[name]
}

// plainName writes a name or a number in one way.
func plainName(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// Only answers for the door's names alone, and leaves the others to refuse.
// Probes may ask by any name; with a query they would get more than a yes or no.
func (h Hosts) Only(refuse http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			isProbe := (r.URL.Path == HealthzPath || r.URL.Path == ReadyzPath) && r.URL.RawQuery == ""
			if !isProbe && !h.Has(r.Host) {
				refuse.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
