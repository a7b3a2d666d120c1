package courier_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

func TestADoubtfulLeadIsNotSentAgainBeforeTheListHasSettled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{err: errReset}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Doubtful, time.Second)
		w.await(id, lead.Delivered, time.Hour)

		posts := w.broker.posts()
		require.Len(t, posts, 2)
		require.GreaterOrEqual(t, posts[1].Sub(posts[0]), 5*time.Minute)
		require.Less(t, posts[1].Sub(posts[0]), 6*time.Minute)
		require.Less(t, b.reads()[0].Sub(posts[0]), 10*time.Second, "it is looked up early")
		require.Greater(t, len(b.reads()), 4, "and often")
	})
}

func TestAListThatLagsHidesNoLead(t *testing.T) {
	for _, lag := range []time.Duration{0, time.Second, time.Minute, 5 * time.Minute} {
		t.Run(lag.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{lag: lag, answer: func(int, easybroker.Account) answer { return answer{keep: true, err: errReset} }}
				w := start(t, b, courier.Options{})
				var ids []lead.RemoteID
				for range 30 {
					ids = append(ids, w.post("casas"))
				}
				time.Sleep(time.Hour)
				for _, id := range ids {
					w.await(id, lead.Confirmed, time.Minute)
					require.Equal(t, 1, b.timesKept(id))
				}
			})
		})
	}
}

func TestALeadStaysDoubtfulWhileTheListCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{
			listErr: &easybroker.StatusError{Status: 500},
			answer:  func(int, easybroker.Account) answer { return answer{keep: true, err: errReset} },
		}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		time.Sleep(12 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.Doubtful, l.State)
		require.Contains(t, l.Reason, "look-up failed")
		require.Len(t, w.broker.posts(), 1)
		require.Less(t, len(b.reads()), 200, "an outage is no reason to hammer")

		b.now(func(b *broker) { b.listErr = nil })
		w.await(id, lead.Confirmed, 15*time.Minute)
	})
}

func TestAPlainAccountIsLookedUpByWhatTheVisitorWrote(t *testing.T) {
	for name, test := range map[string]struct {
		twins int
		end   lead.State
	}{
		"nobody wrote the same":           {0, lead.Confirmed},
		"somebody wrote the very same":    {1, lead.Failed},
		"several people wrote the same":   {3, lead.Failed},
		"nobody wrote anything like that": {-1, lead.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return answer{keep: test.twins >= 0, err: errReset}
					}
					return answer{keep: true}
				}}
				w := start(t, b, courier.Options{}, courier.Route{Site: "casas", Account: plainAccount()})
				id := w.post("casas")
				w.await(id, lead.Doubtful, time.Second)
				b.mu.Lock()
				for i := range test.twins {
					twin := b.kept[0]
					twin.at = twin.at.Add(time.Duration(i+1) * time.Second)
					b.kept = append(b.kept, twin)
				}
				b.mu.Unlock()
				w.await(id, test.end, time.Hour)
			})
		})
	}
}

func TestOneReadingConfirmsAllThatWereDelivered(t *testing.T) {
	bubble(t, func(t *testing.T) {
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
	bubble(t, func(t *testing.T) {
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
		require.Zero(t, l.DueAt, "we do not look for ever")
		require.Less(t, len(b.reads()), 150)
	})
}

func TestAMissingLeadThatTurnsUpIsConfirmed(t *testing.T) {
	bubble(t, func(t *testing.T) {
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
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{err: errReset}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Confirmed, 10*time.Minute)
		b.now(func(b *broker) { // no look-up could know this
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

func TestSomebodyElsesRemoteIDIsNotOurs(t *testing.T) {
	bubble(t, func(t *testing.T) {
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
			bubble(t, func(t *testing.T) {
				b := &broker{ahead: ahead, answer: func(int, easybroker.Account) answer { return answer{keep: true, err: errReset} }}
				w := start(t, b, courier.Options{})
				id := w.post("casas")
				w.await(id, lead.Confirmed, time.Minute)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}
