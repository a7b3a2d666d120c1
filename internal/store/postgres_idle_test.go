package store

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/postgrestest"
)

// idle opens a transaction of another session, which has written and then stands still.
func idle(t *testing.T, address string) {
	t.Helper()
	db, err := sql.Open("pgx", address+"&application_name=report")
	require.NoError(t, err)
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT pg_current_xact_id()`)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, tx.Rollback())
		require.NoError(t, db.Close())
	})
}

// While a transaction of another session is open, the places of leads that have left
// stay in the index. Few claims pass over them all.
func TestAnIdleTransactionKeepsNoLeadWaiting(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const gone, waiting, claims, slow = 60_000, 1000, 300, 10
	address := postgrestest.Database(t)
	s, err := OpenPostgres(t.Context(), address, PostgresOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	FillPostgres(t, s, "casas", 0, gone+waiting)
	idle(t, address)
	_, err = s.people.Exec(`UPDATE leads SET state = 'confirmed', due_at = NULL
		WHERE remote_id IN (SELECT remote_id FROM leads WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $1)`, gone)
	require.NoError(t, err)
	passed := func() (n int) {
		time.Sleep(1100 * time.Millisecond) // a session tells once a second what it has read
		_, _, err := s.Begin(t.Context(), "lofts", lead.Due{Now: time.Now(), N: 1, SkipPeek: true})
		require.NoError(t, err)
		require.NoError(t, s.people.QueryRow(`SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'leads_due'`).Scan(&n))
		return n
	}
	before := passed()
	for range claims {
		now := time.Now()
		due, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: now, N: 1, Lease: time.Minute})
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.NoError(t, s.Settle(t.Context(), due[0], lead.Settlement{State: lead.Delivered, At: now, DueAt: now.Add(time.Minute)}))
	}
	require.Less(t, passed()-before, slow*gone)

	// A lead that comes back to its place below all others is found at once.
	due, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
	require.NoError(t, err)
	back := lead.Settlement{State: lead.Queued, At: time.Now(), DueAt: due[0].WasDueAt.Add(-24 * time.Hour)}
	require.NoError(t, s.Settle(t.Context(), due[0], back))
	again, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Equal(t, due[0].Lead.RemoteID, again[0].Lead.RemoteID)
}

// Who holds back the database's cleaning up is known, also to a role that may not see
// when the transaction began.
func TestWhoHoldsBackCleaningUp(t *testing.T) {
	address := postgrestest.Database(t)
	s, err := OpenPostgres(t.Context(), address, PostgresOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	none, err := s.HeldBack(t.Context())
	require.NoError(t, err)
	require.Equal(t, HeldBack{}, none)

	begun := time.Now()
	idle(t, address)
	h, err := s.HeldBack(t.Context())
	require.NoError(t, err)
	require.Equal(t, "report", h.Application)
	require.Equal(t, "idle in transaction", h.State)
	require.WithinDuration(t, begun, h.Since, 5*time.Second)

	_, err = s.people.Exec(`CREATE ROLE stranger; GRANT SELECT ON ALL TABLES IN SCHEMA public TO stranger`)
	require.NoError(t, err)
	s.read.SetMaxOpenConns(1)
	_, err = s.read.Exec(`SET ROLE stranger`)
	require.NoError(t, err)
	defer func() {
		_, err := s.people.Exec(`REVOKE ALL ON ALL TABLES IN SCHEMA public FROM stranger; DROP ROLE stranger`)
		require.NoError(t, err)
	}()
	before := time.Now()
	h, err = s.HeldBack(t.Context())
	require.NoError(t, err)
	require.Positive(t, h.Process)
	require.Empty(t, h.State)
	require.False(t, h.Since.Before(begun))
	require.False(t, h.Since.After(before), "it was seen before")
}
