package torture_test

import (
	"context"
	"errors"
	"time"

	"leadrelay/internal/lead"
)

// errSimDisk is what a write hears from a disk that fails. The write may have
// happened all the same.
var errSimDisk = errors.New("disk I/O error")

// simOutbox is the real store as one life of the process sees it.
type simOutbox struct {
	world *simWorld
	life  *simLife
}

// call makes one call to the store, unless the disk fails or the process is
// dead. do runs with the lock, and learns what really happened.
func (o *simOutbox) call(kind string, key int64, do func() error) error {
	w := o.world
	if err := w.pass(o.life, kind, key); err != nil {
		return err
	}
	err := o.really(kind, key, do)
	if dead := w.pass(o.life, "after "+kind, key); dead != nil {
		return dead
	}
	return err
}

func (o *simOutbox) really(kind string, key int64, do func() error) error {
	w := o.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := o.life.alive(); err != nil {
		return err
	}
	before, after := o.life.diskFails(w.roll(kind, key))
	if before {
		return errSimDisk
	}
	if err := do(); err != nil {
		return err
	}
	if after {
		return errSimDisk
	}
	return nil
}

// Begin implements [courier.Outbox].
func (o *simOutbox) Begin(ctx context.Context, site string, q lead.Due) (claims []lead.Claim, next time.Time, err error) {
	w := o.world
	err = o.call("begin "+site, 0, func() (err error) {
		if w.sabotage.hides == site {
			return nil
		}
		if w.sabotage.blind {
			q.Fingerprint = nil
		}
		claims, next, err = w.store.Begin(ctx, site, q)
		w.watch.began(claims, q, err)
		claims = w.sabotage.begun(claims)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return claims, next, nil
}

// ClaimLookups implements [courier.Outbox].
func (o *simOutbox) ClaimLookups(ctx context.Context, sites []string, q lead.Due) (claims []lead.Claim, next time.Time, err error) {
	w := o.world
	err = o.call("look "+sites[0], 0, func() (err error) {
		claims, next, err = w.store.ClaimLookups(ctx, sites, q)
		w.watch.looked(claims, q, err)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return claims, next, nil
}

// Settle implements [courier.Outbox].
func (o *simOutbox) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	w := o.world
	return o.call("settle", int64(c.Lead.RemoteID), func() error {
		to := w.sabotage.settled(to)
		err := w.store.Settle(ctx, c, to)
		w.watch.settled(c, to, err)
		return err
	})
}

// Unclaim implements [courier.Outbox].
func (o *simOutbox) Unclaim(ctx context.Context, c lead.Claim) error {
	w := o.world
	return o.call("unclaim", int64(c.Lead.RemoteID), func() error {
		err := w.store.Unclaim(ctx, c)
		w.watch.unclaimed(c, err)
		return err
	})
}

// Expire implements [courier.Outbox].
func (o *simOutbox) Expire(ctx context.Context, site string, before time.Time, q lead.Due) (ids []lead.RemoteID, err error) {
	w := o.world
	err = o.call("expire "+site, 0, func() (err error) {
		// Nobody else asks the store while this one holds the lock, so a ctx
		// that ends cannot leave open what has happened.
		ids, err = w.store.Expire(context.WithoutCancel(ctx), site, before, q)
		w.watch.expired(ids, err)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}
