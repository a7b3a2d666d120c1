package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

const (
	getAndClose = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	longPost    = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
)

// scene is a door with few slots. Its handler for /stuck blocks until it is released,
// and the one for /flood answers more than a socket buffers.
type scene struct {
	*door
	*stuck
	t *testing.T
}

func newScene(t *testing.T, places int, change func(b *server.Limits)) *scene {
	t.Helper()
	s := &scene{stuck: newStuck(), t: t}
	b := quick()
	b.Connections, b.MinAge = places, 20*time.Millisecond
	if change != nil {
		change(&b)
	}
	flood := make([]byte, 16<<20)
	s.door = open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, err := io.Copy(io.Discard, r.Body); {
		case err != nil:
			w.WriteHeader(http.StatusRequestTimeout)
		case r.URL.Path == "/stuck":
			s.stuck.ServeHTTP(w, r)
		case r.URL.Path == "/flood":
			_, _ = w.Write(flood)
		default:
			ok(w, r)
		}
	}), b)
	return s
}

// connect connects from an address of this machine and sends something.
func (s *scene) connect(from, says string) *conn {
	s.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.DialContext(s.t.Context(), "tcp", s.Addr())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	require.NoError(s.t, c.SetDeadline(time.Now().Add(patience)))
	connected := &conn{Conn: c, t: s.t, in: bufio.NewReader(c)}
	connected.send(says)
	time.Sleep(5 * time.Millisecond) // so that the next one begins later
	return connected
}

// isThere reports whether the connection is open. It must have nothing to read.
func (c *conn) isThere() bool {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err := c.in.Peek(1)
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(patience)))
	return isTimeout(err)
}

// keepPace sends a body at 20 kB per second until the connection is closed.
func (c *conn) keepPace() {
	for {
		if _, err := io.WriteString(c, strings.Repeat("a", 100)); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// If all slots are used, the connection that has kept us waiting longest is closed
// first, then one that sends its body at the pace, and never one whose request is
// being handled.
func TestWhoIsHungUpOnFirst(t *testing.T) {
	s := newScene(t, 15, nil) // three for each of five requests that are being handled
	const stuck = "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n"
	answered := s.connect("127.0.0.1", stuck)
	<-s.entered
	moves := s.connect("127.0.0.1", longPost)
	go moves.keepPace()
	waited := []*conn{s.connect("127.0.0.1", "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")}
	time.Sleep(200 * time.Millisecond) // until the buffers are full
	waited = append(waited, s.connect("127.0.0.1", longPost+"a"))
	time.Sleep(50 * time.Millisecond)
	waited = append(waited, s.connect("127.0.0.1", "GET / HTTP/1.1\r\nX-Slow: "))
	time.Sleep(100 * time.Millisecond) // all are older than minAge
	for _, loses := range append(waited, moves) {
		s.connect("127.0.0.1", stuck) // and keeps the slots
		<-s.entered
		_, err := io.Copy(io.Discard, loses.in)
		require.False(t, isTimeout(err), "it is closed")
		require.True(t, loses == moves || moves.isThere())
		require.True(t, answered.isThere())
	}
	waits := s.connect("127.0.0.1", getAndClose)
	require.True(t, waits.isThere(), "all five are being answered")
	close(s.release)
	require.Equal(t, http.StatusOK, answered.answer().StatusCode)
	require.Contains(t, waits.rest(), "200 OK")
}

// If slots are scarce, one address may use a quarter of them.
func TestOneAddressHasAQuarter(t *testing.T) {
	for name, tt := range map[string]struct {
		trusted server.Proxies
		loses   string
	}{
		"who holds more loses":   {nil, "many"},
		"a proxy of ours may do": {server.Proxies{netip.MustParsePrefix("127.0.0.3/32")}, "few"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 26, func(b *server.Limits) { b.Proxies = tt.trusted })
			conns := map[string][]*conn{}
			for range 2 {
				conns["few"] = append(conns["few"], s.connect("127.0.0.2", longPost+"a")) // they wait longer
			}
			for range 6 {
				conns["many"] = append(conns["many"], s.connect("127.0.0.3", longPost+"a"))
			}
			for range 10 { // one connection of those is closed for all ten
				require.Contains(t, s.connect("127.0.0.4", getAndClose).rest(), "200 OK")
			}
			for who, all := range conns {
				require.Equal(t, who != tt.loses, all[0].isThere(), who)
				require.True(t, all[len(all)-1].isThere() || who == "few" && tt.loses == "few", who)
			}
		})
	}
}

// Others do not wait for the many new connections of one address to grow old.
func TestManyNewConnectionsOfOneAddressMakeRoom(t *testing.T) {
	const minAge = 2 * time.Second
	s := newScene(t, 26, func(b *server.Limits) { b.MinAge = minAge })
	for range 9 {
		s.connect("127.0.0.3", "")
	}
	begun := time.Now()
	require.Contains(t, s.connect("127.0.0.4", getAndClose).rest(), "200 OK")
	require.Less(t, time.Since(begun), minAge/2)
}

