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
// Every connection of the client is a [gate]. It stands above TLS, so what
// passes it is the request and not the handshake, and net/http has no other
// way to the network. A [witness] notes each gate that a call is given,
// together with the number of writes begun there so far. When the call fails,
// the witness tries to shut those gates: a gate at which a write has begun
// since cannot be shut, and the request counts as sent; a gate that is shut
// lets no write begin ever after. So there is no moment at which the verdict
// "not sent" and a late write can both happen, whatever net/http's own
// goroutines still have in hand. httptrace's WroteHeaders and WroteRequest are
// not asked: they tell of net/http's buffer, and they may be late.
//
// A write counts from its beginning, even one that failed with nothing
// written. That errs on the side of "perhaps sent".
//
// HTTP/2 is off. There, one connection carries many requests, and a write
// could not be told to belong to one of them.

const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
	// idleTimeout is shorter than what common load balancers keep (60 s and
	// more): a POST on a connection that the server is just closing would end
	// in doubt.
	idleTimeout = 30 * time.Second
	idlePerHost = 8
	headCap     = 64 << 10
)

// dialer makes the client's connections.
type dialer struct {
	roots *x509.CertPool                                                    // nil: the system's
	via   func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
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
		MaxResponseHeaderBytes: headCap,
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
	return &gate{Conn: conn}, nil
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
	return &gate{Conn: secure}, nil
}

// gate is a connection that counts the writes begun on it and can be shut.
type gate struct {
	net.Conn
	asked atomic.Bool // a request is on its way, and nothing has come back
	mu    sync.Mutex
	begun uint64
	shut  bool
}

// Close implements [net.Conn]. When nobody has begun to answer, what still waits
// in the kernel is thrown away: sent again and again for minutes after we have
// given up, it could arrive when the lead has long been looked up.
func (g *gate) Close() error {
	conn := g.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok && g.asked.Load() {
		_ = tcp.SetLinger(0) // it is closed already, then
	}
	return g.Conn.Close()
}

// Write implements [net.Conn].
func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return 0, net.ErrClosed
	}
	g.begun++
	g.mu.Unlock()
	return g.Conn.Write(p)
}

func (g *gate) writes() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.begun
}

// shutSince bars every later write, and reports true, if none has begun since
// the count was taken.
func (g *gate) shutSince(count uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.begun != count {
		return false
	}
	g.shut = true
	return true
}

// witness knows the connections that one call was given. net/http gives them
// before RoundTrip returns, so the list is whole when it is asked for.
type witness struct {
	mu      sync.Mutex
	given   []sighting
	foreign bool // a connection that is no gate proves nothing
}

type sighting struct {
	gate  *gate
	since uint64
}

func (w *witness) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: w.gotConn, GotFirstResponseByte: w.gotAnswer})
}

func (w *witness) gotAnswer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.given {
		s.gate.asked.Store(false)
	}
}

func (w *witness) gotConn(info httptrace.GotConnInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g, ok := info.Conn.(*gate)
	if !ok {
		w.foreign = true
		return
	}
	g.asked.Store(true)
	w.given = append(w.given, sighting{g, g.writes()})
}

// nothingLeft reports whether the call was given a connection, and whether no
// byte of it left; in that case none will.
func (w *witness) nothingLeft() (given, nothing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	nothing = !w.foreign
	for _, s := range w.given {
		if s.gate.shutSince(s.since) {
			_ = s.gate.Close()
		} else {
			nothing = false
		}
	}
	return w.foreign || len(w.given) > 0, nothing
}
