package courier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// What the simulation has found, each at its smallest.

func TestTheFirstReadingTellsHowWrongOurClockIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wall{}
		c.set(2 * time.Hour)
		b := &broker{answer: taken, listErr: errReset}
		w := start(t, b, courier.Options{Now: c.now})
		id := w.postAt(c.now())
		time.Sleep(time.Hour)
		b.now(func(b *broker) { b.listErr = nil })
		time.Sleep(time.Hour)
		require.Equal(t, 1, b.timesKept(id))
	})
}

func TestAClockThatIsSetHidesNoLead(t *testing.T) {
	plain := account
	plain.API = easybroker.Plain
	for name, test := range map[string]struct {
		account easybroker.Account
		wrong   time.Duration
	}{
		"a partner, whose clock was ahead": {account, 2 * time.Hour},
		"an account, whose was behind":     {plain, -2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &wall{}
				c.set(test.wrong)
				b := &broker{answer: taken, listErr: errReset}
				w := start(t, b, courier.Options{Now: c.now}, courier.Route{Site: "casas", Account: test.account})
				id := w.postAt(c.now())
				time.Sleep(time.Minute)
				c.set(0)
				time.Sleep(4 * time.Hour)
				b.now(func(b *broker) { b.listErr = nil })
				time.Sleep(time.Hour)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}

func TestAClockThatIsWrongNowHidesNoLeadOfAnAccount(t *testing.T) {
	plain := account
	plain.API = easybroker.Plain
	synctest.Test(t, func(t *testing.T) {
		c := &wall{}
		b := &broker{answer: taken, listErr: errReset}
		w := start(t, b, courier.Options{Now: c.now}, courier.Route{Site: "casas", Account: plain})
		id := w.postAt(c.now())
		time.Sleep(time.Second)
		w.stop()
		require.NoError(t, <-w.stopped)
		c.set(100 * time.Hour)
		b.now(func(b *broker) { b.listErr = nil })
		again := newCourier(w.store, b, []courier.Route{{Site: "casas", Account: plain}}, courier.Options{Now: c.now})
		ctx, cancel := context.WithCancel(context.Background())
		w.stop = cancel
		t.Cleanup(cancel)
		go func() { w.stopped <- again.Run(ctx) }()
		time.Sleep(time.Hour)
		cancel()
		require.Equal(t, 1, b.timesKept(id))
	})
}

func TestASecondAttemptAfterTheClockWasSetBackSettlesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wall{}
		c.set(365 * 24 * time.Hour)
		b := &broker{lag: 2 * time.Minute, answer: func(call int, _ easybroker.Account) answer { return answer{keep: call > 1, err: errReset} }}
		w := start(t, b, courier.Options{Now: c.now})
		id := w.postAt(c.now())
		time.Sleep(time.Minute)
		c.set(0)
		time.Sleep(time.Hour)
		require.Equal(t, 1, b.timesKept(id))
	})
}

// slowBegin answers once, and twenty minutes after it has written its intents
// down.
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
	synctest.Test(t, func(t *testing.T) {
		b := &broker{}
		w := start(t, b, courier.Options{}, courier.Route{Site: "nobody", Account: account})
		w.stop()
		require.NoError(t, <-w.stopped)
		again := newCourier(&slowBegin{Store: w.store}, b, []courier.Route{{Site: "casas", Account: account}}, courier.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		w.stop = cancel
		t.Cleanup(cancel)
		go func() { w.stopped <- again.Run(ctx) }()
		id := w.postAt(time.Now())
		time.Sleep(2 * time.Hour)
		require.Equal(t, 1, b.timesKept(id))
	})
}

// thawed is a broker whose first POST leaves only after ten minutes, in which
// the process stood still.
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

// List takes a minute to bring what the list was when it was asked.
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
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { postLeavesLate(t, stood) }) })
	}
}

func postLeavesLate(t *testing.T, stood time.Duration) {
	t.Helper()
	b := &broker{lag: 2 * time.Minute}
	w := start(t, b, courier.Options{}, courier.Route{Site: "nobody", Account: account})
	w.stop()
	require.NoError(t, <-w.stopped)
	again := newCourier(w.store, &thawed{broker: b, stood: stood}, []courier.Route{{Site: "casas", Account: account}}, courier.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	t.Cleanup(cancel)
	go func() { w.stopped <- again.Run(ctx) }()
	time.Sleep(time.Second)
	id := w.postAt(time.Now())
	time.Sleep(2 * time.Hour)
	require.Equal(t, 1, b.timesKept(id))
}

func TestOneStrangeRefusalAfterOtherTroubleFailsNoLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			switch call {
			case 1, 2:
				return answer{err: &easybroker.StatusError{Status: 500}}
			case 3:
				return answer{err: &easybroker.StatusError{Status: 410}}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		w.await(w.post("casas"), lead.Confirmed, 3*time.Hour)
	})
}

func TestALeadThatIsMissingIsReportedAfterTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wall{}
		c.set(100 * 24 * time.Hour)
		b := &broker{lag: 1000 * time.Hour}
		w := start(t, b, courier.Options{Now: c.now})
		id := w.postAt(c.now())
		time.Sleep(time.Second)
		c.set(0)
		time.Sleep(3 * 24 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.ReasonMissing, l.Reason)
	})
}

func TestALeadOfAClockThatWasAheadIsFoundAmongOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wall{}
		c.set(100 * time.Hour)
		b := &broker{listErr: errReset, answer: func(call int, _ easybroker.Account) answer { return answer{keep: call != 2, err: errReset} }}
		w := start(t, b, courier.Options{Now: c.now})
		first := w.postAt(c.now())
		time.Sleep(time.Second)
		w.stop()
		require.NoError(t, <-w.stopped)
		c.set(0)
		time.Sleep(time.Hour)
		run := func(long time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), long)
			defer cancel()
			again := newCourier(w.store, b, []courier.Route{{Site: "casas", Account: account}}, courier.Options{Now: c.now})
			require.NoError(t, again.Run(ctx))
		}
		w.postAt(c.now())
		run(time.Minute)
		b.now(func(b *broker) { b.listErr = nil })
		time.Sleep(time.Hour) // both are due when it starts again
		run(time.Hour)
		w.stopped <- nil
		require.Equal(t, 1, b.timesKept(first))
	})
}
