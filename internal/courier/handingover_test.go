package courier_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
)

// A courier takes over with another key while the one before is in the middle of an
// attempt: that ends as it would have, and whoever wakes the old one wakes the new one.
func TestAnotherCourierTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{keep: true, took: 8 * time.Second}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		first := w.post("casas")
		time.Sleep(time.Second)
		require.Equal(t, 1, w.states([]lead.RemoteID{first})[lead.Sending])

		another := casas
		another.Account.Key = secret.New("another")
		next := courier.New(w.store, b, []courier.Route{another}, couriertest.WithDefaults(courier.Options{}))
		w.courier.HandOver(next)
		w.cancel()
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- next.Run(ctx) }()
		defer func() {
			stop()
			require.NoError(t, <-ended)
		}()
		time.Sleep(time.Second)
		second := w.post("casas") // which wakes the old one
		w.await(second, lead.Delivered, 2*time.Second)
		require.Equal(t, 1, w.states([]lead.RemoteID{first})[lead.Sending])
		w.await(first, lead.Confirmed, time.Minute)
		b.now(func(b *broker) {
			require.Len(t, b.kept, 2)
			require.Equal(t, []string{"k", "another"}, []string{b.kept[0].key, b.kept[1].key})
		})
	})
}
