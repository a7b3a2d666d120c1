package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose word about a client's address counts.
type Proxies []netip.Prefix

// Client returns the address that a request comes from. The forwarding header
// is read only when the peer itself is a trusted proxy, and from the right:
// what stands left of the first untrusted address anybody may have written.
// IPv6 clients count by their /64. It is the zero address when unknown.
func (p Proxies) Client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.trusts(client); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		client = hop.Unmap().WithZone("")
	}
	if client.Is6() {
		prefix, _ := client.Prefix(64)
		return prefix.Addr()
	}
	return client
}

func (p Proxies) trusts(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}
