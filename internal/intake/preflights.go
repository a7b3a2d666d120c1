package intake

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// preflights counts the preflights of a site's listed origins that no post
// follows. If there are many, browsers refuse the answer, and every inquiry from
// that origin is lost; nothing else shows it. The opposite, a post without a
// preflight, is common, because browsers remember the answer for hours.
type preflights struct {
	waiting  atomic.Int32 // number of origins, so that most posts need no lock
	mu       sync.Mutex
	origins  map[string]unanswered
	lastWarn time.Time
}

// unanswered counts the preflights of an origin since its last post.
type unanswered struct {
	count       int
	first, last time.Time
}

const (
	// minUnanswered is how many preflights without a post are no coincidence.
	minUnanswered = 5
	// minAge is how old the first of them must be, so that visitors who came at the
	// same time have had time to post.
	minAge = time.Minute
	// maxPause is after how long an origin starts anew. A visitor who leaves between
	// preflight and post once in a while is no trouble.
	maxPause = 24 * time.Hour
	// maxOrigins bounds the memory, because anybody can invent origins below a
	// wildcard.
	maxOrigins = 64
)

// add counts a preflight. If it is time to warn, add returns how many there were
// since a post, and since when. It warns once an hour for a site.
func (p *preflights) add(origin string, now time.Time) (count int, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.origins[origin]
	if now.Sub(u.last) > maxPause {
		u = unanswered{first: now}
	}
	u.count, u.last = u.count+1, now
	p.set(origin, u)
	if u.count < minUnanswered || now.Sub(u.first) < minAge || now.Sub(p.lastWarn) < time.Hour {
		return 0, time.Time{}
	}
	p.lastWarn = now
	return u.count, u.first
}

// set stores the count of an origin if there is room for it.
func (p *preflights) set(origin string, u unanswered) {
	if p.origins == nil {
		p.origins = make(map[string]unanswered)
	}
	if _, known := p.origins[origin]; !known && len(p.origins) >= maxOrigins {
		for other, old := range p.origins {
			if u.last.Sub(old.last) > time.Hour {
				delete(p.origins, other)
			}
		}
		if len(p.origins) >= maxOrigins {
			return
		}
	}
	p.origins[origin] = u
	p.waiting.Store(int32(len(p.origins))) //nolint:gosec // at most maxOrigins
}

// reset forgets the preflights of an origin, because a post has come.
func (p *preflights) reset(origin string) {
	if p.waiting.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.origins, origin)
	p.waiting.Store(int32(len(p.origins))) //nolint:gosec // at most maxOrigins
}

// recordPreflight counts a preflight. It warns the operator of an origin that is
// not listed, or that is listed and still does not get through.
func (r *request) recordPreflight(headersFine bool) {
	origin, ok := originOf(r.Request)
	method := headerOf(r.Request, "Access-Control-Request-Method")
	switch {
	case method == "": // not a browser
		return
	case r.origin == "":
		if !ok || (origin != "" && !isOwnPage(r.Request, origin)) {
			r.site.logRefusedOrigin(r)
		}
		return
	}
	count, since := r.site.preflights.add(origin, time.Now())
	if count == 0 {
		return
	}
	zerolog.Ctx(r.Context()).Warn().Str("origin", cspSource(origin)).Int("preflights", count).Time("since", since).
		Str("mend_with", remedy(method, headersFine)).Msg("preflights without a post")
}

// remedy returns what most likely lets the posts through.
func remedy(method string, headersFine bool) string {
	switch {
	case !headersFine:
		return "the page's script asks for header names that are wrong, or longer than 1 KiB together: let it send fewer headers of its own"
	case !slices.Contains([]string{http.MethodPost, http.MethodGet, http.MethodHead}, method):
		return "the page's script asks for a method that is not POST: let it send POST"
	}
	return "see the console of the page's browser; a proxy in front of the relay must pass OPTIONS and POST below /f, and leave the Access-Control headers of the answers as they are"
}

// recordPost notes that a page's script got through. The navigation of a plain
// form does not count, because it needs no preflight.
func (r *request) recordPost() {
	if r.origin == "" || headerOf(r.Request, "Sec-Fetch-Mode") == "navigate" {
		return
	}
	origin, _ := originOf(r.Request)
	r.site.preflights.reset(origin)
}
