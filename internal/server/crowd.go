package server

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// crowd is a listener that has so many places for connections. When all are taken
// it hangs up on whom it has waited for the longest, and never on one whose request
// it is answering. An address that has more than a quarter of the places loses
// first.
type crowd struct {
	net.Listener
	bounds  bounds
	proxies Proxies
	left    chan struct{} // somebody has, or nobody is let in any more
	ahead   chan struct{} // requests ahead of their turn that are being answered
	mu      sync.Mutex
	line    *list.List // of *guest, by since
	held    int        // bytes of requests
	parties map[netip.Addr]*party
	greedy  int // parties that have more than their share
	memory  memory
	crowded time.Time // when few places were left
	closed  bool
}

const (
	// placeBytes is about what a connection takes of the memory. A request takes two
	// places more, and each such part of its body another.
	placeBytes   = 16 << 10
	requestBytes = 2 * placeBytes
	// A request is ahead of its turn when it came together with an earlier one. A
	// connection may have mostAhead of them, and aheadAtOnce are answered in each
	// aheadPause: browsers and proxies send none, and who does may have no ear for the
	// answers, and ask for thousands.
	mostAhead, aheadAtOnce = 64, 8
	aheadPause             = 25 * time.Millisecond
)

func newCrowd(l net.Listener, proxies Proxies, b bounds) *crowd {
	return &crowd{
		Listener: l, bounds: b, proxies: proxies,
		left: make(chan struct{}, 1), ahead: make(chan struct{}, aheadAtOnce), line: list.New(), parties: map[netip.Addr]*party{},
		memory: memory{places: placesStep},
	}
}

// Accept returns the next connection once there is a place for it.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &guest{Conn: conn, crowd: c, gone: make(chan struct{})}
	if !c.enter(g) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return g, nil
}

// enter gives the guest a place, and reports false when nobody is let in any more.
func (c *crowd) enter(g *guest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.taken() >= c.bounds.connections && !c.closed {
		if !c.makeRoom() {
			c.await()
		}
	}
	if c.closed {
		return false
	}
	g.begun = time.Now()
	g.since = g.begun
	g.place = c.line.PushBack(g)
	c.join(g)
	c.hold(g, requestBytes) // for the request that it has come with
	return true
}

// hold counts more bytes of a guest's body, or fewer. Who comes to hold a place too
// many costs somebody else a place.
func (c *crowd) hold(g *guest, bytes int) {
	if g.isGone() || bytes == 0 {
		return
	}
	g.held += bytes
	c.held += bytes
	c.count(g.party, bytes)
	for c.taken() > c.bounds.connections && c.makeRoom() {
	}
	c.memory.fit(c.taken())
	if c.taken() > c.bounds.connections*3/4 {
		c.crowded = time.Now()
	}
}

// taken is how many places are.
func (c *crowd) taken() int { return c.line.Len() + c.held/placeBytes }

// isCrowded reports that few places are left, or were within as long as an idle
// connection is kept. A client is then asked to go once it has its answer: who stays
// may be hung up on just as it asks again.
func (c *crowd) isCrowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.crowded) < c.bounds.idle
}

// makeRoom hangs up on one guest, and reports false when there is none on whom it
// may.
func (c *crowd) makeRoom() bool {
	last := c.last()
	if last == nil {
		return false
	}
	c.hangUp(last)
	return true
}

// hangUp leaves the closing to another goroutine: all the others wait for the lock.
func (c *crowd) hangUp(g *guest) {
	c.remove(g)
	go func() { _ = g.Conn.Close() }()
}

// last finds whom to hang up on. A newcomer has a moment to say something.
func (c *crowd) last() (last *guest) {
	now := time.Now()
	for e := c.line.Front(); e != nil; {
		g := e.Value.(*guest)
		e = e.Next() // before the guest moves
		isFirst := c.greedy == 0 || g.party.isGreedy(c.share())
		switch {
		case g.turn == ours || now.Sub(g.begun) < c.bounds.moment, last != nil && !isFirst:
		case !g.isLate():
			c.restart(g, now) // it is on us, after all
		case isFirst:
			return g
		default:
			last = g
		}
	}
	return last
}

// restart has the guest count as one who has just come.
func (c *crowd) restart(g *guest, now time.Time) {
	g.begun, g.since, g.came = now, now, 0
	c.line.MoveToBack(g.place)
}

// await waits until somebody leaves or may be hung up on.
func (c *crowd) await() {
	c.mu.Unlock()
	defer c.mu.Lock()
	timer := time.NewTimer(c.bounds.moment / 20)
	defer timer.Stop()
	select {
	case <-c.left:
	case <-timer.C:
	}
}

// remove takes the guest's place away, if it still has one.
func (c *crowd) remove(g *guest) {
	if g.isGone() {
		return
	}
	close(g.gone)
	c.line.Remove(g.place)
	c.held -= g.held
	c.memory.fit(c.taken())
	c.part(g)
	c.tell()
}

// leave is remove for those who do not hold the lock.
func (c *crowd) leave(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(g)
}

// tell wakes the one who waits for a place.
func (c *crowd) tell() {
	select {
	case c.left <- struct{}{}:
	default:
	}
}

// Close lets nobody in any more. Whoever has been accepted until then still is.
func (c *crowd) Close() error {
	err := c.Listener.Close()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.tell()
	return err
}

// keepPace hangs up on those who are behind the pace, until the door is closed.
func (c *crowd) keepPace(closed <-chan struct{}) {
	const looks = 5 // during a grace
	tick := time.NewTicker(c.bounds.grace / looks)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.endSlow()
		case <-closed:
			return
		}
	}
}

// endSlow ends what has been behind the pace for longer than the grace. Whoever
// reads a body hears that its time is over, and can say so.
func (c *crowd) endSlow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for e := c.line.Front(); e != nil; {
		g := e.Value.(*guest)
		if now.Sub(g.since) < c.bounds.grace {
			return // as are all behind it
		}
		e = e.Next() // before the guest leaves the line
		switch {
		case g.turn == resting || !g.isLate(): // net/http has deadlines for the former
		case g.turn == sending:
			_ = g.Conn.SetReadDeadline(now)
		default:
			c.hangUp(g)
		}
	}
}

type guestKey struct{}

// know lets the handlers of a connection find its guest.
func (c *crowd) know(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// watch knows whose turn it is while a request is answered.
func (c *crowd) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := r.Context().Value(guestKey{}).(*guest)
		r, ok := g.begin(r)
		defer g.pass(resting)
		if c.isCrowded() {
			w.Header().Set("Connection", "close")
		}
		if !g.heard.Swap(false) {
			if g.ahead++; g.ahead > mostAhead {
				w.Header().Set("Connection", "close")
			}
			if ok = c.queue(g); ok {
				defer time.AfterFunc(aheadPause, func() { <-c.ahead })
			}
		}
		if !ok {
			panic(http.ErrAbortHandler) // we have hung up on it
		}
		next.ServeHTTP(w, r)
	})
}

// queue waits until a request that is ahead of its turn may be answered. It reports
// false when the guest has lost its place.
func (c *crowd) queue(g *guest) (ok bool) {
	g.pass(queued)
	select {
	case c.ahead <- struct{}{}:
		if _, ok = g.pass(ours); !ok {
			<-c.ahead
		}
	case <-g.gone:
	}
	return ok
}
