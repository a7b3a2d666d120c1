package console

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"leadrelay/internal/problem"
	"leadrelay/internal/secret"
)

// The ways in which a token is sent.
const (
	byPage   = "page"
	byBearer = "bearer"
)

const (
	// guessBurst is how many guesses an address has at once. After that it has one per
	// second.
	guessBurst = 10
	// maxGuessers bounds the addresses that have a limiter of their own. All others
	// share one.
	maxGuessers = 1024
)

// Gate checks the operator's token. It limits wrong tokens alone, by address, so that
// nobody can lock the operator out by guessing. Guessing is hopeless because the token
// is long.
type Gate struct {
	token  secret.Text
	client func(*http.Request) netip.Addr
	log    zerolog.Logger
	shown  *prometheus.CounterVec

	mu       sync.Mutex
	guessers map[netip.Addr]*rate.Limiter
	lines    *rate.Limiter
	unlogged int // guesses since the last line in the log
}

// NewGate returns a gate for the token. If the token is zero, no token is accepted.
// client returns the address that a request comes from.
func NewGate(token secret.Text, client func(*http.Request) netip.Addr, log zerolog.Logger) *Gate {
	const pause, lines = 10 * time.Second, 5
	return &Gate{
		token: token, client: client, log: log, guessers: make(map[netip.Addr]*rate.Limiter), lines: rate.NewLimiter(rate.Every(pause), lines),
		shown: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadrelay_operator_logins_total",
			Help: "Tokens shown at the operator's door, by way (page, bearer) and outcome: opened, refused, or slowed, which is refused too often.",
		}, []string{"way", "outcome"}),
	}
}

// Logins returns the metric that counts tokens by their outcome.
func (g *Gate) Logins() prometheus.Collector { return g.shown }

// check reports whether given is the token. If it is not, and the address has guessed
// too often, wait is how long it should wait.
func (g *Gate) check(r *http.Request, way, given string) (ok bool, wait time.Duration) {
	isToken := g.token.Equal(strings.TrimSpace(given))
	if isToken && !g.token.IsZero() {
		g.shown.WithLabelValues(way, "opened").Inc()
		return true, 0
	}
	outcome := "refused"
	if wait = g.countGuess(g.client(r).Unmap(), way); wait > 0 {
		outcome = "slowed"
	}
	g.shown.WithLabelValues(way, outcome).Inc()
	return false, wait
}

// countGuess counts a wrong token and logs some of them.
func (g *Gate) countGuess(from netip.Addr, way string) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unlogged++; g.lines.Allow() {
		g.log.Warn().Str("way", way).Str("from", prefix(from)).Int("guesses", g.unlogged).Msg("wrong token at the operator's door")
		g.unlogged = 0
	}
	if !g.limiterFor(from).Allow() {
		wait = time.Second
	}
	return wait
}

// limiterFor returns the limiter of an address.
func (g *Gate) limiterFor(from netip.Addr) *rate.Limiter {
	if l, ok := g.guessers[from]; ok {
		return l
	}
	if len(g.guessers) >= maxGuessers {
		for addr, l := range g.guessers {
			if l.Tokens() >= guessBurst { // has not guessed lately
				delete(g.guessers, addr)
			}
		}
	}
	if len(g.guessers) >= maxGuessers {
		from = netip.Addr{}
	}
	if l, ok := g.guessers[from]; ok {
		return l
	}
	l := rate.NewLimiter(rate.Every(time.Second), guessBurst)
	g.guessers[from] = l
	return l
}

// prefix returns the part of an address that does not identify a person.
func prefix(addr netip.Addr) string {
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	p, err := addr.Prefix(bits)
	if err != nil || addr.IsLoopback() {
		return addr.String()
	}
	return p.String()
}

const challenge = `Bearer realm="leadrelay"`

// guard is a middleware that asks for the token. A request without one is not a guess.
func (g *Gate) guard(next http.Handler) http.Handler {
	return problem.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(given) == "" {
			return problem.New(problem.Unauthorized, nil).With("WWW-Authenticate", challenge)
		}
		switch ok, wait := g.check(r, byBearer, given); {
		case wait > 0:
			e := problem.NewTooMany(wait)
			e.Variant = "guesses"
			return e
		case !ok:
			e := problem.New(problem.Unauthorized, nil).With("WWW-Authenticate", challenge)
			e.Variant = "wrong"
			return e
		}
		problem.Guard(w.Header()) // the metrics' handler does not
		next.ServeHTTP(w, r)
		return nil
	})
}
