package easybroker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/secret"
)

func TestAnUnusableAccountSendsNothing(t *testing.T) {
	server := serve(t, say(good))
	tests := map[string]func(*easybroker.Account){
		"no URL":                    func(a *easybroker.Account) { a.URL = "" },
		"not a URL":                 func(a *easybroker.Account) { a.URL = "http://[canary" },
		"a password in the URL":     func(a *easybroker.Account) { a.URL = strings.Replace(a.URL, "http://", "http://u:canary@", 1) },
		"a query in the URL":        func(a *easybroker.Account) { a.URL += "?canary" },
		"plain http to the world":   func(a *easybroker.Account) { a.URL = "http://canary.example/v1" },
		"a scheme that is not http": func(a *easybroker.Account) { a.URL = "ftp://canary.example/v1" },
		"no host":                   func(a *easybroker.Account) { a.URL = "https://:443/v1" },
		"no key":                    func(a *easybroker.Account) { a.Key = secret.Text{} },
		"a key with a line end":     func(a *easybroker.Account) { a.Key = secret.New(canaryKey + "\r\nX: y") },
		"a key that is not ASCII":   func(a *easybroker.Account) { a.Key = secret.New(canaryKey + "ñ") },
		"no country":                func(a *easybroker.Account) { a.Country = "" },
		"a country in lower case":   func(a *easybroker.Account) { a.Country = "mx" },
		"no API":                    func(a *easybroker.Account) { a.API = "" },
		"a plain one's bad country": func(a *easybroker.Account) { a.API, a.Country = easybroker.Plain, "M\n" },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			a := account(server.url)
			spoil(&a)
			c := client(t, easybroker.Options{})
			_, err := c.Create(t.Context(), a, inquiry)
			require.Equal(t, "not sent", kind(err))
			requireSilent(t, err)
			_, err = c.List(t.Context(), a, easybroker.Query{})
			require.Equal(t, "not sent", kind(err))
		})
	}
	for _, id := range []int64{0, -1, 1 << 53} {
		_, err := client(t, easybroker.Options{}).Create(t.Context(), account(server.url), easybroker.ContactRequest{RemoteID: id})
		require.Equal(t, "not sent", kind(err))
	}
	require.Empty(t, server.bytes())
}

func TestWhatCannotBeReachedGetsNothing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	for name, url := range map[string]string{
		"a port that nobody listens on": "http://" + ln.Addr().String(),
		"a name that does not exist":    "https://name.invalid",
		"a server that speaks no TLS":   strings.Replace(serve(t, say(good)).url, "http:", "https:", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, easybroker.Options{}).Create(t.Context(), account(url), inquiry)
			require.Equal(t, "not sent", kind(err))
			requireSilent(t, err)
		})
	}
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	server := serve(t, say(good))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(t, easybroker.Options{}).Create(ctx, account(server.url), inquiry)
	require.Equal(t, "not sent", kind(err))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, server.bytes())
}

// A TLS server that never finishes its handshake gets no request.
func TestAHandshakeThatHangsSendsNothing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	_, err = client(t, easybroker.Options{Timeout: 100 * time.Millisecond}).
		Create(t.Context(), account("https://"+ln.Addr().String()), inquiry)
	require.Equal(t, "not sent", kind(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestTLSIsCheckedBeforeAnythingIsSent(t *testing.T) {
	now := time.Now()
	tests := map[string]struct {
		names            []string
		from, to         time.Time
		maxVersion       uint16
		trusted, fromNow bool
		want             string
	}{
		"a good certificate":   {from: now.Add(-time.Hour), to: now.Add(time.Hour), trusted: true, want: "taken"},
		"an expired one":       {from: now.Add(-2 * time.Hour), to: now.Add(-time.Hour), trusted: true, want: "not sent"},
		"an unknown authority": {from: now.Add(-time.Hour), to: now.Add(time.Hour), want: "not sent"},
		"another name":         {names: []string{"other.example"}, from: now.Add(-time.Hour), to: now.Add(time.Hour), trusted: true, want: "not sent"},
		"TLS 1.1 only":         {from: now.Add(-time.Hour), to: now.Add(time.Hour), maxVersion: tls.VersionTLS11, trusted: true, want: "not sent"},
		"TLS 1.2":              {from: now.Add(-time.Hour), to: now.Add(time.Hour), maxVersion: tls.VersionTLS12, trusted: true, want: "taken"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cert, roots := certificate(t, tt.names, tt.from, tt.to)
			var seen atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen.Add(1)
				require.Equal(t, "HTTP/1.1", r.Proto)
				_, _ = io.WriteString(w, `{"status":"successful"}`)
			}))
			server.EnableHTTP2 = true
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tt.maxVersion}
			server.StartTLS()
			defer server.Close()
			if !tt.trusted {
				roots = x509.NewCertPool()
			}
			c := easybroker.NewTrusting(easybroker.Options{Timeout: timeout}, roots)
			defer c.CloseIdle()
			_, err := c.Create(t.Context(), account(server.URL), inquiry)
			require.Equal(t, tt.want, kind(err), "%v", err)
			require.EqualValues(t, map[string]int{"taken": 1}[tt.want], seen.Load())
			if err != nil {
				requireSilent(t, err)
			}
		})
	}
}

