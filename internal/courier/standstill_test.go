package courier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// frozen is the store of a process that stands still at one of its writes, as after
// SIGSTOP: at the first intent, or at every settlement.
type frozen struct {
	*store.Store
	begin, settle time.Duration
}

func (f *frozen) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	claims, next, err := f.Store.Begin(ctx, site, q)
	if len(claims) > 0 {
		time.Sleep(f.begin)
		f.begin = 0
	}
	return claims, next, err
}

func (f *frozen) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	if to.Attempt != nil {
		time.Sleep(f.settle)
	}
	return f.Store.Settle(ctx, c, to)
}

func TestAProcessThatStoodStillSendsNothingTwice(t *testing.T) {
	for name, freeze := range map[string]*frozen{
		"before it sent":          {begin: 10 * time.Minute},
		"before it wrote it down": {settle: 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{lag: 4 * time.Minute}
				w := newWorld(t, b)
				freeze.Store = w.store
				w.run(freeze, b, courier.Options{})
				id := w.post("casas")
				time.Sleep(3 * time.Hour)
				w.halt()
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}

// slowBegin is a store that takes twenty minutes to return from its first Begin,
// after the intents are on disk.
type slowBegin struct {
	*store.Store
	times atomic.Int32
}

func (o *slowBegin) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	claims, next, err := o.Store.Begin(ctx, site, q)
	if len(claims) > 0 && o.times.Add(1) == 1 {
		time.Sleep(20 * time.Minute)
	}
	return claims, next, err
}

func TestAnIntentThatTookLongIsNotActedUpon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{}
		w := newWorld(t, b)
		w.run(&slowBegin{Store: w.store}, b, courier.Options{})
		id := w.postAt(time.Now())
		time.Sleep(2 * time.Hour)
		require.Equal(t, 1, b.timesKept(id))
	})
}

// thawed is a broker whose first POST is sent only after some minutes in which the
// process stands still.
type thawed struct {
	*broker
	stood time.Duration
	times atomic.Int32
}

func (b *thawed) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	if b.times.Add(1) > 1 {
		return b.broker.Create(ctx, a, cr)
	}
	time.Sleep(b.stood)
	_, _ = b.broker.Create(context.WithoutCancel(ctx), a, cr)
	return easybroker.Receipt{}, &easybroker.UnansweredError{Err: context.DeadlineExceeded}
}

// List returns after a minute what the list was when it was called.
func (b *thawed) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	page, err := b.broker.List(ctx, a, q)
	time.Sleep(time.Minute)
	return page, err
}

func TestAPostThatLeftLateSettlesToo(t *testing.T) {
	for name, stood := range map[string]time.Duration{
		"it ends before the lease is missed": 10*time.Minute - 100*time.Millisecond,
		"it ends while the list is read":     10*time.Minute + 30*time.Second,
	} {
		t.Run(name, func(t *testing.T) { bubble(t, func(t *testing.T) { postLeavesLate(t, stood) }) })
	}
}

func postLeavesLate(t *testing.T, stood time.Duration) {
	t.Helper()
	b := &broker{lag: 2 * time.Minute}
	w := newWorld(t, b)
	w.run(w.store, &thawed{broker: b, stood: stood}, courier.Options{})
	time.Sleep(time.Second)
	id := w.postAt(time.Now())
	time.Sleep(2 * time.Hour)
	require.Equal(t, 1, b.timesKept(id))
}
