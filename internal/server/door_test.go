package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

// patience is how long tests wait for a condition.
const patience = 10 * time.Second

// quick returns limits that no test reaches by accident.
func quick() server.Limits {
	const long = time.Minute
	return server.Limits{Connections: 64, MinAge: long, Headers: long, Body: long, Answer: long, Idle: long, Finish: patience, Grace: long, Pace: 1 << 10}
}

// door is a door that is being served.
type door struct {
	*server.Door
	served chan error
	once   sync.Once
	client *http.Client
}

func open(t *testing.T, h http.Handler, b server.Limits) *door {
	t.Helper()
	opened, err := server.ListenWithin(t.Context(), h, b)
	require.NoError(t, err)
	transport := &http.Transport{}
	d := &door{Door: opened, served: make(chan error, 1), client: &http.Client{Transport: transport, Timeout: patience}}
	go func() { d.served <- d.Serve() }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		d.close(t)
	})
	return d
}

// close closes the door once and requires that Serve returned no error.
func (d *door) close(t *testing.T) {
	t.Helper()
	d.once.Do(func() {
		require.NoError(t, d.Close())
		require.NoError(t, <-d.served)
	})
}

func (d *door) get(t *testing.T, method, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.Addr()+path, nil)
	require.NoError(t, err)
	resp, err := d.client.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// conn is a client that sends raw bytes.
type conn struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func dial(t *testing.T, addr string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return &conn{Conn: c, t: t, in: bufio.NewReader(c)}
}

func (c *conn) send(s string) {
	c.t.Helper()
	_, err := io.WriteString(c, s)
	require.NoError(c.t, err)
}

// answer reads one answer. The connection stays open for the next.
func (c *conn) answer() *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	require.NoError(c.t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(c.t, err)
	return resp
}

// rest reads until the server closes the connection, or resets it.
func (c *conn) rest() string {
	c.t.Helper()
	all, err := io.ReadAll(c.in)
	require.False(c.t, isTimeout(err), "the server does not hang up")
	return string(all)
}

// drip sends s again and again, one byte at a time, until the server closes the
// connection.
func (c *conn) drip(s string) {
	c.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); s = s[1:] + s[:1] {
		if _, err := io.WriteString(c, s[:1]); err != nil {
			return
		}
		require.NoError(c.t, c.SetReadDeadline(time.Now().Add(2*time.Millisecond)))
		if _, err := io.ReadAll(c.in); !isTimeout(err) {
			return
		}
	}
	require.Fail(c.t, "the server does not hang up")
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// say sends bytes and returns everything that comes back.
func say(t *testing.T, addr, request string) string {
	t.Helper()
	c := dial(t, addr)
	c.send(request)
	return c.rest()
}

const getOK = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func TestASlowClientIsHungUpOn(t *testing.T) { // E4
	const short = 50 * time.Millisecond
	flood := make([]byte, 1<<20)
	tests := map[string]struct {
		bounds  func(b *server.Limits)
		handler http.HandlerFunc
		client  func(c *conn)
	}{
		"it connects and says nothing": {
			func(b *server.Limits) { b.Headers = short }, ok,
			func(c *conn) { require.Empty(c.t, c.rest()) },
		},
		"headers that never end": {
			func(b *server.Limits) { b.Headers = short }, ok,
			func(c *conn) { c.send("GET / HTTP/1.1\r\nX-Slow: "); require.NotContains(c.t, c.rest(), " 200 ") },
		},
		"headers byte by byte": {
			func(b *server.Limits) { b.Headers = short }, ok,
			func(c *conn) { c.send("GET / HTTP/1.1\r\nX-Slow: "); c.drip("a") },
		},
		"the headers of a second request": {
			func(b *server.Limits) { b.Headers = short }, ok,
			func(c *conn) { c.send(getOK); c.answer(); c.send("GET / HTTP/1.1\r\n"); c.drip("a") },
		},
		"a body that never comes": {
			func(b *server.Limits) { b.Headers, b.Body = short, short }, readAll,
			func(c *conn) {
				c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
				require.Contains(c.t, c.rest(), "HTTP/1.1 408 ")
			},
		},
		"a body byte by byte": {
			func(b *server.Limits) { b.Headers, b.Body = short, short }, readAll,
			func(c *conn) { c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"); c.drip("a") },
		},
		"a body in chunks without end": {
			func(b *server.Limits) { b.Headers, b.Body = short, short }, readAll,
			func(c *conn) {
				c.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
				c.drip("1\r\na\r\n")
			},
		},
		"an answer that nobody reads": {
			func(b *server.Limits) { b.Body, b.Answer = short, short },
			func(w http.ResponseWriter, _ *http.Request) {
				for {
					if _, err := w.Write(flood); err != nil {
						return
					}
				}
			},
			func(c *conn) {
				c.send(getOK)
				_, err := c.in.ReadByte() // only the beginning
				require.NoError(c.t, err)
			},
		},
		"a connection that is kept and not used": {
			func(b *server.Limits) { b.Idle = short }, ok,
			func(c *conn) { c.send(getOK); c.answer(); require.Empty(c.t, c.rest()) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := quick()
			tt.bounds(&b)
			d := open(t, tt.handler, b)
			tt.client(dial(t, d.Addr()))
			d.close(t) // waits for the handler, which must not hang
		})
	}
}

// readAll answers 408 if the body does not arrive in time.
func readAll(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusRequestTimeout)
	}
}

