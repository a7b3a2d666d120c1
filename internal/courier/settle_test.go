package courier_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// refusingStore is a store that refuses every settlement as an illegal move.
type refusingStore struct {
	*store.Store
	settled atomic.Int32
}

func (s *refusingStore) Settle(_ context.Context, c lead.Claim, to lead.Settlement) error {
	s.settled.Add(1)
	return &lead.IllegalMoveError{From: c.Lead.State, To: to.State}
}

// An illegal move is a bug of ours, and no later try can succeed. The lead keeps its
// state until its lease is over, and then it is looked up.
func TestAnIllegalMoveIsNotTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log safeBuffer
		w := newWorld(t, &broker{})
		outbox := &refusingStore{Store: w.store}
		w.run(outbox, w.broker, courier.Options{Log: zerolog.New(&log)})
		id := w.post("casas")
		time.Sleep(30 * time.Second)
		require.EqualValues(t, 1, outbox.settled.Load())
		require.Contains(t, log.String(), `"level":"error"`)
		require.Contains(t, log.String(), "lead not settled")
		l, _ := w.find(id)
		require.Equal(t, lead.Sending, l.State)
	})
}

// forgetful is a store that fails to settle for a while.
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
	bubble(t, func(t *testing.T) {
		b := &broker{}
		w := newWorld(t, b)
		w.run(&forgetful{w.store, time.Now().Add(20 * time.Second)}, b, courier.Options{})
		id := w.post("casas")
		time.Sleep(23 * time.Second)
		l, attempts := w.find(id)
		require.Equal(t, lead.Delivered, l.State)
		require.Equal(t, lead.OutcomeDelivered, attempts[0].Outcome)
	})
}

func TestStoppingFinishesWhatBeganAndGivesBackTheRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{keep: true, took: 5 * time.Second} }}
		w := start(t, b, courier.Options{Concurrency: 2})
		var ids []lead.RemoteID
		for range 6 {
			ids = append(ids, w.post("casas"))
		}
		time.Sleep(time.Second)
		asked := time.Now()
		w.halt()
		require.Less(t, time.Since(asked), 5*time.Second)

		states := map[lead.State]int{}
		for _, id := range ids {
			l, attempts := w.find(id)
			states[l.State]++
			if l.State == lead.Queued {
				require.Empty(t, attempts)
				require.False(t, l.DueAt.After(time.Now()), "due at once for the next start")
			}
		}
		require.Equal(t, map[lead.State]int{lead.Delivered: 2, lead.Queued: 4}, states)
	})
}

func TestAnAttemptThatACrashCutIsLookedUpBeforeItIsSentAgain(t *testing.T) {
	for name, arrived := range map[string]bool{"it had arrived": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{}
				w := newWorld(t, b)
				id := w.post("casas")
				_, _, err := w.store.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
				require.NoError(t, err)
				if arrived {
					b.kept = append(b.kept, kept{easybroker.ContactRequest{RemoteID: int64(id), PropertyID: "EB-XX1234"}, time.Now(), "k"})
				}
				w.run(w.store, b, courier.Options{})
				time.Sleep(time.Hour)
				require.Equal(t, 1, b.timesKept(id))
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
			})
		})
	}
}

type brokenOutbox struct{ asked *int }

var errDisk = errors.New("disk I/O error")

func (o brokenOutbox) Begin(context.Context, string, lead.Due) ([]lead.Claim, time.Time, error) {
	*o.asked++
	return nil, time.Time{}, errDisk
}

func (brokenOutbox) ClaimLookups(context.Context, []string, lead.Due) ([]lead.Claim, time.Time, error) {
	return nil, time.Time{}, errDisk
}

func (brokenOutbox) Expire(context.Context, string, time.Time, lead.Due) ([]lead.RemoteID, error) {
	return nil, errDisk
}

func (brokenOutbox) Settle(context.Context, lead.Claim, lead.Settlement) error { return errDisk }

func (brokenOutbox) Unclaim(context.Context, lead.Claim) error { return errDisk }

func TestAStoreThatFailsIsAskedAgainGently(t *testing.T) {
	bubble(t, func(t *testing.T) {
		asked := 0
		c := courier.New(brokenOutbox{&asked}, &broker{}, []courier.Route{casas}, couriertest.Options())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, c.Run(ctx))
		require.InDelta(t, 60, asked, 2)
	})
}
