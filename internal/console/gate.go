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

// The ways to show the token.
const (
	byPage   = "page"
	byBearer = "bearer"
)

const (
	// guessesAtOnce may come from one address, then one a second.
	guessesAtOnce = 10
	// mostGuessers bounds the addresses that are told apart; all others together
	// are one more.
	mostGuessers = 1024
)

// Gate knows the operator's token. It looks first and counts what is wrong
// alone, by address: whoever guesses keeps no owner out. What keeps a guesser out
// is that the token is long.
type Gate struct {
	token  secret.Text
	client func(*http.Request) netip.Addr
	log    zerolog.Logger
	shown  *prometheus.CounterVec

	mu       sync.Mutex
	guessers map[netip.Addr]*rate.Limiter
	lines    *rate.Limiter
	untold   int // guesses since the last line of the log
}

// NewGate returns a gate that the token opens; none opens it when it is zero.
// client says where a request comes from.
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

// Logins counts who has shown a token, and how that ended.
func (g *Gate) Logins() prometheus.Collector { return g.shown }

// opens reports whether it is the token. If not, wait is zero until the address
// has guessed too often.
func (g *Gate) opens(r *http.Request, way, given string) (ok bool, wait time.Duration) {
	isToken := g.token.Equal(strings.TrimSpace(given))
	if isToken && !g.token.IsZero() {
		g.shown.WithLabelValues(way, "opened").Inc()
		return true, 0
	}
	outcome := "refused"
	if wait = g.guessed(g.client(r).Unmap(), way); wait > 0 {
		outcome = "slowed"
	}
	g.shown.WithLabelValues(way, outcome).Inc()
	return false, wait
}

// guessed notes a wrong token, and tells the log of some.
func (g *Gate) guessed(from netip.Addr, way string) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.untold++; g.lines.Allow() {
		g.log.Warn().Str("way", way).Str("from", prefix(from)).Int("guesses", g.untold).Msg("wrong token at the operator's door")
		g.untold = 0
	}
	if !g.guesser(from).Allow() {
		wait = time.Second
	}
	return wait
}

// guesser is what an address may still guess.
func (g *Gate) guesser(from netip.Addr) *rate.Limiter {
	if l, ok := g.guessers[from]; ok {
		return l
	}
	if len(g.guessers) >= mostGuessers {
		for addr, l := range g.guessers {
			if l.Tokens() >= guessesAtOnce { // as good as new
				delete(g.guessers, addr)
			}
		}
	}
	if len(g.guessers) >= mostGuessers {
		from = netip.Addr{}
	}
	if l, ok := g.guessers[from]; ok {
		return l
	}
	l := rate.NewLimiter(rate.Every(time.Second), guessesAtOnce)
	g.guessers[from] = l
	return l
}

// prefix is an address but for what would name a person.
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

// guard lets in who bears the token. To bear none is no guess.
func (g *Gate) guard(next http.Handler) http.Handler {
	return problem.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(given) == "" {
			return problem.New(problem.Unauthorized, nil).With("WWW-Authenticate", challenge)
		}
		switch ok, wait := g.opens(r, byBearer, given); {
		case wait > 0:
			e := problem.NewTooMany(wait)
			e.Variant = "guesses"
			return e
		case !ok:
			e := problem.New(problem.Unauthorized, nil).With("WWW-Authenticate", challenge)
			e.Variant = "wrong"
			return e
		}
		problem.Guard(w.Header()) // metrics would set neither
		next.ServeHTTP(w, r)
		return nil
	})
}
