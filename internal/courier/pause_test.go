package courier_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// agency returns n properties of an agency.
func agency(name string, n int) []string {
	properties := make([]string, n)
	for i := range properties {
		properties[i] = fmt.Sprintf("EB-%s%d", name, i)
	}
	return properties
}

// refusing returns the answers of a broker that refuses the properties with err.
func refusing(err error, properties []string) map[string]error {
	all := map[string]error{}
	for _, property := range properties {
		all[property] = err
	}
	return all
}

// isPaused reports whether the site is paused.
func (w *world) isPaused() bool {
	return slices.ContainsFunc(w.courier.Status(), func(c lead.Credential) bool { return c.State == lead.SitePaused })
}

// A partner's key serves many agencies. One of them is paused or no longer linked,
// and all that its visitors write is refused.
func TestOneAgencysTroubleDelaysNoOther(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	for name, test := range map[string]struct {
		properties, leads int
		answer            error
		before            bool // another agency's lead was taken before
		apart             time.Duration
	}{
		"twelve leads of one property":                        {1, 12, status(404), false, 0},
		"twelve leads of twelve properties":                   {12, 12, status(404), false, 0},
		"twelve leads of three properties":                    {3, 12, status(404), false, 0},
		"twelve leads that it cannot process":                 {12, 12, status(422), false, 0},
		"twelve leads after another agency's":                 {12, 12, status(404), true, 0},
		"twelve leads, one a minute":                          {12, 12, status(404), false, time.Minute},
		"forty leads of an hour, after another agency's":      {20, 40, status(404), true, 90 * time.Second},
		"a hundred leads of a campaign, five a minute":        {90, 100, status(404), false, 12 * time.Second},
		"twelve leads whose remote_id it refuses, so it says": {12, 12, refusesNumber(422), false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gone := agency("GONE", test.properties)
				b := &broker{page: 50, about: refusing(test.answer, gone)}
				w := start(t, b, courier.Options{})
				if test.before {
					w.await(w.postAbout("casas", "EB-GOOD1"), lead.Delivered, time.Second)
				}
				var ids []lead.RemoteID
				for i := range test.leads {
					ids = append(ids, w.postAbout("casas", gone[i%len(gone)]))
					time.Sleep(test.apart)
				}
				for i := range 3 {
					id := w.postAbout("casas", fmt.Sprintf("EB-GOOD%d", i))
					w.await(id, lead.Delivered, 3*time.Second)
					time.Sleep(10 * time.Minute)
				}
				w.postAbout("casas", "EB-GOOD4") // ends the last pause, and the leads that wait are refused
				time.Sleep(35 * time.Minute)
				require.Equal(t, map[lead.State]int{lead.Failed: test.leads}, w.states(ids), "each is in front of a person")
				require.False(t, w.isPaused())
			})
		})
	}
}

func TestAPropertyThatIsRefusedPausesNoSite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{about: refusing(status(404), agency("GONE", 1))}
		w := start(t, b, courier.Options{})
		var ids []lead.RemoteID
		for range 12 {
			ids = append(ids, w.postAbout("casas", "EB-GONE0"))
			time.Sleep(time.Second)
			require.False(t, w.isPaused())
		}
		require.Equal(t, map[lead.State]int{lead.Failed: 12}, w.states(ids))
	})
}

func TestRefusalsOfTwoKindsDoNotAddUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gone, wrong := agency("GONE", 5), agency("WRONG", 5)
		b := &broker{about: refusing(status(404), gone)}
		for _, property := range wrong {
			b.about[property] = status(422)
		}
		w := start(t, b, courier.Options{Concurrency: 1})
		for i := range gone {
			w.postAbout("casas", gone[i])
			w.postAbout("casas", wrong[i])
		}
		time.Sleep(5 * time.Second)
		require.False(t, w.isPaused())
		w.postAbout("casas", gone[0])
		time.Sleep(5 * time.Second)
		require.True(t, w.isPaused())
	})
}

// If EasyBroker refuses a lead for its e-mail, that is no trial of whether the
// property is known. The lead fails at once.
func TestALeadThatIsRefusedOtherwiseWaitsForNoPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gone := agency("GONE", 6)
		b := &broker{about: refusing(status(404), gone)}
		b.about["EB-OTHER"] = status(422)
		w := start(t, b, courier.Options{Concurrency: 1})
		for _, property := range gone {
			w.postAbout("casas", property)
		}
		time.Sleep(5 * time.Second)
		require.True(t, w.isPaused())
		w.await(w.postAbout("casas", "EB-OTHER"), lead.Failed, time.Minute)
		require.True(t, w.isPaused())
	})
}

