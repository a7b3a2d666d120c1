package courier_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// pipes is a network to a server that takes every request, without sockets.
type pipes struct {
	mu       sync.Mutex
	requests int
	bytes    int
	dialed   func() // called when a connection is made, before it is used
	open     sync.WaitGroup
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.open.Go(func() { p.serve(theirs) })
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dialed != nil {
		p.dialed()
	}
	return ours, nil
}

func (p *pipes) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(io.TeeReader(conn, p))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		p.mu.Lock()
		p.requests++
		p.mu.Unlock()
		const body = `{"status":"successful"}`
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			return
		}
	}
}

// Write counts what arrives.
func (p *pipes) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += len(b)
	return len(b), nil
}

func (p *pipes) seen() (requests, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests, p.bytes
}

// A machine that slept in the middle of a call sends nothing of it when it wakes. Its
// monotonic clock knows of no sleep, and no timer has fired.
func TestAMachineThatSleptSendsNothing(t *testing.T) {
	for name, asleep := range map[string]time.Duration{"for longer than its lease": 11 * time.Second, "for a moment": time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				clock := &wall{}
				network := &pipes{dialed: func() { clock.set(asleep) }}
				client := easybroker.New(easybroker.Options{Timeout: time.Minute, Dial: network.dial})
				route := casas
				route.Account.URL = "http://localhost/v1"
				w := newWorld(t, &broker{})
				r := &replica{Store: w.store, table: &leaseTable{leases: map[string]*leaseRow{}}, broker: client}
				rs := &replicas{world: w, all: []*replica{r}}
				rs.start(r, courier.Options{Now: clock.now}, route)
				id := w.post("casas")
				time.Sleep(1500 * time.Millisecond)
				requests, bytes := network.seen()
				require.EqualValues(t, 1, r.posts.Load())
				l, attempts := w.find(id)
				if asleep < 9*time.Second {
					require.Equal(t, 1, requests)
					require.Equal(t, lead.Delivered, l.State)
				} else {
					require.Zero(t, bytes)
					require.Equal(t, lead.Queued, l.State)
					require.Equal(t, lead.OutcomeDeferred, attempts[0].Outcome)
				}
				network.mu.Lock()
				network.dialed = nil
				network.mu.Unlock()
				w.await(id, lead.Delivered, 20*time.Second)
				require.Equal(t, lead.CredentialWorking, r.courier.Status()[0].State, "that says nothing about the credential")
				r.halt()
				client.CloseIdle()
				network.open.Wait()
			})
		})
	}
}
