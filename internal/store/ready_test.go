package store_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

// A database that takes a pulse and no lead is not ready, as a server whose disk is full: a
// row that changes needs no more room, and one that is new does. Nothing is left of the
// leads that try it.
func TestWhoCannotKeepALeadIsNotReady(t *testing.T) {
	path, address := filepath.Join(t.TempDir(), "leads.db"), newPostgres(t)
	file := open(t, path)
	defer func() { require.NoError(t, file.Close()) }()
	for name, test := range map[string]struct {
		s               *store.Store
		driver, address string
		refuse, take    string
	}{
		"SQLite": {file, "sqlite", path, `CREATE TRIGGER refuse BEFORE INSERT ON leads BEGIN SELECT RAISE(ABORT, 'no room'); END`, `DROP TRIGGER refuse`},
		"PostgreSQL": {
			openPostgres(t, address), "pgx", address,
			`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room' USING ERRCODE = 'disk_full'; END $$;
				CREATE TRIGGER refuse BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION refuse()`, `DROP TRIGGER refuse ON leads`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open(test.driver, test.address)
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			first := keep(t, test.s, time.Now())
			_, err = db.Exec(test.refuse)
			require.NoError(t, err)
			require.NoError(t, test.s.Ready(t.Context()), "nobody knows yet")

			_, err = test.s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
			require.ErrorContains(t, err, "no room")
			for range 3 {
				require.ErrorContains(t, test.s.Ready(t.Context()), "no room")
			}
			_, err = db.Exec(test.take)
			require.NoError(t, err)
			require.NoError(t, test.s.Ready(t.Context()), "though no lead has come")
			all, err := test.s.Counts(t.Context())
			require.NoError(t, err)
			require.Len(t, all, 1)
			require.Equal(t, 1, all[0].Leads)
			require.Greater(t, keep(t, test.s, time.Now()), first)
		})
	}
}
