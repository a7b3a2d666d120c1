package courier

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/courier/verify"
	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

const (
	// maxSleep is how long a worker sleeps at most.
	maxSleep = 10 * time.Minute
	// sharedSleep is how long it does if one of its sites is paused and other processes
	// keep leads, too: any of them may be a trial.
	sharedSleep = time.Second
)

// credentialWorker delivers the leads of one credential. One goroutine begins
// attempts, some others make them, and one looks up leads in doubt. All keep the
// credential's pace. A worker has no lock: each of its parts has its own, or
// belongs to one goroutine.
type credentialWorker struct {
	courier  *Courier
	outbox   Outbox
	broker   Broker
	account  easybroker.Account
	lease    *lease // nil if no other process carries the credential
	opt      Options
	clock    *wallclock.Clock
	paused   *handPauses
	breaker  *breaker.Breaker
	memory   *verify.Memory
	verifier *verify.Verifier

	sites     []string
	queues    map[string]*siteQueue // by site; sendLoop asks them
	firstSite int                   // sendLoop's: whose leads are sent first next time

	pacer      *pacer
	slots      *slots
	calls      chan call // attempts that have begun, in their order
	sendWake   *wakeup
	nudged     chan struct{} // a person has found that the credential works
	lookUpWake *wakeup

	lookUpHorizon horizon // lookUpLoop's
	bugs          *bugs
}

// newCredentialWorker returns the worker of the routes, which have one account. It shares
// the courier's clock, pauses and desk with the others, and the budget.
func newCredentialWorker(outbox Outbox, broker Broker, routes []Route, opt Options, c *Courier, budget *verify.Budget) *credentialWorker {
	clock, paused := c.clock, c.paused
	w := &credentialWorker{
		courier: c,
		outbox:  outbox,
		broker:  broker,
		account: routes[0].Account,
		lease:   newLease(routes[0].Account, c.desk, opt, clock),
		opt:     opt,
		clock:   clock,
		paused:  paused,
		breaker: breaker.New(opt.Probe, clock.Read),
		memory:  verify.NewMemory(clock),

		queues: map[string]*siteQueue{},

		pacer:      newPacer(opt.Rate),
		slots:      newSlots(opt.Concurrency),
		sendWake:   newWakeup(),
		nudged:     make(chan struct{}, 1),
		lookUpWake: newWakeup(),

		lookUpHorizon: horizon{clock: clock, farthest: longestLookUpWait + time.Hour},
		bugs:          newBugs(),
	}
	wordings := map[string]verify.Route{}
	for _, r := range routes {
		w.sites = append(w.sites, r.Site)
		wordings[r.Site] = r
		w.queues[r.Site] = &siteQueue{
			outbox: outbox, route: r, clock: clock, paused: paused, lease: opt.lease(), shared: opt.Leases != nil,
			horizon: horizon{clock: clock, farthest: opt.Schedule.longest()*5/4 + time.Hour},
		}
	}
	w.verifier = verify.New(verify.Config{
		Sites: w.sites, API: w.account.API, Routes: wordings, Source: w, Timeout: opt.Timeout, MaxListLag: opt.MaxListLag,
		Clock: clock, Memory: w.memory, Budget: budget, Log: opt.Log,
	})
	return w
}

// run delivers leads until ctx ends.
func (w *credentialWorker) run(ctx context.Context) {
	if w.lease == nil {
		w.carry(ctx, context.WithoutCancel(ctx))
		return
	}
	w.runLeased(ctx)
}

// carry delivers leads until ctx ends, and finishes the attempts that have begun.
// Their calls end with the second context.
func (w *credentialWorker) carry(ctx, calls context.Context) {
	var loops errgroup.Group
	loops.Go(func() error { w.sendLoop(ctx, calls); return nil })
	loops.Go(func() error { w.lookUpLoop(ctx); return nil })
	_ = loops.Wait() // neither returns an error
}

// sendLoop sends what is due, as carefully as the breaker demands.
func (w *credentialWorker) sendLoop(ctx, calls context.Context) {
	w.calls = make(chan call, max(maxBegun, w.opt.Concurrency))
	var attempts sync.WaitGroup
	defer attempts.Wait()
	defer close(w.calls)
	for range w.opt.Concurrency {
		attempts.Go(func() {
			for c := range w.calls {
				settle := w.attempt(calls, c)
				attempts.Go(func() { settle(ctx) })
			}
		})
	}
	for ctx.Err() == nil {
		if !w.lease.isHeld() { // ctx ends soon
			sleep(ctx, leaseMargin)
			continue
		}
		switch step, until := w.breaker.Next(time.Now()); step {
		case breaker.Wait: // a lead that comes in meanwhile changes nothing
			w.pause(ctx, time.Until(until))
			if w.breaker.IsDown() {
				w.expire(ctx)
			}
		case breaker.Probe:
			w.probe(ctx)
		case breaker.Single:
			w.sendDue(ctx, breaker.Single).Wait() // its end decides whether the others may follow
		case breaker.All:
			w.sendDue(ctx, breaker.All)
		}
	}
}

