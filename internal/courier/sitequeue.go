package courier

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/lead"
)

// siteQueue hands out the leads of one site that are due to be sent. Only its
// pause may be used by several goroutines.
type siteQueue struct {
	outbox  Outbox
	route   Route
	clock   *wallclock.Clock
	paused  *handPauses
	lease   time.Duration
	horizon horizon
	pause   pause
	shared  bool // other processes keep leads, too

	newestNext bool // leads that have just come due go next, not those that wait longest
	hasMore    bool // the last claim of those that wait longest got as many as it asked for

	full  fullLook
	floor time.Time // the last full look, and those since, have left no lead that was due before
}

// begin begins attempts for at most n leads, and returns when to ask again. In
// turn it takes leads that came due in the last minute and leads that wait
// longest, so that a backlog delays no new lead and no lead waits for ever.
func (q *siteQueue) begin(ctx context.Context, n int) (claims []lead.Claim, next time.Time, err error) {
	now, wall := time.Now(), q.clock.Read()
	if q.shared {
		q.pause.leadArrived() // perhaps
	}
	if p := q.paused.last(q.route.Site); p.IsOn(wall) {
		return nil, now.Add(min(p.Until.Sub(wall), maxSleep)), nil
	}
	if t, paused := q.pause.nextTrial(); paused {
		return q.beginTrial(ctx, t)
	}
	due := lead.Due{Now: wall, MaxAhead: q.horizon.maxAhead(), N: n, Lease: q.lease, Fingerprint: q.route.fingerprint}
	if q.newestNext = !q.newestNext; q.newestNext {
		due.Since = wall.Add(-lately)
		if claims, _, err = q.outbox.Begin(ctx, q.route.Site, due); err != nil || len(claims) == n {
			return claims, now.Add(maxSleep), err
		}
		due.N, due.Since = n-len(claims), time.Time{}
	}
	oldest, next, err := q.beginOldest(ctx, due)
	return append(claims, oldest...), next, err
}

// beginOldest begins attempts for the leads that have waited longest, and returns when to
// ask again. What came due lately is always looked at: its commit may have been late.
func (q *siteQueue) beginOldest(ctx context.Context, due lead.Due) (claims []lead.Claim, next time.Time, err error) {
	now := time.Now()
	isFull := q.full.isDue(now) || q.floor.IsZero()
	if !isFull {
		due.Since = q.floor
	}
	due.SkipPeek = q.hasMore
	claims, dueAt, err := q.outbox.Begin(ctx, q.route.Site, due)
	q.hasMore = len(claims) == due.N
	next = now.Add(maxSleep)
	if !dueAt.IsZero() {
		next = now.Add(dueAt.Sub(due.Now))
	}
	switch {
	case !isFull && q.full.next.Before(next):
		next = q.full.next
	case isFull && q.shared:
		q.full.ended(time.Since(now))
	}
	if err == nil {
		q.floor = due.Now.Add(-lately)
		if n := len(claims); n > 0 && claims[n-1].WasDueAt.Before(q.floor) {
			q.floor = claims[n-1].WasDueAt
		}
	}
	return claims, next, err
}

// beginTrial begins an attempt for the paused site if a trial is due and there is
// a lead for it. It also returns when to ask again.
func (q *siteQueue) beginTrial(ctx context.Context, t trial) (claims []lead.Claim, next time.Time, err error) {
	if !t.due && t.arrivals == 0 {
		return nil, t.at, nil
	}
	now, wall := time.Now(), q.clock.Read()
	due := lead.Due{
		Now: wall, MaxAhead: q.horizon.maxAhead(), N: 1, Lease: q.lease, Fingerprint: q.route.fingerprint, Newest: true, Except: t.except,
	}
	claims, dueAt, err := q.outbox.Begin(ctx, q.route.Site, due)
	if err == nil && len(claims) == 0 {
		if dueAt.IsZero() {
			q.pause.noneArrived(t)
		}
		if t.due {
			t.arrivals, due.Newest, due.Except = 0, false, nil
			claims, dueAt, err = q.outbox.Begin(ctx, q.route.Site, due)
		}
	}
	if len(claims) > 0 {
		q.pause.trialMade(t)
	}
	next = now.Add(maxSleep)
	if !dueAt.IsZero() {
		next = now.Add(dueAt.Sub(wall))
	}
	if !t.due && t.at.Before(next) {
		next = t.at
	}
	return claims, next, err
}

