package courier

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

const (
	// poll is how long a lane sleeps at most.
	poll = 10 * time.Minute
	// mostAhead is how many attempts may have begun, and soonAhead how long one
	// of them may wait for a connection.
	mostAhead = 64
	soonAhead = 20 * time.Millisecond
)

// lane carries the leads of one credential: one goroutine hands out what is to
// be sent, another looks up what is in doubt, and both keep its pace.
type lane struct {
	courier  *Courier
	account  easybroker.Account
	stops    []*stop
	sites    []string // of the stops
	turn     int      // whose leads are sent first next time
	standing *standing

	pace   *pacer
	calls  chan call     // attempts that have begun, in their order
	room   chan struct{} // told when a call has ended
	toSend *alarm
	toLook *alarm

	lookJumps int            // of the clock, when look-ups were last asked for
	unread    rate.Sometimes // tells that the list could not be read

	mu        sync.Mutex
	begun     int                     // attempts whose call has not ended
	roomFor   int                     // attempts that may have begun
	landed    int                     // calls that have ended since roomFor was reckoned
	reckoned  time.Time               // when that was
	sent      map[lead.RemoteID]trace // leads that this process has sent and is not done with
	theirLead time.Duration           // how far EasyBroker's clock is ahead of ours
}

func newLane(c *Courier, a easybroker.Account) *lane {
	toSend := newAlarm()
	return &lane{
		courier:  c,
		account:  a,
		standing: newStanding(c.opt.Probe, c.clock, toSend),
		pace:     newPacer(c.opt.Rate),
		calls:    make(chan call, max(mostAhead, c.opt.Concurrency)),
		room:     make(chan struct{}, 1),
		toSend:   toSend,
		toLook:   newAlarm(),
		unread:   rate.Sometimes{Interval: time.Minute},
		sent:     map[lead.RemoteID]trace{},
	}
}

// routeOf is as whom the lead goes to EasyBroker.
func (l *lane) routeOf(c lead.Claim) Route { return l.courier.stops[c.Lead.Site].route }

// run carries leads until ctx ends, and finishes what has begun.
func (l *lane) run(ctx context.Context) {
	var both errgroup.Group
	both.Go(func() error { l.sendAll(ctx); return nil })
	both.Go(func() error { l.lookAll(ctx); return nil })
	_ = both.Wait() // neither has an error to tell
}

// call is an attempt that has begun.
type call struct {
	lead.Claim
	begun time.Time       // monotonic
	ended *sync.WaitGroup // of those that began with it
}

// sendAll sends what is due, as carefully as the credential's standing asks.
func (l *lane) sendAll(ctx context.Context) {
	var carrying sync.WaitGroup
	defer carrying.Wait()
	defer close(l.calls)
	for range l.courier.opt.Concurrency {
		carrying.Go(func() {
			for c := range l.calls {
				settle := l.carry(context.WithoutCancel(ctx), c)
				carrying.Go(func() { settle(ctx) })
			}
		})
	}
	for ctx.Err() == nil {
		switch step, until := l.standing.next(time.Now()); step {
		case wait:
			l.rest(ctx, until)
		case knock:
			l.knock(ctx)
		case one:
			l.sendDue(ctx, one).Wait() // how it ends tells whether the others may follow
		case all:
			l.sendDue(ctx, all)
		}
	}
}

// rest lets no call out before the time. A lead that comes in meanwhile changes
// nothing.
func (l *lane) rest(ctx context.Context, until time.Time) {
	l.pause(ctx, time.Until(until))
	if l.standing.isDown() {
		l.expire(ctx)
	}
}

// expire fails the leads that have waited beyond their deadline for a broker
// that is down. A held credential is another matter: somebody will see to it,
// and then they go out.
func (l *lane) expire(ctx context.Context) {
	const batch = 256
	now := l.courier.clock.read()
	deadline := l.courier.opt.Deadline
	if l.courier.clock.since(now.Add(-deadline)) < deadline {
		return // the wall clock was set; nobody knows how long they have waited
	}
	for _, site := range l.sites {
		ids, err := l.courier.outbox.Expire(ctx, site, now.Add(-deadline), lead.Due{Now: now, N: batch})
		if err != nil && ctx.Err() == nil {
			l.courier.opt.Log.Error().Str("site", site).Err(err).Msg("deadlines not checked")
		}
		for _, id := range ids {
			l.courier.opt.Log.Error().Str("site", site).Int64("remote_id", int64(id)).
				Str("state", string(lead.Failed)).Str("reason", lead.ReasonDeadline).Msg("lead failed")
		}
	}
}

