package courier_test

import (
	"context"
	"net/http"
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

// What becomes of an attempt of the old courier is seen to by the new one as soon as it is
// due, though nobody wakes either: a lead that the old key could not send goes out with the
// new one, and one that is in doubt is looked for.
func TestWhatTheOldCourierEndsTheNewOneSeesTo(t *testing.T) {
	for name, tt := range map[string]struct {
		first answer
		soon  time.Duration
	}{
		"the key is refused": {answer{err: status(http.StatusUnauthorized), took: 8 * time.Second}, 2 * time.Second},
		"it is unsure":       {answer{keep: true, err: errReset, took: 8 * time.Second}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return tt.first
					}
					return answer{keep: true}
				}}
				w := start(t, b, courier.Options{})
				id := w.post("casas")
				time.Sleep(time.Second)
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
				time.Sleep(7 * time.Second) // the attempt ends, and the new courier has long been asleep
				w.await(id, lead.Confirmed, tt.soon+30*time.Second)
				b.now(func(b *broker) { require.Len(t, b.kept, 1) })
			})
		})
	}
}
