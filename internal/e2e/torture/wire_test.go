package torture_test

import (
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"context"
)

// wire is the only way from the relay to EasyBroker. It lies in memory, so
// that whoever waits on it waits in virtual time.
type wire struct {
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newWire() *wire { return &wire{calls: make(chan net.Conn), closed: make(chan struct{})} }

// Accept implements [net.Listener].
func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.calls:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// Addr implements [net.Listener].
func (w *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// dial connects a process with EasyBroker.
func (w *wire) dial(ctx context.Context, l *life) (net.Conn, error) {
	near, far := net.Pipe()
	line := &line{Conn: near, life: l}
	select {
	case w.calls <- &farEnd{far, line}:
		l.holds(line)
		return line, nil
	case <-w.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// line is the relay's end of a connection.
type line struct {
	net.Conn
	life *life

	mu     sync.Mutex
	broken error // what a read says when the connection is gone
}

// Write implements [net.Conn]. It is where the bytes of a request leave.
func (l *line) Write(p []byte) (int, error) {
	n, b := leadIn(p), l.life.bed
	if f := b.hits(leaving, n); f != nil && f.line != nil {
		return f.line(l, p, leaving)
	} else if f != nil {
		f.befall(l.life, n)
	}
	if err := l.life.alive(); err != nil {
		return 0, err
	}
	f := b.hits(left, n)
	if f != nil && f.line != nil {
		return f.line(l, p, left)
	}
	written, err := l.Conn.Write(p)
	if f != nil {
		f.befall(l.life, n)
	}
	return written, err
}

// Read implements [net.Conn].
func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && l.broken != nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)) {
		err = l.broken
	}
	return n, err
}

// Close implements [net.Conn]. A process that is frozen closes nothing: what
// it was just writing leaves first.
func (l *line) Close() error {
	if wait := l.life.host.frozenFor(); wait > 0 {
		time.AfterFunc(wait+time.Millisecond, func() { _ = l.Conn.Close() })
		return nil
	}
	return l.Conn.Close()
}

// reset tears the connection down, and both ends notice.
func (l *line) reset() {
	l.mu.Lock()
	l.broken = syscall.ECONNRESET
	l.mu.Unlock()
	_ = l.Conn.Close()
}

// farEnd is EasyBroker's end of a connection.
type farEnd struct {
	net.Conn
	near *line
}

var leadShape = regexp.MustCompile(`"message":"lead (\d+)["\\]`)

// leadIn returns the number of the lead that a request carries, or zero.
func leadIn(p []byte) int {
	found := leadShape.FindSubmatch(p)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0
	}
	return n
}
