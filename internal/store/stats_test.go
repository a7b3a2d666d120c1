package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
	"leadrelay/internal/store/storetest"
)

// back6 takes a SQLite database back to step 6 of its schema.
const back6 = `DROP TABLE tests; DROP TABLE person_requests; DROP TABLE blocked_leads; DROP TABLE deliveries; DROP TABLE delivery_channels; DROP TABLE audit; DROP TABLE tokens; DROP TABLE alerts; DROP TABLE seen_leads; DROP TRIGGER search_changed; DROP TRIGGER search_gone; DROP TABLE search_blocks; DROP TABLE search_pages; DROP TABLE search_stale;
	DROP TRIGGER leads_moved; DROP TABLE lead_changes; DROP TRIGGER leads_changed; DROP TRIGGER leads_erased; DROP VIEW lead_stats;
	DROP TABLE stats; DROP TABLE stat_kinds; DROP TABLE stat_steps; DROP TABLE shared_secret; DROP TABLE ended_sessions;
	DROP TABLE pauses; DROP TABLE jobs; DROP TABLE job_leads; DELETE FROM schema_versions WHERE version >= 7; DELETE FROM schema_oldest; `

// The leads of a former version are counted at the first start of this one.
func TestTheLeadsOfAFormerVersionAreCounted(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	fill(t, s, 300)
	require.NoError(t, s.Close())
	s = open(t, path)
	want := storetest.Count(storetest.All(t, s))
	require.NoError(t, s.Close())
	exec(t, path, back6)

	s = open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	require.Equal(t, want, storetest.ByHour(t, s))
}

// A transfer leaves the stats as they were, with those of leads that were erased.
func TestStatsAreTransferred(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	first, server, second := filepath.Join(t.TempDir(), "a.db"), postgrestest.Database(t), filepath.Join(t.TempDir(), "b.db")
	s := openEither(t, first)
	fill(t, s, 100)
	l := storetest.Draft(t, time.Now().Add(-49*time.Hour))
	l.Quarantine("trap")
	for _, site := range []string{"Ñandú", "zonas", "Álamos"} { // which servers may sort in another way
		l.Site = site
		_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	s = openEither(t, first) // which makes what was being sent doubtful
	want := storetest.ByHour(t, s)
	n, err := s.Erase(t.Context(), lead.Quarantined, time.Now())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, want, storetest.ByHour(t, s))
	require.NoError(t, s.Close())
	for _, step := range []struct{ from, to string }{{first, server}, {server, second}} {
		require.NoError(t, transfer(t, step.from, step.to, quietly))
		s := openEither(t, step.to)
		require.Equal(t, want, storetest.ByHour(t, s), step.to)
		require.NoError(t, s.Close())
	}
}

// Replicas that keep and carry leads at once, and put their changes into the stats
// meanwhile, count each lead once.
func TestReplicasCountTogether(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	replicas := []*store.Store{openPostgres(t, address), openPostgres(t, address), openPostgres(t, address)}
	var busy errgroup.Group
	for i, s := range replicas {
		busy.Go(func() error {
			for j := range 60 {
				l := storetest.Draft(t, time.Now())
				l.Message = fmt.Sprint("Hola ", i, j)
				if _, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()}); err != nil {
					return err
				}
				claims, _, err := s.Begin(t.Context(), l.Site, lead.Due{Now: time.Now().Add(time.Second), N: 2, Lease: time.Minute, SkipPeek: true})
				if err != nil {
					return err
				}
				for _, c := range claims {
					err := s.Settle(t.Context(), c, lead.Settlement{State: lead.Delivered, At: time.Now(), Attempt: &lead.Attempt{Number: c.Number, EndedAt: time.Now(), Outcome: lead.OutcomeDelivered}})
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		busy.Go(func() error {
			for range 30 {
				if err := s.FoldStats(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, busy.Wait())
	want := storetest.Count(storetest.All(t, replicas[0]))
	require.Equal(t, want, storetest.ByHour(t, replicas[0]))
	require.NoError(t, replicas[0].FoldStats(t.Context()))
	require.Equal(t, want, storetest.ByHour(t, replicas[1]))
}

// BenchmarkStats is what the operator's page reads: 90 days, whatever the number of
// leads.
func BenchmarkStats(b *testing.B) {
	for _, leads := range []int{10, 1_000_000} {
		b.Run(fmt.Sprint(leads, " leads"), func(b *testing.B) {
			s := filled(b, size{leads, 10})
			require.NoError(b, s.Recount(b.Context()))
			q := lead.StatsQuery{After: time.Now().AddDate(0, 0, -90), Before: time.Now(), By: lead.Day, Zone: time.Local}
			b.ResetTimer()
			for b.Loop() {
				if _, err := s.Stats(b.Context(), q); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Overview(b.Context(), time.Now(), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecount is what the first start of this version takes for a million leads.
func BenchmarkRecount(b *testing.B) {
	s := filled(b, size{1_000_000, 10})
	for b.Loop() {
		require.NoError(b, s.Recount(b.Context()))
	}
}
