package store

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
