package server

import (
	"net"
	"net/netip"
)

// party are the guests of one address. One customer has a whole /48 of IPv6.
type party struct {
	address netip.Addr
	guests  int
	bytes   int // of their places
}

// join counts the guest among those of its address.
func (c *crowd) join(g *guest) {
	address := partyOf(c.proxies, g.RemoteAddr())
	if !address.IsValid() {
		return
	}
	if c.parties[address] == nil {
		c.parties[address] = &party{address: address}
	}
	g.party = c.parties[address]
	g.party.guests++
	c.count(g.party, placeBytes)
}

// count counts more bytes of a party's places, or fewer.
func (c *crowd) count(p *party, bytes int) {
	if p == nil {
		return
	}
	was := p.isGreedy(c.share())
	p.bytes += bytes
	switch is := p.isGreedy(c.share()); {
	case is && !was:
		c.greedy++
	case was && !is:
		c.greedy--
	}
}

// partyOf is whom a connection's place counts for. It is the zero address for a
// proxy of ours, which speaks for many and has no share.
func partyOf(proxies Proxies, addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	switch {
	case proxies.trusts(ip):
		return netip.Addr{}
	case ip.Is6():
		prefix, _ := ip.Prefix(48) // fits every IPv6 address
		return prefix.Addr()
	}
	return ip
}

// part is the opposite of join.
func (c *crowd) part(g *guest) {
	p := g.party
	if p == nil {
		return
	}
	c.count(p, -placeBytes-g.held)
	if p.guests--; p.guests == 0 {
		delete(c.parties, p.address)
	}
}

// share is how many bytes of places one address may have before it loses first.
func (c *crowd) share() int { return c.bounds.connections * placeBytes / 4 }

func (p *party) isGreedy(share int) bool { return p != nil && p.bytes > share }
