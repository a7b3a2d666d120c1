package courier_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// brokenLists returns lists that contradict themselves. Most of them have bitten
// public clients:
// Materials-Consortia/optimade-python-tools#2249, stac-utils/pystac-client#334,
// CoopBelvedere/laravel-basecamp-api#3.
func brokenLists() map[string]func(easybroker.Query, *easybroker.Page) {
	other := easybroker.Listed{RemoteID: 1, PropertyID: "EB-XX1234", HappenedAt: time.Now()}
	return map[string]func(easybroker.Query, *easybroker.Page){
		"no next page, and the total says that there is more": func(_ easybroker.Query, p *easybroker.Page) {
			p.Total, p.More = len(p.Content)+1, false
		},
		"a next page, and the total is reached": func(q easybroker.Query, p *easybroker.Page) {
			p.Total, p.More = 0, q.Page == 1
		},
		"a full page, a next one, and nothing there": func(q easybroker.Query, p *easybroker.Page) {
			if p.Total, p.More = 1+len(p.Content), true; q.Page == 1 {
				p.Content = append(p.Content, other)
			} else {
				p.Content, p.Total, p.More = nil, 1, false
			}
		},
		"more than the total": func(_ easybroker.Query, p *easybroker.Page) {
			p.Content, p.Total, p.More = append(p.Content, other), 0, false
		},
		"the same page for ever": func(_ easybroker.Query, p *easybroker.Page) {
			p.Content, p.Total, p.More = append(p.Content, other), 1000, true
		},
		"empty pages for ever":        func(_ easybroker.Query, p *easybroker.Page) { p.Total, p.More = 1000, true },
		"another total on every page": func(q easybroker.Query, p *easybroker.Page) { p.Total, p.More = 1000+q.Page, true },
		"another page for ever, in whatever window": func(q easybroker.Query, p *easybroker.Page) {
			other := other
			other.RemoteID = int64(q.Page)
			p.Content, p.Total, p.More = append(p.Content, other), 1000, true
		},
	}
}

func TestABrokenListProvesNoAbsence(t *testing.T) {
	for name, turn := range brokenLists() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{page: 50, answer: taken, lag: 1000 * time.Hour, turn: turn}
				w := start(t, b, courier.Options{})
				id := w.post("casas")
				time.Sleep(time.Hour)
				l, _ := w.find(id)
				require.Equal(t, lead.Doubtful, l.State)
				require.Len(t, b.posts(), 1)
				require.Less(t, len(b.reads()), 2500, "there is nothing more to learn")
				b.now(func(b *broker) { b.turn, b.lag = nil, 0 })
				w.await(id, lead.Confirmed, 11*time.Minute)
			})
		})
	}
}

func TestWhatABrokenListShowsIsThere(t *testing.T) {
	for name, turn := range brokenLists() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{page: 50, answer: taken, turn: turn}
				w := start(t, b, courier.Options{Rate: 1000})
				w.post("casas")                                // it is looked up alone, and then the others together
				id, absent := w.post("casas"), w.post("casas") // only one of these will be listed
				time.Sleep(time.Second)
				b.now(func(b *broker) {
					b.kept = slices.DeleteFunc(b.kept, func(k kept) bool { return k.RemoteID == int64(absent) })
				})
				w.await(id, lead.Confirmed, 8*time.Second)
				l, _ := w.find(absent)
				require.Equal(t, lead.Doubtful, l.State)
			})
		})
	}
}

func TestABrokenListIsNamedByAReconciliation(t *testing.T) {
	for name, turn := range brokenLists() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{page: 50, lag: 1000 * time.Hour, turn: turn}
				w := start(t, b, courier.Options{})
				w.post("casas")
				time.Sleep(time.Hour)
				drift, err := w.auditor().Reconcile(t.Context(), time.Now().Add(-2*time.Hour))
				require.NoError(t, err)
				require.Len(t, drift.Unreadable, 1)
				require.Contains(t, drift.Unreadable[0].Why, "the list")
				require.Empty(t, drift.OnlyHere)
			})
		})
	}
}

func TestAListThatMovesWhileItIsReadProvesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
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

// A list that cannot be read is one problem, however many leads are looked up.
func TestAListThatCannotBeReadIsToldOfOnceAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log safeBuffer
		total := 0
		b := &broker{answer: taken, lag: 1000 * time.Hour, turn: func(_ easybroker.Query, p *easybroker.Page) { total++; p.Total, p.More = 1000+total, true }}
		w := newWorld(t, b)
		for i := range 4 {
			w.postAbout("casas", fmt.Sprintf("EB-%d", i))
		}
		w.run(w.store, b, courier.Options{Rate: 1000, Log: zerolog.New(&log)})
		time.Sleep(10 * time.Minute)
		w.halt()
		lines := strings.Count(log.String(), `"message":"look-up"`)
		require.Greater(t, lines, 20)
		warnings := strings.Count(log.String(), "EasyBroker's list could not be read")
		require.Positive(t, warnings)
		require.LessOrEqual(t, warnings, 10)
		require.NotRegexp(t, `"level":"warn".*"message":"look-up"`, log.String())
		require.Contains(t, log.String(), `"sites":["casas"],"cause":"the list changes while it is read`)
	})
}

// A list of long texts is not held in memory. A look-up and a replay skip what they
// do not ask for. A reconciliation needs all of it, and says why it cannot read it.
func TestAListOfLongTextsIsNotHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first := true
		b := &broker{page: 50, turn: padded, answer: func(int, easybroker.Account) answer {
			defer func() { first = false }()
			return answer{err: errReset, keep: !first}
		}}
		w := start(t, b, courier.Options{Rate: 1000})
		id := w.post("casas")
		w.await(id, lead.Confirmed, time.Hour) // looked for in all pages, absent, sent again, found
		require.Len(t, b.posts(), 2)
		all, _, err := w.auditor().Replay(t.Context(), lead.Filter{RemoteIDs: []lead.RemoteID{id}}, false)
		require.NoError(t, err)
		require.Equal(t, lead.Present, all[0].Verdict)

		before := len(b.reads())
		drift, err := w.auditor().Reconcile(t.Context(), time.Now().Add(-2*time.Hour))
		require.NoError(t, err)
		require.Equal(t, []lead.Unreadable{{Sites: []string{"casas"}, Why: "the list is too large to be held in memory"}}, drift.Unreadable)
		require.Less(t, len(b.reads())-before, 40)
	})
}

// A list without an end is read for no longer than the lease. Then the leads of
// other properties have their turn.
func TestAListWithoutEndKeepsNoOtherLookUpForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listTook: 30 * time.Millisecond, answer: taken}
		b.turn = func(q easybroker.Query, p *easybroker.Page) {
			if q.PropertyID == "EB-A" {
				huge(q, p)
			}
		}
		w := start(t, b, courier.Options{})
		endless, other := w.postAbout("casas", "EB-A"), w.postAbout("casas", "EB-B")
		w.await(other, lead.Confirmed, 6*time.Minute)
		time.Sleep(time.Hour)
		l, _ := w.find(endless)
		require.Equal(t, lead.Doubtful, l.State)
		require.Contains(t, l.Reason, "too many pages")
	})
}

func TestAReadingStopsWhileTheCredentialRests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listTook: 30 * time.Millisecond, turn: huge}
		w := start(t, b, courier.Options{})
		w.reconcile()
		time.Sleep(5 * time.Second)
		b.now(func(b *broker) {
			b.answer = func(int, easybroker.Account) answer {
				return answer{err: &easybroker.StatusError{Status: 429, RetryAfter: 20 * time.Second}}
			}
		})
		w.post("casas")
		time.Sleep(time.Second)
		before := len(b.reads())
		time.Sleep(18 * time.Second)
		require.Zero(t, len(b.reads())-before)
		time.Sleep(10 * time.Second)
		require.Greater(t, len(b.reads()), before, "then it goes on")
	})
}
