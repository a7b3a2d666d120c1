package server

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks whose word about a client's address counts.
type Proxies []netip.Prefix

// Client returns the address that a request comes from. The forwarding headers
// are read only when the peer itself is a trusted proxy, and from the right:
// what stands left of the first untrusted address anybody may have written.
// IPv6 clients count by their /64. It is the zero address when unknown.
//
// Most proxies write X-Forwarded-For or Forwarded, and pass the other on as the
// client wrote it. So a header that names only proxies says nothing, and when
// both name a client they must agree: one that has two names counts as the
// proxy, together with all who try that.
func (p Proxies) Client(r *http.Request) netip.Addr {
	peer, ok := parseHop(r.RemoteAddr)
	if !ok || !p.trusts(peer) {
		return network(peer)
	}
	older := p.follow(peer, fromRight(strings.Join(r.Header["X-Forwarded-For"], ","), ','))
	newer := p.follow(peer, forwardedFor(strings.Join(r.Header["Forwarded"], ",")))
	switch {
	case older == peer, p.trusts(older) && !p.trusts(newer):
		return network(newer)
	case older == newer, p.trusts(newer):
		return network(older)
	}
	return network(peer)
}

// follow goes from hop to hop, away from the peer, to the first that is no
// proxy of ours. What cannot be read ends it: whoever wrote that counts.
func (p Proxies) follow(client netip.Addr, hops iter.Seq[string]) netip.Addr {
	for text := range hops {
		hop, ok := parseHop(strings.TrimSpace(text))
		if !ok {
			break
		}
		if client = hop; !p.trusts(client) {
			break
		}
	}
	return client
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
