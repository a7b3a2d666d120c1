package server

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"

	"leadrelay/internal/bounded"
)

// connLimiter is a listener with a fixed number of slots for connections. If all
// slots are used, it closes the connection whose client has kept us waiting longest,
// and never one whose request is being handled. Connections of an address that uses
// more than a quarter of the slots are closed first.
type connLimiter struct {
	net.Listener
	limits    limits
	proxies   Proxies
	freed     chan struct{} // has a token if a slot may be free, or the limiter is closed
	pipelined chan struct{} // has a token for each pipelined request that is being handled

	mu            sync.Mutex
	conns         *list.List // of *trackedConn, by paceSince
	requestMemory int        // bytes that requests use
	addresses     map[netip.Addr]*addressUse
	overQuota     int                                // how many addresses use more than their quota
	evictions     bounded.Map[netip.Addr, evictions] // by address
	memory        memoryByConns
	nearlyFull    time.Time // when most slots were used last
	closed        bool
}

const (
	// slotBytes is about how much memory a connection uses. A request uses two more
	// slots, and each further slotBytes of its body another one.
	slotBytes    = 16 << 10
	requestBytes = 2 * slotBytes
)

func newConnLimiter(l net.Listener, proxies Proxies, lim limits) *connLimiter {
	return &connLimiter{
		Listener: l, limits: lim, proxies: proxies,
		freed: make(chan struct{}, 1), pipelined: make(chan struct{}, maxPipelinedAtOnce),
		conns: list.New(), addresses: map[netip.Addr]*addressUse{},
		evictions: bounded.New[netip.Addr, evictions](rememberedAddresses),
		memory:    memoryByConns{slots: memoryStep},
	}
}

// Accept returns the next connection as soon as there is a slot for it.
func (l *connLimiter) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &trackedConn{Conn: conn, limiter: l, closed: make(chan struct{})}
	if !l.admit(c) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// admit waits for a slot and gives it to the connection. It reports false if the
// limiter is closed.
func (l *connLimiter) admit(c *trackedConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.used() >= l.limits.connections && !l.closed {
		if !l.evictOne() {
			l.waitForSlot()
		}
	}
	if l.closed {
		return false
	}
	c.phaseSince = time.Now()
	c.paceSince = c.phaseSince
	c.element = l.conns.PushBack(c)
	l.countConn(c)
	l.addRequestMemory(c, requestBytes) // for the request that it probably brings
	return true
}

// addRequestMemory adds to the bytes that a connection's request uses, or subtracts
// from them. If this uses up the slots, another connection is closed.
func (l *connLimiter) addRequestMemory(c *trackedConn, bytes int) {
	if c.isClosed() || bytes == 0 {
		return
	}
	c.requestMemory += bytes
	l.requestMemory += bytes
	l.addToAddress(c.address, bytes)
	for l.used() > l.limits.connections && l.evictOne() {
	}
	l.memory.adjust(l.used())
	if l.used() > l.limits.connections*3/4 {
		l.nearlyFull = time.Now()
	}
}

// used returns how many slots are used.
func (l *connLimiter) used() int { return l.conns.Len() + l.requestMemory/slotBytes }

// isNearlyFull reports whether most slots are used, or were within the time that an
// idle connection is kept. A client is then asked to close its connection after the
// answer, because otherwise we might close it just when it sends another request.
func (l *connLimiter) isNearlyFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.nearlyFull) < l.limits.idle
}

// evictOne closes one connection. It reports false if there is none that may be
// closed.
func (l *connLimiter) evictOne() bool {
	c := l.victim()
	if c == nil {
		return false
	}
	l.evict(c)
	return true
}

// evict closes a connection. The closing is left to another goroutine, because all
// other connections wait for the lock.
func (l *connLimiter) evict(c *trackedConn) {
	l.noteEviction(c.address, time.Now())
	l.remove(c)
	go func() { _ = c.Conn.Close() }()
}

