package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// MostLines is how many lines of 128 bytes wait for a slow reader of the log.
const MostLines = mostBytes / 128

// Bounds are those of a door.
type Bounds struct {
	Connections                         int
	Moment                              time.Duration
	Headers, Body, Answer, Idle, Finish time.Duration
	Grace                               time.Duration
	Pace                                int
	Proxies                             Proxies
}

// Usual are the bounds of a door that is no test's.
func Usual() Bounds {
	return Bounds{
		usual.connections, usual.moment, usual.headers, usual.body, usual.answer, usual.idle, usual.finish, usual.grace, usual.pace, nil,
	}
}

// ListenWithin opens a door of this machine with bounds of its own.
func ListenWithin(ctx context.Context, h http.Handler, b Bounds) (*Door, error) {
	return listen(ctx, "127.0.0.1:0", b.Proxies, h, bounds{
		connections: b.Connections, moment: b.Moment, headers: b.Headers, body: b.Body, answer: b.Answer, idle: b.Idle, finish: b.Finish,
		grace: b.Grace, pace: b.Pace,
	})
}

// BreakListener closes what the door listens on, as no one does.
func BreakListener(d *Door) error { return d.guests.Close() }

// PartyOf is whose places a connection takes; the zero address has no share.
func PartyOf(p Proxies, addr net.Addr) netip.Addr { return partyOf(p, addr) }

// ConnectionsFor is how many connections a door has with so many files.
func ConnectionsFor(files uint64) int { return connectionsFor(files) }