// expire fails the leads that have waited beyond their deadline for a broker that
// is down. The leads of a held credential do not expire: somebody will see to it,
// and then they go out.
func (w *credentialWorker) expire(ctx context.Context) {
	const batch = 256
	now := w.clock.Read()
	if w.clock.Since(now.Add(-w.opt.Deadline)) < w.opt.Deadline {
		return // the wall clock was set, so nobody knows how long they have waited
	}
	for _, site := range w.sites {
		p := w.paused.last(site)
		if p.IsOn(now) {
			continue
		}
		ids, err := w.outbox.Expire(ctx, site, now.Add(-p.Extend(w.opt.Deadline, now)), lead.Due{Now: now, N: batch})
		if err != nil && ctx.Err() == nil {
			w.opt.Log.Error().Str("site", site).Err(err).Msg("deadlines not checked")
		}
		for _, id := range ids {
			w.opt.Log.Error().Str("site", site).Int64("remote_id", int64(id)).
				Str("state", string(lead.Failed)).Str("reason", lead.ReasonDeadline).Msg("lead failed")
		}
	}
}

// isOverdue reports whether the lead has reached its deadline. The time for which a person
// has paused its site does not count.
func (w *credentialWorker) isOverdue(l *lead.Lead) bool {
	return w.clock.Since(l.QueuedAt) >= w.paused.last(l.Site).Extend(w.opt.Deadline, w.clock.Read())
}

// probe reads one line of the list, to learn whether a stopped credential works
// again.
func (w *credentialWorker) probe(ctx context.Context) {
	if w.pacer.send(ctx) != nil {
		return
	}
	_, err := w.List(context.WithoutCancel(ctx), easybroker.Query{Page: 1, Limit: 1})
	if err == nil {
		w.breaker.ProbeWorked()
	}
	w.opt.Log.Info().Strs("sites", w.sites).Bool("works", err == nil).AnErr("cause", err).Msg("probe")
}

// sendDue begins attempts, or sleeps if nothing is due. The caller can wait for
// the end of their calls.
func (w *credentialWorker) sendDue(ctx context.Context, allowed breaker.Step) *sync.WaitGroup {
	var ended sync.WaitGroup
	w.pacer.leadsWait.Store(true) // until a claim shows that none is due
	n := w.takeSlots(ctx, allowed)
	if step, _ := w.breaker.Next(time.Now()); n == 0 || step < allowed || !w.lease.isHeld() { // it may have changed while we waited
		w.slots.free(n)
		return &ended
	}
	begun := time.Now() // before the intents are written, so that a standstill during that counts, too
	claims, next := w.begin(ctx, n)
	w.slots.free(n - len(claims))
	ended.Add(len(claims))
	for _, c := range claims {
		_ = w.pacer.send(context.WithoutCancel(ctx)) // cannot fail: one call is never too many at once
		w.calls <- call{Claim: c, begun: begun, ended: &ended}
	}
	if len(claims) == 0 {
		w.pacer.leadsWait.Store(false)
		if due, stopped := w.breaker.ProbeDue(); stopped && due.Before(next) {
			next = due
		}
		w.sendWake.sleep(ctx, next)
	}
	return &ended
}

// takeSlots waits until attempts may be begun, and takes slots for them. It
// returns how many, or zero if ctx has ended. It uses up no call of the pace,
// because nobody knows yet whether a lead is due.
func (w *credentialWorker) takeSlots(ctx context.Context, allowed breaker.Step) int {
	for ctx.Err() == nil {
		n, wait := w.pacer.sends()
		if n == 0 {
			sleep(ctx, wait)
			continue
		}
		if allowed == breaker.Single {
			n = 1
		}
		if n = w.slots.take(n); n > 0 {
			return n
		}
		w.slots.awaitFreed(ctx)
	}
	return 0
}

// begin begins attempts for at most n leads. It goes round the sites, so that a
// busy one does not starve the others. It also returns when to ask again.
func (w *credentialWorker) begin(ctx context.Context, n int) (claims []lead.Claim, next time.Time) {
	now := time.Now()
	next = now.Add(maxSleep)
	for i := range w.sites {
		site := w.sites[(w.firstSite+i)%len(w.sites)]
		if w.lease != nil && w.queues[site].pause.isPaused() {
			next = now.Add(sharedSleep)
		}
		got, due, err := w.queues[site].begin(context.WithoutCancel(ctx), n-len(claims))
		for _, c := range got {
			w.memory.AttemptBegan(c)
		}
		claims = append(claims, got...) // even if err: their intents are on disk
		if err != nil {
			w.opt.Log.Error().Str("site", site).Err(err).Msg("leads not claimed")
			return claims, now.Add(time.Second)
		}
		if due.Before(next) {
			next = due
		}
		if len(claims) == n {
			break
		}
	}
	w.firstSite++
	return claims, next
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
