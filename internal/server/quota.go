package server

import (
	"net"
	"net/netip"
)

// addressUse is what the connections of one address use together. All of an IPv6 /48
// counts as one address, because one customer may have it.
type addressUse struct {
	address netip.Addr
	conns   int
	bytes   int // of their slots
}

// isOver reports whether the address uses more than limit bytes. A nil use has no
// limit.
func (u *addressUse) isOver(limit int) bool { return u != nil && u.bytes > limit }

// quota returns how many bytes of slots an address may use before its connections
// are closed first.
func (l *connLimiter) quota() int { return l.limits.connections * slotBytes / 4 }

// countConn counts the connection for its address.
func (l *connLimiter) countConn(c *trackedConn) {
	address := countedAddress(l.proxies, c.RemoteAddr())
	if !address.IsValid() {
		return
	}
	if l.addresses[address] == nil {
		l.addresses[address] = &addressUse{address: address}
	}
	c.address = l.addresses[address]
	c.address.conns++
	l.addToAddress(c.address, slotBytes)
}

// uncountConn is the opposite of countConn.
func (l *connLimiter) uncountConn(c *trackedConn) {
	u := c.address
	if u == nil {
		return
	}
	l.addToAddress(u, -slotBytes-c.requestMemory)
	if u.conns--; u.conns == 0 {
		delete(l.addresses, u.address)
	}
}

// addToAddress adds to the bytes that an address uses, or subtracts from them.
func (l *connLimiter) addToAddress(u *addressUse, bytes int) {
	if u == nil {
		return
	}
	was := u.isOver(l.quota())
	u.bytes += bytes
	switch is := u.isOver(l.quota()); {
	case is && !was:
		l.overQuota++
	case was && !is:
		l.overQuota--
	}
}

// countedAddress returns the address that a connection counts for. It is the zero
// address for a trusted proxy, which connects for many clients and has no quota.
func countedAddress(proxies Proxies, addr net.Addr) netip.Addr {
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
