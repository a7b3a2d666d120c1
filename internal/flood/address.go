package flood

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// network is a kind of network that an address lies in. Whoever has a wide network
// has many addresses, so there is also a limit on what all of it may send: so many
// times what one address may.
type network struct {
	bits  int
	times time.Duration
}

// An IPv6 customer has at least a /64, often a /56, and a /48 for the asking. An
// IPv4 address may be that of a whole office, or of a carrier's customers.
var (
	posting4 = []network{{32, 1}}
	posting6 = []network{{64, 1}, {56, 4}, {48, 16}}
	// A sender of leads is known by wider networks, because whoever floods a site
	// has more addresses than whoever just posts.
	sending4 = []network{{32, 1}, {24, 4}}
	sending6 = []network{{48, 1}}
)

func pick(a netip.Addr, four, six []network) []network {
	if a.Is4() {
		return four
	}
	return six
}

// Wait returns how long an address must wait before it may post, or zero if it may
// post now. Each network that the address lies in must have room, and they are
// charged only if all of them do.
func (g *Gate) Wait(from netip.Addr) (wait time.Duration) {
	if g.address.N == 0 {
		return 0
	}
	var keys [3]uint64
	var fulls [3]time.Duration
	networks := pick(from, posting4, posting6)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Since(g.start) // monotonic: setting the clock changes nothing
	for i, n := range networks {
		keys[i] = g.network("", from, n.bits)
		fulls[i] = max(g.addresses.full(keys[i]), now)
		wait = max(wait, fulls[i]+g.address.interval()/n.times-now-g.address.Per)
	}
	for i, n := range networks {
		if wait <= 0 {
			fulls[i] += g.address.interval() / n.times
		}
		g.addresses.Put(keys[i], fulls[i]) // an address that must wait is remembered, too
	}
	return max(0, wait)
}

// Busy reports whether an address has used more than half of its limit. That is
// hardly one person, though an office behind one address may be so busy.
func (g *Gate) Busy(from netip.Addr) bool {
	if g.address.N == 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	full := g.addresses.full(g.network("", from, pick(from, posting4, posting6)[0].bits))
	return full-time.Since(g.start) > g.address.Per/2
}

// network returns the hash of the first bits of an address, for one site or, if
// site is empty, for all.
func (g *Gate) network(site string, a netip.Addr, bits int) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	_, _ = h.WriteString(site)
	bytes := a.As16()
	if a.Is4() {
		bits += 96 // behind the prefix that maps it into IPv6
	}
	_ = h.WriteByte(byte(bits))
	_, _ = h.Write(bytes[:bits/8])
	return h.Sum64()
}
