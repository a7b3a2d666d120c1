package courier

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Leases is the part of a shared database that lets one process at a time carry a
// credential. Every method returns when ctx ends.
type Leases interface {
	// AcquireLeases takes the leases that nobody else has. Of the others it returns the
	// states. An answer stands where its request does.
	AcquireLeases(ctx context.Context, all []lead.LeaseRequest) ([]lead.Lease, error)
	// RenewLeases prolongs the leases, or gives those up for which no length is asked. It
	// waits for nobody: one that somebody has locked is left as it is.
	RenewLeases(ctx context.Context, all []lead.LeaseRequest) ([]lead.Lease, error)
	// SitesDue returns those of the sites that have a queued lead which is due, and was
	// not before since, whichever process has kept it.
	SitesDue(ctx context.Context, sites []string, since, now time.Time) ([]string, error)
	// WantCalls asks the holder to lend some calls.
	WantCalls(ctx context.Context, credential string, calls int64) (count int64, err error)
	// TakeOver makes doubtful what the last holder was sending for the sites, and
	// frees what it was looking up.
	TakeOver(ctx context.Context, sites []string, now time.Time) error
}

// The arithmetic of a lease. The database counts leaseLength from when it writes the
// lease down. That is after the holder has asked, and the holder counts from before
// it asked, also from before it waited for others to ask with, and leaseMargin less. So
// while the holder believes that it has the lease, nobody else can get it, if the clocks
// of both run equally fast to a tenth. A holder that is dead is replaced leaseLength +
// askEvery*1.2 + acquireMoment + 2*leaseTimeout after it has last renewed the lease: after
// 15 s. The second answer is one that those who ask have to wait for.
const (
	leaseLength  = 10 * time.Second
	leaseMargin  = time.Second
	renewEvery   = 3 * time.Second         // so a renewal may fail, or two that fail fast
	askEvery     = 1500 * time.Millisecond // by those who wait, give or take a fifth
	leaseTimeout = 1500 * time.Millisecond // of one answer of the database
)

// lease is the right to use a credential. A nil lease is held always.
type lease struct {
	desk    *leaseDesk
	request lead.LeaseRequest
	clock   *wallclock.Clock // follows the database's
	wall    func() time.Time // this machine's
	early   chan struct{}    // has a token if the state has changed

	mu      sync.Mutex
	tenure  context.Context // ends when we stop carrying; nil before we first carry
	asked   time.Time       // when we asked for the last answer that gave us the lease; monotonic, and zero if there is none
	askedOn time.Time       // the same on the wall
	wanted  int64           // see [lead.Lease]
	lent    int64           // as the database has it, or will have it soon if the lease is ours

	owing    chan struct{} // has a token if the holder owes calls
	borrowed borrowed
}

func newLease(a easybroker.Account, desk *leaseDesk, opt Options, clock *wallclock.Clock) *lease {
	if desk == nil {
		return nil
	}
	return &lease{
		desk: desk, request: lead.LeaseRequest{Credential: a.Digest(), Holder: rand.Text(), Length: leaseLength},
		clock: clock, wall: opt.Now, early: make(chan struct{}, 1),
		owing: make(chan struct{}, 1), borrowed: borrowed{turn: make(chan struct{}, 1)},
	}
}

// isHeld reports whether the credential may be used now.
func (l *lease) isHeld() bool { return l == nil || l.left() > 0 }

// left returns for how long the lease is ours. The monotonic clock stands still
// while the machine sleeps. The wall clock does not, but it can be set. So the one
// counts by which more time has passed.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked.IsZero() {
		return 0
	}
	passed := max(time.Since(l.asked), l.wall().Round(0).Sub(l.askedOn))
	return leaseLength - leaseMargin - passed
}

// with returns a request that leaves the state.
func (l *lease) with(state string) lead.LeaseRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.request
	r.State, r.Lent = state, l.lent
	return r
}

// ask acquires the lease or renews it.
func (l *lease) ask(
	ctx context.Context, way func(context.Context, lead.LeaseRequest) (lead.Lease, error), r lead.LeaseRequest,
) (lead.Lease, error) {
	asked, askedOn := time.Now(), l.wall().Round(0)
	got, err := way(ctx, r)
	if err != nil {
		return got, err
	}
	if !got.Now.IsZero() {
		l.clock.Follow(got.Now)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked.IsZero() { // otherwise we are the one who counts
		l.lent = got.Lent
	}
	l.asked, l.askedOn, l.wanted = time.Time{}, askedOn, got.Wanted
	if got.IsHeld {
		l.asked = asked
		if l.wanted > l.lent {
			signal(l.owing)
		}
	}
	return got, nil
}

// signal leaves a token in the channel, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// hold renews the lease until ctx ends. It calls end when the lease is not ours any
// more, or may not be.
func (l *lease) hold(ctx context.Context, end context.CancelFunc, state func() string, log zerolog.Logger) {
	const retry = 500 * time.Millisecond
	defer end()
	punctual := time.AfterFunc(l.left(), end) // while an answer is waited for
	defer punctual.Stop()
	for wait := renewEvery; ; {
		select {
		case <-time.After(wait):
		case <-l.early:
		case <-ctx.Done():
		}
		if ctx.Err() != nil || !l.isHeld() {
			return
		}
		wait = renewEvery
		_, err := l.ask(ctx, l.desk.renew, l.with(state()))
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			wait = retry
			log.Warn().Err(err).Dur("left", l.left()).Msg("lease not renewed")
		}
		if !l.isHeld() {
			return
		}
		punctual.Reset(l.left())
	}
}

