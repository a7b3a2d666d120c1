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
)

// buggy is a broker whose client panics, as ours would at a bug.
type buggy struct {
	*broker
	after    bool        // EasyBroker has taken the lead
	isInList atomic.Bool // it panics when it lists, too
}

func (b *buggy) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	if cr.PropertyID != "EB-BUG" {
		return b.broker.Create(ctx, a, cr)
	}
	if b.after {
		_, _ = b.broker.Create(ctx, a, cr)
	}
	var none *easybroker.Receipt
	return *none, nil
}

func (b *buggy) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	if b.isInList.Load() {
		panic("a bug")
	}
	return b.broker.List(ctx, a, q)
}

// A lead that meets a bug of ours delays no other, is not sent twice, and is not tried for
// ever: it waits for a person.
func TestALeadThatMeetsABugStopsNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &buggy{broker: &broker{}}
		w := newWorld(t, b.broker)
		w.run(w.store, b, courier.Options{})
		bad := w.postAbout("casas", "EB-BUG")
		for range 60 {
			good := w.postAbout("casas", "EB-1")
			w.await(good, lead.Delivered, 5*time.Second)
			require.Equal(t, lead.CredentialWorking, w.credential().State)
			time.Sleep(time.Minute)
		}
		l, attempts := w.find(bad)
		require.Equal(t, lead.Failed, l.State)
		require.Equal(t, "this relay has a bug that this lead meets", l.Reason)
		require.Len(t, attempts, 3)
	})
}

func TestALeadThatMeetsABugWhenItIsTakenIsFound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &buggy{broker: &broker{}, after: true}
		w := newWorld(t, b.broker)
		w.run(w.store, b, courier.Options{})
		bad := w.postAbout("casas", "EB-BUG")
		w.await(bad, lead.Confirmed, time.Hour)
		require.Len(t, b.posts(), 1)
	})
}

// A bug in what reads the list keeps leads doubtful, and stops no delivery.
func TestALookUpThatMeetsABugIsMadeAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &buggy{broker: &broker{}, after: true}
		b.isInList.Store(true)
		w := newWorld(t, b.broker)
		w.run(w.store, b, courier.Options{})
		bad, other := w.postAbout("casas", "EB-BUG"), w.postAbout("casas", "EB-BUG")
		time.Sleep(time.Hour)
		for _, id := range []lead.RemoteID{bad, other} {
			l, _ := w.find(id)
			require.Equal(t, lead.Doubtful, l.State)
		}
		w.await(w.postAbout("casas", "EB-1"), lead.Delivered, 5*time.Second)
		b.isInList.Store(false)
		w.await(bad, lead.Confirmed, 10*time.Minute)
		w.await(other, lead.Confirmed, 10*time.Minute)
		require.Len(t, b.posts(), 3)
	})
}
