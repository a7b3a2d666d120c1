package courier

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// poll is how often a lane looks for work that nobody told it of: leads of
// another replica, or a clock that was set.
const poll = time.Minute

// lane carries the leads of one credential.
type lane struct {
	courier *Courier
	account easybroker.Account
	routes  []Route // of the sites that share the credential
	turn    int     // whose leads are claimed first next time

	pace  *rate.Limiter
	slots chan struct{} // one for each attempt at a time
	woken chan struct{}

	mu      sync.Mutex
	rest    time.Time // no call before
	strikes int       // ends in a row that were not the lead's fault
}

func newLane(c *Courier, a easybroker.Account) *lane {
	return &lane{
		courier: c,
		account: a,
		pace:    rate.NewLimiter(rate.Limit(c.opt.Rate), max(1, int(c.opt.Rate))),
		slots:   make(chan struct{}, c.opt.Concurrency),
		woken:   make(chan struct{}, 1),
	}
}

func (l *lane) wake() {
	select {
	case l.woken <- struct{}{}:
	default: // it has not yet looked since the last time
	}
}

// run claims due leads for its free slots and sleeps when there are none.
func (l *lane) run(ctx context.Context) {
	var carrying sync.WaitGroup
	defer carrying.Wait()
	for l.awaitRest(ctx) {
		probing := l.inTrouble()
		free := l.takeSlots(ctx, probing)
		if free == 0 {
			return
		}
		if l.restsUntil().After(time.Now()) { // since it began to wait for a slot
			l.giveSlots(free)
			continue
		}
		claims, next := l.claim(ctx, free)
		l.giveSlots(free - len(claims))
		carried := make(chan struct{}, free)
		for _, c := range claims {
			carrying.Go(func() {
				l.carry(ctx, c)
				l.giveSlots(1)
				carried <- struct{}{}
			})
		}
		switch {
		case len(claims) == 0:
			l.sleep(ctx, next)
		case probing:
			<-carried // one call tells whether the others may follow
		}
	}
}

// takeSlots waits for a free slot and takes the others that are free, unless
// one is enough; zero when ctx has ended.
func (l *lane) takeSlots(ctx context.Context, one bool) int {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; !one; n++ {
		select {
		case l.slots <- struct{}{}:
		default:
			return n
		}
	}
	return 1
}

func (l *lane) giveSlots(n int) {
	for range n {
		<-l.slots
	}
}

// claim goes round the sites, so that a busy one does not starve its
// neighbors. It also returns when to look again.
func (l *lane) claim(ctx context.Context, n int) (claims []lead.Claim, next time.Time) {
	now := time.Now()
	next = now.Add(poll)
	for i := range l.routes {
		site := l.routes[(l.turn+i)%len(l.routes)].Site
		got, due, err := l.courier.outbox.Claim(context.WithoutCancel(ctx), site, now, n-len(claims), l.courier.lease())
		if err != nil {
			l.courier.opt.Log.Error().Str("site", site).Err(err).Msg("claim failed")
			return claims, now.Add(time.Second)
		}
		claims = append(claims, got...)
		if !due.IsZero() && due.Before(next) {
			next = due
		}
		if len(claims) == n {
			break
		}
	}
	l.turn++
	return claims, next
}

// sleep returns at the time, or earlier when a lead comes in or ctx ends.
func (l *lane) sleep(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.woken:
	case <-ctx.Done():
	}
}

// awaitRest waits until the credential may be used again; false when ctx has
// ended.
func (l *lane) awaitRest(ctx context.Context) bool {
	for ctx.Err() == nil {
		until := l.restsUntil()
		if !until.After(time.Now()) {
			return true
		}
		l.sleep(ctx, until)
	}
	return false
}

// carry takes a claimed lead one step further. What is begun is finished, even
// when ctx ends meanwhile; what is not is given back.
func (l *lane) carry(ctx context.Context, c lead.Claim) {
	keep := context.WithoutCancel(ctx)
	var err error
	switch {
	case l.pace.Wait(ctx) != nil:
		err = l.courier.outbox.Release(keep, c, time.Now())
	case c.Lead.State == lead.Doubtful:
		err = l.lookUp(keep, c)
	default:
		err = l.try(keep, c)
	}
	// Whoever loses the lease has nothing left to do, and what could not be
	// written down is found again when the lease runs out.
	if err != nil {
		level := l.courier.opt.Log.Error()
		if errors.Is(err, lead.ErrLost) {
			level = l.courier.opt.Log.Warn()
		}
		level.Str("site", c.Lead.Site).Int64("remote_id", int64(c.Lead.RemoteID)).Err(err).Msg("lead not settled")
	}
}

// route is the lane's way for a site.
func (l *lane) route(site string) Route {
	for _, r := range l.routes {
		if r.Site == site {
			return r
		}
	}
	return Route{}
}

func (l *lane) restsUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rest
}

// inTrouble reports whether the last call failed for the credential as a whole.
func (l *lane) inTrouble() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strikes > 0
}

// recovered notes that EasyBroker took the credential.
func (l *lane) recovered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.strikes, l.rest = 0, time.Time{}
}

// pause rests the credential after a call that failed for it as a whole, and
// returns when it may be used again. Troubles in a row rest it longer and
// longer, up to the probe interval or what EasyBroker itself asks for.
func (l *lane) pause(v verdict) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := l.courier.opt.Probe
	if !v.held && l.strikes < 16 {
		wait = min(wait, time.Second<<l.strikes)
	}
	l.strikes++
	if until := time.Now().Add(max(wait, v.retryAfter)); until.After(l.rest) {
		l.rest = until
	}
	return l.rest
}
