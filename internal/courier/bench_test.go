package courier_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// instant is a broker that takes every lead at once.
type instant struct {
	taken atomic.Int64
	most  int64
	done  chan struct{}
}

func (i *instant) Create(context.Context, easybroker.Account, easybroker.ContactRequest) (easybroker.Receipt, error) {
	if i.taken.Add(1) == i.most {
		close(i.done)
	}
	return easybroker.Receipt{Status: 200}, nil
}

func (*instant) List(context.Context, easybroker.Account, easybroker.Query) (easybroker.Page, error) {
	return easybroker.Page{}, nil
}

// BenchmarkDeliver measures what a lead costs from the queue to its settlement,
// without a network.
func BenchmarkDeliver(b *testing.B) {
	path := filepath.Join(b.TempDir(), "leads.db")
	require.NoError(b, stock.Fill(b.Context(), path, b.N, b.N))
	s, err := store.Open(b.Context(), path)
	require.NoError(b, err)
	broker := &instant{most: int64(b.N), done: make(chan struct{})}
	c := courier.New(s, broker, []courier.Route{{Site: stock.Site, Account: account}}, couriertest.WithDefaults(courier.Options{
		Rate: 1e6, Log: zerolog.Nop(), Attempt: func(lead.Outcome, time.Duration) {},
	}))
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	b.ResetTimer()
	go func() { ended <- c.Run(ctx) }()
	<-broker.done
	b.StopTimer()
	cancel()
	require.NoError(b, <-ended)
	require.NoError(b, s.Close())
}