// bound returns a context for a call that is made by right of the lease. It ends with
// the lease, and nothing is sent after that.
func (l *lease) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if l == nil {
		return ctx, func() {}
	}
	l.mu.Lock()
	tenure := l.tenure
	l.mu.Unlock()
	if tenure == nil || !l.isHeld() { // the call is borrowed
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(easybroker.WithGuard(ctx, l.isHeld))
	stop := context.AfterFunc(tenure, cancel)
	return ctx, func() { stop(); cancel() }
}

// begin notes that we carry until ctx ends.
func (l *lease) begin(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tenure = ctx
}

// renewSoon makes the state known to those who wait.
func (l *lease) renewSoon() {
	if l != nil {
		signal(l.early)
	}
}

// release gives the lease up. If that fails, it runs out.
func (l *lease) release(ctx context.Context, state string) error {
	l.mu.Lock()
	l.asked = time.Time{}
	l.mu.Unlock()
	const pause, tries = 100 * time.Millisecond, 10
	r := l.with(state)
	r.Length = 0
	_, err := l.desk.renew(ctx, r)
	for n := 1; n < tries && errors.Is(err, errLeaseLocked); n++ {
		time.Sleep(pause)
		_, err = l.desk.renew(ctx, r)
	}
	return err
}

// untilAsked is how long one who waits does so. It differs from lease to lease and from
// process to process, so that many leases are divided by chance if their holder ends. The
// clock is as good as chance, and repeats in virtual time.
func (l *lease) untilAsked() time.Duration {
	own := fnv.New32a()
	_, _ = own.Write([]byte(l.request.Credential)) // never fails
	return askEvery*4/5 + (time.Duration(time.Now().UnixNano())+time.Duration(own.Sum32()))%(askEvery*2/5)
}

// runLeased delivers leads whenever no other process does, until ctx ends.
func (w *credentialWorker) runLeased(ctx context.Context) {
	ctx = easybroker.WithGuard(ctx, w.lease.isHeld)
	unasked := rate.Sometimes{Interval: time.Minute}
	for ctx.Err() == nil {
		got, err := w.lease.ask(ctx, w.lease.desk.acquire, w.lease.request)
		if err != nil && ctx.Err() == nil {
			unasked.Do(func() { w.opt.Log.Error().Strs("sites", w.sites).Err(err).Msg("lease not asked for") })
		}
		if err == nil {
			w.takeUp(got.State)
		}
		if !got.IsHeld {
			sleep(ctx, w.lease.untilAsked())
			continue
		}
		w.carryLeased(ctx)
	}
}

// carryLeased delivers leads until ctx or the lease ends. The lease is renewed until
// the attempts have ended and are settled, and then given up. Calls that are under
// way when it ends are cut, because the next holder takes over what they send.
func (w *credentialWorker) carryLeased(ctx context.Context) {
	calls, end := context.WithCancel(context.WithoutCancel(ctx))
	carry, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(calls, stop)
	w.lease.begin(calls)
	var holding sync.WaitGroup
	holding.Go(func() { w.lease.hold(calls, end, w.handOver, w.opt.Log) })

	w.pacer.drain()
	if w.takeOver(carry) {
		holding.Go(func() { w.lend(calls) })
		w.opt.Log.Info().Strs("sites", w.sites).Msg("this replica carries the credential")
		w.carry(carry, calls)
		w.memory.ForgetAll()
	}
	if calls.Err() != nil {
		w.opt.Log.Warn().Strs("sites", w.sites).Msg("lease lost: another replica may carry the credential")
	}
	end()
	holding.Wait()
	if err := w.lease.release(context.WithoutCancel(ctx), w.handOver()); err != nil {
		w.opt.Log.Warn().Strs("sites", w.sites).Err(err).Msg("lease not released; it runs out")
	}
}

// takeOver takes over what the last holder left open, and reports whether it could. If
// that fails together with others, it may be for one of them. So each tries alone then.
func (w *credentialWorker) takeOver(ctx context.Context) bool {
	_, err := w.lease.desk.takeOvers.one(ctx, w.sites)
	for ; ctx.Err() == nil; err = w.lease.desk.leases.TakeOver(ctx, w.sites, w.clock.Read()) {
		if err == nil {
			return true
		}
		w.opt.Log.Error().Strs("sites", w.sites).Err(err).Msg("open attempts not taken over")
		sleep(ctx, time.Second)
	}
	return false
}
