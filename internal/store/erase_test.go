package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

const days = 24 * time.Hour

func keepApart(t *testing.T, s *store.Store) lead.RemoteID {
	t.Helper()
	l := storetest.Draft(t, time.Now())
	l.Quarantine("trap")
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(t, err)
	return kept.RemoteID
}

func ids(t *testing.T, s *store.Store) (all []lead.RemoteID) {
	t.Helper()
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 1000})
	require.NoError(t, err)
	for _, l := range leads {
		all = append(all, l.RemoteID)
	}
	slices.Sort(all)
	return all
}

func erase(t *testing.T, s *store.Store, state lead.State, after time.Duration) int {
	t.Helper()
	n, err := s.Erase(t.Context(), state, time.Now().Add(-after))
	require.NoError(t, err)
	return n
}

// What is kept for so many days counts from when it came into its state: what a
// person threw away yesterday is there, however long ago it came.
func TestWhatHasEndedIsErasedByItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "leads.db"))
		defer func() { require.NoError(t, s.Close()) }()
		waits, apart, thrown, seen := keep(t, s, time.Now()), keepApart(t, s), keepApart(t, s), keep(t, s, time.Now())
		claims, _, err := s.Begin(t.Context(), storetest.Draft(t, time.Now()).Site, lead.Due{Now: time.Now(), N: 2, Lease: time.Minute})
		require.NoError(t, err)
		require.Len(t, claims, 2, "both have an attempt")
		time.Sleep(60 * days)
		_, err = s.Amend(t.Context(), thrown, func(l *lead.Lead) error { return l.Discard() })
		require.NoError(t, err)
		for _, c := range claims {
			require.NoError(t, s.Settle(t.Context(), c, lead.Settlement{
				State: lead.Delivered, At: time.Now(), Tries: 1, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, EndedAt: time.Now()},
			}))
		}
		news, err := s.Confirm(t.Context(), seen, time.Now(), "")
		require.NoError(t, err)
		require.True(t, news)

		time.Sleep(29 * days)
		require.Zero(t, erase(t, s, lead.Quarantined, 90*days))
		require.Zero(t, erase(t, s, lead.Discarded, 30*days))
		require.Zero(t, erase(t, s, lead.Confirmed, 30*days))
		_, err = s.Amend(t.Context(), thrown, func(l *lead.Lead) error { return l.Edit(map[lead.Field]string{lead.Name: "Luz"}, lead.Rules{}) })
		require.NoError(t, err, "an edit is no move")
		time.Sleep(days + time.Second)
		require.Equal(t, 1, erase(t, s, lead.Discarded, 30*days))
		require.Equal(t, []lead.RemoteID{waits, apart, seen}, ids(t, s))
		require.Equal(t, 1, erase(t, s, lead.Quarantined, 90*days))
		require.Equal(t, 1, erase(t, s, lead.Confirmed, 30*days))
		require.Equal(t, []lead.RemoteID{waits}, ids(t, s))
		require.Equal(t, 1, store.Attempts(t, s), "of the lead that is left")
		require.Greater(t, keep(t, s, time.Now()), seen, "no number comes twice")
	})
}

// A lead whose time is short is there until a webhook that was away has been told of it, or is
// given up.
func TestWhatIsYetToBeToldIsNotErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "leads.db"))
		defer func() { require.NoError(t, s.Close()) }()
		site := storetest.Draft(t, time.Now()).Site
		hook := lead.HookChannel(site, "https://crm.mx/")
		s.Subscribe(map[string][]lead.Subscription{site: {{Channel: hook, Notices: []lead.Notice{lead.NoticeReceived}}}})
		told, untold := keep(t, s, time.Now()), keep(t, s, time.Now())
		for _, id := range []lead.RemoteID{told, untold} {
			isNews, err := s.Confirm(t.Context(), id, time.Now(), "")
			require.NoError(t, err)
			require.True(t, isNews)
		}
		all, err := s.ClaimDeliveries(t.Context(), hook, time.Now(), 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, all, 2)
		for _, d := range all {
			if d.RemoteID == told {
				require.NoError(t, s.SettleDelivery(t.Context(), d, lead.DeliveryEnd{State: lead.DeliveryTaken, Status: 200, At: time.Now()}))
			}
		}
		time.Sleep(25 * time.Hour)
		require.Equal(t, 1, erase(t, s, lead.Confirmed, days))
		require.Equal(t, []lead.RemoteID{untold}, ids(t, s))
		time.Sleep(2 * days)
		require.NoError(t, s.TidyDeliveries(t.Context(), []lead.Channel{hook}, time.Now().Add(-3*days)))
		require.Equal(t, 1, erase(t, s, lead.Confirmed, days))
	})
}

