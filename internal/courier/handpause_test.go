package courier_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// handPause is the site's pause by a person, as an operator sees it.
func handPause(c *courier.Courier, site string) (found lead.Credential) {
	for _, one := range c.Status() {
		if one.State == lead.SitePausedByHand && slices.Contains(one.Sites, site) {
			found = one
		}
	}
	return found
}

// startPausable starts a world whose sites can be paused.
func startPausable(t *testing.T, b *broker, opt courier.Options, routes ...courier.Route) *world {
	t.Helper()
	w := newWorld(t, b)
	opt.Pauses = w.store
	w.run(w.store, b, opt, routes...)
	return w
}

func (w *world) pauseFor(site string, length time.Duration) {
	w.Helper()
	require.NoError(w, w.courier.Pause(w.Context(), []string{site}, lead.Pause{Until: time.Now().Add(length), Why: "mantenimiento"}))
	synctest.Wait() // for a claim that was under way
}

// Nothing of the site goes out before the end. Another site that shares the credential is
// not delayed, and what is in doubt is looked up.
func TestAPauseByHand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lofts := casas
		lofts.Site = "lofts"
		w := startPausable(t, &broker{page: 50}, courier.Options{}, casas, lofts)
		delivered := w.post("casas")
		w.await(delivered, lead.Delivered, time.Second)
		w.pauseFor("casas", time.Hour)
		begun := time.Now()
		require.Equal(t, lead.Credential{
			Sites: []string{"casas"}, State: lead.SitePausedByHand, Reason: "mantenimiento", Since: begun.UTC(), Until: begun.Add(time.Hour).UTC(),
		}, handPause(w.courier, "casas"))
		var waiting []lead.RemoteID
		for range 20 {
			waiting = append(waiting, w.post("casas"))
			w.await(w.post("lofts"), lead.Delivered, time.Second)
			time.Sleep(time.Minute)
		}
		w.await(delivered, lead.Confirmed, time.Second)
		require.Equal(t, map[lead.State]int{lead.Queued: 20}, w.states(waiting))
		_, attempts := w.find(waiting[0])
		require.Empty(t, attempts)

		time.Sleep(time.Until(begun.Add(time.Hour)) - time.Second)
		require.Equal(t, map[lead.State]int{lead.Queued: 20}, w.states(waiting))
		time.Sleep(4 * time.Second)
		require.Zero(t, w.states(waiting)[lead.Queued], "it ends by itself")
		require.Empty(t, handPause(w.courier, "casas").State)
	})
}

func TestAPauseByHandIsEndedByHand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startPausable(t, &broker{page: 50}, courier.Options{})
		w.pauseFor("casas", 24*time.Hour)
		id := w.post("casas")
		time.Sleep(3 * time.Hour)
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states([]lead.RemoteID{id}))
		require.NoError(t, w.courier.Resume(t.Context(), []string{"casas"}))
		w.await(id, lead.Delivered, time.Second)
	})
}

// Neither a restart nor what EasyBroker answers ends it.
func TestAPauseByHandStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{page: 50, about: refusing(status(404), agency("GONE", 20))}
		w := startPausable(t, b, courier.Options{})
		for i := range 20 {
			w.postAbout("casas", agency("GONE", 20)[i])
		}
		time.Sleep(time.Minute)
		require.True(t, w.isPaused(), "by the courier itself")
		w.pauseFor("casas", 2*time.Hour)
		require.NotEmpty(t, handPause(w.courier, "casas").State)
		id := w.postAbout("casas", "EB-GOOD")
		time.Sleep(time.Hour)
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states([]lead.RemoteID{id}), "not even a trial is made")

		w.run(w.store, b, courier.Options{Pauses: w.store})
		time.Sleep(30 * time.Minute)
		require.NotEmpty(t, handPause(w.courier, "casas").State)
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states([]lead.RemoteID{id}))
		time.Sleep(time.Hour)
		w.await(id, lead.Delivered, time.Second)
	})
}

// cutOff makes the broker unreachable, or reachable again.
func (b *broker) cutOff(isAway bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer, b.listErr = nil, nil
	if isAway {
		b.answer, b.listErr = notSent, &easybroker.NotSentError{Err: errReset}
	}
}

