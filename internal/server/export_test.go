package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// MaxLines is how many lines of 128 bytes wait for a slow reader of the log.
const MaxLines = maxQueuedBytes / 128

// ManyEvictions is how many evictions within a while show that an address comes back.
const ManyEvictions = manyEvictions

// Limits are the limits of a door.
type Limits struct {
	Connections                         int
	MinAge                              time.Duration
	Headers, Body, Answer, Idle, Finish time.Duration
	Grace                               time.Duration
	Pace                                int
	Proxies                             Proxies
}

// DefaultLimits returns the limits of a door outside of tests.
func DefaultLimits() Limits {
	d := defaultLimits
	return Limits{d.connections, d.minAge, d.headers, d.body, d.answer, d.idle, d.finish, d.grace, d.pace, nil}
}

// ListenWithin opens a door on the loopback address with the limits.
func ListenWithin(ctx context.Context, h http.Handler, l Limits) (*Door, error) {
	return listen(ctx, "127.0.0.1:0", l.Proxies, h, limits{
		connections: l.Connections, minAge: l.MinAge, headers: l.Headers, body: l.Body, answer: l.Answer, idle: l.Idle, finish: l.Finish,
		grace: l.Grace, pace: l.Pace,
	})
}

// BreakListener closes the door's listener behind its back.
func BreakListener(d *Door) error { return d.limiter.Close() }

// CountedAddress returns the address that a connection counts for. The zero address has no
// quota.
func CountedAddress(p Proxies, addr net.Addr) netip.Addr { return countedAddress(p, addr) }

// ConnectionsFor returns how many connections a door may have with that many files.
func ConnectionsFor(files uint64) int { return connectionsFor(files) }
