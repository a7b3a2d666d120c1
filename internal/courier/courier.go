// Package courier delivers leads to EasyBroker, each of them once. It writes down
// that an attempt begins before the first byte leaves, and judges how the attempt
// ended. If EasyBroker may have taken the lead, it sends the lead again only after
// EasyBroker's own list has shown that it is not there.
//
// Read courier.go, then worker.go, and follow a lead through attempt.go. Package
// verify reads the list, and package breaker decides whether a credential may be
// used.
package courier

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/courier/verify"
	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Outbox is the part of the store that a courier needs.
type Outbox interface {
	Begin(ctx context.Context, site string, q lead.Due) (claims []lead.Claim, next time.Time, err error)
	ClaimLookups(ctx context.Context, sites []string, q lead.Due) (claims []lead.Claim, next time.Time, err error)
	Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error
	Unclaim(ctx context.Context, c lead.Claim) error
	Expire(ctx context.Context, site string, before time.Time, q lead.Due) ([]lead.RemoteID, error)
}

// Broker is the part of the EasyBroker client that a courier needs.
type Broker interface {
	Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error)
	List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error)
}

// Options tune a courier. The first seven are required. Their defaults are in
// one place, the settings of package config.
type Options struct {
	Timeout     time.Duration // one attempt, from dial to the end of the answer
	MaxListLag  time.Duration // how long EasyBroker's list may lag behind
	Schedule    Schedule      // waits between the attempts for one lead
	Deadline    time.Duration // a lead that is not delivered by then has failed
	Rate        float64       // calls per second and credential
	Concurrency int           // attempts at once per credential
	Probe       time.Duration // between two probes of a credential that does not work

	// Leases lets one process at a time carry a credential. It is nil if no other
	// process uses the outbox.
	Leases Leases
	// Pauses has the pauses that people order. It is nil if nobody can.
	Pauses Pauses

	Log     zerolog.Logger
	Now     func() time.Time                  // the wall clock; time.Now if nil
	Attempt func(lead.Outcome, time.Duration) // called after every attempt, with its duration
	Seen    func(time.Duration)               // called when a lead is seen in the list, with the time since it was sent
	// Refused is called when EasyBroker refuses a lead and the lead fails, or waits
	// because its site is paused.
	Refused func(site string, status int, about About)
	// Traced is called after each attempt and each look-up of a lead that has a trace, and
	// when a person's command confirms one. It must not block. Nil if nobody traces.
	Traced func(lead.TraceStep)
}