// A pause that lasts longer than the deadline fails no lead: what is left of it counts
// from the end of the pause. It is told then why a lead has failed.
func TestAPauseByHandOutlastsTheDeadline(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		b := &broker{page: 50}
		w := startPausable(t, b, courier.Options{Deadline: 24 * time.Hour})
		b.cutOff(true)
		begun := time.Now()
		var before, during []lead.RemoteID
		for range 10 { // enough for the breaker
			before = append(before, w.post("casas"))
		}
		sleepUntil := func(later time.Duration) { time.Sleep(time.Until(begun.Add(later))) }
		sleepUntil(time.Hour)
		w.pauseFor("casas", 72*time.Hour)
		sleepUntil(2 * time.Hour)
		during = append(during, w.post("casas"))
		sleepUntil(95 * time.Hour)
		require.Equal(t, lead.CredentialDown, w.credential().State)
		require.Equal(t, map[lead.State]int{lead.Queued: 11}, w.states(slices.Concat(before, during)), "an hour is left")
		sleepUntil(96*time.Hour + 30*time.Minute)
		require.Equal(t, map[lead.State]int{lead.Failed: 10}, w.states(before), "the pause was 72 hours, and the deadline 24")
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states(during))
		l, _ := w.find(before[0])
		require.Equal(t, lead.ReasonDeadline, l.Reason)
		b.cutOff(false)
		w.await(during[0], lead.Delivered, time.Minute)
	})
}

// A lead that has reached its deadline in the pause is tried when it ends.
func TestALeadIsTriedAfterALongPause(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	bubble(t, func(t *testing.T) {
		w := startPausable(t, &broker{page: 50}, courier.Options{Deadline: time.Hour})
		w.pauseFor("casas", 30*24*time.Hour)
		id := w.post("casas")
		time.Sleep(30*24*time.Hour - time.Minute)
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states([]lead.RemoteID{id}))
		time.Sleep(time.Minute)
		w.await(id, lead.Delivered, time.Second)
	})
}

// brokenPauses cannot be read for a while.
type brokenPauses struct {
	*store.Store
	isAway *atomic.Bool
}

// Pauses implements [courier.Pauses].
func (p brokenPauses) Pauses(ctx context.Context) ([]lead.Pause, error) {
	if p.isAway.Load() {
		return nil, errors.New("the database is away")
	}
	return p.Store.Pauses(ctx)
}

// Nothing is sent before it is known whether that is wanted.
func TestNothingIsSentBeforeThePausesAreKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{page: 50}
		w := startPausable(t, b, courier.Options{})
		w.pauseFor("casas", time.Hour)
		w.halt()
		away := new(atomic.Bool)
		away.Store(true)
		w.run(w.store, b, courier.Options{Pauses: brokenPauses{w.store, away}})
		id := w.post("casas")
		time.Sleep(time.Minute)
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states([]lead.RemoteID{id}))
		away.Store(false)
		time.Sleep(10 * time.Minute)
		require.Equal(t, map[lead.State]int{lead.Queued: 1}, w.states([]lead.RemoteID{id}))
		time.Sleep(time.Hour)
		w.await(id, lead.Delivered, time.Second)
	})
}

// A person asks any replica. The one that carries the credential heeds it a second later,
// and so does who takes the credential over.
func TestAPauseByHandIsHeededByAllReplicas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{page: 50}
		w := startReplicas(t, b)
		for range 2 {
			r := &replica{Store: w.store, table: &leaseTable{leases: map[string]*leaseRow{}}, broker: b}
			if len(w.all) > 0 {
				r.table = w.all[0].table
			}
			w.all = append(w.all, r)
			w.start(r, courier.Options{Pauses: w.store})
			time.Sleep(time.Second)
		}
		postFor := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				w.post("casas")
			}
		}
		postFor(5 * time.Second)
		require.NotZero(t, w.all[0].posts.Load())
		require.NoError(t, w.all[1].courier.Pause(t.Context(), []string{"casas"}, lead.Pause{Until: time.Now().Add(time.Hour), Why: "mantenimiento"}))
		postFor(1100 * time.Millisecond)
		require.NotEmpty(t, handPause(w.all[0].courier, "casas").State, "each of them tells of it")
		calls := w.posts()
		postFor(10 * time.Second)
		require.Equal(t, calls, w.posts(), "no attempt begins")
		w.all[0].kill()
		postFor(30 * time.Second)
		require.Equal(t, calls, w.posts(), "whoever takes over heeds it, too")
		require.NoError(t, w.all[1].courier.Resume(t.Context(), []string{"casas"}))
		time.Sleep(2 * time.Second)
		require.NotEqual(t, calls, w.posts())
	})
}
