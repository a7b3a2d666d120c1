package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/store"
)

// Whoever finds a way to write into the database cannot make a deed somebody else's.
func TestNobodyChangesTheAudit(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *store.Store{
		"SQLite": func(t *testing.T) *store.Store {
			s := open(t, filepath.Join(t.TempDir(), "leads.db"))
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		},
		"PostgreSQL": func(t *testing.T) *store.Store { return openPostgres(t, newPostgres(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ctx := access.With(t.Context(), access.Access{Name: "ana", Role: access.Owner})
			require.NoError(t, s.Note(ctx, access.Entry{What: access.DidLogIn}))
			require.ErrorContains(t, store.Exec(ctx, s, `UPDATE audit SET who = 'beto'`), "the audit is only added to")
			all, _, _, err := s.Audit(ctx, access.EntryFilter{Limit: 10})
			require.NoError(t, err)
			require.Len(t, all, 1)
			require.Equal(t, "ana", all[0].Who)
		})
	}
}
