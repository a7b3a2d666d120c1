package intake_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
	"leadrelay/internal/store"
)

// judging is a relay with the real store, for a site that quarantines spam. A captcha
// without a token is refused.
type judging struct {
	http.Handler
	*testing.T
	store  *store.Store
	sooner []string
	asked  []lead.RemoteID // the leads whose mail domain was checked
	gate   gate
}

func newJudging(t *testing.T, threshold int) *judging {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	d := &judging{T: t, store: s, gate: gate{relay: &relay{}}}
	costa := site.Site{ID: "costa", Source: "costa.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds, SpamThreshold: threshold}
	refuses := func(_ context.Context, token string) (bool, error) { return token == "", nil }
	d.Handler = intake.New([]site.Site{costa}, s, intake.Options{
		Captchas:  map[string]intake.Captcha{"costa": {Field: "token", Refuses: refuses}},
		Flood:     &d.gate,
		Client:    func(*http.Request) netip.Addr { return netip.Addr{} },
		Sooner:    func(site string) { d.sooner = append(d.sooner, site) },
		CheckMail: func(l lead.Lead, _ time.Time, _ string) { d.asked = append(d.asked, l.RemoteID) },
	})
	return d
}

// post posts a form of a person with a token. Other fields come in pairs.
func (d *judging) post(key string, change ...string) *httptest.ResponseRecorder {
	form := asked(append([]string{"token", "t"}, change...)...)
	headers := []string{"Content-Type", formType, "Accept", "application/json"}
	if key != "" {
		headers = append(headers, "Idempotency-Key", key)
	}
	w := ask(d, http.MethodPost, "/f/costa", form.Encode(), headers...)
	require.Equal(d, http.StatusAccepted, w.Code, w.Body)
	return w
}

// leads returns all leads, the oldest first.
func (d *judging) leads() []lead.Lead {
	newest, _, err := d.store.List(d.Context(), lead.Filter{Limit: 100})
	require.NoError(d, err)
	var leads []lead.Lead
	for i := range newest {
		leads = append(leads, newest[len(newest)-1-i])
	}
	return leads
}

func (d *judging) discard(id lead.RemoteID) {
	_, err := d.store.Amend(d.Context(), id, (*lead.Lead).Discard)
	require.NoError(d, err)
}

const offTopic = "Les escribo porque quiero saber todo lo que ustedes hacen en su empresa, y también qué más me pueden contar de ella por favor"

// The captcha's script is blocked at first, and then it is not.
func TestASecondTryWithATokenGoesOut(t *testing.T) {
	d := newJudging(t, 100)
	first := d.post("", "message", offTopic, "token", "")
	require.Equal(t, lead.Quarantined, d.leads()[0].State)
	second := d.post("", "message", offTopic)
	require.Equal(t, first.Body.String(), second.Body.String())
	require.Equal(t, first.Header(), second.Header(), "nobody can tell that there was one before")
	leads := d.leads()
	require.Len(t, leads, 1)
	require.Equal(t, lead.Queued, leads[0].State)
	require.Empty(t, leads[0].Reason)
	require.Equal(t, []string{"costa"}, d.sooner, "its courier hears of it")
}

// An attacker posts a visitor's inquiry first, so that it looks like spam.
func TestRubbishSwallowsNoVisitor(t *testing.T) {
	for _, key := range []string{"", "k"} {
		t.Run("key "+key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newJudging(t, 100)
				d.post(key, "_gotcha", "x", "page_url", "https://evil.example/")
				time.Sleep(time.Minute)
				d.post(key, "page_url", "https://costa.mx/1")
				leads := d.leads()
				require.Len(t, leads, 1)
				require.Equal(t, lead.Queued, leads[0].State)
				require.Equal(t, "https://costa.mx/1", leads[0].Context["page_url"], "the enemy's does not reach the agency")
				d.post(key, "_gotcha", "x")
				require.Equal(t, lead.Queued, d.leads()[0].State, "worse never beats better")

				// Nor does the attacker's after the operator has discarded it.
				d.post(key+"2", "_gotcha", "x", "property_id", "EB-2")
				d.discard(d.leads()[1].RemoteID)
				d.post(key+"2", "property_id", "EB-2")
				d.post(key+"2", "property_id", "EB-2")
				leads = d.leads()
				require.Len(t, leads, 3)
				require.Equal(t, []lead.State{lead.Queued, lead.Discarded, lead.Queued}, []lead.State{leads[0].State, leads[1].State, leads[2].State})
			})
		})
	}
}