// complete panics if a required option is missing, and fills in the others.
func (o Options) complete() Options {
	for name, missing := range map[string]bool{
		"Timeout": o.Timeout <= 0, "MaxListLag": o.MaxListLag <= 0, "Schedule": len(o.Schedule) == 0, "Deadline": o.Deadline <= 0,
		"Rate": o.Rate <= 0, "Concurrency": o.Concurrency <= 0, "Probe": o.Probe <= 0,
	} {
		if missing {
			panic(fmt.Sprintf("courier: Options.%s is missing", name))
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Attempt == nil {
		o.Attempt = func(lead.Outcome, time.Duration) {}
	}
	if o.Seen == nil {
		o.Seen = func(time.Duration) {}
	}
	if o.Refused == nil {
		o.Refused = func(string, int, About) {}
	}
	return o
}

// lease returns how long an attempt that was begun is ours: long enough to make
// it and to write down how it ended.
func (o Options) lease() time.Duration { return 2*o.Timeout + 30*time.Second }

// Courier delivers the leads of all sites. Each credential has a worker of its
// own, so that trouble at one site does not delay another.
type Courier struct {
	opt     Options
	clock   *wallclock.Clock
	paused  *handPauses
	desk    *leaseDesk
	workers []*credentialWorker
	bySite  map[string]*credentialWorker
	next    atomic.Pointer[Courier] // that has taken over
}

// New returns a courier for the routes. Sites with the same credential share a
// worker. New panics if a required option is missing.
func New(outbox Outbox, broker Broker, routes []Route, opt Options) *Courier {
	opt = opt.complete()
	c := &Courier{opt: opt, clock: wallclock.New(opt.Now), bySite: map[string]*credentialWorker{}}
	c.paused = newHandPauses(opt.Pauses, c.clock)
	var accounts []easybroker.Account
	byAccount := map[easybroker.Account][]Route{}
	for _, r := range slices.SortedFunc(slices.Values(routes), func(a, b Route) int { return strings.Compare(a.Site, b.Site) }) {
		if byAccount[r.Account] == nil {
			accounts = append(accounts, r.Account)
		}
		byAccount[r.Account] = append(byAccount[r.Account], r)
	}
	c.desk = newLeaseDesk(opt.Leases, c.clock)
	budget := new(verify.Budget)
	for _, a := range accounts {
		w := newCredentialWorker(outbox, broker, byAccount[a], opt, c, budget)
		c.workers = append(c.workers, w)
		for _, site := range w.sites {
			c.bySite[site] = w
		}
	}
	return c
}

// Run delivers leads until ctx ends. Then it gives back the leads that it has not
// begun with, finishes the attempts that it has begun, and returns.
func (c *Courier) Run(ctx context.Context) error {
	var workers errgroup.Group
	if c.paused != nil {
		c.awaitPauses(ctx)
		workers.Go(func() error { c.watchPauses(ctx); return nil })
	}
	for _, w := range c.workers {
		workers.Go(func() error { w.run(ctx); return nil })
	}
	if c.opt.Leases != nil {
		workers.Go(func() error { c.watch(ctx); return nil })
	}
	defer c.desk.close()
	return workers.Wait()
}

// Wake tells the courier that a lead of the site was queued just now.
func (c *Courier) Wake(site string) {
	if w := c.workerOf(site); w != nil {
		w.queues[site].pause.leadArrived()
		w.sendWake.at(time.Now())
	}
}

// HandOver says that another courier takes over, with other routes: whoever wakes this one
// wakes the other. The other may run as soon as the context of this one's Run has ended. It
// has nothing of what this one has begun, and which it ends; what is to be done with those
// leads then is the other's.
func (c *Courier) HandOver(next *Courier) { c.next.Store(next) }

// workerOf returns the worker of the site: of this courier, or of the one that has taken
// over. It is nil if that has no such site.
func (c *Courier) workerOf(site string) *credentialWorker {
	for next := c.next.Load(); next != nil; next = c.next.Load() {
		c = next
	}
	return c.bySite[site]
}

// Now returns the time, on whose clock all processes on the database agree.
func (c *Courier) Now() time.Time { return c.clock.Read() }

// Status returns the state of each credential, and the sites that are paused, by the
// courier or by a person.
func (c *Courier) Status() []lead.Credential {
	var all []lead.Credential
	for _, w := range c.workers {
		all = append(all, w.breaker.Status(w.sites))
		for _, site := range w.sites {
			if paused, ok := w.queues[site].pause.state(site, c.clock.Read()); ok {
				all = append(all, paused)
			}
			if paused, ok := c.paused.state(site); ok {
				all = append(all, paused)
			}
		}
	}
	return all
}

// Auditor is a courier that a person can ask what has arrived, and tell to send
// again what has not.
type Auditor struct {
	*Courier
	*verify.Auditor
}

// NewAuditor returns an auditor for the courier's credentials.
func NewAuditor(c *Courier, ledger verify.Ledger) *Auditor {
	verifiers := make([]*verify.Verifier, len(c.workers))
	for i, w := range c.workers {
		verifiers[i] = w.verifier
	}
	if c.opt.Traced != nil {
		ledger = tracedLedger{ledger, c.opt.Traced}
	}
	return &Auditor{c, verify.NewAuditor(ledger, verifiers, c.clock, c.Wake, c.opt.Log)}
}
