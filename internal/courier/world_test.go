package courier_test

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) != "" {
		runChild()
		return
	}
	couriertest.Main(postgrestest.Main{M: m})
}

var bubble = couriertest.Bubble

var account = easybroker.Account{Key: secret.New("k"), Country: "MX", API: easybroker.Partner}

// plainAccount is an account whose list has no remote ids.
func plainAccount() easybroker.Account {
	plain := account
	plain.API = easybroker.Plain
	return plain
}

// casas is the route of the site that most tests have.
var casas = courier.Route{Site: "casas", Account: account, SendSource: true}

// world is a relay without a public door: the real store and the real courier.
type world struct {
	*testing.T
	store   *store.Store
	broker  *broker
	courier *courier.Courier   // the last one that ran
	cancel  context.CancelFunc // nil unless it runs
	done    chan error
}

// newWorld returns a world whose courier does not run yet. It is called in a
// bubble.
func newWorld(t *testing.T, b *broker) *world {
	t.Helper()
	w := &world{T: t, store: couriertest.OpenStore(t), broker: b}
	t.Cleanup(func() {
		w.halt()
		require.NoError(t, w.store.Close())
	})
	return w
}

// start returns a world whose courier runs with the options, and the defaults of
// the settings for those that are zero.
func start(t *testing.T, b *broker, opt courier.Options, routes ...courier.Route) *world {
	t.Helper()
	w := newWorld(t, b)
	w.run(w.store, b, opt, routes...)
	return w
}

// run ends the courier if it runs, and runs another one.
func (w *world) run(outbox courier.Outbox, b courier.Broker, opt courier.Options, routes ...courier.Route) {
	w.Helper()
	w.halt()
	if len(routes) == 0 {
		routes = []courier.Route{casas}
	}
	w.courier = courier.New(outbox, b, routes, couriertest.WithDefaults(opt))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	w.cancel, w.done = cancel, done
	go func(c *courier.Courier) { done <- c.Run(ctx) }(w.courier)
}

// halt ends the courier as SIGTERM does, and waits until it has finished.
func (w *world) halt() {
	w.Helper()
	if w.cancel == nil {
		return
	}
	w.cancel()
	w.cancel = nil
	require.NoError(w, <-w.done)
}

// post does what the public door does with an inquiry.
func (w *world) post(site string) lead.RemoteID {
	w.Helper()
	return w.postAbout(site, "EB-XX1234")
}

func (w *world) postAbout(site, property string) lead.RemoteID {
	w.Helper()
	return w.keep(site, property, time.Now())
}

// postAt is post by another clock.
func (w *world) postAt(now time.Time) lead.RemoteID {
	w.Helper()
	return w.keep("casas", "EB-XX1234", now)
}

func (w *world) keep(site, property string, at time.Time) lead.RemoteID {
	w.Helper()
	l, err := lead.New(lead.Inquiry{
		Site: site, PropertyID: property, Name: "Ana", Email: "ana@ejemplo.mx", Phone: "55 1234 5678", Message: "Hola",
	}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(w, err)
	kept, err := w.store.Keep(w.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(w, err)
	if w.courier != nil {
		w.courier.Wake(site)
	}
	return kept.RemoteID
}

func (w *world) find(id lead.RemoteID) (lead.Lead, []lead.Attempt) {
	w.Helper()
	l, attempts, err := w.store.Find(w.Context(), id)
	require.NoError(w, err)
	return l, attempts
}

// states counts the leads by state.
func (w *world) states(ids []lead.RemoteID) map[lead.State]int {
	w.Helper()
	all := map[lead.State]int{}
	for _, id := range ids {
		l, _ := w.find(id)
		all[l.State]++
	}
	return all
}

// await lets time pass until the lead is in the state. A delivered lead may have
// been confirmed meanwhile.
func (w *world) await(id lead.RemoteID, state lead.State, within time.Duration) {
	w.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(within / 100) {
		l, attempts := w.find(id)
		if l.State == state || state == lead.Delivered && l.State == lead.Confirmed {
			return
		}
		require.True(w, time.Now().Before(deadline), "still %s (%s) after %s: %+v", l.State, l.Reason, within, attempts)
	}
}

// credential returns the state of the first credential.
func (w *world) credential() lead.Credential { return w.courier.Status()[0] }

// auditor returns an auditor of the courier.
func (w *world) auditor() *courier.Auditor { return courier.NewAuditor(w.courier, w.store) }

// safeBuffer is a log that a test reads while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
