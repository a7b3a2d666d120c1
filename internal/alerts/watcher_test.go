package alerts

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/alerts/channel"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// world is a relay's store and courier, and a channel that remembers.
type world struct {
	mu          sync.Mutex
	credentials []lead.Credential
	heard       []channel.Message
	at          []time.Duration
	fails       error
	beats       int
}

func (w *world) status() []lead.Credential {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.credentials
}

func (w *world) set(all ...lead.Credential) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.credentials = all
}

func (w *world) hear(_ context.Context, m channel.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil {
		w.at = append(w.at, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
		return w.fails
	}
	w.heard = append(w.heard, m)
	return nil
}

func (w *world) titles() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.heard {
		all = append(all, m.Title)
	}
	return all
}

func (w *world) counted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.beats
}

func (w *world) options() Options {
	return Options{Rules: usual(), Lang: "en", Log: zerolog.Nop(), Channels: []Channel{{Name: "ntfy", Send: w.hear}}, Link: "https://ops.casas.mx", Beat: func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.beats++
		return nil
	}}
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	return s
}

// watch runs a watcher until the function that it returns is called.
func watch(t *testing.T, w *Watcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// A revoked key is told of within a minute and a few seconds, once, over restarts, and so
// is its end.
func TestAKeyThatIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := openStore(t), new(world)
		defer func() { require.NoError(t, s.Close()) }()
		first := New(s, w.status, w.options())
		stop := watch(t, first)
		time.Sleep(10 * time.Minute)
		require.Empty(t, w.titles())
		w.set(credential(lead.CredentialHeld, time.Now(), "casas"))
		time.Sleep(time.Minute + 15*time.Second)
		const held = "leadrelay: “casas”: EasyBroker refuses the key (401)"
		require.Equal(t, []string{held}, w.titles())
		require.Contains(t, w.heard[0].Text, "No lead is lost")
		require.Contains(t, w.heard[0].Text, "Ask EasyBroker for a key that works")
		require.Equal(t, "https://ops.casas.mx", w.heard[0].Link)
		require.NoError(t, testutil.CollectAndCompare(first, strings.NewReader(`
# HELP leadrelay_alert_failures_total Messages about trouble that a channel did not take, by channel.
# TYPE leadrelay_alert_failures_total counter
leadrelay_alert_failures_total{channel="ntfy"} 0
`), "leadrelay_alert_failures_total"))
		stop()

		second := New(s, w.status, w.options())
		stop = watch(t, second)
		defer func() { stop() }()
		time.Sleep(10 * time.Minute)
		require.Len(t, w.titles(), 1, "it was told before the restart")
		require.Equal(t, w.heard[0].Sequence, second.Alerts()[0].ID)
		w.set(credential(lead.CredentialWorking, time.Now(), "casas"))
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{held, "leadrelay: Over: “casas”: EasyBroker refuses the key (401)"}, w.titles())
		require.Equal(t, w.heard[0].Sequence, w.heard[1].Sequence)
		require.True(t, w.heard[1].IsOver)
		require.InDelta(t, 22, w.counted(), 4, "a heartbeat a minute")
	})
}

// A failed lead that a person has looked at is over.
func TestAFailedLeadIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := openStore(t), new(world)
		defer func() { require.NoError(t, s.Close()) }()
		l, err := lead.New(lead.Inquiry{Site: "casas", PropertyID: "EB-1", Email: "canario@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), time.Now())
		require.NoError(t, err)
		l.State, l.DueAt, l.Reason = lead.Failed, time.Time{}, "canario"
		_, err = s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		watcher := New(s, w.status, w.options())
		stop := watch(t, watcher)
		defer func() { stop() }()
		time.Sleep(15 * time.Second)
		require.Equal(t, []string{"leadrelay: 1 lead of “casas” waits for you"}, w.titles())
		require.NotContains(t, w.heard[0].Text, "canario")
		_, err = watcher.See(t.Context(), "nowhere")
		require.ErrorIs(t, err, lead.ErrNotFound)
		seen, err := watcher.See(t.Context(), watcher.Alerts()[0].ID)
		require.NoError(t, err)
		require.Equal(t, lead.AlertFailed, seen.Kind)
		time.Sleep(15 * time.Second)
		require.Equal(t, "leadrelay: Over: 1 lead of “casas” waits for you", w.titles()[1])
	})
}

