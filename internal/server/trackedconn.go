package server

import (
	"container/list"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// trackedConn is a connection that has a slot in a [connLimiter]. It knows whether
// we wait for its client, and since when.
type trackedConn struct {
	net.Conn
	limiter   *connLimiter
	reading   atomic.Bool   // a read is waiting for bytes
	busy      atomic.Bool   // we work on a request, though the phase may not say so yet
	gotBytes  atomic.Bool   // something was read since the last request began
	pipelined int           // requests that were complete before they were asked for
	closed    chan struct{} // closed when the connection has lost its slot
	body      requestBody   // of the request that is being handled

	// The limiter's lock guards the rest.
	address       *addressUse // nil if the connection has no quota
	comesBack     bool        // its address was often hung up on just before
	element       *list.Element
	phase         phase
	hadRequest    bool
	phaseSince    time.Time // when the phase, or the request, began
	paceSince     time.Time // when the client was last as fast as the pace asks
	received      int       // bytes of the body since paceSince
	requestMemory int       // bytes that the request uses
}

// phase is what a connection is doing.
type phase int

const (
	idle        phase = iota // no request, or not all of its headers: we wait for the client
	handling                 // a handler works: the client waits for us
	queued                   // a pipelined request waits for its turn
	readingBody              // a handler reads the body: we wait for the client
	writing                  // a handler writes the answer: we wait for the client
)

// awaitsClient reports whether we wait for the client. It reports false if something
// of the client's has arrived that we have not read yet, because our processors are
// busy.
func (c *trackedConn) awaitsClient() bool {
	switch c.phase {
	case handling:
		return false
	case queued:
		return true
	case writing:
		return c.hasUnacknowledged()
	case idle, readingBody:
	}
	return c.reading.Load() && !c.busy.Load() && !c.hasUnread()
}

// hasUnread reports whether bytes have arrived that we have not read.
func (c *trackedConn) hasUnread() (unread bool) {
	c.withSocket(func(fd int) {
		n, _, _ := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		unread = n > 0
	})
	return unread
}

// hasUnacknowledged reports whether the client has not received all that we wrote.
func (c *trackedConn) hasUnacknowledged() (unacknowledged bool) {
	c.withSocket(func(fd int) {
		n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
		unacknowledged = n > 0 || err != nil
	})
	return unacknowledged
}

func (c *trackedConn) withSocket(f func(fd int)) { withSocket(c.Conn, f) }

// withSocket calls f with the file descriptor of a connection or a listener, unless it
// is closed.
func withSocket(of any, f func(fd int)) {
	if conn, ok := of.(syscall.Conn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { f(int(fd)) })
		}
	}
}

// setPhase changes the phase and returns the one before. It reports false if the
// connection has lost its slot.
func (c *trackedConn) setPhase(to phase) (from phase, ok bool) {
	l := c.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	from, c.phase = c.phase, to
	c.hadRequest = c.hadRequest || to == handling
	l.restartPace(c, time.Now())
	c.busy.Store(to == handling)
	switch {
	case to == idle && from != writing:
		l.addRequestMemory(c, -c.requestMemory)
	case to == handling && c.requestMemory == 0:
		l.addRequestMemory(c, requestBytes)
	}
	return from, !c.isClosed()
}

func (c *trackedConn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (c *trackedConn) Read(p []byte) (int, error) {
	c.reading.Store(true)
	n, err := c.Conn.Read(p)
	c.reading.Store(false)
	if n > 0 {
		c.gotBytes.Store(true)
	}
	return n, err
}

// Write writes a part of an answer in pieces, so that we see whether the client
// receives them at the pace.
func (c *trackedConn) Write(p []byte) (n int, err error) {
	piece := c.limiter.limits.bytesIn(c.limiter.limits.grace)
	for err == nil && n < len(p) {
		from, ok := c.setPhase(writing)
		if !ok {
			return n, net.ErrClosed
		}
		var some int
		some, err = c.Conn.Write(p[n:min(n+piece, len(p))])
		n += some
		c.setPhase(from)
	}
	return n, err
}

// Close frees the slot and closes the connection.
func (c *trackedConn) Close() error {
	c.limiter.mu.Lock()
	c.limiter.remove(c)
	c.limiter.mu.Unlock()
	return c.Conn.Close()
}

// requestBody is the body of a request. Reading it tracks the client's pace.
type requestBody struct {
	io.ReadCloser
	conn *trackedConn
}

// Read reads more of the body. If we have closed the connection, it aborts the
// handler, because nobody would receive its answer.
func (b *requestBody) Read(p []byte) (n int, err error) {
	ok := b.conn.beginRead()
	if ok {
		n, err = b.ReadCloser.Read(p)
		b.conn.busy.Store(true)
		ok = b.conn.endRead(n)
	}
	if !ok {
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// beginRead notes that we wait for more of the body. It reports false if the
// connection has lost its slot.
func (c *trackedConn) beginRead() bool {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.phase = readingBody
	c.busy.Store(false)
	return !c.isClosed()
}

// endRead counts n bytes of the body. A client that is not behind the pace counts as
// one that has just begun. It reports false if the connection has lost its slot.
func (c *trackedConn) endRead(n int) bool {
	l := c.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.isClosed() {
		return false
	}
	c.phase = handling
	c.received += n
	if now := time.Now(); c.received >= l.limits.bytesIn(now.Sub(c.paceSince)) {
		c.paceSince, c.received = now, 0
		l.conns.MoveToBack(c.element)
	}
	l.addRequestMemory(c, n)
	return true
}

type connKey struct{}

// connContext lets the handlers of a connection find it.
func (l *connLimiter) connContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// Browsers and proxies do not pipeline requests: send the next one before they have
// the answer. A client that does may ask for thousands of answers and receive none.
// So a connection may send maxPipelined such requests. All connections together have
// maxPipelinedAtOnce of them handled per pipelinedPause.
const (
	maxPipelined, maxPipelinedAtOnce = 64, 8
	pipelinedPause                   = 25 * time.Millisecond
)

// track is a middleware that sets the phases of the connection around the handler.
func (l *connLimiter) track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(connKey{}).(*trackedConn)
		c.busy.Store(true)
		_, ok := c.setPhase(handling)
		defer c.setPhase(idle)
		if r.Body != http.NoBody {
			r = r.WithContext(r.Context()) // net/http must find its own body in its own request
			c.body = requestBody{r.Body, c}
			r.Body = &c.body
		}
		if l.isNearlyFull() {
			w.Header().Set("Connection", "close")
		}
		if !c.gotBytes.Swap(false) {
			if c.pipelined++; c.pipelined > maxPipelined {
				w.Header().Set("Connection", "close")
			}
			if ok = c.waitForTurn(); ok {
				defer time.AfterFunc(pipelinedPause, func() { <-l.pipelined })
			}
		}
		if !ok {
			panic(http.ErrAbortHandler) // we have closed the connection
		}
		next.ServeHTTP(w, r)
	})
}

// waitForTurn waits until a pipelined request may be handled. It reports false if
// the connection has lost its slot.
func (c *trackedConn) waitForTurn() (ok bool) {
	c.setPhase(queued)
	select {
	case c.limiter.pipelined <- struct{}{}:
		if _, ok = c.setPhase(handling); !ok {
			<-c.limiter.pipelined
		}
	case <-c.closed:
	}
	return ok
}
