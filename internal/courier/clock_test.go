package courier_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// wall is a clock that can be set.
type wall struct{ off atomic.Int64 }

func (w *wall) now() time.Time { return time.Now().Add(time.Duration(w.off.Load())) }

func (w *wall) set(ahead time.Duration) { w.off.Store(int64(ahead)) }

func (w *wall) options() courier.Options { return courier.Options{Now: w.now} }

const year = 365 * 24 * time.Hour

func TestAClockThatIsSetSendsNothingTwice(t *testing.T) {
	for name, jump := range map[string]time.Duration{"a year ahead": year, "a year back": -year, "an hour ahead": time.Hour, "an hour back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				// The list shows it as late as it may. A look-up that trusted the wall
				// clock would think that the list has settled and the lead is absent.
				b := &broker{lag: 4*time.Minute + 50*time.Second, answer: taken}
				clock := &wall{}
				w := start(t, b, clock.options())
				id := w.post("casas")
				w.await(id, lead.Doubtful, time.Second)
				clock.set(jump)
				time.Sleep(time.Hour)
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
				require.Equal(t, 1, b.timesKept(id))
				require.Len(t, b.posts(), 1)
			})
		})
	}
}

func TestAnAttemptUnderAWrongClockIsFoundUnderARightOne(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"a year ahead": year, "a year back": -year} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{lag: 2 * time.Minute, answer: taken}
				clock := &wall{}
				clock.set(wrong)
				w := start(t, b, clock.options())
				id := w.post("casas")
				w.await(id, lead.Doubtful, time.Second)
				clock.set(0)
				time.Sleep(time.Hour)
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
				require.Len(t, b.posts(), 1)
			})
		})
	}
}

func TestAClockThatIsSetKeepsNoLeadWaiting(t *testing.T) {
	for name, jump := range map[string]time.Duration{"a year ahead": year, "a year back": -year} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: notSent, listErr: &easybroker.NotSentError{Err: errReset}}
				clock := &wall{}
				w := start(t, b, clock.options())
				var ids []lead.RemoteID
				for range 50 {
					ids = append(ids, w.post("casas"))
				}
				time.Sleep(10 * time.Minute)
				clock.set(jump)
				time.Sleep(10 * time.Minute)
				before := len(b.posts())
				b.now(func(b *broker) { b.answer, b.listErr = nil, nil })
				time.Sleep(2 * time.Minute)
				for _, id := range ids {
					w.await(id, lead.Delivered, 0)
				}
				require.Len(t, b.posts(), before+50)
			})
		})
	}
}

func TestAFreshProcessBelievesNoAbsenceBeforeItHasWatchedTheClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			return answer{keep: call > 1, err: map[bool]error{true: errReset}[call == 1]}
		}}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Doubtful, time.Second)
		w.halt()
		time.Sleep(24 * time.Hour)

		begun := time.Now()
		w.run(w.store, b, courier.Options{})
		w.await(id, lead.Confirmed, 15*time.Minute)
		require.GreaterOrEqual(t, b.posts()[1].Sub(begun), 5*time.Minute)
	})
}

func TestTheFirstReadingTellsHowWrongOurClockIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &wall{}
		c.set(2 * time.Hour)
		b := &broker{answer: taken, listErr: errReset}
		w := start(t, b, courier.Options{Now: c.now})
		id := w.postAt(c.now())
		time.Sleep(time.Hour)
		b.now(func(b *broker) { b.listErr = nil })
		time.Sleep(time.Hour)
		require.Equal(t, 1, b.timesKept(id))
	})
}