// The same happens with other words under one key: a quarantined lead with the key
// refuses no other.
func TestRubbishHoldsNoKey(t *testing.T) {
	d := newJudging(t, 100)
	d.post("k", "_gotcha", "x")
	d.post("k", "message", "¿Y el domingo?")
	require.Len(t, d.leads(), 2)
	require.Equal(t, lead.Queued, d.leads()[1].State)
}

// The only sign is that the sender is busy.
func TestABusySendersSecondTry(t *testing.T) {
	d := newJudging(t, 80)
	d.gate.busy = true
	d.post("", "email", "ana@yopmail.com")
	require.Equal(t, lead.Quarantined, d.leads()[0].State)
	d.gate.busy = false
	d.post("", "email", "ana@yopmail.com")
	require.Len(t, d.leads(), 1)
	require.Equal(t, lead.Queued, d.leads()[0].State)
}

// A lead that is delayed for its mail domain comes again.
func TestADelayedLeadThatComesAgain(t *testing.T) {
	d := newJudging(t, 100)
	d.post("", "token", "", "otro correo", "ana@costa.mx")
	id := d.leads()[0].RemoteID
	until := d.leads()[0].DueAt
	d.post("", "token", "", "otro correo", "ana@gmail.com")
	require.Equal(t, []lead.RemoteID{id}, d.asked, "its repeat asks nobody")
	require.Equal(t, []lead.Pair{{Name: "otro correo", Value: "ana@costa.mx"}, {Name: "otro correo", Value: "ana@gmail.com"}}, d.leads()[0].Extra)
	require.Equal(t, until, d.leads()[0].DueAt)

	apart, err := d.store.Quarantine(t.Context(), id, until, "no_mail")
	require.NoError(t, err)
	require.True(t, apart)
	d.post("", "token", "")
	require.Equal(t, []lead.RemoteID{id, id}, d.asked, "it is queued again, and delayed again")
	require.Greater(t, d.leads()[0].DueAt, until)
	until = d.leads()[0].DueAt

	d.post("") // with a token the mail domain does not matter
	require.Len(t, d.leads(), 1)
	require.Less(t, d.leads()[0].DueAt, until)
	apart, err = d.store.Quarantine(t.Context(), id, until, "no_mail")
	require.NoError(t, err)
	require.False(t, apart, "a late sign comes too late")
	require.Equal(t, lead.Queued, d.leads()[0].State)
}

// What a repeat adds is kept, whatever has become of the first lead.
func TestWhatARepeatAddsIsKept(t *testing.T) {
	for _, state := range []lead.State{lead.Queued, lead.Quarantined, lead.Delivered} {
		d := newJudging(t, 100)
		d.post("")
		path := []lead.State{state}
		if state == lead.Delivered {
			path = []lead.State{lead.Sending, lead.Delivered}
		}
		for _, step := range path {
			_, err := d.store.Amend(t.Context(), d.leads()[0].RemoteID, func(l *lead.Lead) error { l.State = step; return nil })
			require.NoError(t, err)
		}
		d.post("", "teléfono de mi esposo", "5587654321")
		d.post("", "teléfono de mi esposo", "5587654321")
		leads := d.leads()
		require.Len(t, leads, 1)
		require.Equal(t, []lead.Pair{{Name: "teléfono de mi esposo", Value: "5587654321"}}, leads[0].Extra, state)
	}
}

// A page may have been copied with a fixed id. Nobody can close the form with it, not
// even for whoever left the same address, nor can a webhook with a fixed id.
func TestAFixedIDClosesNoForm(t *testing.T) {
	d := newJudging(t, 100)
	visitors := [][]string{
		{"name", "Enemigo", "email", "ana@ejemplo.mx", "message", "x"},
		{"name", "Ana", "message", "¿Sigue disponible?"},
		{"name", "Ana", "message", "¿Y el domingo?"},
		{"name", "Eva", "email", "eva@ejemplo.mx", "phone", "5587654321"},
	}
	for _, v := range visitors {
		d.post("", append(v, "_submission_id", "fixed")...)
	}
	require.Len(t, d.leads(), len(visitors))
	for _, v := range visitors {
		form := asked(append(v, "token", "t", "property_id", "EB-2")...)
		w := ask(d, http.MethodPost, "/f/costa", form.Encode(), "Content-Type", formType, "webhook-id", "fixed")
		require.Equal(t, http.StatusSeeOther, w.Code)
	}
	require.Len(t, d.leads(), 2*len(visitors))
}