// sendDue begins attempts, or sleeps when nothing is due. One can wait for the
// end of their calls.
func (l *lane) sendDue(ctx context.Context, allowed step) *sync.WaitGroup {
	var ended sync.WaitGroup
	l.pace.leadsWait.Store(true) // as long as nothing else is known
	n := l.takeRoom(ctx, allowed)
	if now, _ := l.standing.next(time.Now()); n == 0 || now < allowed { // it has changed while we waited
		l.giveRoom(n)
		return &ended
	}
	begun := time.Now() // before the intents are written: what stands still then counts, too
	claims, next := l.begin(ctx, n)
	l.giveRoom(n - len(claims))
	ended.Add(len(claims))
	for _, c := range claims {
		_ = l.pace.send(context.WithoutCancel(ctx)) // one call is never too many at once
		l.calls <- call{Claim: c, begun: begun, ended: &ended}
	}
	if len(claims) == 0 {
		l.pace.leadsWait.Store(false)
		l.toSend.sleep(ctx, l.standing.probeBy(next))
	}
	return &ended
}

// takeRoom waits until attempts may be begun, and returns how many; zero when
// ctx has ended. It uses up none of the pace, for whether there is a lead is not
// known.
func (l *lane) takeRoom(ctx context.Context, allowed step) int {
	for ctx.Err() == nil {
		if n, wait := l.pace.sends(); n == 0 {
			l.pause(ctx, wait)
			continue
		}
		if n := l.someRoom(allowed); n > 0 {
			return n
		}
		select {
		case <-l.room:
		case <-ctx.Done():
		}
	}
	return 0
}

// someRoom takes what room there is now. There is room for as many attempts as
// there are connections, or for as many as end soon: then many intents share a
// commit, and no connection waits for one. Half of the room is worth a commit; so
// is a connection that has nothing to do.
func (l *lane) someRoom(allowed step) int {
	paced, _ := l.pace.sends()
	if allowed == one {
		paced = min(paced, 1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if passed := time.Since(l.reckoned); passed >= soonAhead {
		soon := int(time.Duration(l.landed) * soonAhead / passed)
		l.roomFor = max(l.courier.opt.Concurrency, min(soon, mostAhead))
		l.landed, l.reckoned = 0, time.Now()
	}
	n := max(0, l.roomFor-l.begun)
	if l.begun >= l.courier.opt.Concurrency && n < l.roomFor/2 {
		return 0
	}
	n = min(n, paced)
	l.begun += n
	return n
}

// giveRoom gives back room that nobody needed.
func (l *lane) giveRoom(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun -= n
}

// land notes that a call has ended.
func (l *lane) land() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun--
	l.landed++
	l.signal()
}

func (l *lane) signal() {
	select {
	case l.room <- struct{}{}:
	default:
	}
}

func (l *lane) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// begin goes round the sites, so that a busy one does not starve its
// neighbors. It also returns when to look again.
func (l *lane) begin(ctx context.Context, n int) (claims []lead.Claim, next time.Time) {
	now := time.Now()
	next = now.Add(poll)
	for i := range l.stops {
		s := l.stops[(l.turn+i)%len(l.stops)]
		got, due, err := s.begin(context.WithoutCancel(ctx), l.courier, n-len(claims))
		if err != nil {
			l.courier.opt.Log.Error().Str("site", s.route.Site).Err(err).Msg("leads not claimed")
			return claims, now.Add(time.Second)
		}
		claims = append(claims, got...)
		if due.Before(next) {
			next = due
		}
		if len(claims) == n {
			break
		}
	}
	l.turn++
	for _, c := range claims {
		l.takeOff(c)
	}
	return claims, next
}

// trace is what this process remembers of a lead that it has sent.
type trace struct {
	flies bool // an attempt is under way
	whole bool // all of its attempts were made by this process, and the clock was not set since the first
	jumps int  // of the clock, at the first
}

// takeOff notes that an attempt for the lead begins.
func (l *lane) takeOff(c lead.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, known := l.sent[c.Lead.RemoteID]
	if !known {
		t = trace{whole: c.Number == 1, jumps: l.courier.clock.jumpsSeen()}
	}
	t.flies = true
	l.sent[c.Lead.RemoteID] = t
}

// touchDown notes that the attempt is settled, or that somebody else has done so.
func (l *lane) touchDown(id lead.RemoteID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.sent[id]; ok {
		t.flies = false
		l.sent[id] = t
	}
}

// forget notes that nothing is left to do for the lead.
func (l *lane) forget(id lead.RemoteID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sent, id)
}