func TestAClockThatIsSetHidesNoLead(t *testing.T) {
	for name, test := range map[string]struct {
		account easybroker.Account
		wrong   time.Duration
	}{
		"a partner, whose clock was ahead": {account, 2 * time.Hour},
		"an account, whose was behind":     {plainAccount(), -2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := &wall{}
				c.set(test.wrong)
				b := &broker{answer: taken, listErr: errReset}
				w := start(t, b, courier.Options{Now: c.now}, courier.Route{Site: "casas", Account: test.account})
				id := w.postAt(c.now())
				time.Sleep(time.Minute)
				c.set(0)
				time.Sleep(4 * time.Hour)
				b.now(func(b *broker) { b.listErr = nil })
				time.Sleep(time.Hour)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}

func TestAClockThatIsWrongNowHidesNoLeadOfAnAccount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &wall{}
		b := &broker{answer: taken, listErr: errReset}
		w := start(t, b, courier.Options{Now: c.now}, courier.Route{Site: "casas", Account: plainAccount()})
		id := w.postAt(c.now())
		time.Sleep(time.Second)
		w.halt()
		c.set(100 * time.Hour)
		b.now(func(b *broker) { b.listErr = nil })
		w.run(w.store, b, courier.Options{Now: c.now}, courier.Route{Site: "casas", Account: plainAccount()})
		time.Sleep(time.Hour)
		require.Equal(t, 1, b.timesKept(id))
	})
}

func TestASecondAttemptAfterTheClockWasSetBackSettlesToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &wall{}
		c.set(365 * 24 * time.Hour)
		b := &broker{lag: 2 * time.Minute, answer: func(call int, _ easybroker.Account) answer { return answer{keep: call > 1, err: errReset} }}
		w := start(t, b, courier.Options{Now: c.now})
		id := w.postAt(c.now())
		time.Sleep(time.Minute)
		c.set(0)
		time.Sleep(time.Hour)
		require.Equal(t, 1, b.timesKept(id))
	})
}

func TestALeadThatIsMissingIsReportedAfterTheClockWasSetBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &wall{}
		c.set(100 * 24 * time.Hour)
		b := &broker{lag: 1000 * time.Hour}
		w := start(t, b, courier.Options{Now: c.now})
		id := w.postAt(c.now())
		time.Sleep(time.Second)
		c.set(0)
		time.Sleep(3 * 24 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.ReasonMissing, l.Reason)
	})
}

func TestALeadOfAClockThatWasAheadIsFoundAmongOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &wall{}
		c.set(100 * time.Hour)
		b := &broker{listErr: errReset, answer: func(call int, _ easybroker.Account) answer { return answer{keep: call != 2, err: errReset} }}
		w := start(t, b, courier.Options{Now: c.now})
		first := w.postAt(c.now())
		time.Sleep(time.Second)
		w.halt()
		c.set(0)
		time.Sleep(time.Hour)
		runFor := func(long time.Duration) {
			w.run(w.store, b, courier.Options{Now: c.now})
			time.Sleep(long)
			w.halt()
		}
		w.postAt(c.now())
		runFor(time.Minute)
		b.now(func(b *broker) { b.listErr = nil })
		time.Sleep(time.Hour) // both are due when it starts again
		runFor(time.Hour)
		require.Equal(t, 1, b.timesKept(first))
	})
}

// More people have asked about the property than a look-up reads pages, and the
// attempt was stamped by a clock that was set right while the process was down.
func TestACrowdedPropertyHidesNoLeadOfAnotherClock(t *testing.T) {
	for name, arrived := range map[string]bool{"it had arrived": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer { return answer{keep: arrived || call > 1, err: errReset} }}
				clock := &wall{}
				clock.set(time.Hour)
				w := start(t, b, clock.options())
				id := w.postAt(clock.now())
				w.await(id, lead.Doubtful, time.Second)
				w.halt()
				clock.set(0)
				for i := range 150 {
					time.Sleep(time.Minute)
					b.now(func(b *broker) {
						b.kept = append(b.kept, kept{easybroker.ContactRequest{RemoteID: int64(i + 1), PropertyID: "EB-XX1234"}, time.Now(), "k"})
					})
				}
				w.run(w.store, b, clock.options())
				w.await(id, lead.Confirmed, 3*time.Hour)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}
