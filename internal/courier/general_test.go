package courier_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// ask keeps an inquiry as a site of an account accepts it, whatever fields it has.
func (w *world) ask(q lead.Inquiry) lead.RemoteID {
	w.Helper()
	q.Site = "casas"
	l, err := lead.New(q, "casas.mx", lead.Rules{}, time.Now())
	require.NoError(w, err)
	kept, err := w.store.Keep(w.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(w, err)
	w.courier.Wake("casas")
	return kept.RemoteID
}

func toAccount() courier.Route {
	return courier.Route{Site: "casas", Account: plainAccount(), SendSource: true}
}

// general returns inquiries that an account takes and a partner does not.
func general() map[string]lead.Inquiry {
	return map[string]lead.Inquiry{
		"a general inquiry by e-mail":       {Name: "Ana", Email: "ana@ejemplo.mx", Message: "Busco casa"},
		"a general inquiry by phone":        {Name: "Ana", Phone: "55 1234 5678", Message: "Busco casa"},
		"a property and a name":             {PropertyID: "EB-XX1234", Name: "Ana"},
		"a property, a name and a message":  {PropertyID: "EB-XX1234", Name: "Ana", Message: "Hola"},
		"a property and a phone":            {PropertyID: "EB-XX1234", Phone: "55 1234 5678"},
		"a property, and nothing to say":    {PropertyID: "EB-XX1234", Email: "ana@ejemplo.mx"},
		"a name that EasyBroker writes big": {PropertyID: "EB-XX1234", Name: "maría  josé"},
	}
}

func TestAGeneralInquiryGoesOutAsItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, &broker{}, courier.Options{}, toAccount())
		id := w.ask(lead.Inquiry{Name: "Ana", Phone: "55 1234 5678", Message: "Busco casa"})
		w.await(id, lead.Confirmed, time.Hour)
		require.Equal(t, easybroker.ContactRequest{
			Name: "Ana", Phone: "+525512345678", Message: "Busco casa", Source: "casas.mx", RemoteID: int64(id),
		}, w.broker.all()[0].ContactRequest)
	})
}

// However an attempt ends, an account's list shows what has become of it, even if
// the inquiry has few fields.
func TestWhatAnAccountTakesArrivesOnce(t *testing.T) {
	for name, q := range general() {
		for end, first := range map[string]answer{
			"taken":                   {keep: true},
			"taken, the answer lost":  {keep: true, err: errReset},
			"taken, and 500 answered": {keep: true, err: status(500)},
			"taken, never answered":   {keep: true, took: time.Hour},
			"lost before":             {err: errReset},
		} {
			t.Run(name+", "+end, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					b := &broker{lag: time.Minute, answer: func(call int, _ easybroker.Account) answer {
						if call == 1 {
							return first
						}
						return answer{keep: true}
					}}
					b.move = func(items []easybroker.Listed) {
						for i := range items {
							items[i].RemoteID = 0 // as in an account's list
							if items[i].Name == "maría  josé" {
								items[i].Name = "MARÍA JOSÉ"
							}
						}
					}
					w := start(t, b, courier.Options{}, toAccount())
					id := w.ask(q)
					time.Sleep(2 * time.Hour)
					l, _ := w.find(id)
					require.Equal(t, lead.Confirmed, l.State, l.Reason)
					require.Equal(t, 1, b.timesKept(id))
				})
			})
		}
	}
}

// A general inquiry cannot be looked for by its property, and the list of an
// account grows. This one was taken and is never listed, so we look for it for
// days.
func TestALookUpOfAGeneralInquiryReadsALittleOfTheList(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{} }}
		w := start(t, b, courier.Options{}, toAccount())
		id := w.ask(lead.Inquiry{Name: "Ana", Email: "ana@ejemplo.mx", Message: "Busco casa"})
		w.await(id, lead.Delivered, time.Minute)
		b.now(func(b *broker) { b.others(500, time.Now().Add(4*24*time.Hour)) })
		time.Sleep(3 * 24 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.ReasonMissing, l.Reason)
		require.Less(t, len(b.reads()), 200)
	})
}

// What a process was sending when it died is looked for by its stamps. If it is not
// found there, only a reading of the whole list could tell.
func TestAGeneralInquiryOfAnEarlierLife(t *testing.T) {
	for name, test := range map[string]struct {
		took  bool
		end   lead.State
		posts int
	}{
		"EasyBroker has it":     {true, lead.Confirmed, 1},
		"EasyBroker has it not": {false, lead.Failed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{listErr: errReset, answer: func(int, easybroker.Account) answer { return answer{keep: test.took, err: errReset} }}
				b.others(500, time.Now())
				w := start(t, b, courier.Options{}, toAccount())
				id := w.ask(lead.Inquiry{Name: "Ana", Email: "ana@ejemplo.mx", Message: "Busco casa"})
				w.await(id, lead.Doubtful, time.Minute)
				w.halt()
				time.Sleep(time.Hour)

				b.now(func(b *broker) { b.listErr, b.gets = nil, nil })
				w.run(w.store, b, courier.Options{}, toAccount())
				w.await(id, test.end, 24*time.Hour)
				require.Len(t, b.posts(), test.posts, "nobody sent it again")
				require.Less(t, len(b.reads()), 50)
				if l, _ := w.find(id); test.end == lead.Failed {
					require.Contains(t, l.Reason, "replay it")
				}
			})
		})
	}
}

// A person's replay reads the whole list.
func TestAReplayOfAGeneralInquiryDeliversOnce(t *testing.T) {
	for name, took := range map[string]bool{"EasyBroker has it": true, "EasyBroker has it not": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer { return answer{keep: took || call > 1, err: status(422)} }}
				w := start(t, b, courier.Options{}, toAccount())
				id := w.ask(lead.Inquiry{Name: "Ana", Email: "ana@ejemplo.mx", Message: "Busco casa"})
				w.await(id, lead.Failed, time.Minute)
				b.now(func(b *broker) {
					b.answer = nil
					b.move = func(items []easybroker.Listed) {
						for i := range items {
							items[i].RemoteID = 0
						}
					}
				})
				_, _, err := w.auditor().Replay(t.Context(), lead.Filter{RemoteIDs: []lead.RemoteID{id}}, false)
				require.NoError(t, err)
				time.Sleep(time.Hour)
				require.Equal(t, 1, b.timesKept(id))
			})
		})
	}
}
