package console_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

var errRider = errors.New("the rider is ill")

// rider is a courier that sends nothing. It records its calls, and queues what it
// replays.
type rider struct {
	mu     sync.Mutex // of woken
	store  *store.Store
	woken  []string      // sites
	since  []time.Time   // of every reconciliation
	asked  []lead.Filter // of every replay
	drift  lead.Drift    // what a reconciliation finds
	there  lead.RemoteID // what EasyBroker lists
	left   int           // leads that a replay has no room for
	keys   []lead.Credential
	fails  error // of every replay
	broken bool
	probed []string // sites
	refuse string   // why a probe fails
}

func (r *rider) Wake(site string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.woken = append(r.woken, site)
}

func (r *rider) Probe(_ context.Context, site string) string {
	r.probed = append(r.probed, site)
	return r.refuse
}

func (r *rider) Status() []lead.Credential { return r.keys }

func (r *rider) Reconcile(_ context.Context, since time.Time) (lead.Drift, error) {
	r.since = append(r.since, since)
	if r.broken {
		return lead.Drift{}, errRider
	}
	d := r.drift
	d.Since, d.ReadAt = since, noon
	return d, nil
}

func (r *rider) Replay(ctx context.Context, f lead.Filter, dryRun bool) ([]lead.Replayed, int, error) {
	r.asked = append(r.asked, f)
	if r.broken {
		return nil, 0, errRider
	}
	if r.fails != nil {
		return nil, 0, r.fails
	}
	f.Limit = 100
	leads, _, err := r.store.List(ctx, f)
	var all []lead.Replayed
	for _, l := range leads {
		all = append(all, r.replay(ctx, l, dryRun))
	}
	return all, r.left, err
}

func (r *rider) replay(ctx context.Context, l lead.Lead, dryRun bool) lead.Replayed {
	one := lead.Replayed{RemoteID: l.RemoteID, Site: l.Site, State: l.State, Verdict: lead.Sent}
	switch {
	case l.RemoteID == r.there:
		one.Verdict = lead.Present
	case l.Retry(noon, true) != nil:
		one.Verdict, one.Why = lead.Blocked, "it is on its way"
	case dryRun:
		one.Verdict = lead.WouldBeSent
	default:
		l, err := r.store.Amend(ctx, l.RemoteID, func(l *lead.Lead) error { return l.Retry(noon, true) })
		if one.State = l.State; err != nil {
			one.Verdict = lead.Blocked
		}
	}
	return one
}

func (*rider) Now() time.Time { return noon }

func (r *rider) Pause(ctx context.Context, sites []string, p lead.Pause) error {
	p.Since = r.Now()
	return errors.Join(r.store.Pause(ctx, sites, p), r.heedPauses(ctx))
}

func (r *rider) Resume(ctx context.Context, sites []string) error {
	return errors.Join(r.store.Resume(ctx, sites, r.Now()), r.heedPauses(ctx))
}

func (r *rider) heedPauses(ctx context.Context) error {
	if r.broken {
		return errRider
	}
	all, err := r.store.Pauses(ctx)
	r.keys = slices.DeleteFunc(r.keys, func(c lead.Credential) bool { return c.State == lead.SitePausedByHand })
	for _, p := range all {
		if p.IsOn(r.Now()) {
			r.keys = append(r.keys, lead.Credential{Sites: []string{p.Site}, State: lead.SitePausedByHand, Reason: p.Why, Since: p.Since, Until: p.Until})
		}
	}
	return err
}
