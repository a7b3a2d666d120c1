package server

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the proxies that we trust to name a client's address.
type Proxies []netip.Prefix

// Client returns the address that a request comes from, or the zero address if it is
// unknown. An IPv6 address stands for its /64. The forwarding headers are read only if
// the peer is a trusted proxy. They are read from the right, because anybody may have
// written what is left of the first untrusted address.
//
// Most proxies write either X-Forwarded-For or Forwarded, and pass the other on as
// the client wrote it. So a header that names only proxies is ignored. If both name a
// client, they must agree: otherwise the client counts as the proxy, together with
// all others that try this.
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

// follow goes from hop to hop, away from the peer, and returns the first that is not
// a trusted proxy. If a hop cannot be parsed, it returns the one that wrote it.
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

// parseHop parses an address with or without a port, which some proxies add.
func parseHop(s string) (addr netip.Addr, ok bool) {
	var err error
	if strings.HasPrefix(s, "[") || strings.Count(s, ":") == 1 {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(s)
		addr = withPort.Addr()
	} else {
		addr, err = netip.ParseAddr(s)
	}
	return addr.Unmap().WithZone(""), err == nil
}

// network returns the address that limits are counted for. An IPv6 address stands for
// its /64, because one customer has all of it.
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
