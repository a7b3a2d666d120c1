package courier

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"leadrelay/internal/lead"
)

// About is what a refusal speaks of.
type About string

// A refusal speaks of the lead, which mostly means its property, of its
// remote_id, or of all that the site sends.
const (
	AboutLead     About = "lead"
	AboutRemoteID About = "remote_id"
	AboutSite     About = "site"
)

// pause holds a site's leads back while EasyBroker refuses whatever the site
// sends. One partner key serves many agencies, and a request names only its
// property (easybroker), so a 404 or a 422 speaks of that property first: its
// agency may be paused or not linked any more. Such leads fail, each for
// itself. Only when leads of different properties are refused alike, and none
// of the site was taken lately, is it likely to be the site: then those that
// are refused wait.
//
// A paused site makes trials: one at once, then one after 1, 2, 4, … 15
// minutes. Five more may be made at once for leads that wait, and one in ten
// seconds for those that come in. A trial prefers the newest lead of a property that was not
// refused. So an agency that works waits for none that does not, and the first
// lead that is taken ends the pause.
type pause struct {
	mu       sync.Mutex
	refused  map[int]*refusals // by status, since a lead was last taken
	taken    time.Time         // when that was; zero before the first
	paused   bool
	status   int       // that of the refusals
	since    time.Time // on the wall
	trialAt  time.Time // when the next trial is due
	trials   int       // so far
	arrivals int       // leads that may be tried beside: some that waited, and those that came in
	extra    *rate.Limiter
}

// refusals are those with one status, in a row.
type refusals struct {
	leads      int
	last       lead.RemoteID
	properties map[string]bool // of the leads; no more than mostProperties
}

const (
	// takenLately is for how long a lead that was taken proves that it is not
	// about the site.
	takenLately = 15 * time.Minute
	// mostProperties bounds what is remembered of a status. A property beyond
	// them counts as not refused.
	mostProperties = 256
	// shortestPause and longestPause stand between two trials.
	shortestPause, longestPause = time.Minute, 15 * time.Minute
	// extraTrials may be made at once beside, and one more after each extraWait.
	extraTrials = 5
	extraWait   = 10 * time.Second
)

// tookOne notes that EasyBroker took a lead of the site. It reports whether
// that ends a pause.
func (p *pause) tookOne() (ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended = p.paused
	p.refused, p.paused, p.taken = nil, false, time.Now()
	return ended
}

// refusedOne notes that EasyBroker refused a lead. It reports whether the lead
// is held because the site is paused for such refusals, for how long then, and
// whether the pause is news. A lead that is refused otherwise is no trial of
// that: it fails for itself.
func (p *pause) refusedOne(l *lead.Lead, status int, wall time.Time) (held bool, wait time.Duration, news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused == nil {
		p.refused = map[int]*refusals{}
	}
	r := p.refused[status]
	if r == nil {
		r = &refusals{properties: map[string]bool{}}
		p.refused[status] = r
	}
	if l.RemoteID != r.last {
		r.leads++
	}
	r.last = l.RemoteID
	if len(r.properties) < mostProperties {
		r.properties[l.PropertyID] = true
	}
	areAlike := r.leads > fiveInARow && len(r.properties) > 1
	if !p.paused && areAlike && (p.taken.IsZero() || time.Since(p.taken) > takenLately) {
		p.paused, p.status, p.since, p.trialAt, p.trials, p.arrivals = true, status, wall, time.Now(), 0, extraTrials
		p.extra = rate.NewLimiter(rate.Every(extraWait), extraTrials)
		news = true
	}
	held = p.paused && (status == p.status || areAlike)
	return held, max(0, time.Until(p.trialAt)) + time.Second, news // behind the trial, so that another one makes it
}

// arrived notes that a lead of the site waits to be sent that was not refused.
func (p *pause) arrived() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		p.arrivals++
	}
}

// trial is what a paused site may send.
type trial struct {
	due      bool      // a lead of any property, though rather of one that was not refused
	arrivals int       // so many of properties that were not refused
	at       time.Time // when the next trial is due
	except   []string  // the properties that were refused
}

// next says what may be sent now, if the site is paused.
func (p *pause) next() (t trial, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused {
		return trial{}, false
	}
	if p.extra.Tokens() < 1 {
		p.arrivals = 0
	}
	t = trial{due: !p.trialAt.After(time.Now()), arrivals: p.arrivals, at: p.trialAt}
	if r := p.refused[p.status]; r != nil {
		t.except = slices.Collect(maps.Keys(r.properties))
	}
	return t, true
}

// made notes that a trial was made. It moves the next one only when it was not
// made beside.
func (p *pause) made(t trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.arrivals > 0 {
		p.arrivals = max(0, p.arrivals-1)
		p.extra.Allow()
		return
	}
	p.trialAt = time.Now().Add(min(longestPause, shortestPause<<min(p.trials, 8)))
	p.trials++
}

// none notes that no lead is left of a property that was not refused.
func (p *pause) none(t trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrivals = max(0, p.arrivals-t.arrivals) // others may have come since
}

// show describes a paused site for the operator.
func (p *pause) show(site string, wall time.Time) (lead.Credential, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return lead.Credential{
		Sites: []string{site}, State: lead.SitePaused, Reason: fmt.Sprintf("EasyBroker answers %d to lead after lead, whatever the property", p.status),
		Since: p.since, Until: wall.Add(time.Until(p.trialAt)).Round(0),
	}, p.paused
}

// try makes a trial for the paused site, if one is due and there is a lead for
// it. It also returns when to try again.
func (s *stop) try(ctx context.Context, c *Courier, t trial) (claims []lead.Claim, next time.Time, err error) {
	if !t.due && t.arrivals == 0 {
		return nil, t.at, nil
	}
	now, wall := time.Now(), c.clock.read()
	q := lead.Due{
		Now: wall, MaxAhead: c.farthest(&s.jumps), N: 1, Lease: c.lease(), Fingerprint: s.route.fingerprint, Newest: true, Except: t.except,
	}
	claims, due, err := c.outbox.Begin(ctx, s.route.Site, q)
	if err == nil && len(claims) == 0 {
		if due.IsZero() {
			s.pause.none(t)
		}
		if t.due {
			t.arrivals, q.Newest, q.Except = 0, false, nil
			claims, due, err = c.outbox.Begin(ctx, s.route.Site, q)
		}
	}
	if len(claims) > 0 {
		s.pause.made(t)
	}
	next = now.Add(poll)
	if !due.IsZero() {
		next = now.Add(due.Sub(wall))
	}
	if !t.due && t.at.Before(next) {
		next = t.at
	}
	return claims, next, err
}
