package console

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/problem"
)

const (
	// maxTabs is how many pages are live at once, and maxSessionTabs how many of one session
	// are: a browser has six connections to a door, and other pages need some.
	maxTabs, maxSessionTabs = 48, 3
	// liveHeader marks what a page asks for by itself. A session grows old meanwhile.
	liveHeader = "Leadrelay-Live"
)

// tabs are the streams of live pages, by session.
type tabs struct {
	mu   sync.Mutex
	open map[[16]byte]map[*context.CancelFunc]struct{}
	n    int
}

// add returns a context for one more stream of a session, which ends with the session.
// isTaken is false if there are too many. The caller must call leave.
func (t *tabs) add(ctx context.Context, session [16]byte) (watching context.Context, leave func(), isTaken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n >= maxTabs || len(t.open[session]) >= maxSessionTabs {
		return nil, nil, false
	}
	if t.open == nil {
		t.open = map[[16]byte]map[*context.CancelFunc]struct{}{}
	}
	if t.open[session] == nil {
		t.open[session] = map[*context.CancelFunc]struct{}{}
	}
	watching, cancel := context.WithCancel(ctx)
	t.open[session][&cancel] = struct{}{}
	t.n++
	return watching, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.open[session], &cancel)
		if t.n--; len(t.open[session]) == 0 {
			delete(t.open, session)
		}
	}, true
}

// end ends all streams of a session.
func (t *tabs) end(session [16]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for cancel := range t.open[session] {
		(*cancel)()
	}
}

// watch tells a live page of changes, as the API does, until its session ends. It does
// not keep the session from growing old.
func (p *Pages) watch(w http.ResponseWriter, r *http.Request) error {
	one, by, err := p.watching(r)
	if err != nil {
		return err
	}
	ctx, leave, ok := p.tabs.add(access.With(r.Context(), by), one.id)
	if !ok {
		tooMany := problem.NewTooMany(heartbeat)
		tooMany.Variant = "watchers"
		return tooMany
	}
	defer leave()
	ctx, cancel := context.WithDeadline(ctx, time.Now().Add(p.sessions.left(one)))
	defer cancel()
	var checking sync.WaitGroup
	defer checking.Wait()
	defer cancel() // before that
	checking.Go(func() { p.endWithSession(ctx, r, cancel) })
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("after")
	}
	return p.events.stream(ctx, w, r, last, "")
}

// endWithSession ends a stream soon after its session was left at another replica.
func (p *Pages) endWithSession(ctx context.Context, r *http.Request, end func()) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, _, err := p.watching(r.WithContext(ctx)); errors.Is(err, errNoSession) {
			end()
			return
		}
	}
}

var errNoSession = errors.New("there is no session")

// watching returns the session of a page that wants to be told, and whose it is.
func (p *Pages) watching(r *http.Request) (one session, by access.Access, err error) {
	one, isGood, err := p.sessions.check(r)
	if err == nil && isGood {
		by, isGood, err = p.gate.holder(r.Context(), one.token)
	}
	switch {
	case err != nil:
		return one, by, err
	case !isGood:
		return one, by, problem.New(problem.Unauthorized, errNoSession)
	case !by.May(access.See):
		return one, by, forbidden(by, access.See)
	}
	return one, by, nil
}

// cursor returns where a page's events begin. It is empty if nobody knows, and then the page
// begins with those that come.
func (p *Pages) cursor(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	c, err := p.sight.LastEvent(ctx)
	if err != nil {
		return ""
	}
	return c.String()
}
