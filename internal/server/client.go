package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks whose word about a client's address counts.
type Proxies []netip.Prefix

// Client returns the address that a request comes from. The forwarding header
// is read only when the peer itself is a trusted proxy, and from the right:
// what stands left of the first untrusted address anybody may have written.
// IPv6 clients count by their /64. It is the zero address when unknown.
func (p Proxies) Client(r *http.Request) netip.Addr {
	client, ok := parseHop(r.RemoteAddr)
	if !ok || !p.trusts(client) {
		return network(client)
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		hop, ok := parseHop(strings.TrimSpace(text))
		if !ok {
			break // whoever wrote this counts as the client
		}
		if client = hop; !p.trusts(client) {
			break
		}
	}
	return network(client)
}

// parseHop reads an address, with or without a port: some proxies add one.
func parseHop(s string) (addr netip.Addr, ok bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(s)
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

// network is what shares a limit with the address: one customer has a whole
// /64 of IPv6.
func network(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	prefix, _ := a.Prefix(64) // fits every IPv6 address
	return prefix.Addr()
}

func (p Proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(a) })
}
