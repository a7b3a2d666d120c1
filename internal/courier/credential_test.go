package courier_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

func TestARevokedKeyFailsNoLeadAndIsProbedGently(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		revoked := true
		b := &broker{answer: func(int, easybroker.Account) answer {
			if revoked {
				return answer{err: &easybroker.StatusError{Status: 401}}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		var ids []lead.RemoteID
		for range 20 {
			ids = append(ids, w.post("casas"))
		}
		const outage = 3*time.Hour + 10*time.Second // between two probes
		time.Sleep(outage)
		probes := int(outage / (30 * time.Second))
		require.LessOrEqual(t, len(w.broker.posts()), probes+4)
		require.GreaterOrEqual(t, len(w.broker.posts()), probes-4)
		for _, id := range ids {
			l, _ := w.find(id)
			require.Equal(t, lead.Queued, l.State)
		}

		b.now(func(*broker) { revoked = false })
		for _, id := range ids {
			w.await(id, lead.Delivered, 35*time.Second)
		}
	})
}

func TestARefusedKeyIsProbedWithoutALead(t *testing.T) {
	for name, refusal := range map[string]error{"revoked": status(401), "not in the plan": status(403), "redirected": status(302)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{listErr: refusal, answer: func(int, easybroker.Account) answer { return answer{err: refusal} }}
				w := start(t, b, courier.Options{Concurrency: 1})
				var ids []lead.RemoteID
				for range 20 {
					ids = append(ids, w.post("casas"))
					time.Sleep(time.Millisecond)
				}
				time.Sleep(3 * time.Hour)
				require.Len(t, b.posts(), 1, "one lead finds out, and no other is tried")
				require.InDelta(t, 3*time.Hour/(30*time.Second), len(b.reads()), 3)
				require.Equal(t, lead.CredentialHeld, w.credential().State)
				require.Regexp(t, `\b(401|403|302)\b`, w.credential().Reason)
				for _, id := range ids[1:] {
					l, attempts := w.find(id)
					require.Equal(t, lead.Queued, l.State)
					require.Empty(t, attempts)
				}

				b.now(func(b *broker) { b.listErr, b.answer = nil, nil })
				time.Sleep(35 * time.Second)
				require.Equal(t, lead.CredentialWorking, w.credential().State)
				var order []lead.RemoteID
				for _, k := range b.all() {
					order = append(order, lead.RemoteID(k.RemoteID))
				}
				if name == "redirected" { // the first one may have been taken, so it is looked up
					order = slices.DeleteFunc(order, func(id lead.RemoteID) bool { return id == ids[0] })
					ids = ids[1:]
				}
				require.Equal(t, ids, order, "they go out in their order")
			})
		})
	}
}

func TestAStoppedCredentialIsProbedWhateverComesBetween(t *testing.T) {
	for name, refusal := range map[string]error{
		"revoked": status(401), "not in the plan": status(403), "redirected": status(302), "too many": status(429), "broken": status(500),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: taken, listErr: status(401)}
				w := start(t, b, courier.Options{})
				id := w.post("casas") // it is in doubt, so there is something to look up and nothing to send
				time.Sleep(3 * time.Minute)
				require.Equal(t, lead.CredentialHeld, w.credential().State)
				b.now(func(b *broker) { // a probe works, and the look-up after it does not
					b.listErr, b.refuse = nil, func(q easybroker.Query) error { return on(q.Limit > 1, refusal) }
				})
				time.Sleep(20 * time.Minute)
				b.now(func(b *broker) { b.refuse = nil })
				w.await(id, lead.Confirmed, 11*time.Minute)
				time.Sleep(20 * time.Minute)
				reads := b.reads()
				for i := range reads[1:] {
					require.Less(t, reads[i+1].Sub(reads[i]), 31*time.Second, "after %s", reads[i].Sub(reads[0]))
				}
				w.await(w.post("casas"), lead.Doubtful, time.Second)
			})
		})
	}
}

// It may take all night until a lead comes. That is no reason to wake somebody if
// the trouble is over as far as we can see.
func TestAStoppedCredentialThatCanBeReadAgainAlarmsNobody(t *testing.T) {
	for name, stops := range map[string]struct {
		err    error
		posts  int
		before string
	}{
		"redirected": {status(307), 1, lead.CredentialHeld}, "revoked": {status(401), 1, lead.CredentialHeld}, "broken": {status(500), 5, lead.CredentialDown},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{listErr: stops.err, answer: func(int, easybroker.Account) answer { return answer{err: stops.err} }}
				w := start(t, b, courier.Options{})
				var ids []lead.RemoteID
				for range stops.posts {
					ids = append(ids, w.post("casas"))
				}
				time.Sleep(3 * time.Minute)
				require.Equal(t, stops.before, w.credential().State)
				why := w.credential().Reason
				for _, id := range ids { // a person discards them, so nothing is left to be sent
					for _, state := range []lead.State{lead.Failed, lead.Discarded} {
						_, err := w.store.Amend(t.Context(), id, func(l *lead.Lead) error { l.State, l.DueAt = state, time.Time{}; return nil })
						require.NoError(t, err)
					}
				}
				b.now(func(b *broker) { b.listErr = nil })
				time.Sleep(61 * time.Second)
				begun := w.credential().Since
				for range 200 {
					c := w.credential()
					require.Equal(t, lead.CredentialResting, c.State)
					require.Equal(t, "its list can be read again, and the next lead goes first; before it was "+stops.before+": "+why, c.Reason)
					require.Equal(t, begun, c.Since)
					require.WithinDuration(t, time.Now(), c.Since, time.Hour)
					time.Sleep(7 * time.Second)
				}
				id := w.post("casas") // leads are still refused
				time.Sleep(time.Second)
				require.Equal(t, stops.before, w.credential().State)
				b.now(func(b *broker) { b.answer = nil })
				w.await(id, lead.Confirmed, time.Hour)
				require.Equal(t, lead.CredentialWorking, w.credential().State)
				require.Empty(t, w.credential().Reason)
			})
		})
	}
}

