package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// A password that is changed while a store is open is read anew from where it is.
func TestAPasswordThatIsChanged(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, address, password string) (s *store.Store, change func(string)){
		"in a file that the address names": func(t *testing.T, address, password string) (*store.Store, func(string)) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "pgpass")
			change := func(password string) {
				require.NoError(t, os.WriteFile(file, []byte("*:*:*:"+postgrestest.Guarded+":"+password+"\n"), 0o600))
			}
			change(password)
			return openPostgres(t, strings.Replace(address, "leadrelay@", postgrestest.Guarded+"@", 1)+"&passfile="+file), change
		},
		"in the address": func(t *testing.T, address, password string) (*store.Store, func(string)) {
			t.Helper()
			var now atomic.Value
			change := func(password string) {
				now.Store(strings.Replace(address, "leadrelay@", postgrestest.Guarded+":"+password+"@", 1))
			}
			change(password)
			s, err := store.OpenPostgres(t.Context(), now.Load().(string), store.PostgresOptions{Address: func() (string, error) { return now.Load().(string), nil }})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s, change
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := postgrestest.Database(t)
			setPassword := func(password string) {
				execute(t, address, `ALTER ROLE `+postgrestest.Guarded+` PASSWORD '`+password+`'`,
					`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '`+postgrestest.Guarded+`'`)
			}
			execute(t, address, `CREATE ROLE `+postgrestest.Guarded+` LOGIN SUPERUSER PASSWORD 'first'`)
			defer execute(t, address, `DROP OWNED BY `+postgrestest.Guarded, `DROP ROLE `+postgrestest.Guarded)
			s, change := open(t, address, "first")
			requireWorking(t, s, "1")

			change("second") // first here, as some do
			requireWorking(t, s, "2")
			setPassword("second")
			requireWorking(t, s, "3")

			setPassword("third") // first there, as others do
			_, err := keepInTime(t, s, inquiry(t, "4"))
			require.ErrorContains(t, err, "password")
			change("third")
			require.Eventually(t, func() bool {
				_, err := keepInTime(t, s, inquiry(t, "4"))
				return err == nil
			}, patience, 100*time.Millisecond)
			requireLeads(t, s, 4)
		})
	}
}

// Another database is not taken for the one that is open, when the address is read anew.
func TestAnAddressThatIsChanged(t *testing.T) {
	address, another := postgrestest.Database(t), postgrestest.Database(t)
	execute(t, address, `CREATE ROLE `+postgrestest.Guarded+` LOGIN SUPERUSER PASSWORD 'first'`)
	defer execute(t, address, `DROP OWNED BY `+postgrestest.Guarded, `DROP ROLE `+postgrestest.Guarded)
	guarded := func(address, password string) string {
		return strings.Replace(address, "leadrelay@", postgrestest.Guarded+":"+password+"@", 1)
	}
	var asked atomic.Int64
	s, err := store.OpenPostgres(t.Context(), guarded(address, "first"), store.PostgresOptions{Address: func() (string, error) {
		asked.Add(1)
		return guarded(another, "second"), nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	execute(t, address, `ALTER ROLE `+postgrestest.Guarded+` PASSWORD 'second'`,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '`+postgrestest.Guarded+`'`)
	_, err = keepInTime(t, s, inquiry(t, "1"))
	require.ErrorContains(t, err, "password")
	require.Positive(t, asked.Load())
}
