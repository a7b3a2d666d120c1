package courier

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// watchEvery is how often a process asks whether others have kept leads that it
// carries. Nobody tells it of those. One query asks for all of its sites, so that it
// may ask often.
const watchEvery = 200 * time.Millisecond

// watch wakes the workers for leads that other processes have kept.
func (c *Courier) watch(ctx context.Context) {
	failures := rate.Sometimes{Interval: time.Minute}
	var full fullLook
	for ctx.Err() == nil {
		sites := c.watched()
		if len(sites) == 0 {
			sleep(ctx, sharedSleep)
			continue
		}
		begun, wall := time.Now(), c.clock.Read()
		isFull, since := full.isDue(begun), wall.Add(-lately)
		if isFull {
			since = time.Time{}
		}
		due, err := c.opt.Leases.SitesDue(ctx, sites, since, wall)
		if isFull {
			full.ended(time.Since(begun))
		}
		if err != nil && ctx.Err() == nil {
			failures.Do(func() { c.opt.Log.Error().Err(err).Msg("leads of other replicas not looked for") })
		}
		for _, site := range due {
			c.bySite[site].sendWake.at(time.Now())
		}
		sleep(ctx, watchEvery)
	}
}

// watched returns the sites whose leads may go out from here. A paused site is not among
// them: its leads wait for a trial, and its worker asks for those itself.
func (c *Courier) watched() (sites []string) {
	for _, w := range c.workers {
		if !w.lease.isHeld() {
			continue
		}
		for _, site := range w.sites {
			if !w.queues[site].pause.isPaused() {
				sites = append(sites, site)
			}
		}
	}
	return sites
}