// pause delays a site's leads while EasyBroker refuses all that the site
// sends. One partner key serves many agencies, and a request names only its
// property (easybroker). So a 404 or a 422 speaks about that property first: its
// agency may be paused or no longer linked. Such leads fail, each for itself. Only
// if leads of different properties are refused alike, and no lead of the site was
// taken lately, the site is probably at fault. Then the refused leads wait.
//
// A paused site makes trials: one at once, then one after 1, 2, 4, … 15 minutes.
// Five more may be made at once for leads that wait, and one in ten seconds for
// those that come in. A trial prefers the newest lead of a property that was not
// refused. So an agency that works waits for none that does not, and the first
// lead that is taken ends the pause.
type pause struct {
	mu       sync.Mutex
	refused  map[int]*refusals // by status, since a lead was last taken
	takenAt  time.Time         // when that was; zero before the first
	paused   bool
	status   int       // of the refusals that paused the site
	since    time.Time // on the wall
	trialAt  time.Time // when the next trial is due
	trials   int       // so far
	arrivals int       // leads that may be tried between the trials: some that waited, and those that came in
	extra    *rate.Limiter
}

// refusals are those with one status, in a row.
type refusals struct {
	leads      int
	last       lead.RemoteID
	properties map[string]bool // of the leads; no more than maxProperties
}

const (
	// takenLately is for how long a lead that was taken proves that the site is not
	// at fault.
	takenLately = 15 * time.Minute
	// maxProperties limits what is remembered of a status. A property beyond them
	// counts as not refused.
	maxProperties = 256
	// shortestPause and longestPause are the waits between two trials.
	shortestPause, longestPause = time.Minute, 15 * time.Minute
	// extraTrials may be made at once between the trials, and one more after each
	// extraWait.
	extraTrials = 5
	extraWait   = 10 * time.Second
)

// isPaused reports whether the site is paused.
func (p *pause) isPaused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused
}

// leadTaken notes that EasyBroker took a lead of the site. It reports whether that
// ends a pause.
func (p *pause) leadTaken() (ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended = p.paused
	p.refused, p.paused, p.takenAt = nil, false, time.Now()
	return ended
}

// leadRefused notes that EasyBroker refused a lead. It reports whether the lead
// has to wait because the site is paused for such refusals, for how long, and
// whether the pause has just begun. If the lead is refused with another status, it is no trial
// of the pause and fails for itself.
func (p *pause) leadRefused(l *lead.Lead, status int, wall time.Time) (waits bool, wait time.Duration, begun bool) {
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
	if len(r.properties) < maxProperties {
		r.properties[l.PropertyID] = true
	}
	areAlike := r.leads > breaker.InARow && len(r.properties) > 1
	if !p.paused && areAlike && (p.takenAt.IsZero() || time.Since(p.takenAt) > takenLately) {
		p.paused, p.status, p.since, p.trialAt, p.trials, p.arrivals = true, status, wall, time.Now(), 0, extraTrials
		p.extra = rate.NewLimiter(rate.Every(extraWait), extraTrials)
		begun = true
	}
	waits = p.paused && (status == p.status || areAlike)
	return waits, max(0, time.Until(p.trialAt)) + time.Second, begun // after the trial, so that another lead makes it
}

// leadArrived notes that a lead of the site waits to be sent that was not refused.
func (p *pause) leadArrived() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		p.arrivals++
	}
}

// trial is what a paused site may send.
type trial struct {
	due      bool      // a lead of any property, but preferably of one that was not refused
	arrivals int       // how many leads of properties that were not refused
	at       time.Time // when the next trial is due
	except   []string  // the properties that were refused
}

// nextTrial returns what may be sent now, if the site is paused.
func (p *pause) nextTrial() (t trial, paused bool) {
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

// trialMade notes that a trial was made. An extra trial does not move the next
// one.
func (p *pause) trialMade(t trial) {
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

// noneArrived notes that there is no lead of a property that was not refused.
func (p *pause) noneArrived(t trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrivals = max(0, p.arrivals-t.arrivals) // others may have come since
}

// state describes the site for an operator, if it is paused.
func (p *pause) state(site string, wall time.Time) (c lead.Credential, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return lead.Credential{
		Sites: []string{site}, State: lead.SitePaused, Reason: lead.WithStatus(lead.ReasonPaused, p.status),
		Since: p.since, Until: wall.Add(time.Until(p.trialAt)).Round(0),
	}, p.paused
}