// The limits that the README promises: 10 s for the headers, 30 s for the body, 30 s
// for the answer, 60 s idle, and 1 kB/s after 5 s. At a full door a new connection
// has 150 ms.
func TestUsualBounds(t *testing.T) {
	const s = time.Second
	require.Equal(t, server.Limits{
		Connections: 2048, MinAge: 150 * time.Millisecond, Headers: 10 * s, Body: 30 * s, Answer: 30 * s, Idle: 60 * s, Finish: 10 * s, Grace: 5 * s, Pace: 1 << 10,
	}, server.DefaultLimits())
}

func TestHeadersTooLarge(t *testing.T) { // A17
	d := open(t, http.HandlerFunc(ok), quick())
	for name, request := range map[string]string{
		"one long header": "GET / HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		"many headers":    "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", 1000) + "\r\n",
		"a long target":   "GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits until its bytes are sent
			c := dial(t, d.Addr())
			go func() { _, _ = io.WriteString(c, request) }() // the server stops reading before it is sent
			require.Contains(t, c.rest(), "HTTP/1.1 431 ")
			require.Equal(t, 200, d.get(t, "GET", "/").StatusCode)
		})
	}
}

// The door speaks HTTP/1 alone. Anything else gets an error or no answer.
func TestGarbage(t *testing.T) {
	d := open(t, http.HandlerFunc(ok), quick())
	for name, request := range map[string]string{
		"TLS":               "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"the PROXY preface": "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n\r\n",
		"line feeds":        "GET / HTTP/1.1\nHost: x\nHost: y\n\n",
	} {
		require.NotContains(t, say(t, d.Addr(), request), " 200 ", name)
	}
	for name, request := range map[string]string{
		"HTTP/2 at once":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"an upgrade to HTTP/2": "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
	} {
		require.Regexp(t, `^HTTP/1\.1 [24]`, say(t, d.Addr(), request), name)
	}
}

// A Content-Length in a chunked request may claim that what follows belongs to it.
// What follows is never read as a request.
func TestNothingBehindChunksIsARequest(t *testing.T) {
	d := open(t, http.HandlerFunc(readAll), quick())
	const post, chunks, hidden = "POST / HTTP/1.1\r\nHost: x\r\n", "1\r\na\r\n0\r\n\r\n", "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, headers := range map[string]string{
		"chunks":              "Transfer-Encoding: chunked\r\n",
		"chunks and a length": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
	} {
		answer := say(t, d.Addr(), post+headers+"\r\n"+chunks+hidden)
		require.Equal(t, 1, strings.Count(answer, "HTTP/1.1 "), name)
		require.Contains(t, answer, "HTTP/1.1 200 OK\r\nConnection: close\r\n", name)
	}
	c := dial(t, d.Addr()) // a length without chunks keeps the connection
	for range 3 {
		c.send(post + "Content-Length: 1\r\n\r\na")
		require.False(t, c.answer().Close)
	}
}

