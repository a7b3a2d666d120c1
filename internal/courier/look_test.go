package courier_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

func TestOneReadingConfirmsAllThatWereDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, &broker{page: 50}, courier.Options{Rate: 100})
		var ids []lead.RemoteID
		for i := range 40 {
			ids = append(ids, w.postAbout("casas", fmt.Sprintf("EB-%d", i)))
		}
		time.Sleep(15 * time.Second)
		require.Len(t, w.broker.reads(), 1)
		for _, id := range ids {
			l, _ := w.find(id)
			require.Equal(t, lead.Confirmed, l.State)
			require.Equal(t, 10*time.Second, l.ConfirmedAt.Sub(l.DeliveredAt).Round(time.Second))
		}
	})
}

func TestALeadThatTheListNeverShowsIsReportedAndNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{} }} // 200, and nothing is kept
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		time.Sleep(14 * time.Minute)
		l, _ := w.find(id)
		require.Equal(t, lead.Delivered, l.State)
		require.Empty(t, l.Reason, "it is not missing before three settle delays are over")
		time.Sleep(30 * time.Minute)
		l, _ = w.find(id)
		require.Equal(t, lead.Delivered, l.State)
		require.Equal(t, lead.ReasonMissing, l.Reason)

		time.Sleep(10 * 24 * time.Hour)
		l, attempts := w.find(id)
		require.Equal(t, lead.Delivered, l.State)
		require.Len(t, attempts, 1)
		require.Zero(t, l.DueAt, "nobody looks for ever")
		require.Less(t, len(b.reads()), 150)
	})
}

func TestAMissingLeadThatTurnsUpIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, &broker{lag: 20 * time.Hour}, courier.Options{})
		id := w.post("casas")
		time.Sleep(19 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.ReasonMissing, l.Reason)
		time.Sleep(7 * time.Hour)
		l, _ = w.find(id)
		require.Equal(t, lead.Confirmed, l.State)
		require.Empty(t, l.Reason)
	})
}

func TestAnAttemptThatTookEffectLateIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{err: errReset}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Confirmed, 10*time.Minute)
		b.now(func(b *broker) { // what nobody could know
			late := b.kept[0]
			late.at = time.Now()
			b.kept = append(b.kept, late)
		})
		time.Sleep(10 * time.Minute)
		l, _ := w.find(id)
		require.Equal(t, lead.Confirmed, l.State)
		require.Equal(t, lead.ReasonTwice, l.Reason)
	})
}

func TestAListThatMovesWhileItIsReadProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{page: 2, answer: func(int, easybroker.Account) answer { return answer{keep: true, err: errReset} }}
		w := start(t, b, courier.Options{Rate: 100})
		var ids []lead.RemoteID
		for range 6 {
			ids = append(ids, w.post("casas"))
		}
		reads := 0
		b.now(func(b *broker) { // every page hides its last item behind its first
			b.move = func(all []easybroker.Listed) {
				reads++
				for i := 1; i < len(all); i += 2 {
					all[i] = all[i-1]
				}
			}
		})
		time.Sleep(20 * time.Minute)
		require.Len(t, b.posts(), 6, "none is sent again")
		b.now(func(b *broker) {
			require.Positive(t, reads)
			b.move = nil
		})
		for _, id := range ids {
			w.await(id, lead.Confirmed, 11*time.Minute)
		}
	})
}

// A list that cannot be read is one trouble, however many leads are looked for.
func TestAListThatCannotBeReadIsToldOfOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log safeBuffer
		total := 0
		b := &broker{answer: taken, lag: 1000 * time.Hour, turn: func(_ easybroker.Query, p *easybroker.Page) { total++; p.Total, p.More = 1000+total, true }}
		w := start(t, b, courier.Options{}, courier.Route{Site: "nobody", Account: account})
		c := newCourier(w.store, b, []courier.Route{{Site: "casas", Account: account}}, courier.Options{Rate: 1000, Log: zerolog.New(&log)})
		for i := range 4 {
			w.postAbout("casas", fmt.Sprintf("EB-%d", i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		require.NoError(t, c.Run(ctx))
		lines := strings.Count(log.String(), `"message":"look-up"`)
		require.Greater(t, lines, 20)
		warnings := strings.Count(log.String(), "EasyBroker's list could not be read")
		require.Positive(t, warnings)
		require.LessOrEqual(t, warnings, 10)
		require.NotRegexp(t, `"level":"warn".*"message":"look-up"`, log.String())
		require.Contains(t, log.String(), `"sites":["casas"],"cause":"the list changes while it is read`)
	})
}

func TestSomebodyElsesRemoteIDIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: errReset} }}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		b.now(func(b *broker) {
			b.kept = append(b.kept, kept{easybroker.ContactRequest{
				RemoteID: int64(id), PropertyID: "EB-XX1234", Email: "otra@ejemplo.mx", Phone: "+525599999999", Message: "Otra cosa",
			}, time.Now(), "k"})
		})
		time.Sleep(10 * time.Minute)
		l, _ := w.find(id)
		require.Equal(t, lead.Failed, l.State)
		require.Contains(t, l.Reason, "another contact request under this folio")
	})
}

func TestABrokerWhoseClockIsElsewhereHidesNoLead(t *testing.T) {
	for _, ahead := range []time.Duration{-3 * time.Hour, -10 * time.Minute, 10 * time.Minute, 3 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{ahead: ahead, answer: func(int, easybroker.Account) answer { return answer{keep: true, err: errReset} }}
				w := start(t, b, courier.Options{})
				id := w.post("casas")
				w.await(id, lead.Confirmed, time.Minute)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}

// More people have asked about a property than a look-up reads pages, and the
// attempt was stamped by a clock that was set right while the process was down.
func TestACrowdedPropertyHidesNoLeadOfAnotherClock(t *testing.T) {
	for name, arrived := range map[string]bool{"it had arrived": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer { return answer{keep: arrived || call > 1, err: errReset} }}
				clock := &wall{}
				clock.set(time.Hour)
				w := start(t, b, clock.options())
				id := w.postAt(clock.now())
				w.await(id, lead.Doubtful, time.Second)
				w.stop()
				require.NoError(t, <-w.stopped)
				clock.set(0)
				for i := range 150 {
					time.Sleep(time.Minute)
					b.now(func(b *broker) {
						b.kept = append(b.kept, kept{easybroker.ContactRequest{RemoteID: int64(i + 1), PropertyID: "EB-XX1234"}, time.Now(), "k"})
					})
				}
				again := newCourier(w.store, b, []courier.Route{{Site: "casas", Account: account}}, clock.options())
				ctx, cancel := context.WithCancel(context.Background())
				t.Cleanup(cancel)
				go func() { w.stopped <- again.Run(ctx) }()
				w.await(id, lead.Confirmed, 3*time.Hour)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}
