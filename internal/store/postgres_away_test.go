package store_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// requireWorking makes use of all connections.
func requireWorking(t *testing.T, s *store.Store, message string) {
	t.Helper()
	_, err := keepInTime(t, s, inquiry(t, message))
	require.NoError(t, err)
	require.NoError(t, s.Ready(t.Context()))
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			_, _, err := s.List(t.Context(), lead.Filter{Limit: 10})
			assert.NoError(t, err)
			_, _, err = s.Begin(t.Context(), "lofts", lead.Due{Now: time.Now(), N: 1})
			assert.NoError(t, err)
			_, _, err = s.Begin(t.Context(), "lofts", lead.Due{Now: time.Now(), N: 1, SkipPeek: true})
			assert.NoError(t, err)
		})
	}
	all.Wait()
}

// While the database is away, visitors and probes hear of it in time. When it is
// back, everything works at once.
func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]struct{ goes, returns func(*postgrestest.Proxy) }{
		"it refuses connections": {(*postgrestest.Proxy).Stop, (*postgrestest.Proxy).Start},
		"nothing is heard of it": {
			func(p *postgrestest.Proxy) { p.Break(func(string) postgrestest.Fault { return postgrestest.Swallow }) },
			func(p *postgrestest.Proxy) { p.Break(nil) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := openBroken(t)
			requireWorking(t, s, "1")
			away.goes(p)
			time.Sleep(2 * time.Second) // the last commit is no proof any more
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					_, err := keepInTime(t, s, inquiry(t, "2"))
					assert.Error(t, err)
				})
				all.Go(func() {
					err := inTime(t, func() error { return s.Ready(t.Context()) })
					assert.Error(t, err)
				})
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					_, _, err := s.List(ctx, lead.Filter{Limit: 10})
					assert.Error(t, err)
				})
			}
			all.Wait()
			away.returns(p)
			requireWorking(t, s, "2")
			requireLeads(t, s, 2)
		})
	}
}

// A server that crashes and starts again costs nothing that was acknowledged.
func TestAServerThatCrashes(t *testing.T) {
	for name, address := range map[string]string{"alone": postgrestest.Database(t), "behind a pooler": postgrestest.Pooled(t, postgrestest.Database(t))} {
		t.Run(name, func(t *testing.T) {
			s := openPostgres(t, address)
			siege(t, s, func(kept *atomic.Int64) {
				require.Eventually(t, func() bool { return kept.Load() > 100 }, 10*time.Second, time.Millisecond)
				postgrestest.Crash(t)
			})
			requireWorking(t, s, "Hola")
		})
	}
}

// Of several hosts the one that can be written to is found in time, also if another
// takes connections and never answers.
func TestSeveralHosts(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	first, firstAddress := postgrestest.NewProxy(t, address)
	second, secondAddress := postgrestest.NewProxy(t, address)
	silent, err := net.Listen("unix", filepath.Join(hostOf(firstAddress), ".s.PGSQL.5433"))
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	hosts := strings.Join([]string{hostOf(firstAddress), hostOf(firstAddress), hostOf(secondAddress)}, ",")
	s := openPostgres(t, strings.Replace(firstAddress, hostOf(firstAddress), hosts+"&port=5433,5432,5432&target_session_attrs=read-write", 1))
	requireWorking(t, s, "1")
	first.Stop()
	requireWorking(t, s, "2")
	first.Start()
	second.Stop()
	requireWorking(t, s, "3")
}

func hostOf(address string) string {
	_, host, _ := strings.Cut(address, "host=")
	return host
}

func TestOpeningWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	p, address := postgrestest.NewProxy(t, postgrestest.Database(t))
	p.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := store.OpenPostgres(ctx, address, store.PostgresOptions{})
	require.Error(t, err)

	var told error
	s, err := store.OpenPostgres(t.Context(), address, store.PostgresOptions{Away: func(err error) {
		if told == nil {
			p.Start()
		}
		told = err
	}})
	require.NoError(t, err)
	require.ErrorContains(t, told, "failed to connect")
	requireWorking(t, s, "Hola")
	require.NoError(t, s.Close())
}

