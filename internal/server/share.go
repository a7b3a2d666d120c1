package server

import (
	"net"
	"net/netip"
)

// share is what the connections of one address use together. All of an IPv6 /48
// counts as one address, because one customer may have it.
type share struct {
	address netip.Addr
	conns   int
	bytes   int // of their slots
}

// isOver reports whether the address uses more than limit bytes. A nil share has no
// limit.
func (s *share) isOver(limit int) bool { return s != nil && s.bytes > limit }

// shareBytes returns how many bytes of slots an address may use before its
// connections are closed first.
func (l *connLimiter) shareBytes() int { return l.limits.connections * slotBytes / 4 }

// joinShare counts the connection for its address.
func (l *connLimiter) joinShare(c *trackedConn) {
	address := shareOf(l.proxies, c.RemoteAddr())
	if !address.IsValid() {
		return
	}
	if l.shares[address] == nil {
		l.shares[address] = &share{address: address}
	}
	c.share = l.shares[address]
	c.share.conns++
	l.addToShare(c.share, slotBytes)
}

// leaveShare is the opposite of joinShare.
func (l *connLimiter) leaveShare(c *trackedConn) {
	s := c.share
	if s == nil {
		return
	}
	l.addToShare(s, -slotBytes-c.heldBytes)
	if s.conns--; s.conns == 0 {
		delete(l.shares, s.address)
	}
}

// addToShare adds to the bytes that an address uses, or subtracts from them.
func (l *connLimiter) addToShare(s *share, bytes int) {
	if s == nil {
		return
	}
	was := s.isOver(l.shareBytes())
	s.bytes += bytes
	switch is := s.isOver(l.shareBytes()); {
	case is && !was:
		l.overShare++
	case was && !is:
		l.overShare--
	}
}

// shareOf returns the address that a connection counts for. It is the zero address
// for a trusted proxy, which connects for many clients and has no share.
func shareOf(proxies Proxies, addr net.Addr) netip.Addr {
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
