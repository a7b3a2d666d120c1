// Package server is what stands around the handlers: listeners with limits,
// the order of the middleware, the access log, health, metrics, and the order
// of stopping. It knows nothing of leads.
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

// bounds are what clients may take of a door, in number and in time.
type bounds struct {
	connections                 int
	moment                      time.Duration // that one may hold a place for nothing where others wait
	headers, body, answer, idle time.Duration
	grace                       time.Duration // that bodies and answers may be behind the pace
	pace                        int           // in bytes a second
	finish                      time.Duration
}

// worth is how many bytes the pace wants within so much time.
func (b bounds) worth(d time.Duration) int { return int(d * time.Duration(b.pace) / time.Second) }

// usual are the bounds of every door that is no test's.
var usual = bounds{
	connections: 2048,
	moment:      150 * time.Millisecond, // a person does not notice it
	headers:     10 * time.Second,
	body:        30 * time.Second,
	answer:      30 * time.Second,
	idle:        60 * time.Second,
	grace:       5 * time.Second,
	pace:        1 << 10,
	finish:      10 * time.Second, // for begun answers, once the drain is over
}

// Door is one listener and what answers there.
type Door struct {
	socket  net.Listener
	lent    bool   // the socket outlives the door
	guests  *crowd // of the socket
	closing atomic.Bool
	http    *http.Server
}

// Listen opens a door. Proxies of ours may have as many connections as they like.
// The error names the setting's address.
func Listen(ctx context.Context, addr string, proxies Proxies, h http.Handler) (*Door, error) {
	return listen(ctx, addr, proxies, h, usual)
}

func listen(ctx context.Context, addr string, proxies Proxies, h http.Handler, b bounds) (*Door, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // such a socket takes no filter: see deafen
	ln, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return newDoor(ln, proxies, h, b), nil
}

func newDoor(ln net.Listener, proxies Proxies, h http.Handler, b bounds) *Door {
	b.connections = min(b.connections, connectionsFor(files()))
	guests := newCrowd(ln, proxies, b)
	return &Door{
		socket: ln,
		guests: guests,
		http: &http.Server{
			Handler:           guests.watch(closeInDoubt(h)),
			ConnContext:       guests.know,
			ReadHeaderTimeout: b.headers,
			ReadTimeout:       b.headers + b.body,
			WriteTimeout:      b.body + b.answer, // counts from the end of the headers
			IdleTimeout:       b.idle,
			MaxHeaderBytes:    maxHeaderBytes,
			// OPTIONS * has an id and a line in the log, as all that is asked.
			DisableGeneralOptionsHandler: true,
			// What net/http has to say is about broken clients, and may quote them.
			ErrorLog: log.New(io.Discard, "", 0),
		},
	}
}

// Addr is where the door really listens.
func (d *Door) Addr() string { return d.guests.Addr().String() }

// Serve answers until the door is closed; then it returns nil.
func (d *Door) Serve() error {
	closed := make(chan struct{})
	defer close(closed)
	go d.guests.keepPace(closed)
	if err := d.http.Serve(d.guests); !errors.Is(err, http.ErrServerClosed) && !d.closing.Load() {
		return fmt.Errorf("serve %s: %w", d.Addr(), err)
	}
	return nil
}

// Close takes no new connection, waits for the answers that are being made,
// and cuts those that take too long: a client that sends a byte a second is no
// failure of ours. Shutdown drops what it has not read yet, so whoever came just
// before, as through a proxy, gets a moment to be let in, and one to ask.
func (d *Door) Close() error {
	const moment = 25 * time.Millisecond
	d.closing.Store(true)
	if d.lent {
		leave(d.socket)
	} else {
		deafen(d.socket)
	}
	time.Sleep(moment)
	_ = d.guests.Close()
	time.Sleep(moment)
	d.guests.dismiss()
	ctx, cancel := context.WithTimeout(context.Background(), d.guests.bounds.finish)
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
