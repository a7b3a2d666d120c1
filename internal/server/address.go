package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// BelowPath serves a door below a path of its host. It accepts requests with and
// without the path, because some proxies remove it and others do not.
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

// Hosts are the names that a door answers for. Any page on the web can point its own
// name at this machine's address and then read what is there (DNS rebinding), but its
// requests carry that name.
type Hosts struct {
	names map[string]bool
	anyIP bool // the door listens on all addresses of the machine, and does not know them
}

// NewHosts returns the names of a door that listens at addr, and the names in more.
// Loopback names are always among them. If the door listens on all addresses, every
// IP address is accepted, because nobody can point one elsewhere.
func NewHosts(addr string, more ...string) Hosts {
	h := Hosts{names: map[string]bool{}}
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	h.anyIP = host == "" || err == nil && ip.IsUnspecified()
	for _, name := range append(more, host) {
		if name != "" {
			h.names[normalizeHost(name)] = true
		}
	}
	return h
}

// Has reports whether a Host header names the door. The port is ignored.
func (h Hosts) Has(header string) bool {
	host, port, err := net.SplitHostPort(header)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]"), "0"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	name := normalizeHost(host)
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.IsLoopback() || h.anyIP || h.names[name]
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || h.names[name]
}

// normalizeHost returns the one form of a name or an IP address that we compare.
func normalizeHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// Only is a middleware that passes requests for other names to refuse. Probes may use
// any name, but a foreign name gets a yes or no: its query, which asks for more, is dropped.
func (h Hosts) Only(refuse http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !h.Has(r.Host) {
				if r.URL.Path != HealthzPath && r.URL.Path != ReadyzPath {
					refuse.ServeHTTP(w, r)
					return
				}
				r = r.Clone(r.Context())
				r.URL.RawQuery = ""
			}
			next.ServeHTTP(w, r)
		})
	}
}
