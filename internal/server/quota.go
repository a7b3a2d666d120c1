package server

import (
	"net"
	"net/netip"
	"time"
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
	c.comesBack = l.comesBack(address, c.phaseSince)
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

// evictions counts how many connections of an address were evicted.
type evictions struct {
	count int
	since time.Time
}

// An address comes back if manyEvictions of its connections were evicted within
// evictionWindow: those who keep a connection waiting once or twice on a bad line have
// fewer. rememberedAddresses bounds the memory for it, to some hundred kB.
const (
	manyEvictions       = 8
	evictionWindow      = 10 * time.Second
	rememberedAddresses = 2048
)

// noteEviction counts a connection of the address that is evicted.
func (l *connLimiter) noteEviction(u *addressUse, now time.Time) {
	if u == nil {
		return
	}
	e, _ := l.evictions.Get(u.address)
	if now.Sub(e.since) > evictionWindow {
		e = evictions{since: now}
	}
	e.count++
	l.evictions.Put(u.address, e)
}

// comesBack reports whether the address was often hung up on just before.
func (l *connLimiter) comesBack(address netip.Addr, now time.Time) bool {
	e, _ := l.evictions.Get(address)
	return e.count >= manyEvictions && now.Sub(e.since) <= evictionWindow
}
