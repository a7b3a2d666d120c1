package courier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// refusingStore is a store that takes every settlement for an illegal move.
type refusingStore struct {
	*store.Store
	settled atomic.Int32
}

func (s *refusingStore) Settle(_ context.Context, c lead.Claim, to lead.Settlement) error {
	s.settled.Add(1)
	return &lead.IllegalMoveError{From: c.Lead.State, To: to.State}
}

// An illegal move is a bug of ours that no later try mends. The lead stays where
// it is until its lease is over, and then it is looked up.
func TestAnIllegalMoveIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log safeBuffer
		w := start(t, &broker{}, courier.Options{}, courier.Route{Site: "nobody", Account: account})
		outbox := &refusingStore{Store: w.store}
		c := newCourier(outbox, w.broker, []courier.Route{{Site: "casas", Account: account}}, courier.Options{Log: zerolog.New(&log)})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		id := w.post("casas")
		require.NoError(t, c.Run(ctx))
		require.EqualValues(t, 1, outbox.settled.Load())
		require.Contains(t, log.String(), `"level":"error"`)
		require.Contains(t, log.String(), "lead not settled")
		l, _ := w.find(id)
		require.Equal(t, lead.Sending, l.State)
	})
}