// A lead that was taken shows that the source, the key and the half of the API
// are right. After a while it no longer does.
func TestASiteOfWhichALeadWasTakenLatelyIsNotPaused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{}
		w := start(t, b, courier.Options{})
		w.await(w.post("casas"), lead.Delivered, time.Second)
		b.now(func(b *broker) { b.answer = func(int, easybroker.Account) answer { return answer{err: status(404)} } })
		for i := range 14 {
			w.postAbout("casas", fmt.Sprintf("EB-%d", i))
			time.Sleep(time.Minute)
			require.False(t, w.isPaused())
		}
		time.Sleep(2 * time.Minute)
		id := w.postAbout("casas", "EB-15")
		time.Sleep(time.Second)
		require.True(t, w.isPaused())
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states([]lead.RemoteID{id}))
		require.Equal(t, "EasyBroker refuses lead after lead, whatever the property (404)", w.courier.Status()[1].Reason)
	})
}

func TestATrialPrefersTheNewestLeadOfAPropertyThatWasNotRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gone := agency("GONE", 18)
		b := &broker{about: refusing(status(404), append(gone, "EB-OTHER"))}
		w := newWorld(t, b)
		for _, property := range slices.Concat(gone, gone[:4]) {
			w.postAbout("casas", property)
			time.Sleep(2 * time.Minute)
		}
		w.run(w.store, b, courier.Options{Concurrency: 1})
		time.Sleep(10 * time.Minute)
		newest := slices.Clone(gone[6:])
		slices.Reverse(newest)
		require.Equal(t, slices.Concat(gone[:6], newest[:5+4]), b.properties(), "five extra ones, one at once, and one after 1, 2 and 4 minutes")
		time.Sleep(3 * time.Hour) // all were refused by then, and take turns
		w.postAbout("casas", gone[0])
		time.Sleep(time.Second)
		tried := len(b.properties())
		w.postAbout("casas", "EB-OTHER") // no need to wait for the next trial
		time.Sleep(time.Second)
		require.Equal(t, []string{"EB-OTHER"}, b.properties()[tried:])
	})
}

// An attempt for another agency's lead breaks off during a pause. After the list
// has proved that the lead has not arrived, the lead need not wait for a trial.
func TestALeadThatComesBackInAPauseIsATrial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{about: refusing(status(404), agency("GONE", 12))}
		w := start(t, b, courier.Options{})
		for i := range 40 {
			w.postAbout("casas", fmt.Sprintf("EB-GONE%d", i%12))
		}
		time.Sleep(30 * time.Minute)
		require.True(t, w.isPaused())
		b.now(func(b *broker) { b.about["EB-GOOD1"] = errReset })
		id := w.postAbout("casas", "EB-GOOD1")
		w.await(id, lead.Doubtful, time.Second)
		b.now(func(b *broker) { delete(b.about, "EB-GOOD1") })
		time.Sleep(5*time.Minute + 40*time.Second)
		w.await(id, lead.Delivered, time.Second)
		_, attempts := w.find(id)
		require.Less(t, attempts[1].BegunAt.Sub(attempts[0].BegunAt), 6*time.Minute)
	})
}

// If every request of a site is refused, five leads fail. The others wait, and few
// calls are made, whatever the refusal says and however the leads come in.
func TestASiteWhoseEveryRequestIsRefusedKeepsItsLeads(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	for name, answered := range map[string]error{
		"an address that is none":    status(404),
		"a source that is wrong":     status(422),
		"a body that is not read":    status(400),
		"a method that is not known": status(405), // believed the third time
		"numbers that are too high":  refusesNumber(422),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{page: 50, answer: func(int, easybroker.Account) answer { return answer{err: answered} }}
				w := start(t, b, courier.Options{Concurrency: 1})
				var ids []lead.RemoteID
				for i := range 24 {
					ids = append(ids, w.postAbout("casas", fmt.Sprintf("EB-%d", i%12)))
					time.Sleep(10 * time.Minute)
				}
				time.Sleep(time.Hour)
				states := w.states(ids)
				require.Equal(t, 5, states[lead.Failed], "%v", states)
				require.Zero(t, states[lead.Confirmed]+states[lead.Delivered])
				require.True(t, w.isPaused())
				b.now(func(b *broker) { b.answer = nil })
				time.Sleep(3 * time.Hour)
				require.Equal(t, map[lead.State]int{lead.Failed: 5, lead.Confirmed: 19}, w.states(ids))
			})
		})
	}
}

