package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// crowd is a listener that lets in so many connections at once. When all places
// are taken it hangs up on who has held one the longest without a request, and
// for more than a moment: thousands that say nothing keep nobody out for long.
type crowd struct {
	net.Listener
	most   int
	moment time.Duration
	mu     sync.Mutex
	change *sync.Cond // of what follows
	guests map[*guest]struct{}
	closed bool
}

// guest is a connection that has a place.
type guest struct {
	net.Conn
	crowd  *crowd
	served bool      // has a request that is being answered
	since  time.Time // it has none
}

func newCrowd(l net.Listener, most int, moment time.Duration) *crowd {
	c := &crowd{Listener: l, most: most, moment: moment, guests: map[*guest]struct{}{}}
	c.change = sync.NewCond(&c.mu)
	return c
}

// Accept returns the next connection once there is a place for it.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &guest{Conn: conn, crowd: c, since: time.Now()}
	if !c.enter(g) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return g, nil
}

// enter gives a place to the guest, and reports false when nobody is let in any
// more.
func (c *crowd) enter(g *guest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.guests) >= c.most && !c.closed {
		c.makeRoom()
	}
	if !c.closed {
		c.guests[g] = struct{}{}
	}
	return !c.closed
}

// makeRoom hangs up on one, or waits until something changes.
func (c *crowd) makeRoom() {
	idle := c.longestIdle()
	if idle == nil {
		c.change.Wait()
		return
	}
	if wait := c.moment - time.Since(idle.since); wait > 0 {
		timer := time.AfterFunc(wait, func() {
			c.mu.Lock() // not before it is waited for
			defer c.mu.Unlock()
			c.change.Broadcast()
		})
		c.change.Wait()
		timer.Stop()
		return
	}
	delete(c.guests, idle)
	_ = idle.Conn.Close()
}

func (c *crowd) longestIdle() (longest *guest) {
	for g := range c.guests {
		if !g.served && (longest == nil || g.since.Before(longest.since)) {
			longest = g
		}
	}
	return longest
}

// Close lets nobody in any more.
func (c *crowd) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.change.Broadcast()
	return c.Listener.Close()
}

// Close gives the place back.
func (g *guest) Close() error {
	g.crowd.mu.Lock()
	delete(g.crowd.guests, g)
	g.crowd.mu.Unlock()
	g.crowd.change.Broadcast()
	return g.Conn.Close()
}

func (g *guest) serve(served bool) {
	g.crowd.mu.Lock()
	g.served, g.since = served, time.Now()
	g.crowd.mu.Unlock()
	g.crowd.change.Broadcast()
}

type guestKey struct{}

// know lets the handlers of a connection find its guest.
func (c *crowd) know(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// watch keeps the places of those who are being answered.
func (c *crowd) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
			g.serve(true)
			defer g.serve(false)
		}
		next.ServeHTTP(w, r)
	})
}
