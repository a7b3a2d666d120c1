// Package server is what surrounds the handlers: listeners with limits, middleware,
// the access log, health, metrics, and the order of stopping. It knows nothing of
// leads.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const maxHeaderBytes = 16 << 10

// limits bound what clients may use of a door.
type limits struct {
	connections                 int
	minAge                      time.Duration // before which a connection is not closed to make room for others
	headers, body, answer, idle time.Duration
	grace                       time.Duration // for which a body or an answer may be behind the pace
	pace                        int           // in bytes per second
	finish                      time.Duration // for answers that have begun when the door closes
}

// bytesIn returns how many bytes the pace asks for in that time.
func (l limits) bytesIn(d time.Duration) int { return int(d * time.Duration(l.pace) / time.Second) }

// defaultLimits are the limits of every door outside of tests.
var defaultLimits = limits{
	connections: 2048,
	minAge:      150 * time.Millisecond, // a person does not notice it
	headers:     10 * time.Second,
	body:        30 * time.Second,
	answer:      30 * time.Second,
	idle:        60 * time.Second,
	grace:       5 * time.Second,
	pace:        1 << 10,
	finish:      10 * time.Second,
}

// Door is a listener with its HTTP server. A relay has two: the public door and the
// operator's.
type Door struct {
	socket    net.Listener
	inherited bool         // the socket outlives the door
	limiter   *connLimiter // around the socket
	probes    *probes
	closing   atomic.Bool
	http      *http.Server
}

// Listen opens a door at the address. Trusted proxies may have any number of
// connections. The error names the address.
func Listen(ctx context.Context, addr string, proxies Proxies, h http.Handler) (*Door, error) {
	return listen(ctx, addr, proxies, h, defaultLimits)
}

func listen(ctx context.Context, addr string, proxies Proxies, h http.Handler, l limits) (*Door, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // a multipath socket accepts no filter: see dropNewConnections
	ln, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return newDoor(ln, proxies, h, l), nil
}

func newDoor(ln net.Listener, proxies Proxies, h http.Handler, l limits) *Door {
	l.connections = min(l.connections, connectionsFor(maxOpenFiles()))
	limiter, probes := newConnLimiter(ln, proxies, l), newProbes()
	return &Door{
		socket:  ln,
		limiter: limiter,
		probes:  probes,
		http: &http.Server{
			Handler:           limiter.track(closeAmbiguous(probes.middleware(h))),
			ConnContext:       limiter.connContext,
			ReadHeaderTimeout: l.headers,
			ReadTimeout:       l.headers + l.body,
			WriteTimeout:      l.body + l.answer, // counts from the end of the headers
			IdleTimeout:       l.idle,
			MaxHeaderBytes:    maxHeaderBytes,
			// OPTIONS * gets a request id and a line in the log like any request.
			DisableGeneralOptionsHandler: true,
			// net/http logs errors of broken clients, and may quote what they sent.
			ErrorLog: log.New(io.Discard, "", 0),
		},
	}
}

// Addr returns the address that the door listens on.
func (d *Door) Addr() string { return d.limiter.Addr().String() }

// Serve answers requests until the door is closed. It then returns nil.
func (d *Door) Serve() error {
	closed := make(chan struct{})
	defer close(closed)
	go d.limiter.enforcePace(closed)
	if err := d.http.Serve(d.limiter); !errors.Is(err, http.ErrServerClosed) && !d.closing.Load() {
		return fmt.Errorf("serve %s: %w", d.Addr(), err)
	}
	return nil
}

// Close stops accepting connections and waits for the requests that are being
// handled. It cuts off those that take too long; this is not an error. Shutdown
// drops what it has not read yet. So clients that have just connected, as through a
// proxy, first get a moment to be accepted and another to send a request. On a busy
// machine a moment is long.
func (d *Door) Close() error {
	const moment, longMoment = 25 * time.Millisecond, 500 * time.Millisecond
	d.closing.Store(true)
	d.probes.hold()
	if d.inherited {
		stopAccepting(d.socket)
	} else {
		dropNewConnections(d.socket)
	}
	time.Sleep(moment)
	pollFor(longMoment, func() bool { return d.inherited || waitToBeAccepted(d.socket) == 0 })
	_ = d.limiter.Close()
	d.probes.end()
	time.Sleep(moment)
	pollFor(longMoment, func() bool { return !d.limiter.expectsRequest() })
	d.limiter.closeIdle()
	ctx, cancel := context.WithTimeout(context.Background(), d.limiter.limits.finish)
	defer cancel()
	err := d.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = d.http.Close()
	}
	if errors.Is(err, net.ErrClosed) { // the listener
		return nil
	}
	return err
}

// pollFor returns when it is so, or after the limit.
func pollFor(limit time.Duration, isSo func() bool) {
	for end := time.Now().Add(limit); !isSo() && time.Now().Before(end); {
		time.Sleep(limit / 100)
	}
}
