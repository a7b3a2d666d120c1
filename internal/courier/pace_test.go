package courier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// However many leads wait, and whatever becomes of them, a credential makes no more
// calls than it may: ten at once, then ten a second, look-ups included.
func TestTheRateHoldsWhateverWaits(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const leads = 300
	failing := &easybroker.StatusError{Status: 500}
	tests := map[string]func(call int) answer{
		"all are taken":           func(int) answer { return answer{keep: true} },
		"all are taken, slowly":   func(int) answer { return answer{keep: true, took: 3 * time.Second} },
		"every third is in doubt": func(call int) answer { return answer{keep: call%2 == 0, err: on(call%3 == 0, errReset)} },
		"every other one fails":   func(call int) answer { return answer{keep: call%4 == 0, err: on(call%2 == 0, failing)} },
	}
	for name, how := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{page: 100, answer: func(call int, _ easybroker.Account) answer { return how(call) }}
				w := start(t, b, courier.Options{})
				for i := range leads {
					w.postAbout("casas", fmt.Sprint("EB-", i))
				}
				time.Sleep(30 * time.Minute)
				require.Greater(t, len(b.posts()), leads/3, "a broker that fails so often is spared")
				require.NotEmpty(t, b.reads())
				requirePace(t, slices.Concat(b.posts(), b.reads()))
			})
		})
	}
}

// requirePace requires that the calls keep within a bucket of ten tokens, which gets
// one back every tenth of a second.
func requirePace(t *testing.T, calls []time.Time) {
	t.Helper()
	const most, aHair = 10., 1e-6
	slices.SortFunc(calls, time.Time.Compare)
	left, last := most, calls[0]
	for i, at := range calls {
		left = min(most, left+most*at.Sub(last).Seconds()) - 1
		require.GreaterOrEqual(t, left, -aHair, "call %d of %d", i+1, len(calls))
		last = at
	}
}

// A list that answers in 30 ms is read faster than the pace allows, so its reader
// could use up every call as long as there are pages.
func TestLeadsGoOutWhileTheListIsRead(t *testing.T) {
	for name, turn := range map[string]func(easybroker.Query, *easybroker.Page){
		"a list of many pages":                   nil,
		"a list that says the same for ever":     func(_ easybroker.Query, p *easybroker.Page) { *p = easybroker.Page{Total: 1e6, More: true} },
		"a list that has something new for ever": huge,
		"a list that moves for ever": func(q easybroker.Query, p *easybroker.Page) {
			*p = easybroker.Page{Total: 1e6 + q.Page, More: true, Content: []easybroker.Listed{{RemoteID: int64(q.Page)}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{listTook: 30 * time.Millisecond, turn: turn, answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return answer{err: errReset}
					}
					return answer{keep: true}
				}}
				w := start(t, b, courier.Options{})
				b.crowd(3000)
				w.post("casas") // it is in doubt, and looked up after five seconds
				time.Sleep(8 * time.Second)
				require.NotEmpty(t, b.reads())
				requireSixInTime(t, w)
				requirePace(t, slices.Concat(b.posts(), b.reads()))
			})
		})
	}
}

func TestLeadsGoOutWhileAPersonReconciles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listTook: 30 * time.Millisecond, turn: huge}
		w := start(t, b, courier.Options{})
		for range 3 { // people
			w.reconcile()
		}
		time.Sleep(3 * time.Second)
		requireSixInTime(t, w)
		requirePace(t, slices.Concat(b.posts(), b.reads()))
	})
}

// reconcile begins a reconciliation. It ends with the test at the latest.
func (w *world) reconcile() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := w.auditor().Reconcile(ctx, time.Now().Add(-time.Hour))
		done <- err
	}()
	w.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			require.NoError(w, err)
		}
	})
}

// requireSixInTime sends six leads and requires that EasyBroker has each of them
// within four seconds.
func requireSixInTime(t *testing.T, w *world) {
	t.Helper()
	var ids []lead.RemoteID
	for i := range 6 {
		ids = append(ids, w.postAbout("casas", fmt.Sprint("EB-", i)))
	}
	time.Sleep(4 * time.Second)
	for _, id := range ids {
		require.Equal(t, 1, w.broker.timesKept(id), "lead %d is not with EasyBroker after four seconds", id)
	}
}

func TestLeadsAndReadsShareThePaceEvenlyWhileBothWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listTook: 30 * time.Millisecond, turn: huge}
		w := start(t, b, courier.Options{})
		for i := range 300 {
			w.postAbout("casas", fmt.Sprint("EB-", i))
		}
		w.reconcile()
		time.Sleep(2 * time.Second) // the burst is over
		posts, reads := len(b.posts()), len(b.reads())
		time.Sleep(10 * time.Second)
		require.InDelta(t, 50, len(b.posts())-posts, 4, "leads have their half")
		require.InDelta(t, 50, len(b.reads())-reads, 4, "and reads have theirs")
		requirePace(t, slices.Concat(b.posts(), b.reads()))
	})
}

func TestAReadingHasAllOfThePaceWhileNoLeadWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listTook: 30 * time.Millisecond, turn: huge}
		w := start(t, b, courier.Options{})
		time.Sleep(time.Second)
		w.reconcile()
		time.Sleep(10 * time.Second)
		require.InDelta(t, 10+100, len(b.reads()), 5)
	})
}