// watchedOutbox records how many properties a trial leaves out.
type watchedOutbox struct {
	*store.Store
	most atomic.Int64
}

func (o *watchedOutbox) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	o.most.Store(max(o.most.Load(), int64(len(q.Except))))
	return o.Store.Begin(ctx, site, q)
}

// What a site remembers of refusals has an end, even if it is not paused for them yet.
func TestWhatWasRefusedBeforeAPauseIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{keep: true} // so that the site is not paused yet
			}
			return answer{err: status(404)}
		}}
		w := newWorld(t, b)
		outbox := &watchedOutbox{Store: w.store}
		w.run(outbox, b, courier.Options{Rate: 100})
		for i := range 270 {
			w.postAbout("casas", fmt.Sprintf("EB-%d", i))
		}
		time.Sleep(16 * time.Minute)
		require.False(t, w.isPaused())
		require.Len(t, b.posts(), 270)
		w.postAbout("casas", "EB-270")
		w.postAbout("casas", "EB-271")
		time.Sleep(5 * time.Minute)
		require.True(t, w.isPaused())
		w.halt()
		require.EqualValues(t, 256, outbox.most.Load())
	})
}

// A trial with a lead of a property that was not refused adds that property to those
// that are. A pause may last for weeks, so what it remembers has an end.
func TestAPausedSiteRemembersNotTooMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: status(404)} }}
		w := newWorld(t, b)
		outbox := &watchedOutbox{Store: w.store}
		w.run(outbox, b, courier.Options{Rate: 100})
		for i := range 6 {
			w.postAbout("casas", fmt.Sprintf("EB-%d", i))
		}
		time.Sleep(time.Minute)
		require.True(t, w.isPaused())
		require.LessOrEqual(t, outbox.most.Load(), int64(10), "the memory is nearly empty when the pause begins")
		for i := range 260 {
			w.postAbout("casas", fmt.Sprintf("EB-%d", 100+i))
			time.Sleep(11 * time.Second) // so that it is tried at once
		}
		require.True(t, w.isPaused())
		w.halt()
		require.Greater(t, len(b.posts()), 260, "each was tried")
		require.EqualValues(t, 256, outbox.most.Load())
	})
}

func TestEachRefusalIsToldWithWhatItSpeaksOf(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		about  []courier.About
	}{
		"of the leads":   {status(404), []courier.About{"lead", "lead", "lead", "lead", "lead", "site", "site"}},
		"of the numbers": {refusesNumber(422), []courier.About{"remote_id", "remote_id", "remote_id", "remote_id", "remote_id", "site", "site"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var told []courier.About
				opt := courier.Options{Concurrency: 1, Refused: func(site string, status int, about courier.About) {
					require.Equal(t, "casas", site)
					require.Contains(t, []int{404, 422}, status)
					told = append(told, about)
				}}
				w := start(t, &broker{answer: func(int, easybroker.Account) answer { return answer{err: test.answer} }}, opt)
				for i := range 7 {
					w.postAbout("casas", fmt.Sprintf("EB-%d", i))
				}
				time.Sleep(6 * time.Minute)
				w.halt()
				require.Equal(t, test.about, told[:7])
			})
		})
	}
}

func TestASiteWhoseLeadsAreAllRefusedIsPaused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		wrong := true
		b := &broker{answer: func(int, easybroker.Account) answer {
			if wrong {
				return answer{err: status(404)}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{Concurrency: 1})
		var ids []lead.RemoteID
		for i := range 40 {
			ids = append(ids, w.postAbout("casas", fmt.Sprintf("EB-%d", i)))
		}
		time.Sleep(3*time.Hour + 10*time.Second) // between two trials
		count := func() map[lead.State]int {
			states := map[lead.State]int{}
			for _, id := range ids {
				l, _ := w.find(id)
				states[l.State]++
			}
			return states
		}
		require.Equal(t, map[lead.State]int{lead.Failed: 5, lead.Queued: 35}, count())
		require.Less(t, len(b.posts()), 30)
		paused := w.courier.Status()[1]
		require.Equal(t, lead.SitePaused, paused.State)
		require.Equal(t, []string{"casas"}, paused.Sites)

		b.now(func(*broker) { wrong = false })
		time.Sleep(20 * time.Minute)
		require.Equal(t, map[lead.State]int{lead.Failed: 5, lead.Confirmed: 35}, count())
		require.Len(t, w.courier.Status(), 1)
	})
}
