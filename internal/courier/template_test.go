package courier_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func template(t *testing.T, text string) lead.Template {
	t.Helper()
	if text == "" {
		return lead.Template{}
	}
	template, err := lead.ParseTemplate(text)
	require.NoError(t, err)
	return template
}

func routeWith(t *testing.T, api easybroker.API, text string) courier.Route {
	t.Helper()
	r := courier.Route{Site: "casas", Account: account, Template: template(t, text)}
	r.Account.API = api
	return r
}

func TestTheTemplateWordsTheMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, &broker{}, courier.Options{}, routeWith(t, easybroker.Partner, "{message}\n\nTel. {phone}\nDe: {utm_source}"))
		id := w.post("casas")
		w.await(id, lead.Delivered, time.Second)
		require.Equal(t, "Hola\n\nTel. 55 1234 5678", w.broker.all()[0].Message)
		l, _ := w.find(id)
		require.Equal(t, "Hola", l.Message)
	})
}

// killed is the store of a process that is killed during its attempts.
type killed struct{ *store.Store }

func (killed) Settle(context.Context, lead.Claim, lead.Settlement) error { return errDisk }

// former is the store of a version that wrote no fingerprints.
type former struct{ *store.Store }

func (f former) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	q.Fingerprint = nil
	return f.Store.Begin(ctx, site, q)
}

// A template may change while an attempt is in doubt. What was sent is still found.
func TestATemplateThatChangesHidesNoLead(t *testing.T) {
	const page, source = "{message}\n\nPágina: {page_url}\n{name}", "De: {email}\n{message}"
	for name, test := range map[string]struct{ before, after string }{
		"the same":  {page, page},
		"another":   {page, source},
		"a new one": {"", page},
		"none more": {source, ""},
		"none":      {"", ""},
	} {
		for how, outbox := range map[string]func(*store.Store) courier.Outbox{
			"the answer was lost": func(s *store.Store) courier.Outbox { return s },
			"it was killed":       func(s *store.Store) courier.Outbox { return killed{s} },
			"a former version":    func(s *store.Store) courier.Outbox { return former{s} },
		} {
			if how == "a former version" && test.before != "" {
				continue // it knew no templates
			}
			for _, api := range []easybroker.API{easybroker.Plain, easybroker.Partner} {
				t.Run(name+", "+how+", "+string(api), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						b := &broker{listErr: errReset, answer: taken}
						w := newWorld(t, b)
						w.run(outbox(w.store), b, courier.Options{}, routeWith(t, api, test.before))
						id := w.post("casas")
						time.Sleep(10 * time.Second)
						b.now(func(b *broker) { b.listErr = nil })
						w.run(w.store, b, courier.Options{}, routeWith(t, api, test.after))
						time.Sleep(time.Hour)
						require.Len(t, b.posts(), 1)
						l, _ := w.find(id)
						require.Equal(t, lead.Confirmed, l.State, l.Reason)
					})
				})
			}
		}
	}
}

// A contact request that only contains the lead's words is not the lead, and neither
// is somebody else's with the same words.
func TestWhatIsOnlyLikeALeadIsNotTheLead(t *testing.T) {
	for name, other := range map[string]easybroker.ContactRequest{
		"without the context": {PropertyID: "EB-XX1234", Email: "ana@ejemplo.mx", Message: "Hola"},
		"with more of it":     {PropertyID: "EB-XX1234", Email: "ana@ejemplo.mx", Message: "Hola\nAna\nOtra"},
		"of somebody else":    {PropertyID: "EB-XX1234", Email: "beto@ejemplo.mx", Message: "Hola\nAna"},
		"of nobody":           {PropertyID: "EB-XX1234", Message: "Hola\nAna"},
		"for another home":    {PropertyID: "EB-XX9999", Email: "ana@ejemplo.mx", Message: "Hola\nAna"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer { return answer{keep: call > 1, err: errReset} }}
				w := start(t, b, courier.Options{}, routeWith(t, easybroker.Plain, "{message}\n{name}"))
				id := w.post("casas")
				b.now(func(b *broker) { b.kept = append(b.kept, kept{other, time.Now(), "k"}) })
				time.Sleep(time.Hour)
				require.Equal(t, 1, b.timesKept(id), "it was sent again, because it was not there")
			})
		})
	}
}

// edited returns a failed lead that EasyBroker has taken and does not list yet, after
// a person has changed it.
func edited(w *world, changes map[lead.Field]string) lead.RemoteID {
	w.Helper()
	id := w.post("casas")
	w.await(id, lead.Failed, 10*time.Minute)
	_, err := w.store.Amend(w.Context(), id, func(l *lead.Lead) error { return l.Edit(changes, lead.DefaultRules()) })
	require.NoError(w, err)
	return id
}

func edits() map[string]map[lead.Field]string {
	return map[string]map[lead.Field]string{
		"the message": {lead.Message: "Hola de nuevo"},
		"the address": {lead.Email: "ana.maria@ejemplo.mx"},
		"everything":  {lead.Message: "Hola de nuevo", lead.Email: "ana.maria@ejemplo.mx", lead.Phone: "55 8765 4321"},
	}
}

// late returns a broker that lists what it keeps after an hour.
func late(answer func(int, easybroker.Account) answer) (*broker, courier.Options) {
	return &broker{lag: time.Hour, answer: answer}, courier.Options{Deadline: 4 * time.Minute}
}

func TestALeadThatAPersonChangedIsNotReplayedTwice(t *testing.T) {
	for name, changes := range edits() {
		for _, api := range []easybroker.API{easybroker.Plain, easybroker.Partner} {
			t.Run(name+", "+string(api), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					b, opt := late(taken)
					w := start(t, b, opt, routeWith(t, api, "{message}\n{name}"))
					id := edited(w, changes)
					time.Sleep(time.Hour)
					all, _, err := w.auditor().Replay(t.Context(), lead.Filter{RemoteIDs: []lead.RemoteID{id}}, false)
					require.NoError(t, err)
					require.Equal(t, lead.Present, all[0].Verdict, all[0].Why)
					time.Sleep(time.Hour)
					require.Len(t, b.posts(), 1)
				})
			})
		}
	}
}

// A person has sent the changed lead again, and that attempt was not taken. The
// look-up finds the first one, so there is no third.
func TestALookUpFindsWhatAPersonChangedSince(t *testing.T) {
	for name, changes := range edits() {
		for _, api := range []easybroker.API{easybroker.Plain, easybroker.Partner} {
			t.Run(name+", "+string(api), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					b, opt := late(func(call int, _ easybroker.Account) answer { return answer{keep: call == 1, err: errReset} })
					w := start(t, b, opt, routeWith(t, api, "{message}\n{name}"))
					id := edited(w, changes)
					time.Sleep(time.Hour)
					_, err := w.store.Amend(t.Context(), id, func(l *lead.Lead) error { return l.Retry(time.Now(), false) })
					require.NoError(t, err)
					w.courier.Wake("casas")
					w.await(id, lead.Confirmed, time.Hour)
					require.Len(t, b.posts(), 2)
				})
			})
		}
	}
}
