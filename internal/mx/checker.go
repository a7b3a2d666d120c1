package mx

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/lead"
)

const (
	// maxRunning is how many lookups run at once, and maxWaiting how many wait for that.
	// Few leads need one.
	maxRunning = 32
	maxWaiting = 64
	// maxPerOwner is how many of all these may be about the names of one registrant,
	// whose name server may never answer.
	maxPerOwner = 2
	// timeout bounds a lookup. Go's resolver tries again after five seconds.
	timeout = 6 * time.Second
)

// Store is the part of the store that is needed. Quarantine reports whether the lead
// was still delayed until that time.
type Store interface {
	Quarantine(ctx context.Context, id lead.RemoteID, until time.Time, reason string) (bool, error)
}

// Options are the options of a [Checker]. The zero value works.
type Options struct {
	Resolver Resolver // the machine's own if nil
	Log      zerolog.Logger
}

// Checker looks up the mail domains of leads that are delayed for it, a few at a time.
// It is safe for concurrent use.
type Checker struct {
	store    Store
	resolver Resolver
	log      zerolog.Logger
	lookups  chan lookup

	mu       sync.Mutex
	perOwner map[string]int // lookups that wait or run, by owner
}

// lookup is what is needed of a lead.
type lookup struct {
	id           lead.RemoteID
	site, domain string
	owner        string    // see ownerOf
	reason       string    // why the lead is quarantined if its domain takes no mail
	until        time.Time // when the lead goes out, on this process's clock
	dueAt        time.Time // the same on the store's
}

// New returns a checker. It looks up nothing before it runs.
func New(s Store, opt Options) *Checker {
	c := &Checker{store: s, resolver: opt.Resolver, log: opt.Log, lookups: make(chan lookup, maxWaiting), perOwner: map[string]int{}}
	if c.resolver == nil {
		c.resolver = &net.Resolver{PreferGo: true} // it tells what does not exist from what failed
	}
	return c
}

// Check quarantines a kept lead for the reason if its mail domain turns out to take no
// mail before the lead is due. The store has that time as dueAt. Check does not block.
// If too many lookups wait already, or too many for one owner, the lead goes out
// unchecked.
func (c *Checker) Check(l lead.Lead, dueAt time.Time, reason string) {
	_, domain, _ := strings.Cut(l.Email, "@")
	domain = strings.Clone(domain) // or a whole body would wait with it
	k := lookup{id: l.RemoteID, site: l.Site, domain: domain, owner: ownerOf(domain), reason: reason, until: l.DueAt, dueAt: dueAt}
	if !c.admit(k.owner) {
		return
	}
	select {
	case c.lookups <- k:
	default:
		c.dismiss(k.owner)
	}
}

// ownerOf returns the part of a domain that somebody has registered. Below it they may
// have any number of names.
func ownerOf(domain string) string {
	name, ok := absolute(domain)
	if owner, err := publicsuffix.EffectiveTLDPlusOne(strings.TrimSuffix(name, ".")); ok && err == nil {
		return owner
	}
	return ""
}

// admit counts a lookup for an owner, and reports whether there may be one more.
func (c *Checker) admit(owner string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.perOwner[owner] == maxPerOwner {
		return false
	}
	c.perOwner[owner]++
	return true
}

// dismiss takes back what admit has counted.
func (c *Checker) dismiss(owner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.perOwner[owner]--; c.perOwner[owner] == 0 {
		delete(c.perOwner, owner)
	}
}

// Run looks up domains until ctx ends. What has no answer by then gets none.
func (c *Checker) Run(ctx context.Context) error {
	var workers errgroup.Group
	for range maxRunning {
		workers.Go(func() error { c.work(ctx); return nil })
	}
	return workers.Wait()
}

func (c *Checker) work(ctx context.Context) {
	for {
		select {
		case k := <-c.lookups:
			c.run(ctx, k)
			c.dismiss(k.owner)
		case <-ctx.Done():
			return
		}
	}
}

// run looks up a domain, unless its lead is due by now.
func (c *Checker) run(ctx context.Context, k lookup) {
	ctx, cancel := context.WithDeadline(ctx, k.until)
	defer cancel()
	if ctx.Err() != nil {
		return
	}
	begun := time.Now()
	lookupCtx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	answer := lookUp(lookupCtx, c.resolver, k.domain)
	event := c.log.Info().Int64("remote_id", int64(k.id)).Str("site", k.site).Str("mail", string(answer)).Dur("took", time.Since(begun))
	if answer == NoMail {
		switch quarantined, err := c.store.Quarantine(ctx, k.id, k.dueAt, k.reason); {
		case err != nil:
			event = event.AnErr("cause", err)
		case quarantined:
			event = event.Str("state", string(lead.Quarantined)).Str("reason", k.reason)
		}
	}
	event.Msg("mail domain looked up")
}
