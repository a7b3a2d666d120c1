package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
	"leadrelay/internal/store/storetest"
)

var newPostgres = store.NewPostgres

func openPostgres(tb testing.TB, address string) *store.Store {
	tb.Helper()
	s, err := store.OpenPostgres(tb.Context(), address, store.PostgresOptions{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

func TestPostgres(t *testing.T) {
	fewHistories(t)
	t.Parallel()
	run := storetest.Run
	if testing.Short() {
		run = storetest.RunWhatRaces
	}
	run(t, func(t *testing.T) *store.Store { return openPostgres(t, newPostgres(t)) })
}

// Two processes that get the same inquiries at the same time keep each once, and
// their couriers claim different leads.
func TestTwoProcessesShareADatabase(t *testing.T) {
	const inquiries = 40
	address := newPostgres(t)
	stores := []*store.Store{openPostgres(t, address), openPostgres(t, address)}
	var all sync.WaitGroup
	for i := range inquiries {
		for _, s := range stores {
			all.Go(func() {
				l := storetest.Draft(t, time.Now())
				l.Message = fmt.Sprint("Hola ", i)
				sub := lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()}
				if i%2 == 0 {
					sub.Key = lead.KeyOf(l.Site, l.Message)
				}
				_, err := s.Keep(t.Context(), sub)
				assert.NoError(t, err)
			})
		}
	}
	all.Wait()
	leads, _, err := stores[0].List(t.Context(), lead.Filter{Limit: 3 * inquiries})
	require.NoError(t, err)
	require.Len(t, leads, inquiries)

	claimed := make([][]lead.Claim, len(stores))
	for i, s := range stores {
		all.Go(func() {
			for range inquiries {
				claims, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 3, Lease: time.Minute})
				assert.NoError(t, err)
				claimed[i] = append(claimed[i], claims...)
			}
		})
	}
	all.Wait()
	ids := map[lead.RemoteID]bool{}
	for _, c := range slices.Concat(claimed...) {
		require.False(t, ids[c.Lead.RemoteID])
		ids[c.Lead.RemoteID] = true
	}
	require.Len(t, ids, inquiries)
}

// The clocks of two processes may differ. The database's counts, for repeats and for
// what is written.
func TestTheClockIsTheDatabases(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	address := newPostgres(t)
	right, wrong := openPostgres(t, address), openPostgres(t, address)
	store.SetClock(wrong, hour)
	at := time.Now()
	sent := func(s *store.Store, at time.Time) lead.Kept {
		sub := inquiry(t, "Hola")
		sub.Lead.ReceivedAt, sub.Lead.DueAt = at, at
		kept, err := s.Keep(t.Context(), sub)
		require.NoError(t, err)
		return kept
	}
	first := sent(wrong, at.Add(hour))
	store.SweepKeys(t, wrong)
	require.Equal(t, lead.Kept{RemoteID: first.RemoteID, Again: true}, sent(right, at))
	l, _, err := right.Find(t.Context(), first.RemoteID)
	require.NoError(t, err)
	require.WithinDuration(t, at, l.ReceivedAt, 2*time.Second)
	require.Equal(t, l.ReceivedAt, l.DueAt)

	execute(t, address, `UPDATE repeats SET kept_at = kept_at - 660000`)
	require.False(t, sent(wrong, at.Add(hour)).Again, "the same words after eleven minutes")
}

// A lead that waits for its mail domain is known by the time at which it is due, though
// the process's clock differs. What a person moves, and what is erased, goes by the
// database's clock, too.
func TestAClockThatDiffersFromTheDatabases(t *testing.T) {
	const hour = time.Hour
	for _, ahead := range []time.Duration{hour, -hour} {
		address := postgrestest.Database(t)
		postgrestest.SetClock(t, address, ahead)
		s := openPostgres(t, address)
		now, err := s.Now(t.Context())
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(ahead), now, 5*time.Second)

		sub := inquiry(t, "Hola")
		sub.Lead.DelayUntil(sub.Lead.ReceivedAt.Add(10 * time.Second))
		kept, err := s.Keep(t.Context(), sub)
		require.NoError(t, err)
		require.WithinDuration(t, now.Add(10*time.Second), kept.DueAt, 5*time.Second)
		done, err := s.Quarantine(t.Context(), kept.RemoteID, kept.DueAt, "no_mail")
		require.NoError(t, err)
		require.True(t, done)

		_, err = s.Amend(t.Context(), kept.RemoteID, func(l *lead.Lead) error { return l.Discard() })
		require.NoError(t, err)
		n, err := s.Erase(t.Context(), lead.Discarded, now.Add(-time.Second))
		require.NoError(t, err)
		require.Zero(t, n, "it was thrown away just now")
		n, err = s.Erase(t.Context(), lead.Discarded, now.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
}

// A store has no more connections than it may, however many people and couriers come.
func TestConnectionsAreCounted(t *testing.T) {
	for _, most := range []int{5, store.DefaultConnections} {
		address := newPostgres(t)
		s, err := store.OpenPostgres(t.Context(), address, store.PostgresOptions{Connections: most})
		require.NoError(t, err)
		// Whoever has a connection keeps it for a while.
		execute(t, address, `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$`,
			`CREATE TRIGGER wait AFTER INSERT ON leads FOR EACH STATEMENT EXECUTE FUNCTION wait()`)
		var all sync.WaitGroup
		for i := range 4 * most {
			all.Go(func() {
				_, err := s.Keep(t.Context(), inquiry(t, fmt.Sprint(i)))
				assert.NoError(t, err)
				_, _, err = s.List(t.Context(), lead.Filter{Limit: 10})
				assert.NoError(t, err)
				_, _, err = s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		var connections int
		require.NoError(t, session(t, address).QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leadrelay' AND datname = current_database()`).Scan(&connections))
		require.LessOrEqual(t, connections, most)
		require.GreaterOrEqual(t, connections, 3, "those who keep, write, and read")
		require.NoError(t, s.Close())
	}
}

// A server may be set so that it forgets what it has committed.
func TestRisks(t *testing.T) {
	t.Parallel()
	address := newPostgres(t)
	s := openPostgres(t, address)
	risks, err := s.Risks(t.Context())
	require.NoError(t, err)
	require.NotContains(t, risks, "synchronous_commit") // the tests' server risks other things

	execute(t, address, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
	risks, err = openPostgres(t, address).Risks(t.Context())
	require.NoError(t, err)
	require.Contains(t, risks, "synchronous_commit")
}