func TestATLSFailureCanBeToldFromOthers(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, err := client(t, easybroker.Options{}).Create(t.Context(), account(server.URL), inquiry)
	var verification *tls.CertificateVerificationError
	require.ErrorAs(t, err, &verification)
}

// certificate returns a self-signed certificate, for 127.0.0.1 if there are no names.
func certificate(t *testing.T, names []string, from, to time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, DNSNames: names,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if names == nil {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestAWatchedConn(t *testing.T) {
	t.Run("a shut one lets nothing through", func(t *testing.T) {
		inner := &memory{}
		conn, writesBegun, shutSince := easybroker.NewWatchedConn(inner)
		require.True(t, shutSince(writesBegun()))
		n, err := conn.Write([]byte("late"))
		require.Zero(t, n)
		require.ErrorIs(t, err, net.ErrClosed)
		require.Zero(t, inner.calls)
	})
	t.Run("one on which a write has begun cannot be shut", func(t *testing.T) {
		inner := &memory{}
		conn, writesBegun, shutSince := easybroker.NewWatchedConn(inner)
		before := writesBegun()
		_, err := conn.Write([]byte("x"))
		require.NoError(t, err)
		require.False(t, shutSince(before))
		_, err = conn.Write([]byte("y"))
		require.NoError(t, err)
		require.Equal(t, 2, inner.calls)
	})
	t.Run("a write that failed has begun", func(t *testing.T) {
		conn, writesBegun, shutSince := easybroker.NewWatchedConn(&memory{err: io.ErrClosedPipe})
		before := writesBegun()
		_, err := conn.Write([]byte("x"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.False(t, shutSince(before))
	})
}

// memory is a connection that only counts.
type memory struct {
	net.Conn
	calls int
	err   error
}

func (m *memory) Write(p []byte) (int, error) {
	m.calls++
	if m.err != nil {
		return 0, m.err
	}
	return len(p), nil
}

// The server reads the second request on a kept connection and hangs up. net/http
// must not think that the connection was closed while idle.
func TestAKeptConnectionThatBreaksIsNotTriedAgain(t *testing.T) {
	for name, end := range map[string]func(net.Conn, int) bool{"closed": sayAndClose(""), "reset": reset} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(conn net.Conn, n int) bool {
				if n == 1 {
					return say(good)(conn, n)
				}
				return end(conn, n)
			})
			c := client(t, easybroker.Options{})
			_, err := c.Create(t.Context(), account(server.url), inquiry)
			require.NoError(t, err)
			_, err = c.Create(t.Context(), account(server.url), inquiry)
			require.Equal(t, "unanswered", kind(err))
			require.Len(t, server.requests(), 2)
		})
	}
}

// The server drops connections at random and the callers give up at random.
// What the client says must agree with the bytes that arrived: "not sent" means
// none, and nothing arrives twice.
func TestTheVerdictNeverContradictsTheServer(t *testing.T) {
	const calls = 600
	server := serve(t, func(conn net.Conn, n int) bool {
		switch n % 7 {
		case 1:
			return sayAndClose(good)(conn, n)
		case 2:
			return sayAndClose("")(conn, n)
		case 3:
			return reset(conn, n)
		}
		return say(good)(conn, n)
	})
	c := client(t, easybroker.Options{Timeout: 5 * time.Second})
	endings := runStorm(t, c, server.url, calls)

	arrived := server.bytes()
	whole := map[string]int{}
	for _, r := range server.requests() {
		whole[r.header.Get("X-Authorization")]++
	}
	tally := map[string]int{}
	for i, ending := range endings {
		key := stormKey(i)
		tally[ending]++
		require.LessOrEqual(t, strings.Count(arrived, key), 1, "sent twice")
		switch ending {
		case "taken":
			require.Equal(t, 1, whole[key])
		case "not sent":
			require.NotContains(t, arrived, key)
		default:
			require.Equal(t, "unanswered", ending)
		}
	}
	require.NotZero(t, tally["taken"])
	require.NotZero(t, tally["not sent"], "the storm should have hit the time before the first byte")
}

func stormKey(i int) string { return fmt.Sprintf("storm-%04d;", i) }

// runStorm makes the calls from eight callers, a third of whom give up early.
func runStorm(t *testing.T, c *easybroker.Client, url string, calls int) []string {
	t.Helper()
	endings := make([]string, calls)
	var next atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for i := int(next.Add(1)) - 1; i < calls; i = int(next.Add(1)) - 1 {
				ctx, cancel := context.WithCancel(context.Background())
				if i%3 == 0 {
					time.AfterFunc(time.Duration(mathrand.IntN(1500))*time.Microsecond, cancel)
				}
				a := account(url)
				a.Key = secret.New(stormKey(i))
				cr := inquiry
				cr.Message = strings.Repeat("x", mathrand.IntN(20<<10))
				_, err := c.Create(ctx, a, cr)
				endings[i] = kind(err)
				cancel()
			}
		})
	}
	callers.Wait()
	return endings
}

func TestTheCauseOfAnEndCanBeAsked(t *testing.T) {
	server := serve(t, silence)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := client(t, easybroker.Options{}).Create(ctx, account(server.url), inquiry)
	require.Equal(t, "unanswered", kind(err))
	require.ErrorIs(t, err, context.Canceled)
}
