package courier_test

import (
	"context"
	"errors"
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

// wall is a clock that can be set.
type wall struct{ off atomic.Int64 }

func (w *wall) now() time.Time             { return time.Now().Add(time.Duration(w.off.Load())) }
func (w *wall) set(ahead time.Duration)    { w.off.Store(int64(ahead)) }
func (w *wall) options() courier.Options   { return courier.Options{Now: w.now} }
func taken(int, easybroker.Account) answer { return answer{keep: true, err: errReset} }
func notSent(int, easybroker.Account) answer {
	return answer{err: &easybroker.NotSentError{Err: errReset}}
}

const year = 365 * 24 * time.Hour

func TestAClockThatIsSetSendsNothingTwice(t *testing.T) {
	for name, jump := range map[string]time.Duration{"a year ahead": year, "a year back": -year, "an hour ahead": time.Hour, "an hour back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// The list shows it as late as it may: a look that trusted the
				// wall would find the settle delay over and the lead absent.
				b := &broker{lag: 4*time.Minute + 50*time.Second, answer: taken}
				clock := &wall{}
				w := start(t, b, clock.options())
				id := w.post("casas")
				w.await(id, lead.Doubtful, time.Second)
				clock.set(jump)
				time.Sleep(time.Hour)
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
				require.Equal(t, 1, b.timesKept(id))
				require.Len(t, b.posts(), 1)
			})
		})
	}
}

func TestAnAttemptUnderAWrongClockIsFoundUnderARightOne(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"a year ahead": year, "a year back": -year} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{lag: 2 * time.Minute, answer: taken}
				clock := &wall{}
				clock.set(wrong)
				w := start(t, b, clock.options())
				id := w.post("casas")
				w.await(id, lead.Doubtful, time.Second)
				clock.set(0)
				time.Sleep(time.Hour)
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
				require.Len(t, b.posts(), 1)
			})
		})
	}
}

func TestAClockThatIsSetKeepsNoLeadWaiting(t *testing.T) {
	for name, jump := range map[string]time.Duration{"a year ahead": year, "a year back": -year} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{answer: notSent, listErr: &easybroker.NotSentError{Err: errReset}}
				clock := &wall{}
				w := start(t, b, clock.options())
				var ids []lead.RemoteID
				for range 50 {
					ids = append(ids, w.post("casas"))
				}
				time.Sleep(10 * time.Minute)
				clock.set(jump)
				time.Sleep(10 * time.Minute)
				before := len(b.posts())
				b.now(func(b *broker) { b.answer, b.listErr = nil, nil })
				time.Sleep(2 * time.Minute)
				for _, id := range ids {
					w.await(id, lead.Delivered, 0)
				}
				require.Len(t, b.posts(), before+50)
			})
		})
	}
}

func TestAFreshProcessBelievesNoAbsenceBeforeItHasWatchedTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			return answer{keep: call > 1, err: map[bool]error{true: errReset}[call == 1]}
		}}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Doubtful, time.Second)
		w.stop()
		err := <-w.stopped
		w.stopped <- err
		time.Sleep(24 * time.Hour)

		begun := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		again := newCourier(w.store, b, []courier.Route{{Site: "casas", Account: account}}, courier.Options{})
		done := make(chan error, 1)
		go func() { done <- again.Run(ctx) }()
		w.await(id, lead.Confirmed, 15*time.Minute)
		cancel()
		require.NoError(t, <-done)
		require.GreaterOrEqual(t, b.posts()[1].Sub(begun), 5*time.Minute)
	})
}

// frozen holds up a process at one of its writes, as SIGSTOP does: at the first
// intent, or at every settlement.
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
			synctest.Test(t, func(t *testing.T) {
				b := &broker{lag: 4 * time.Minute}
				w := start(t, b, courier.Options{})
				w.stop()
				w.stopped <- <-w.stopped
				freeze.Store = w.store
				c := newCourier(freeze, b, []courier.Route{{Site: "casas", Account: account}}, courier.Options{})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				w.courier = c
				go func() { done <- c.Run(ctx) }()
				id := w.post("casas")
				time.Sleep(3 * time.Hour)
				cancel()
				require.NoError(t, <-done)
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}

// forgetful fails to settle for a while.
type forgetful struct {
	*store.Store
	until time.Time
}

func (f *forgetful) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	if time.Now().Before(f.until) {
		return errors.New("disk full")
	}
	return f.Store.Settle(ctx, c, to)
}

func TestASettlementThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{}
		w := start(t, b, courier.Options{})
		w.stop()
		w.stopped <- <-w.stopped
		c := newCourier(&forgetful{w.store, time.Now().Add(20 * time.Second)}, b, []courier.Route{{Site: "casas", Account: account}}, courier.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		w.courier = c
		go func() { done <- c.Run(ctx) }()
		id := w.post("casas")
		time.Sleep(23 * time.Second)
		l, attempts := w.find(id)
		require.Equal(t, lead.Delivered, l.State)
		require.Equal(t, lead.OutcomeDelivered, attempts[0].Outcome)
		cancel()
		require.NoError(t, <-done)
	})
}