// A channel that fails is tried again within 30 s, then ever less often, and hears at last.
// Another is told meanwhile.
func TestAChannelThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, other := openStore(t), new(world), new(world)
		defer func() { require.NoError(t, s.Close()) }()
		w.fails = errors.New("refused")
		opt := w.options()
		opt.Channels = append(opt.Channels, Channel{Name: "smtp", Send: other.hear}, Channel{Name: "deaf", Send: func(ctx context.Context, _ channel.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		watcher := New(s, w.status, opt)
		stop := watch(t, watcher)
		w.set(credential(lead.SitePaused, time.Now(), "casas"))
		time.Sleep(40 * time.Minute)
		require.Len(t, other.titles(), 1)
		stop()
		require.LessOrEqual(t, w.at[1]-w.at[0], 30*time.Second)
		for i := range w.at[2:] {
			require.GreaterOrEqual(t, w.at[i+2]-w.at[i+1], w.at[i+1]-w.at[i], "it is tried ever less often")
		}
		require.Less(t, len(w.at), 16)
		require.InDelta(t, len(w.at), testutil.ToFloat64(watcher.failures.WithLabelValues("ntfy")), 0)
		w.fails = nil
		defer watch(t, New(s, w.status, opt))()
		time.Sleep(time.Minute)
		require.Len(t, w.titles(), 1)
	})
}

// The store that cannot be reached is told of, and so is its end.
func TestAStoreThatCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := openStore(t), new(world)
		defer func() { require.NoError(t, s.Close()) }()
		away := &awayStore{Store: s}
		stop := watch(t, New(away, w.status, w.options()))
		defer func() { stop() }()
		time.Sleep(time.Minute)
		away.set(errors.New("away"))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"leadrelay: Nothing can be written to the database"}, w.titles())
		require.Contains(t, w.heard[0].Text, "Look at the disk of the database, or at its server")
		beats := w.counted()
		time.Sleep(10 * time.Minute)
		require.Equal(t, beats, w.counted(), "no heartbeat says that all is well")
		away.set(nil)
		time.Sleep(2 * time.Minute)
		require.Equal(t, "leadrelay: Over: Nothing can be written to the database", w.titles()[1])
		require.Greater(t, w.counted(), beats)
	})
}

// A store that could not be reached from the start is told of as soon, by a relay that has it
// to itself.
func TestAStoreThatWasNeverReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := openStore(t), new(world)
		defer func() { require.NoError(t, s.Close()) }()
		away := &awayStore{Store: s}
		away.set(errors.New("away"))
		stop := watch(t, New(away, w.status, w.options()))
		defer func() { stop() }()
		time.Sleep(time.Minute)
		require.Equal(t, []string{"leadrelay: Nothing can be written to the database"}, w.titles())
	})
}

// awayStore is a store that cannot be reached for a while.
type awayStore struct {
	*store.Store
	mu  sync.Mutex
	err error
}

func (s *awayStore) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *awayStore) away() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// TakeAlertTurn implements [Store].
func (s *awayStore) TakeAlertTurn(ctx context.Context, holder string, length time.Duration) (bool, error) {
	if err := s.away(); err != nil {
		return false, err
	}
	return s.Store.TakeAlertTurn(ctx, holder, length)
}

// Ready implements [Store].
func (s *awayStore) Ready(ctx context.Context) error {
	return errors.Join(s.away(), s.Store.Ready(ctx))
}

// SaveAlerts implements [Store].
func (s *awayStore) SaveAlerts(ctx context.Context, holder string, all []lead.Alert) error {
	if err := s.away(); err != nil {
		return err
	}
	return s.Store.SaveAlerts(ctx, holder, all)
}

// hoursStore is a store whose site had inquiries in these hours.
type hoursStore struct {
	*store.Store
	hours
}

// Stats implements [StatsStore].
func (s hoursStore) Stats(ctx context.Context, q lead.StatsQuery) ([]lead.Bucket, error) {
	return s.hours.Stats(ctx, q)
}

// Any relay knows who is quiet, also one that tells nobody. Once an alert tells of the
// silence, nothing hints at it any more.
func TestEachRelayKnowsWhoIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		defer func() { require.NoError(t, s.Close()) }()
		var came hours
		for day := range 28 {
			for hour := range 5 {
				came = append(came, time.Now().AddDate(0, 0, day-28).Add(time.Duration(2*hour)*time.Hour))
			}
		}
		last := came[len(came)-1].Truncate(time.Hour)
		w := New(hoursStore{s, came}, new(world).status, new(world).options())
		require.Empty(t, w.Quiet(t.Context()), "sixteen hours are nothing")
		time.Sleep(12 * time.Hour)
		all := w.Quiet(t.Context())
		require.Len(t, all, 1)
		require.Equal(t, "casas", all[0].Site)
		require.True(t, last.Equal(all[0].Since))
		require.Greater(t, all[0].TimesAYear, 1)
		require.Less(t, all[0].TimesAYear, 52)
		time.Sleep(5 * 24 * time.Hour)
		require.Equal(t, 1, w.Quiet(t.Context())[0].TimesAYear)
		stop := watch(t, w)
		defer func() { stop() }()
		time.Sleep(2 * time.Minute)
		require.Equal(t, lead.AlertSilence, w.Alerts()[0].Kind)
		require.Empty(t, w.Quiet(t.Context()))
	})
}