// OPTIONS * is answered and logged like any other request.
func TestOptionsForTheWholeServer(t *testing.T) {
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", r.Method+" "+r.RequestURI)
	}), quick())
	c := dial(t, d.Addr())
	c.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Equal(t, "OPTIONS *", c.answer().Header.Get("X-Asked"))
}

// A limited number of requests is handled at once, with three slots each. The others
// wait, and all are answered.
func TestConnectionsBeyondTheCapWaitAndAreServed(t *testing.T) {
	const most, clients = 4, 40
	b := quick()
	b.Connections = 3 * most
	var served, top atomic.Int32
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer served.Add(-1)
		for n := served.Add(1); n > top.Load(); top.Store(n) {
		}
		_, _ = io.Copy(io.Discard, r.Body)
		ok(w, r)
	}), b)
	const post = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n"
	var slow []*conn
	for range most {
		c := dial(t, d.Addr())
		c.send(post)
		slow = append(slow, c)
	}
	require.Eventually(t, func() bool { return served.Load() == most }, patience, time.Millisecond)
	var all []*conn
	for range clients {
		c := dial(t, d.Addr())
		c.send(post + "a")
		all = append(all, c)
	}
	require.NoError(t, all[0].SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := all[0].in.Peek(1)
	require.True(t, isTimeout(err), "who is being answered is not hung up on")
	require.NoError(t, all[0].SetReadDeadline(time.Now().Add(patience)))
	for _, c := range slow {
		c.send("a")
	}
	for _, c := range append(slow, all...) {
		require.Contains(t, c.rest(), "HTTP/1.1 200 OK")
	}
	require.LessOrEqual(t, top.Load(), int32(2*most))
}