func (l *lane) trace(id lead.RemoteID) trace {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.sent[id]
	t.whole = t.whole && t.jumps == l.courier.clock.jumpsSeen()
	return t
}

// knock reads a line of the list, to learn whether a credential that was
// stopped works again.
func (l *lane) knock(ctx context.Context) {
	if l.pace.send(ctx) != nil {
		return
	}
	_, err := l.list(context.WithoutCancel(ctx), easybroker.Query{Page: 1, Limit: 1})
	if err == nil {
		l.standing.listed()
	}
	l.courier.opt.Log.Info().Strs("sites", l.sites).Bool("works", err == nil).AnErr("cause", err).Msg("probe")
}

// list makes one call to the list and notes what it says of the credential.
// Its turn in the pace must have come.
func (l *lane) list(ctx context.Context, q easybroker.Query) (easybroker.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, l.courier.opt.Timeout)
	defer cancel()
	page, err := l.courier.broker.List(ctx, l.account, q)
	if err == nil {
		return page, nil
	}
	// A list that answers badly says nothing of a credential that works.
	if v := judge(easybroker.Receipt{}, err); v.credential || l.standing.isStopped() {
		l.failed(v, 0)
	}
	return page, err
}

// failed notes a failure and tells the log when it stops the credential.
func (l *lane) failed(v verdict, id lead.RemoteID) {
	if !l.standing.failed(v, id) {
		return
	}
	now := l.standing.show(l.sites)
	l.courier.opt.Log.Warn().Strs("sites", l.sites).Str("credential", now.State).Str("reason", now.Reason).Msg("credential stopped")
}

// stop is one site of a lane.
type stop struct {
	route Route
	fresh bool // what has just come in is sent next, rather than what waits longest
	more  bool // when it was last asked for what waits longest, there was as much as it asked for
	jumps int  // of the clock, when it was last asked
	pause pause
}

// begin begins attempts for the site's leads: in turn for those that came due
// in the last minute and for those that wait longest, so that a backlog keeps
// nobody waiting and nobody waits for ever.
func (s *stop) begin(ctx context.Context, c *Courier, n int) (claims []lead.Claim, next time.Time, err error) {
	const fresh = time.Minute
	now, wall := time.Now(), c.clock.read()
	next = now.Add(poll)
	if t, paused := s.pause.next(); paused {
		return s.try(ctx, c, t)
	}
	q := lead.Due{Now: wall, MaxAhead: c.farthest(&s.jumps), N: n, Lease: c.lease(), Fingerprint: s.route.fingerprint}
	if s.fresh = !s.fresh; s.fresh {
		q.Since = wall.Add(-fresh)
		if claims, _, err = c.outbox.Begin(ctx, s.route.Site, q); err != nil || len(claims) == n {
			return claims, next, err
		}
		q.N, q.Since = n-len(claims), time.Time{}
	}
	q.SkipPeek = s.more
	more, due, err := c.outbox.Begin(ctx, s.route.Site, q)
	s.more = len(more) == q.N
	if !due.IsZero() {
		next = now.Add(due.Sub(wall))
	}
	return append(claims, more...), next, err
}
