package easybroker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// How "no byte of the request left" is decided.
//
// Every connection of the client is a [watchedConn]. It is above TLS, so it sees
// the request and not the handshake, and net/http has no other way to the network.
// [usedConns] notes each connection that a call is given, with the number of
// writes begun on it so far. If the call fails, it tries to shut these
// connections. If a write has begun since, a connection cannot be shut, and the
// request counts as sent. Once a connection is shut, no write can begin. So the
// verdict "not sent" and a late write can never both happen, whatever net/http's
// own goroutines are still doing. We do not use httptrace's WroteHeaders and
// WroteRequest: they are about net/http's buffer, and they may be late.
//
// A write counts from its beginning, even if it failed and wrote nothing. That
// errs on the side of "perhaps sent".
//
// HTTP/2 is off. One of its connections carries many requests, and nobody could
// tell which of them a write belongs to.

const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
	// idleTimeout is shorter than that of common load balancers (60 s and more). A
	// POST on a connection that the server is just closing would end in doubt.
	idleTimeout = 30 * time.Second
	idlePerHost = 8
	maxHead     = 64 << 10
)

// dialer makes the client's connections.
type dialer struct {
	roots *x509.CertPool                                                    // the system's if nil
	via   func(ctx context.Context, network, addr string) (net.Conn, error) // the network if nil
}

// transport returns the only way to EasyBroker: HTTP/1.1, no proxy from the
// environment, nothing decompressed.
func (d *dialer) transport(timeout time.Duration) *http.Transport {
	var one http.Protocols
	one.SetHTTP1(true)
	return &http.Transport{
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		Protocols:              &one,
		DisableCompression:     true,
		ResponseHeaderTimeout:  timeout,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHead,
	}
}

func (d *dialer) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.via != nil {
		return d.via(ctx, network, addr)
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, addr)
}

func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: conn}, nil
}

func (d *dialer) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	secure := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: d.roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", host, err)
	}
	return &watchedConn{Conn: secure}, nil
}

// watchedConn is a connection that counts the writes begun on it and can be shut.
type watchedConn struct {
	net.Conn
	awaits atomic.Bool // a request was sent, and nothing has come back

	mu     sync.Mutex
	writes uint64 // that have begun
	shut   bool
	may    func() bool // the guard of the call that has the connection, or nil
}

// Close implements [net.Conn]. If no answer has begun, it discards what still
// waits in the kernel. The kernel would try to send that for minutes after we have
// given up, and it could arrive after the lead was looked up.
func (c *watchedConn) Close() error {
	conn := c.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok && c.awaits.Load() {
		_ = tcp.SetLinger(0) // fails only if it is closed already
	}
	return c.Conn.Close()
}

// Write implements [net.Conn].
func (c *watchedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.shut || c.may != nil && !c.may() {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// take gives the connection to a call with a guard, which may be nil. It returns how
// many writes have begun before.
func (c *watchedConn) take(may func() bool) (before uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.may = may
	return c.writes
}

// shutSince prevents every later write, and reports true, if no write has begun
// since the count was taken.
func (c *watchedConn) shutSince(count uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes != count {
		return false
	}
	c.shut = true
	return true
}

type guardKey struct{}

// WithGuard returns a context for calls that send nothing unless the guard allows
// it. It is asked just before each write, so a process that stood still since it
// began a call sends nothing when it wakes. It must not block.
func WithGuard(ctx context.Context, may func() bool) context.Context {
	return context.WithValue(ctx, guardKey{}, may)
}

// MaySend reports whether the context's guard allows a write, if it has one.
func MaySend(ctx context.Context) bool {
	may := guardOf(ctx)
	return may == nil || may()
}

func guardOf(ctx context.Context) func() bool {
	may, _ := ctx.Value(guardKey{}).(func() bool)
	return may
}

// usedConns are the connections that one call was given. net/http gives them
// before RoundTrip returns, so after that there are no more.
type usedConns struct {
	mu      sync.Mutex
	conns   []usedConn
	foreign bool        // one was not a watchedConn, which proves nothing
	may     func() bool // see [WithGuard]
}

// usedConn is a connection, and how many writes had begun on it before the call.
type usedConn struct {
	*watchedConn
	before uint64
}

// watch returns a context for the call's request.
func (u *usedConns) watch(ctx context.Context) context.Context {
	u.may = guardOf(ctx)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: u.gotConn, GotFirstResponseByte: u.gotAnswer})
}

func (u *usedConns) gotAnswer() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.conns {
		c.awaits.Store(false)
	}
}

func (u *usedConns) gotConn(info httptrace.GotConnInfo) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c, ok := info.Conn.(*watchedConn)
	if !ok {
		u.foreign = true
		return
	}
	c.awaits.Store(true)
	u.conns = append(u.conns, usedConn{c, c.take(u.may)})
}

// shut shuts the connections on which the call has begun no write. It reports
// whether the call was given a connection at all, and whether nothing of it was
// sent; then nothing ever will be.
func (u *usedConns) shut() (connected, nothingSent bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	nothingSent = !u.foreign
	for _, c := range u.conns {
		if c.shutSince(c.before) {
			_ = c.Close()
		} else {
			nothingSent = false
		}
	}
	return u.foreign || len(u.conns) > 0, nothingSent
}
