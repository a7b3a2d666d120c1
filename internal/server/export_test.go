package server

import (
	"context"
	"net/http"
	"net/netip"
	"time"
)

// MostLines is how many lines of 128 bytes wait for a slow reader of the log.
const MostLines = mostBytes / 128

// MostBuckets is how many buckets of one generation are remembered.
const MostBuckets = mostBuckets

// Bounds are those of a door.
type Bounds struct {
	Connections                         int
	Moment                              time.Duration
	Headers, Body, Answer, Idle, Finish time.Duration
}

// Usual are the bounds of a door that is no test's.
func Usual() Bounds {
	return Bounds{usual.connections, usual.moment, usual.headers, usual.body, usual.answer, usual.idle, usual.finish}
}

// ListenWithin opens a door of this machine with bounds of its own.
func ListenWithin(ctx context.Context, h http.Handler, b Bounds) (*Door, error) {
	return listen(ctx, "127.0.0.1:0", h, bounds{
		connections: b.Connections, moment: b.Moment, headers: b.Headers, body: b.Body, answer: b.Answer, idle: b.Idle, finish: b.Finish,
	})
}

// Bucket is the bucket of one address.
type Bucket struct{ buckets buckets[netip.Addr] }

// NewBucket returns a full one.
func NewBucket(l Limit) *Bucket { return &Bucket{buckets[netip.Addr]{limit: l}} }

// Take takes a token at a time since the start.
func (b *Bucket) Take(now time.Duration) (wait time.Duration) {
	return b.buckets.take(netip.Addr{}, now)
}

// BreakListener closes what the door listens on, as no one does.
func BreakListener(d *Door) error { return d.listener.Close() }