// victim returns the connection to close if a slot is needed, or nil. A new
// connection is not closed before its limits.minAge, or a fifth of it if its address
// uses more than its quota or keeps coming back: whoever comes back as soon as it is
// hung up on would keep all others waiting for its new connections to grow old.
func (l *connLimiter) victim() (victim *trackedConn) {
	now := time.Now()
	for e := l.conns.Front(); e != nil; {
		c := e.Value.(*trackedConn)
		e = e.Next() // before the connection is moved
		isOver := c.address.isOver(l.quota())
		isFirst := l.overQuota == 0 || isOver
		minAge := l.limits.minAge
		if isOver || c.comesBack {
			minAge /= 5
		}
		switch {
		case c.phase == handling || now.Sub(c.phaseSince) < minAge, victim != nil && !isFirst:
		case !c.awaitsClient():
			l.restartPace(c, now) // the delay is ours
		case isFirst:
			return c
		default:
			victim = c
		}
	}
	return victim
}

// restartPace treats the connection as if it had just been accepted.
func (l *connLimiter) restartPace(c *trackedConn, now time.Time) {
	c.phaseSince, c.paceSince, c.received = now, now, 0
	l.conns.MoveToBack(c.element)
}

// waitForSlot waits until a slot is free or a connection may be closed.
func (l *connLimiter) waitForSlot() {
	l.mu.Unlock()
	defer l.mu.Lock()
	timer := time.NewTimer(l.limits.minAge / 20)
	defer timer.Stop()
	select {
	case <-l.freed:
	case <-timer.C:
	}
}

// remove frees the connection's slot if it still has one.
func (l *connLimiter) remove(c *trackedConn) {
	if c.isClosed() {
		return
	}
	close(c.closed)
	l.conns.Remove(c.element)
	l.requestMemory -= c.requestMemory
	l.memory.adjust(l.used())
	l.uncountConn(c)
	l.signalFreed()
}

// signalFreed wakes the goroutine that waits for a slot.
func (l *connLimiter) signalFreed() {
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// closeIdle closes connections that wait for a request and have sent none of it.
// Once net/http shuts down, it answers no request that it has not read, but it still
// waits five seconds for a client that has never sent one, such as a browser that
// connects in advance.
func (l *connLimiter) closeIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.conns.Front(); e != nil; {
		c := e.Value.(*trackedConn)
		e = e.Next() // before the connection is removed
		if c.phase == idle && !c.gotBytes.Load() && !c.hasUnread() {
			l.evict(c)
		}
	}
}

// expectsRequest reports whether a client has just connected, or has sent something
// that has not been read.
func (l *connLimiter) expectsRequest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.conns.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*trackedConn); c.phase == idle && (!c.hadRequest || c.gotBytes.Load() || c.hasUnread()) {
			return true
		}
	}
	return false
}

// Close stops accepting. Connections that were accepted before stay open.
func (l *connLimiter) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.signalFreed()
	return err
}

// enforcePace closes slow connections until the door is closed.
func (l *connLimiter) enforcePace(closed <-chan struct{}) {
	const checks = 5 // during a grace
	tick := time.NewTicker(l.limits.grace / checks)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.closeSlow()
		case <-closed:
			return
		}
	}
}

// closeSlow closes connections whose clients have been behind the pace for longer
// than the grace. A handler that reads a body gets a time-out, and can answer.
func (l *connLimiter) closeSlow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for e := l.conns.Front(); e != nil; {
		c := e.Value.(*trackedConn)
		if now.Sub(c.paceSince) < l.limits.grace {
			return // the connections behind it are newer
		}
		e = e.Next() // before the connection is removed
		switch {
		case c.phase == idle || !c.awaitsClient(): // net/http has deadlines for idle ones
		case c.phase == readingBody:
			_ = c.Conn.SetReadDeadline(now)
		default:
			l.evict(c)
		}
	}
}