// Nor for those of addresses that were often hung up on and come back each time.
func TestWhoComesBackEachTimeMakesRoom(t *testing.T) {
	const minAge, addresses, each = 300 * time.Millisecond, 8, 2 // half of them fit in; none is over its quota
	s := newScene(t, 26, func(b *server.Limits) { b.MinAge = minAge })
	var evicted [addresses]atomic.Int64
	var all sync.WaitGroup
	over, end := context.WithCancel(t.Context())
	for i := range addresses * each {
		all.Go(func() {
			for over.Err() == nil {
				c := s.connect(fmt.Sprintf("127.0.1.%d", i%addresses), longPost)
				_ = c.SetReadDeadline(time.Now().Add(2 * minAge))
				_, _ = c.in.ReadByte()
				_ = c.Close()
				evicted[i%addresses].Add(1)
			}
		})
	}
	for i := range evicted { // and those that came before the last one are gone, too
		require.Eventually(t, func() bool { return evicted[i].Load() > server.ManyEvictions+2*each }, patience, time.Millisecond)
	}
	begun := time.Now()
	require.Contains(t, s.connect("127.0.0.4", getAndClose).rest(), "200 OK")
	waited := time.Since(begun)
	end()
	all.Wait()
	require.Less(t, waited, minAge*2/3)
}

func TestAQuotaIsACustomersNetwork(t *testing.T) {
	ours := server.Proxies{netip.MustParsePrefix("2001:db8:1::/64")}
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:2:3::4": "2001:db8:2::", "2001:db8:2:ffff::1": "2001:db8:2::", "2001:db8:1::5": "",
	} {
		address := server.CountedAddress(ours, &net.TCPAddr{IP: net.ParseIP(addr)})
		if want == "" {
			require.False(t, address.IsValid(), addr)
		} else {
			require.Equal(t, netip.MustParseAddr(want), address, addr)
		}
	}
	require.False(t, server.CountedAddress(nil, &net.UnixAddr{}).IsValid(), "an address that is none has no quota")
}

func TestPlacesLeaveFilesForTheRest(t *testing.T) {
	for files, want := range map[uint64]int{0: 32, 192: 32, 256: 64, 1024: 448, 4224: 2048, math.MaxUint64: math.MaxInt32 / 2} {
		require.Equal(t, want, server.ConnectionsFor(files), files)
	}
}

// Bodies and answers must keep the pace after the grace. One that does may take
// longer than the grace.
func TestTheMinimumPace(t *testing.T) {
	const grace = 300 * time.Millisecond // in which a busy machine does something
	s := newScene(t, 8, func(b *server.Limits) { b.Grace, b.Pace = grace, 2000 })
	t.Run("a body that keeps it", func(t *testing.T) {
		begun := time.Now()
		c := s.connect("127.0.0.1", strings.Replace(longPost, "60000", "6000", 1))
		for range 60 {
			c.send(strings.Repeat("a", 100))
			time.Sleep(8 * time.Millisecond)
		}
		require.Equal(t, http.StatusOK, c.answer().StatusCode)
		require.Greater(t, time.Since(begun), grace)
	})
	t.Run("a body that does not", func(t *testing.T) {
		c := s.connect("127.0.0.1", longPost)
		go c.dribble()
		require.Equal(t, http.StatusRequestTimeout, c.answer().StatusCode)
	})
}

// A client that does not read its answer loses the connection long before the time
// for the whole answer is over.
func TestAnAnswerThatNobodyTakes(t *testing.T) {
	s := newScene(t, 8, func(b *server.Limits) { b.Grace, b.Pace = 100*time.Millisecond, 1<<20 })
	const flood = "GET /flood HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	takes, deaf := s.connect("127.0.0.1", flood), s.connect("127.0.0.1", flood)
	all, err := io.Copy(io.Discard, takes.in)
	require.NoError(t, err)
	require.Greater(t, all, int64(16<<20))
	time.Sleep(300 * time.Millisecond)
	some, err := io.Copy(io.Discard, deaf.in)
	require.False(t, isTimeout(err))
	require.Less(t, some, int64(16<<20))
}

// dribble sends one byte at a time until the connection is closed.
func (c *conn) dribble() {
	for {
		if _, err := io.WriteString(c, "a"); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Some dozens of pipelined requests are answered. After that the connection is
// closed, because we do not know whether the client reads the answers.
func TestRequestsAheadOfTheirTurnEndTheConnection(t *testing.T) {
	s := newScene(t, 8, nil)
	few := s.connect("127.0.0.1", strings.Repeat(getOK, 50))
	for range 50 {
		require.False(t, few.answer().Close)
	}
	many := s.connect("127.0.0.1", strings.Repeat(getOK, 70))
	answers := 1
	for !many.answer().Close {
		answers++
	}
	require.InDelta(t, 66, answers, 2) // a few were read separately
	one := s.connect("127.0.0.1", "")
	for range 200 {
		one.send(getOK)
		require.False(t, one.answer().Close)
		one.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
		one.send("abc")
		require.False(t, one.answer().Close)
	}
}
