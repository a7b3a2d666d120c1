package console_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/secret"
)

func gate(token string) *console.Gate {
	return console.NewGate(secret.New(token), nil, peer, zerolog.Nop())
}

// peer returns the address that a request comes from if no proxy is trusted.
func peer(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // a pipe has none
	return from.Addr()
}

// guarded returns an API whose handler always answers 200 behind the guard.
type guarded struct {
	http.Handler
	t    *testing.T
	gate *console.Gate
	log  bytes.Buffer
}

func newGuarded(t *testing.T) *guarded {
	d := &guarded{t: t}
	d.gate = console.NewGate(secret.New(token), nil, peer, zerolog.New(&d.log))
	d.Handler = console.New(nil, nil, nil, d.gate, http.HandlerFunc(metrics))
	return d
}

func (d *guarded) bear(from, given string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	r.RemoteAddr = from + ":1234"
	r.Header.Set("Authorization", "Bearer "+given)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// 400 wrong tokens in 0.4 s, and the operator's requests from the same address.
func TestAGuesserIsSlowedAndLocksNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newGuarded(t)
		seen := map[int]int{}
		for range 400 {
			w := d.bear("203.0.113.7", "guess")
			seen[w.Code]++
			if w.Code == http.StatusTooManyRequests {
				require.Equal(t, "1", w.Header().Get("Retry-After"))
			}
			require.Equal(t, http.StatusOK, d.bear("203.0.113.7", token).Code, "the right one always opens")
		}
		require.Equal(t, map[int]int{401: 10, 429: 390}, seen)
		require.Equal(t, http.StatusUnauthorized, d.bear("203.0.113.8", "guess").Code, "another address has guessed nothing")
		time.Sleep(time.Second)
		require.Equal(t, http.StatusUnauthorized, d.bear("203.0.113.7", "guess").Code)

		require.NoError(t, testutil.CollectAndCompare(d.gate.Logins(), strings.NewReader(`
# HELP leadrelay_operator_logins_total Tokens shown at the operator's door, by way (page, bearer) and outcome: opened, refused, or slowed, which is refused too often.
# TYPE leadrelay_operator_logins_total counter
leadrelay_operator_logins_total{outcome="opened",way="bearer"} 400
leadrelay_operator_logins_total{outcome="refused",way="bearer"} 12
leadrelay_operator_logins_total{outcome="slowed",way="bearer"} 390
`)))
		require.Equal(t, 5, strings.Count(d.log.String(), "\n"), "a flood fills no log")
		require.Contains(t, d.log.String(), `"from":"203.0.113.0/24"`)
		require.NotContains(t, d.log.String(), "guess\"")
		require.NotContains(t, d.log.String(), token)
	})
}

// A request without a token, as of a browser that followed a link, is not a guess.
func TestNoTokenIsNoGuess(t *testing.T) {
	d := newGuarded(t)
	for range 100 {
		require.Equal(t, http.StatusUnauthorized, d.bear("203.0.113.7", "").Code)
	}
	require.Empty(t, d.log.String())
}

// Guesses from very many addresses use bounded memory and are still slowed.
func TestGuessersFromEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	synctest.Test(t, func(t *testing.T) {
		d := newGuarded(t)
		slowed := 0
		for i := range 5000 {
			from := netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}).String()
			if d.bear(from, "guess").Code == http.StatusTooManyRequests {
				slowed++
			}
		}
		require.Greater(t, slowed, 3000)
		require.Equal(t, http.StatusOK, d.bear("203.0.0.1", token).Code)
	})
}