// A million leads fall due at once while visitors' leads are kept: they go, and nobody
// waits for it.
func TestAMillionErased(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	leads := 1000
	if os.Getenv("LEADRELAY_TORTURE") == "full" {
		leads = 1_000_000
	}
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "leads.db")
		s := open(t, path)
		apart := keepApart(t, s)
		require.NoError(t, s.Close())
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)")
		require.NoError(t, err)
		_, err = db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO leads (remote_id, site, state, property_id, body, received_at, reason)
			SELECT remote_id + i, site, state, property_id, json_set(body, '$.message', $2), received_at, reason FROM leads, n WHERE remote_id = $3`,
			leads-1, strings.Repeat("x", 3000), int64(apart))
		require.NoError(t, err)
		_, err = db.Exec(`UPDATE remote_ids SET last = (SELECT max(remote_id) FROM leads) WHERE tick = 'ms'`)
		require.NoError(t, err)
		require.NoError(t, db.Close())
		s = open(t, path)
		defer func() { require.NoError(t, s.Close()) }()
		eraseManyBesideVisitors(t, s, leads)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		address := newPostgres(t)
		s := openPostgres(t, address)
		apart := keepApart(t, s)
		db, err := sql.Open("pgx", address)
		require.NoError(t, err)
		// No two messages are alike: PostgreSQL would store them compressed.
		_, err = db.Exec(`INSERT INTO leads (remote_id, site, state, property_id, body, received_at, reason)
			SELECT remote_id - i, site, state, property_id, jsonb_set(body::jsonb, '{message}', to_jsonb((SELECT string_agg(md5((i * 90 + n)::text), '') FROM generate_series(1, 90) AS n)))::text,
				received_at, reason
			FROM leads, generate_series(1, $1) AS i WHERE remote_id = $2`, leads-1, int64(apart))
		require.NoError(t, err)
		_, err = db.Exec(`VACUUM ANALYZE leads`)
		require.NoError(t, err)
		require.NoError(t, db.Close())
		eraseManyBesideVisitors(t, s, leads)
	})
}

// eraseManyBesideVisitors erases what is quarantined while leads are kept.
func eraseManyBesideVisitors(t *testing.T, s *store.Store, leads int) {
	t.Helper()
	alone := keepsUntil(t, s, time.After(time.Second))
	done := make(chan time.Time)
	var erased int
	var err error
	begun := time.Now()
	go func() {
		erased, err = s.Erase(t.Context(), lead.Quarantined, time.Now())
		done <- time.Now()
	}()
	beside := keepsUntil(t, s, done)
	require.NoError(t, err)
	require.Equal(t, leads, erased)
	t.Logf("%d erased in %v; to keep a lead took p50 %v and p99 %v alone, %v, %v and at most %v beside it",
		erased, time.Since(begun), alone[len(alone)/2], alone[len(alone)*99/100], beside[len(beside)/2], beside[len(beside)*99/100], beside[len(beside)-1])
	require.Less(t, beside[len(beside)/2], 50*time.Millisecond)
	require.Less(t, beside[len(beside)*99/100], time.Second)
}

// keepsUntil keeps a lead every few milliseconds, and returns how long each took,
// sorted.
func keepsUntil(t *testing.T, s *store.Store, end <-chan time.Time) (took []time.Duration) {
	t.Helper()
	for {
		begun := time.Now()
		keep(t, s, begun)
		took = append(took, time.Since(begun))
		select {
		case <-end:
			slices.Sort(took)
			return took
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// What was discarded under the version before is not erased by the first start
// of this one, however long ago it had come.
func TestWhatAFormerVersionDiscardedStaysForNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "leads.db")
		s := open(t, path)
		thrown := keepApart(t, s)
		time.Sleep(60 * days)
		_, err := s.Amend(t.Context(), thrown, func(l *lead.Lead) error { return l.Discard() })
		require.NoError(t, err)
		require.NoError(t, s.Ready(t.Context()), "it lives")
		require.NoError(t, s.Close())
		exec(t, path, back6+`DROP INDEX leads_ended; ALTER TABLE leads DROP COLUMN moved_at; DELETE FROM schema_versions WHERE version >= 6; UPDATE pulse SET beat_at = `+
			strconv.FormatInt(time.Now().UnixMilli(), 10))
		s = open(t, path)
		defer func() { require.NoError(t, s.Close()) }()
		require.Zero(t, erase(t, s, lead.Discarded, 30*days))
		time.Sleep(31 * days)
		require.Equal(t, 1, erase(t, s, lead.Discarded, 30*days))
	})
}