// A connection that sends nothing, no complete request, or nothing more loses its
// slot to one that does. The one that has waited longest goes first.
func TestASilentCrowdKeepsNobodyOut(t *testing.T) {
	const most, clients = 2, 40 // one of them would leave a newcomer no place for its request
	for name, says := range map[string]string{"nothing": "", "no whole request": "GET / HTTP/1.1\r\nX-Slow: ", "nothing more": getOK} {
		t.Run(name, func(t *testing.T) {
			b := quick() // which allow them for a minute
			b.Connections, b.MinAge = most, 20*time.Millisecond
			d := open(t, http.HandlerFunc(ok), b)
			var silent []*conn
			for range most {
				c := dial(t, d.Addr())
				c.send(says)
				if says == getOK {
					c.answer()
				}
				silent = append(silent, c)
			}
			for range clients {
				require.Contains(t, say(t, d.Addr(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200 OK")
			}
			require.Empty(t, silent[0].rest())
		})
	}
}

// A full door that waits for a slot can be closed.
func TestAFullDoorCloses(t *testing.T) {
	s := newStuck()
	b := quick()
	b.Connections, b.Finish = 1, 50*time.Millisecond
	d := open(t, s, b)
	first := dial(t, d.Addr())
	first.send(getOK)
	<-s.entered
	second := dial(t, d.Addr())
	second.send(getOK)
	d.close(t)
	require.Empty(t, first.rest())
	require.Empty(t, second.rest())
}

// stuck is a handler that blocks until it is released or its client is cut off.
type stuck struct{ entered, release chan struct{} }

func newStuck() *stuck {
	return &stuck{entered: make(chan struct{}, 1), release: make(chan struct{})}
}

func (s *stuck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.entered <- struct{}{}
	select {
	case <-s.release:
		ok(w, r)
	case <-r.Context().Done():
	}
}

func TestCloseWaitsForWhatHasBegun(t *testing.T) {
	s := newStuck()
	d := open(t, s, quick())
	c := dial(t, d.Addr())
	c.send(getOK)
	<-s.entered
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	require.Eventually(t, func() bool { // nobody new gets in
		other, err := net.Dial("tcp", d.Addr())
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	}, patience, time.Millisecond)
	require.Empty(t, closed, "it waits")
	close(s.release)
	require.Contains(t, c.rest(), "\r\n\r\nok")
	require.NoError(t, <-closed)
}

// A client that was accepted before the door closed, and sends a request at once, is
// answered.
func TestCloseHearsWhoHasJustCome(t *testing.T) {
	d := open(t, http.HandlerFunc(ok), quick())
	c := dial(t, d.Addr())
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	time.Sleep(10 * time.Millisecond)
	c.send(getOK)
	require.Contains(t, c.rest(), "\r\n\r\nok")
	require.NoError(t, <-closed)
}

// Who was told that the process is alive may send a request just after that, though the
// door closes. Who asks meanwhile is told nothing, and asks the next process.
func TestCloseHearsWhoHasJustAsked(t *testing.T) {
	const probe = "GET " + server.HealthzPath + " HTTP/1.1\r\nHost: x\r\n\r\n"
	d := open(t, http.HandlerFunc(ok), quick())
	c := dial(t, d.Addr())
	c.send(probe)
	require.Equal(t, http.StatusOK, c.answer().StatusCode)
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	time.Sleep(20 * time.Millisecond)
	asks := dial(t, d.Addr())
	asks.send(probe)
	time.Sleep(80 * time.Millisecond)
	require.Contains(t, func() string { late := dial(t, d.Addr()); late.send(getAndClose); return late.rest() }(), "\r\n\r\nok")
	require.Empty(t, asks.rest())
	require.NoError(t, <-closed)
}

// Neither a browser that connected in advance nor a client that has its answer delays
// the stop.
func TestCloseWaitsForNobodySilent(t *testing.T) {
	d := open(t, http.HandlerFunc(ok), quick())
	silent, served := dial(t, d.Addr()), dial(t, d.Addr())
	served.send(getOK) // by then, the first connection has been accepted, too
	served.answer()
	begun := time.Now()
	d.close(t)
	require.Less(t, time.Since(begun), 3*time.Second, "net/http waits for five")
	require.Empty(t, silent.rest())
	require.Empty(t, served.rest())
}

func TestCloseGivesUpOnWhatTakesTooLong(t *testing.T) {
	s := newStuck()
	b := quick()
	b.Finish = 50 * time.Millisecond
	opened, err := server.ListenWithin(t.Context(), s, b)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- opened.Serve() }()
	c := dial(t, opened.Addr())
	c.send(getOK)
	<-s.entered
	begun := time.Now()
	require.NoError(t, opened.Close(), "a slow client is no failure of the stop")
	require.GreaterOrEqual(t, time.Since(begun), b.Finish)
	require.Empty(t, c.rest())
	require.NoError(t, <-served)
}

func TestAPortInUseIsOneClearLine(t *testing.T) {
	d := open(t, http.HandlerFunc(ok), quick())
	_, err := server.Listen(t.Context(), d.Addr(), nil, http.HandlerFunc(ok))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, d.Addr())
	require.ErrorContains(t, err, "address already in use")
	require.NotContains(t, err.Error(), "\n")
}

func TestAnAddressThatIsNone(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:port", "127.0.0.1:99999", "nowhere.invalid:0"} {
		_, err := server.Listen(t.Context(), addr, nil, http.HandlerFunc(ok))
		require.Error(t, err, addr)
	}
}

// Closing a door that never served frees its port. This happens if the other door
// could not be opened.
func TestADoorThatWasNeverServedCloses(t *testing.T) {
	d, err := server.Listen(t.Context(), "127.0.0.1:0", nil, http.HandlerFunc(ok))
	require.NoError(t, err)
	require.NoError(t, d.Close())
	again, err := server.Listen(t.Context(), d.Addr(), nil, http.HandlerFunc(ok))
	require.NoError(t, err)
	require.NoError(t, again.Close())
	require.NoError(t, again.Serve(), "a closed door serves nobody")
}

func TestAListenerThatDiesIsAnError(t *testing.T) {
	d, err := server.ListenWithin(t.Context(), http.HandlerFunc(ok), quick())
	require.NoError(t, err)
	require.NoError(t, server.BreakListener(d))
	require.ErrorContains(t, d.Serve(), "serve "+d.Addr())
}