// What does not mend itself is an error at once, which says what to do, and has no
// password in it.
func TestOpeningFails(t *testing.T) {
	t.Parallel()
	const password = "s3cret/p%40ss" // the second form is the one in an address
	old := `CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT CASE $1 WHEN 'server_version' THEN '14.9' ELSE '140009' END $$`
	guarded := func(address, password string) string {
		return strings.Replace(address, "leadrelay@", postgrestest.Guarded+":"+password+"@", 1)
	}
	for name, test := range map[string]struct {
		statement string
		address   func(string) string
		want      string
	}{
		"a wrong password":         {"", func(a string) string { return guarded(a, "s3cret-wrong") }, "check the user and the password"},
		"a user who is not there":  {"", func(a string) string { return strings.Replace(a, "leadrelay@", "nobody:s3cret@", 1) }, "check the user"},
		"a database that is none":  {"", func(a string) string { return strings.Replace(a, "@/", "@/no", 1) }, "create it, or name another"},
		"a server that is too old": {old, func(a string) string { return a + "&search_path=public,pg_catalog" }, "its version is 14.9, and leadrelay needs 15 or later"},
		"a user without rights":    {"", func(a string) string { return guarded(a, "s3cret%2Fp%2540ss") }, "GRANT CREATE ON SCHEMA public"},
		"a newer schema":           {`CREATE TABLE schema_versions (version BIGINT, applied_at BIGINT); INSERT INTO schema_versions VALUES (99, 1)`, func(a string) string { return a }, "start the newer version"},
		"a schema that is none":    {"", func(a string) string { return a + "&search_path=nowhere" }, "search_path names no schema"},
		"an address that is none":  {"", func(string) string { return "postgres://ana:s3cret/s3cret@localhost/leads" }, "%XX for special characters"},
		"a port that is none":      {"", func(string) string { return "postgres://ana:s3cret:s3cret@localhost:s3cret/leads" }, "%XX for special characters"},
		"a file that is not there": {"", func(string) string {
			return "postgres://ana:s3cret@localhost/leads?sslmode=verify-ca&sslrootcert=/none"
		}, "files that it names"},
		"a setting that it has not": {"", func(a string) string { return a + "&password=s3cret&flavor=s3cret2" }, "flavor"},
	} {
		t.Run(name, func(t *testing.T) {
			address := postgrestest.Database(t)
			execute(t, address, `CREATE ROLE `+postgrestest.Guarded+` LOGIN PASSWORD '`+password+`'`)
			defer execute(t, address, `DROP ROLE `+postgrestest.Guarded)
			if test.statement != "" {
				execute(t, address, test.statement)
			}
			_, err := store.OpenPostgres(t.Context(), test.address(address), store.PostgresOptions{Away: func(err error) {
				assert.Fail(t, "it waits", err)
			}})
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

// Processes that start at once on an empty database wait for each other, and the
// next goes on where one was killed.
func TestManyOpenAnEmptyDatabase(t *testing.T) {
	address := postgrestest.Database(t)
	p, broken := postgrestest.NewProxy(t, address)
	p.BreakOnce("commit", postgrestest.Cut)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := store.OpenPostgres(ctx, broken, store.PostgresOptions{Away: func(error) { cancel() }})
	require.Error(t, err)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s, err := store.OpenPostgres(t.Context(), address, store.PostgresOptions{})
			if assert.NoError(t, err) {
				_, err = s.Keep(t.Context(), inquiry(t, fmt.Sprint(i)))
				assert.NoError(t, err)
				assert.NoError(t, s.Close())
			}
		})
	}
	all.Wait()
	requireLeads(t, openPostgres(t, address), 8)
}
