package console

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
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

// Tokens is the part of the store with the tokens beside the one of the settings. Errors
// wrap [lead.ErrNotFound] if a token is nobody's: revoked, expired, or never made.
type Tokens interface {
	TokenByDigest(ctx context.Context, digest access.Digest) (access.Token, error)
	TokenByID(ctx context.Context, id access.TokenID) (access.Token, error)
}

// Gate finds out by a token who asks. It limits wrong tokens alone, by address, so that
// nobody can lock the others out by guessing. Guessing is hopeless because tokens are
// long.
type Gate struct {
	token  secret.Text
	tokens Tokens
	client func(*http.Request) netip.Addr
	log    zerolog.Logger
	shown  *prometheus.CounterVec

	mu       sync.Mutex
	guessers map[netip.Addr]*rate.Limiter
	lines    *rate.Limiter
	unlogged int // guesses since the last line in the log
}

// NewGate returns a gate for the token of the settings, and for those of the store, if
// there is one. client returns the address that a request comes from.
func NewGate(token secret.Text, tokens Tokens, client func(*http.Request) netip.Addr, log zerolog.Logger) *Gate {
	const pause, lines = 10 * time.Second, 5
	return &Gate{
		token: token, tokens: tokens, client: client, log: log, guessers: make(map[netip.Addr]*rate.Limiter), lines: rate.NewLimiter(rate.Every(pause), lines),
		shown: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadrelay_operator_logins_total",
			Help: "Tokens shown at the operator's door, by way (page, bearer) and outcome: opened, refused, or slowed, which is refused too often.",
		}, []string{"way", "outcome"}),
	}
}

// Logins returns the metric that counts tokens by their outcome.
func (g *Gate) Logins() prometheus.Collector { return g.shown }

// check returns who has sent the token. If it is nobody's, and the address has guessed
// too often, wait is how long it should wait.
func (g *Gate) check(r *http.Request, way, given string) (by access.Access, ok bool, wait time.Duration, err error) {
	if by, ok, err = g.find(r.Context(), strings.TrimSpace(given)); err != nil {
		return by, false, 0, err
	}
	if ok {
		g.shown.WithLabelValues(way, "opened").Inc()
		return g.from(r, by), true, 0, nil
	}
	outcome := "refused"
	if wait = g.countGuess(g.client(r).Unmap(), way); wait > 0 {
		outcome = "slowed"
	}
	g.shown.WithLabelValues(way, outcome).Inc()
	return by, false, wait, nil
}

// find returns whose token it is. The store looks for its digest: how long that takes
// says nothing of a token that was not sent.
func (g *Gate) find(ctx context.Context, given string) (access.Access, bool, error) {
	if g.token.Equal(given) && !g.token.IsZero() {
		return access.Settings(), true, nil
	}
	if given == "" || g.tokens == nil || g.token.IsZero() {
		return access.Access{}, false, nil
	}
	return g.known(ctx, func(ctx context.Context) (access.Token, error) { return g.tokens.TokenByDigest(ctx, access.Sum(given)) })
}

// holder returns who has a session of the token, zero for the one of the settings.
func (g *Gate) holder(ctx context.Context, id access.TokenID) (access.Access, bool, error) {
	switch {
	case id == access.TokenID{}:
		return access.Settings(), true, nil
	case g.tokens == nil:
		return access.Access{}, false, nil
	}
	return g.known(ctx, func(ctx context.Context) (access.Token, error) { return g.tokens.TokenByID(ctx, id) })
}

func (g *Gate) known(ctx context.Context, ask func(context.Context) (access.Token, error)) (access.Access, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	switch t, err := ask(ctx); {
	case errors.Is(err, lead.ErrNotFound):
		return access.Access{}, false, nil
	case err != nil:
		return access.Access{}, false, storeProblem(ctx, err)
	default:
		return t.Access(), true, nil
	}
}

// from notes where the request comes from.
func (g *Gate) from(r *http.Request, by access.Access) access.Access {
	by.From = prefix(g.client(r).Unmap())
	return by
}

// arrived is where a request has who was let in, until its route has asked whether they
// may: see [needs].
type arrived struct{}

// needs is a middleware of one route, which only those may use who may do what it needs.
// No handler sees anything before that.
func needs(need access.Need, h http.Handler) http.Handler {
	return problem.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		by, ok := r.Context().Value(arrived{}).(access.Access)
		switch {
		case !ok:
			return access.ErrUnknown
		case !by.May(need):
			return forbidden(by, need)
		}
		h.ServeHTTP(w, r.WithContext(access.With(r.Context(), by)))
		return nil
	})
}

// forbidden returns the problem of somebody who may not do that.
func forbidden(by access.Access, need access.Need) error {
	e := problem.New(problem.Forbidden, access.ErrRefused)
	if by.May(access.Need{Role: need.Role}) {
		e.Variant = "sites"
	}
	return e
}

// stillIn reports whether the token of whoever asks is still good: what lasts asks again.
func (g *Gate) stillIn(ctx context.Context) bool {
	by, err := access.From(ctx)
	if err != nil {
		return false
	}
	_, ok, err := g.holder(ctx, by.Token)
	return ok || err != nil // if nobody knows, it is asked again
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
	if !addr.IsValid() {
		return ""
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
		by, ok, wait, err := g.check(r, byBearer, given)
		switch {
		case err != nil:
			return err
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
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrived{}, by)))
		return nil
	})
}

// admit is a middleware of one route outside of the API's router: it asks for the token, and
// for what the route needs.
func (g *Gate) admit(need access.Need, h http.Handler) http.Handler { return g.guard(needs(need, h)) }

// whileIn returns a context that ends soon after the token of whoever asks was revoked or
// has expired. The caller must call end.
func (g *Gate) whileIn(ctx context.Context) (in context.Context, end func()) {
	in, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-in.Done():
				return
			}
			if !g.stillIn(in) {
				cancel()
				return
			}
		}
	})
	return in, func() { cancel(); asking.Wait() }
}

// SitesOf returns the sites that whoever asks may see, or nil for all.
func SitesOf(r *http.Request) []string {
	by, err := access.Check(r.Context(), access.See)
	if err != nil {
		return []string{}
	}
	return by.Sites
}
