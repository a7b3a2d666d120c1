package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/postgrestest"
)

// keepWords keeps a lead with words that no other has.
func keepWords(t *testing.T, s *Store, words string) {
	t.Helper()
	l, err := lead.New(lead.Inquiry{Site: "casas", PropertyID: "EB-1", Name: "Ana", Email: "ana@ejemplo.mx", Message: words}, "casas.mx", lead.DefaultRules(), time.Now())
	require.NoError(t, err)
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()})
	require.NoError(t, err)
	require.False(t, kept.Again)
}

// prepared is how many statements the keeper's session knows.
func prepared(t *testing.T, s *Store) (n int) {
	t.Helper()
	require.NoError(t, s.keeper.do(t.Context(), func(tx *writeTx) error {
		return tx.QueryRow(`SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%leads%'`).Scan(&n)
	}))
	return n
}

// Statements are prepared where the session stays ours, and not behind a pooler.
func TestWhereStatementsArePrepared(t *testing.T) {
	address := postgrestest.Database(t)
	for name, test := range map[string]struct {
		address string
		want    bool
	}{"alone": {address, true}, "behind a pooler": {postgrestest.Pooled(t, address), false}} {
		t.Run(name, func(t *testing.T) {
			s, err := OpenPostgres(t.Context(), test.address, PostgresOptions{})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			keepWords(t, s, name)
			require.Equal(t, test.want, prepared(t, s) > 0)
		})
	}
}

// A pooler that does not look like one is noticed by what a session has forgotten, and
// costs no visitor an error.
func TestASessionThatForgets(t *testing.T) {
	s, err := OpenPostgres(t.Context(), postgrestest.Database(t), PostgresOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	keepWords(t, s, "1")
	require.Positive(t, prepared(t, s))
	s.writer.db.SetMaxOpenConns(1) // the next transaction has the same session
	_, err = s.writer.db.Exec(`DISCARD ALL`)
	require.NoError(t, err)
	keepWords(t, s, "2")
	require.Zero(t, prepared(t, s))
}