func TestAKeyThatMayOnlyReadCostsOneLeadAProbe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: status(403)} }}
		w := start(t, b, courier.Options{})
		for range 20 {
			w.post("casas")
		}
		time.Sleep(time.Hour)
		require.InDelta(t, 120, len(b.posts()), 8)
		require.Equal(t, lead.CredentialHeld, w.credential().State)
	})
}

func TestFiveUnsureEndsInARowOpenTheBreaker(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		b := &broker{listErr: status(500), answer: func(int, easybroker.Account) answer { return answer{err: status(500)} }}
		w := start(t, b, courier.Options{})
		for range 100 {
			w.post("casas")
		}
		time.Sleep(time.Hour)
		require.LessOrEqual(t, len(b.posts()), 5+3, "those that were on their way when the fifth ended")
		require.Equal(t, lead.CredentialDown, w.credential().State)

		b.now(func(b *broker) { b.listErr, b.answer = nil, nil })
		back := time.Now()
		time.Sleep(2 * time.Hour)
		first := slices.IndexFunc(b.posts(), func(at time.Time) bool { return at.After(back) })
		require.Less(t, b.posts()[first].Sub(back), 31*time.Second)
		require.Equal(t, lead.CredentialWorking, w.credential().State)
		require.Len(t, b.all(), 100)
	})
}

func TestOneLeadThatNobodyAnswersDoesNotStopTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call%4 == 0 {
				return answer{err: status(500)}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		for range 40 {
			w.post("casas")
			time.Sleep(time.Second)
			require.Equal(t, lead.CredentialWorking, w.credential().State)
		}
	})
}

func TestRetryAfterRestsTheCredential(t *testing.T) {
	for name, code := range map[string]int{"too many": 429, "unavailable": 503} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return answer{err: &easybroker.StatusError{Status: code, RetryAfter: 2 * time.Minute}}
					}
					return answer{keep: true}
				}}
				w := start(t, b, courier.Options{})
				for range 10 {
					w.post("casas")
				}
				time.Sleep(15 * time.Minute)
				posts := b.posts()
				require.Len(t, b.all(), 10)
				second := slices.IndexFunc(posts, func(at time.Time) bool { return at.Sub(posts[0]) > time.Second })
				require.Positive(t, second)
				require.GreaterOrEqual(t, posts[second].Sub(posts[0]), 2*time.Minute)
			})
		})
	}
}

func TestAHeldKeyFailsNoLeadThoughItsDeadlinePasses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listErr: status(401), answer: func(int, easybroker.Account) answer { return answer{err: status(401)} }}
		w := start(t, b, courier.Options{Deadline: time.Hour})
		id := w.post("casas")
		time.Sleep(24 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.Queued, l.State)
		b.now(func(b *broker) { b.listErr, b.answer = nil, nil })
		w.await(id, lead.Confirmed, time.Minute)
	})
}

func TestABrokerThatIsDownBeyondTheDeadlinePutsItsLeadsBeforeAPerson(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost := &easybroker.NotSentError{Err: errReset}
		b := &broker{listErr: lost, answer: func(int, easybroker.Account) answer { return answer{err: lost} }}
		w := start(t, b, courier.Options{Deadline: time.Hour})
		var ids []lead.RemoteID
		for range 20 {
			ids = append(ids, w.post("casas"))
		}
		time.Sleep(50 * time.Minute)
		young := w.post("casas")
		time.Sleep(15 * time.Minute)
		for _, id := range ids {
			l, _ := w.find(id)
			require.Equal(t, lead.Failed, l.State)
			require.Equal(t, lead.ReasonDeadline, l.Reason)
		}
		l, _ := w.find(young)
		require.Equal(t, lead.Queued, l.State)
	})
}

func TestAFlappingBrokerIsNotTakenForAWorkingOne(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		b := &broker{page: 50}
		b.answer = func(int, easybroker.Account) answer {
			if time.Since(begin)/(7*time.Second)%2 == 1 {
				return answer{err: status(502)}
			}
			return answer{keep: true}
		}
		w := start(t, b, courier.Options{})
		begin = time.Now()
		const leads = 600
		changes, last := 0, ""
		for i := range leads {
			w.postAbout("casas", fmt.Sprintf("EB-%d", i%50))
			time.Sleep(time.Second)
			if now := w.credential().State; now != last {
				changes++
				last = now
			}
		}
		require.Less(t, changes, leads/30, "less than one change in thirty seconds")
		b.now(func(b *broker) { b.answer = nil })
		time.Sleep(6 * time.Hour)
		require.Equal(t, leads, len(b.all())) //nolint:testifylint // Len would print them all
	})
}
