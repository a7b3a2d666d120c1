package courier

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/lead"
)

// Pauses is the part of the store with the pauses that people order.
type Pauses interface {
	Pause(ctx context.Context, sites []string, p lead.Pause) error
	Resume(ctx context.Context, sites []string, now time.Time) error
	// Pauses returns the last pause of each site that was ever paused.
	Pauses(ctx context.Context) ([]lead.Pause, error)
}

// handPauses are the pauses that people have ordered, as the store had them a moment
// ago. A nil one knows of none.
type handPauses struct {
	store  Pauses
	clock  *wallclock.Clock
	wake   *wakeup // its watcher
	unread rate.Sometimes

	refreshing sync.Mutex

	mu     sync.Mutex
	bySite map[string]lead.Pause // the last of each
}

func newHandPauses(store Pauses, clock *wallclock.Clock) *handPauses {
	if store == nil {
		return nil
	}
	return &handPauses{store: store, clock: clock, wake: newWakeup(), unread: rate.Sometimes{Interval: time.Minute}, bySite: map[string]lead.Pause{}}
}

// last returns the site's last pause, which may be over. It is zero if there was none.
func (h *handPauses) last(site string) lead.Pause {
	if h == nil {
		return lead.Pause{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bySite[site]
}

// refresh reads all pauses. One refresh follows the other, so that none brings back what
// was before.
func (h *handPauses) refresh(ctx context.Context) error {
	h.refreshing.Lock()
	defer h.refreshing.Unlock()
	all, err := h.store.Pauses(ctx)
	if err != nil {
		return err
	}
	bySite := make(map[string]lead.Pause, len(all))
	for _, p := range all {
		bySite[p.Site] = p
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bySite = bySite
	return nil
}

// state describes the site for an operator, if it is paused.
func (h *handPauses) state(site string) (c lead.Credential, paused bool) {
	p := h.last(site)
	return lead.Credential{Sites: []string{site}, State: lead.SitePausedByHand, Reason: p.Why, Since: p.Since, Until: p.Until},
		h != nil && p.IsOn(h.clock.Read())
}

// Pause pauses the sites until the end of p. When it returns, no attempt begins for their
// leads any more; those that have begun are finished. Other processes on the database
// heed it a second later.
func (c *Courier) Pause(ctx context.Context, sites []string, p lead.Pause) error {
	p.Since = c.clock.Read()
	if err := c.paused.store.Pause(ctx, sites, p); err != nil {
		return err
	}
	c.heedPauses(ctx)
	return nil
}

// Resume ends the pauses of the sites.
func (c *Courier) Resume(ctx context.Context, sites []string) error {
	if err := c.paused.store.Resume(ctx, sites, c.clock.Read()); err != nil {
		return err
	}
	c.heedPauses(ctx)
	return nil
}

// heedPauses reads what was just written. If that fails, the watcher does it soon.
func (c *Courier) heedPauses(ctx context.Context) {
	c.readPauses(ctx)
	c.paused.wake.at(time.Now())
}

// readPauses reads the pauses, and reports whether it could.
func (c *Courier) readPauses(ctx context.Context) bool {
	err := c.paused.refresh(ctx)
	if err != nil && ctx.Err() == nil {
		c.paused.unread.Do(func() { c.opt.Log.Error().Err(err).Msg("pauses not read") })
	}
	return err == nil
}

// awaitPauses returns when the pauses are known, because nothing may be sent before.
func (c *Courier) awaitPauses(ctx context.Context) {
	for !c.readPauses(ctx) && ctx.Err() == nil {
		sleep(ctx, sharedSleep)
	}
}

// watchPauses notices what people change, here or at another process, and the ends of
// pauses, until ctx ends.
func (c *Courier) watchPauses(ctx context.Context) {
	known := map[string]lead.Pause{}
	for ctx.Err() == nil {
		next := c.noticePauses(known)
		if c.opt.Leases != nil {
			next = time.Now().Add(sharedSleep)
		}
		c.paused.wake.sleep(ctx, next)
		c.readPauses(ctx)
	}
}

// noticePauses wakes the workers of sites whose pause has ended, logs what has changed,
// and returns when the next pause ends.
func (c *Courier) noticePauses(known map[string]lead.Pause) (end time.Time) {
	now, wall := time.Now(), c.clock.Read()
	end = now.Add(maxSleep)
	for site, w := range c.bySite {
		p, was := c.paused.last(site), known[site]
		switch {
		case p.IsOn(wall) && p != was:
			known[site] = p
			c.opt.Log.Warn().Str("site", site).Time("until", p.Until).Str("why", p.Why).Msg("site paused by a person")
		case !p.IsOn(wall) && was != lead.Pause{}:
			delete(known, site)
			c.opt.Log.Info().Str("site", site).Msg("site goes on: its pause by a person is over")
			w.sendWake.at(now)
		}
		if left := p.Until.Sub(wall); left > 0 && now.Add(left).Before(end) {
			end = now.Add(left)
		}
	}
	return end
}
