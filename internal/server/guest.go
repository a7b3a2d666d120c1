package server

import (
	"container/list"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guest is a connection that has a place in a crowd. It knows whose turn it is,
// and since when.
type guest struct {
	net.Conn
	crowd   *crowd
	reading atomic.Bool   // waits for bytes
	busy    atomic.Bool   // works for the client, and may wait for the lock to say so
	heard   atomic.Bool   // got some since the last request began
	ahead   int           // requests for which nothing had to be read
	gone    chan struct{} // closed when it has lost its place
	body    body          // of the request that is being answered

	// What follows is the crowd's to lock.
	party *party // nil for one without a share
	place *list.Element
	turn  turn
	begun time.Time // when the turn, or the request, began
	since time.Time // when the client was last as far as the pace wants it
	came  int       // bytes of a body since then
	held  int       // bytes of a request
}

// turn says on whom it is that a connection goes on.
type turn int

const (
	resting turn = iota // on the client: there is no request, or not all of its headers
	ours                // on us: a request is being answered
	queued              // on the client: its requests come ahead of their turn
	sending             // on the client: more of the body
	taking              // on the client: the answer
)

// isLate reports that the client keeps us waiting, and not that busy processors keep
// us from what it has sent, or from hearing that it has taken all.
func (g *guest) isLate() bool {
	switch g.turn {
	case ours:
		return false
	case queued:
		return true
	case taking:
		return g.hasUntaken()
	}
	return g.reading.Load() && !g.busy.Load() && !g.hasUnread()
}

// hasUnread reports whether more has come than we have read.
func (g *guest) hasUnread() (unread bool) {
	g.ask(func(fd int) {
		n, _, _ := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		unread = n > 0
	})
	return unread
}

// hasUntaken reports whether the client has not taken all that was sent.
func (g *guest) hasUntaken() (untaken bool) {
	g.ask(func(fd int) {
		n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
		untaken = n > 0 || err != nil
	})
	return untaken
}

// ask asks the system about the guest's socket. One that is closed is not asked.
func (g *guest) ask(question func(fd int)) {
	if c, ok := g.Conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { question(int(fd)) })
		}
	}
}

// pass gives the turn to somebody, and returns who had it. It reports false when
// the guest has lost its place.
func (g *guest) pass(to turn) (from turn, ok bool) {
	c := g.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	from, g.turn = g.turn, to
	c.restart(g, time.Now())
	g.busy.Store(to == ours)
	switch {
	case to == resting && from != taking:
		c.hold(g, -g.held)
	case to == ours && g.held == 0:
		c.hold(g, requestBytes)
	}
	return from, !g.isGone()
}

func (g *guest) isGone() bool {
	select {
	case <-g.gone:
		return true
	default:
		return false
	}
}

// begin begins to answer a request, and returns it with a body that keeps the turn.
func (g *guest) begin(r *http.Request) (*http.Request, bool) {
	g.busy.Store(true)
	_, ok := g.pass(ours)
	if r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // net/http must find its own body in its own request
		g.body = body{r.Body, g}
		r.Body = &g.body
	}
	return r, ok
}

func (g *guest) Read(p []byte) (int, error) {
	g.reading.Store(true)
	n, err := g.Conn.Read(p)
	g.reading.Store(false)
	if n > 0 {
		g.heard.Store(true)
	}
	return n, err
}

// Write sends a part of an answer, in pieces that show whether it is taken at the
// pace.
func (g *guest) Write(p []byte) (n int, err error) {
	piece := g.crowd.bounds.worth(g.crowd.bounds.grace)
	for err == nil && n < len(p) {
		from, ok := g.pass(taking)
		if !ok {
			return n, net.ErrClosed
		}
		var some int
		some, err = g.Conn.Write(p[n:min(n+piece, len(p))])
		n += some
		g.pass(from)
	}
	return n, err
}

// Close gives the place back.
func (g *guest) Close() error {
	g.crowd.leave(g)
	return g.Conn.Close()
}

// body is what a client sends with a request.
type body struct {
	io.ReadCloser
	guest *guest
}

// Read reads more of the body. For a guest on which we have hung up it ends the
// handler: an answer would be work for nobody.
func (b *body) Read(p []byte) (n int, err error) {
	ok := b.guest.expect()
	if ok {
		n, err = b.ReadCloser.Read(p)
		b.guest.busy.Store(true)
		ok = b.guest.receive(n)
	}
	if !ok {
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// expect says that more of a body must come.
func (g *guest) expect() (ok bool) {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	g.turn = sending
	g.busy.Store(false)
	return !g.isGone()
}

// receive counts what has come. Who is not behind the pace counts as one who has
// just begun.
func (g *guest) receive(n int) (ok bool) {
	c := g.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.isGone() {
		return false
	}
	g.turn = ours
	g.came += n
	if now := time.Now(); g.came >= c.bounds.worth(now.Sub(g.since)) {
		g.since, g.came = now, 0
		c.line.MoveToBack(g.place)
	}
	c.hold(g, n)
	return true
}
