// Package courier carries leads to EasyBroker: every lead, once. It writes down
// that an attempt begins before the first byte leaves, judges how the attempt
// ended, and never sends a lead again whose attempt may have been taken before
// EasyBroker's own list says that it is not there.
package courier

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Outbox is the part of the store that a courier needs.
type Outbox interface {
	Begin(ctx context.Context, site string, q lead.Due) (claims []lead.Claim, next time.Time, err error)
	ClaimLookups(ctx context.Context, sites []string, q lead.Due) (claims []lead.Claim, next time.Time, err error)
	Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error
	Release(ctx context.Context, c lead.Claim) error
	Expire(ctx context.Context, site string, before time.Time, q lead.Due) ([]lead.RemoteID, error)
}

// Broker is the part of the EasyBroker client that a courier needs.
type Broker interface {
	Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error)
	List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error)
}

// Route says as whom a site's leads go to EasyBroker.
type Route struct {
	Site       string
	Account    easybroker.Account
	SendSource bool
	Template   lead.Template // how the message reads
}

// Options tune a courier; its zero values are the defaults of the settings.
type Options struct {
	Timeout     time.Duration // one attempt, from dial to the end of the answer
	Settle      time.Duration // how long EasyBroker's list may lag behind
	Schedule    Schedule      // waits between the attempts for one lead
	Deadline    time.Duration // a lead that is not delivered by then has failed
	Rate        float64       // calls per second and credential
	Concurrency int           // attempts at once per credential
	Probe       time.Duration // the longest rest of a credential that does not work

	Log     zerolog.Logger
	Now     func() time.Time                  // the clock on the wall
	Attempt func(lead.Outcome, time.Duration) // told of every attempt, and how long it took
	Seen    func(time.Duration)               // told when a lead is seen in the list, and how long after it was sent
	// Refused is told when EasyBroker refuses a lead that fails for it, or waits
	// because its site is paused.
	Refused func(site string, status int, about About)
}

func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.Settle = cmp.Or(o.Settle, 5*time.Minute)
	o.Deadline = cmp.Or(o.Deadline, 168*time.Hour)
	o.Probe = cmp.Or(o.Probe, 30*time.Second)
	o.Rate = cmp.Or(o.Rate, 10)
	o.Concurrency = cmp.Or(o.Concurrency, 4)
	if len(o.Schedule) == 0 {
		o.Schedule = DefaultSchedule()
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

// Courier carries the leads of all sites, each credential in a lane of its
// own, so that one site's trouble delays no other.
type Courier struct {
	outbox Outbox
	broker Broker
	opt    Options
	clock  *clock
	held   pool
	lanes  []*lane
	stops  map[string]*stop // by site
	bySite map[string]*lane
}

// New returns a courier for the routes. Sites with the same key share a lane.
func New(outbox Outbox, broker Broker, routes []Route, opt Options) *Courier {
	c := &Courier{outbox: outbox, broker: broker, opt: opt.withDefaults(), stops: map[string]*stop{}, bySite: map[string]*lane{}}
	c.clock = newClock(c.opt.Now)
	byAccount := map[easybroker.Account]*lane{}
	routes = slices.SortedFunc(slices.Values(routes), func(a, b Route) int { return strings.Compare(a.Site, b.Site) })
	for _, r := range routes {
		l := byAccount[r.Account]
		if l == nil {
			l = newLane(c, r.Account)
			byAccount[r.Account] = l
			c.lanes = append(c.lanes, l)
		}
		s := &stop{route: r}
		l.stops, l.sites = append(l.stops, s), append(l.sites, r.Site)
		c.stops[r.Site], c.bySite[r.Site] = s, l
	}
	return c
}

// Run carries leads until ctx ends. Then it gives back the leads that it has
// not begun with, finishes the attempts that it has, and returns.
func (c *Courier) Run(ctx context.Context) error {
	var lanes errgroup.Group
	for _, l := range c.lanes {
		lanes.Go(func() error { l.run(ctx); return nil })
	}
	return lanes.Wait()
}

// Wake tells the courier that a lead of the site was queued just now.
func (c *Courier) Wake(site string) {
	if l := c.bySite[site]; l != nil {
		c.stops[site].pause.arrived()
		l.toSend.by(time.Now())
	}
}

// Status tells how the credentials stand with EasyBroker, and which sites are
// paused.
func (c *Courier) Status() []lead.Credential {
	var all []lead.Credential
	for _, l := range c.lanes {
		all = append(all, l.standing.show(l.sites))
		for _, s := range l.stops {
			if paused, ok := s.pause.show(s.route.Site, c.clock.read()); ok {
				all = append(all, paused)
			}
		}
	}
	return all
}

// lease is how long an attempt that was begun is ours: the attempt, and time to
// write down how it ended.
func (c *Courier) lease() time.Duration { return 2*c.opt.Timeout + 30*time.Second }

// farthest is later than any lead is due that waits to be sent; seen is how
// often the clock had been set when it was last asked. After it has been set,
// all that is due later is due now: its times mean nothing any more.
func (c *Courier) farthest(seen *int) time.Duration {
	return c.unlessSet(seen, c.opt.Schedule.longest()*5/4+time.Hour)
}

// farthestLook is the same for leads to be looked up.
func (c *Courier) farthestLook(seen *int) time.Duration {
	return c.unlessSet(seen, longestLook+time.Hour)
}

func (c *Courier) unlessSet(seen *int, far time.Duration) time.Duration {
	jumps := c.clock.jumpsSeen()
	if jumps != *seen {
		*seen = jumps
		return time.Millisecond
	}
	return far
}
