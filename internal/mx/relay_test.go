package mx_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/mx"
	"leadrelay/internal/secret"
	"leadrelay/internal/site"
	"leadrelay/internal/store"
)

// relay is a whole relay, from the form to EasyBroker, in a bubble. It refuses every
// captcha, which leaves room for one weak sign.
type relay struct {
	*testing.T
	database string
	door     http.Handler
	store    *store.Store
	courier  *courier.Courier
	stop     func()

	mu   sync.Mutex
	sent []sent
}

// sent is what EasyBroker got.
type sent struct {
	id lead.RemoteID
	at time.Time
}

func (r *relay) Create(_ context.Context, _ easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, sent{lead.RemoteID(cr.RemoteID), time.Now()})
	return easybroker.Receipt{Status: http.StatusOK}, nil
}

func (*relay) List(context.Context, easybroker.Account, easybroker.Query) (easybroker.Page, error) {
	return easybroker.Page{}, nil
}

func (r *relay) arrived() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sent(nil), r.sent...)
}

func newTestRelay(t *testing.T, dns mx.Resolver) *relay {
	t.Helper()
	if noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC); time.Now().Before(noon) {
		time.Sleep(time.Until(noon)) // remote ids depend on the time
	}
	r := &relay{T: t, database: filepath.Join(t.TempDir(), "leads.db")}
	r.start(dns)
	t.Cleanup(func() { r.stop() })
	return r
}

// start runs the relay. The one before must have been stopped.
func (r *relay) start(dns mx.Resolver) {
	r.Helper()
	s, err := store.Open(r.Context(), r.database)
	require.NoError(r, err)
	r.store = s
	route := courier.Route{Site: "casas", Account: easybroker.Account{Key: secret.New("k"), Country: "MX", API: easybroker.Partner}}
	r.courier = courier.New(s, r, []courier.Route{route}, couriertest.Options())
	mail := mx.New(s, mx.Options{Resolver: dns})
	r.door = intake.New([]site.Site{{
		ID: "casas", Source: "casas.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds, SpamThreshold: 100,
	}}, s, intake.Options{
		Accepted: r.courier.Wake, CheckMail: mail.Check,
		Captchas: map[string]intake.Captcha{"casas": {Field: "token", Refuses: func(_ context.Context, token string) (bool, error) { return token == "bad", nil }}},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { _ = r.courier.Run(ctx) })
	parts.Go(func() { _ = mail.Run(ctx) })
	r.stop = func() {
		cancel()
		parts.Wait()
		require.NoError(r, s.Close())
	}
}

// post sends an inquiry, and returns the lead as it was when the answer came.
func (r *relay) post(token string) lead.Lead {
	r.Helper()
	form := url.Values{"property_id": {"EB-1"}, "email": {"ana@robot.mx"}, "message": {"Hola, ¿sigue disponible?"}, "token": {token}}
	q := httptest.NewRequest(http.MethodPost, "/f/casas", strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Accept", "application/json")
	w, begun := httptest.NewRecorder(), time.Now()
	r.door.ServeHTTP(w, q)
	require.Equal(r, http.StatusAccepted, w.Code)
	require.Less(r, time.Since(begun), time.Second, "the answer waits for no DNS")
	leads, _, err := r.store.List(r.Context(), lead.Filter{Limit: 1})
	require.NoError(r, err)
	require.Len(r, leads, 1)
	return leads[0]
}

func (r *relay) find(id lead.RemoteID) lead.Lead {
	r.Helper()
	l, _, err := r.store.Find(r.Context(), id)
	require.NoError(r, err)
	return l
}

// requireSentAfter waits until the lead must have arrived.
func (r *relay) requireSentAfter(l lead.Lead, wait time.Duration) {
	r.Helper()
	const slack = 100 * time.Millisecond
	time.Sleep(time.Until(l.ReceivedAt.Add(wait)) + slack)
	all := r.arrived()
	require.Len(r, all, 1)
	require.Equal(r, l.RemoteID, all[0].id)
	require.WithinRange(r, all[0].at, l.ReceivedAt.Add(wait), l.ReceivedAt.Add(wait+slack))
}

func TestADelayedLeadWithoutMailIsQuarantinedBeforeItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRelay(t, resolver(func(ctx context.Context, name string) ([]*net.MX, error) {
			time.Sleep(moment / 2) // the resolver takes its time
			return absent(ctx, name)
		}))
		l := r.post("bad")
		require.Equal(t, lead.Queued, l.State)
		time.Sleep(24 * time.Hour)
		require.Empty(t, r.arrived())
		l = r.find(l.RemoteID)
		require.Equal(t, lead.Quarantined, l.State)
		require.Equal(t, "captcha, no_mail", l.Reason)
		require.Zero(t, l.DueAt)

		released, err := r.store.Amend(t.Context(), l.RemoteID, func(l *lead.Lead) error { return l.Release(time.Now()) })
		require.NoError(t, err)
		r.courier.Wake("casas")
		time.Sleep(time.Second)
		require.Len(t, r.arrived(), 1, "a person knows better, and it goes out at once")
		require.Less(t, r.arrived()[0].at.Sub(released.QueuedAt), 100*time.Millisecond)
	})
}

func TestADelayedLeadGoesOutWhenNothingIsSureAboutItsMail(t *testing.T) {
	for name, dns := range map[string]resolver{
		"it takes mail": func(context.Context, string) ([]*net.MX, error) { return []*net.MX{{Host: "mx.robot.mx."}}, nil },
		"DNS is down":   func(context.Context, string) ([]*net.MX, error) { return nil, &net.DNSError{IsTemporary: true} },
		"DNS hangs":     hangs,
		"DNS is too late": func(ctx context.Context, name string) ([]*net.MX, error) {
			time.Sleep(moment + time.Second)
			return absent(ctx, name)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTestRelay(t, dns)
				l := r.post("bad")
				time.Sleep(moment - time.Second)
				require.Empty(t, r.arrived())
				r.requireSentAfter(l, moment)
				time.Sleep(time.Minute)
				require.NotEqual(t, lead.Quarantined, r.find(l.RemoteID).State)
			})
		})
	}
}

// A relay that stops in between, or dies, forgets the lookup.
func TestADelayedLeadGoesOutAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRelay(t, resolver(hangs))
		l := r.post("bad")
		time.Sleep(time.Second)
		r.stop()
		require.Empty(t, r.arrived())
		r.start(resolver(absent))
		require.Equal(t, lead.Queued, r.find(l.RemoteID).State)
		r.requireSentAfter(l, moment)
	})
}

func TestALeadThatIsNotDelayedGoesOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRelay(t, resolver(func(ctx context.Context, name string) ([]*net.MX, error) {
			t.Error("nobody needs to know")
			return absent(ctx, name)
		}))
		r.requireSentAfter(r.post("good"), 0)
	})
}

func TestARepeatIsNotAskedAboutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan string, 2)
		r := newTestRelay(t, resolver(func(ctx context.Context, name string) ([]*net.MX, error) {
			asked <- name
			return hangs(ctx, name)
		}))
		l := r.post("bad")
		require.Equal(t, l, r.post("bad"), "it is the same lead")
		r.requireSentAfter(l, moment)
		require.Len(t, asked, 1)
	})
}
