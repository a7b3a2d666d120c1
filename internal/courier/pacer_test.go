package courier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// crowd lists many contact requests of other people for the property.
func (b *broker) crowd(n int) {
	b.now(func(b *broker) {
		for i := range n {
			b.kept = append(b.kept, kept{easybroker.ContactRequest{RemoteID: int64(i + 1), PropertyID: "EB-XX1234"}, time.Now(), "k"})
		}
	})
}

// huge turns every list into one that never ends, in whatever window.
func huge(q easybroker.Query, p *easybroker.Page) {
	*p = easybroker.Page{Total: 1e6, More: true, Content: []easybroker.Listed{{RemoteID: int64(q.Page), HappenedAt: q.After.Add(time.Second)}}}
}

// A list that answers in 30 ms is read faster than the pace allows, so whoever
// reads it could take every call for as long as there are pages.
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
			synctest.Test(t, func(t *testing.T) {
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
	synctest.Test(t, func(t *testing.T) {
		b := &broker{listTook: 30 * time.Millisecond, turn: huge}
		w := start(t, b, courier.Options{})
		for range 3 { // persons
			w.reconcile()
		}
		time.Sleep(3 * time.Second)
		requireSixInTime(t, w)
		requirePace(t, slices.Concat(b.posts(), b.reads()))
	})
}

// reconcile begins a reconciliation, which ends with the test at the latest.
func (w *world) reconcile() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := courier.NewAuditor(w.courier, w.store).Reconcile(ctx, time.Now().Add(-time.Hour))
		done <- err
	}()
	w.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			require.NoError(w, err)
		}
	})
}

// requireSixInTime sends six leads and asks that each is with EasyBroker within
// four seconds.
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
	synctest.Test(t, func(t *testing.T) {
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
	synctest.Test(t, func(t *testing.T) {
		b := &broker{listTook: 30 * time.Millisecond, turn: huge}
		w := start(t, b, courier.Options{})
		time.Sleep(time.Second)
		w.reconcile()
		time.Sleep(10 * time.Second)
		require.InDelta(t, 10+100, len(b.reads()), 5)
	})
}
