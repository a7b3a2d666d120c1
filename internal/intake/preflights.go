package intake

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// preflights knows which listed origins of a site ask before a post and then do
// not post: their browsers refuse the answer, so every inquiry from there is
// lost, and nothing else shows it. A post without a preflight is usual, because
// browsers remember the answer for hours.
type preflights struct {
	waiting atomic.Int32 // how many origins do, for a post that has nothing to do here
	mu      sync.Mutex
	origins map[string]unanswered
	told    time.Time
}

// unanswered are the preflights of an origin since its last post.
type unanswered struct {
	count       int
	first, last time.Time
}

const (
	// again is how many preflights without a post are no chance.
	again = 5
	// patience is how long the first of them must be over, so that visitors who
	// came at the same time have had the time to post.
	patience = time.Minute
	// forgetting is after how long an origin begins anew: a visitor who leaves
	// between the two is no trouble, once in a while.
	forgetting = 24 * time.Hour
	// mostOrigins bounds the memory: below a wildcard anybody can invent some.
	mostOrigins = 64
)

// note takes a preflight down and returns how many there were since a post, when
// it is time to say so: once an hour for a site.
func (p *preflights) note(origin string, now time.Time) (count int, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.origins[origin]
	if now.Sub(seen.last) > forgetting {
		seen = unanswered{first: now}
	}
	seen.count, seen.last = seen.count+1, now
	if p.keep(origin, seen); seen.count < again || now.Sub(seen.first) < patience || now.Sub(p.told) < time.Hour {
		return 0, time.Time{}
	}
	p.told = now
	return seen.count, seen.first
}

func (p *preflights) keep(origin string, seen unanswered) {
	if p.origins == nil {
		p.origins = make(map[string]unanswered)
	}
	if _, known := p.origins[origin]; !known && len(p.origins) >= mostOrigins {
		for other, old := range p.origins {
			if seen.last.Sub(old.last) > time.Hour {
				delete(p.origins, other)
			}
		}
		if len(p.origins) >= mostOrigins {
			return
		}
	}
	p.origins[origin] = seen
	p.waiting.Store(int32(len(p.origins))) //nolint:gosec // at most mostOrigins
}

// answer forgets the origin's preflights: a post has come.
func (p *preflights) answer(origin string) {
	if p.waiting.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.origins, origin)
	p.waiting.Store(int32(len(p.origins))) //nolint:gosec // at most mostOrigins
}

// watch takes a preflight down, and tells the operator of an origin that is not
// on the list, or is and still does not get through.
func (v *visit) watch(r *http.Request, fine bool) {
	origin, ok := originOf(r)
	method := r.Header.Get("Access-Control-Request-Method")
	switch {
	case method == "": // no browser asks so
		return
	case v.origin == "":
		if !ok || (origin != "" && !isOwnPage(r, origin)) {
			v.desk.reportOrigin(r)
		}
		return
	}
	count, since := v.desk.preflights.note(origin, time.Now())
	if count == 0 {
		return
	}
	zerolog.Ctx(r.Context()).Warn().Str("origin", cspSource(origin)).Int("preflights", count).Time("since", since).
		Str("mend_with", remedy(method, fine)).Msg("preflights without a post")
}

// remedy is what most likely lets the posts through.
func remedy(method string, fine bool) string {
	switch {
	case !fine:
		return "the page's script asks for header names that are wrong, or longer than 1 KiB together: let it send fewer headers of its own"
	case !slices.Contains([]string{http.MethodPost, http.MethodGet, http.MethodHead}, method):
		return "the page's script asks for a method that is not POST: let it send POST"
	}
	return "see the console of the page's browser; a proxy in front of the relay must pass OPTIONS and POST below /f, and leave the Access-Control headers of the answers as they are"
}

// notePost notes that a page's script got through. A plain form's navigation says
// nothing: it needs no preflight.
func (v *visit) notePost(r *http.Request) {
	if v.origin == "" || r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		return
	}
	origin, _ := originOf(r)
	v.desk.preflights.answer(origin)
}
