package store_test

import (
	"fmt"
	"path/filepath"
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

// nextStep returns the file of the step that a newer release would have.
func nextStep(t *testing.T, s *store.Store) string {
	t.Helper()
	dir := "migrations"
	if s.IsShared() {
		dir = "migrations/postgres"
	}
	return fmt.Sprintf("%s/%04d_next.sql", dir, store.Steps(t, s)+1)
}

// column adds a column, as a new release may need it.
const column = `ALTER TABLE leads ADD COLUMN next TEXT NOT NULL DEFAULT ''`

// A newer release whose step older relays can bear runs beside them on one database, and
// they may be started again.
func TestANewerReleaseBesideAnOlder(t *testing.T) {
	address := postgrestest.Database(t)
	older := openPostgres(t, address)
	both := []*store.Store{older}
	takeAway := store.AddStep(t, nextStep(t, older), fmt.Sprintf("-- beside: %d\n%s", store.Steps(t, older), column))
	siege(t, older, func(kept *atomic.Int64) {
		both = append(both, openPostgres(t, address))
		execute(t, address, `SELECT next FROM leads`)
		before := kept.Load()
		require.Eventually(t, func() bool { return kept.Load() > before+50 }, 30*time.Second, time.Millisecond, "the older one goes on")
	})
	takeAway()
	both = append(both, openPostgres(t, address)) // the older one again
	var all sync.WaitGroup
	for i, s := range both {
		all.Go(func() {
			for n := range 10 {
				_, err := s.Keep(t.Context(), inquiry(t, fmt.Sprint(i, " of ", n)))
				assert.NoError(t, err)
				_, err = s.Keep(t.Context(), inquiry(t, fmt.Sprint("all say ", n)))
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	count := len(listAll(t, older))
	for _, s := range both {
		requireWorking(t, s, "all say 1")
		claims, err := beginOne(t, s)
		require.NoError(t, err)
		require.Len(t, claims, 1)
		at := time.Now()
		require.NoError(t, s.Settle(t.Context(), claims[0], lead.Settlement{State: lead.Delivered, At: at, Attempt: &lead.Attempt{Number: 1, EndedAt: at, Outcome: lead.OutcomeDelivered}}))
	}
	require.Len(t, listAll(t, older), count)

	file := filepath.Join(t.TempDir(), "a.db")
	require.ErrorContains(t, transferError(t, address, file), "start the newer version", "it would leave what is new behind")
}

// transferError returns why a database is not moved.
func transferError(t *testing.T, from, to string) error {
	t.Helper()
	a, err := store.OpenToTransfer(t.Context(), from)
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, a.Close()) }()
	return transfer(t, from, to, quietly)
}

// An older release starts on a newer schema if the last steps name its own.
func TestAnOlderReleaseStartsIfTheStepSaysSo(t *testing.T) {
	for name, database := range map[string]func() string{
		"SQLite":     func() string { return filepath.Join(t.TempDir(), "a.db") },
		"PostgreSQL": func() string { return postgrestest.Database(t) },
	} {
		for _, bearable := range []bool{true, false} {
			database := database()
			older := openEither(t, database)
			file, text := nextStep(t, older), column
			if bearable {
				text = fmt.Sprintf("-- beside: %d\n%s", store.Steps(t, older), column)
			}
			require.NoError(t, older.Close())
			takeAway := store.AddStep(t, file, text)
			require.NoError(t, openEither(t, database).Close())
			takeAway()

			older, err := openAny(t, database)
			if !bearable {
				require.ErrorContains(t, err, "start the newer version", name)
				continue
			}
			require.NoError(t, err, name)
			_, err = older.Keep(t.Context(), inquiry(t, "Hola"))
			require.NoError(t, err, name)
			require.NoError(t, older.Close())
		}
	}
}

// A step waits for a table that somebody reads for long, and nobody waits behind it.
func TestAStepWaitsForALongReader(t *testing.T) {
	address := postgrestest.Database(t)
	older, db := openPostgres(t, address), session(t, address)
	reading, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = reading.Exec(`LOCK TABLE leads IN ACCESS SHARE MODE`) // as pg_dump does
	require.NoError(t, err)
	defer store.AddStep(t, nextStep(t, older), column)()
	waits := make(chan error, 100)
	opened := make(chan *store.Store)
	go func() {
		newer, err := store.OpenPostgres(t.Context(), address, store.PostgresOptions{Away: func(err error) { waits <- err }})
		assert.NoError(t, err)
		opened <- newer
	}()
	for n := range 20 {
		_, err := keepInTime(t, older, inquiry(t, fmt.Sprint(n)))
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond)
	}
	require.ErrorContains(t, <-waits, "such as pg_dump")
	require.NoError(t, reading.Rollback())
	newer := <-opened
	requireLeads(t, newer, 20)
	require.NoError(t, newer.Close())
}

// A step that an older release cannot bear is not taken while a relay carries leads. The start
// waits until that one is stopped, and says so.
func TestAStepWaitsForRelaysThatCannotBearIt(t *testing.T) {
	address := postgrestest.Database(t)
	older := openPostgres(t, address)
	ask := askFor("older", time.Minute)
	_, err := acquire(t, older, ask)
	require.NoError(t, err)
	defer store.AddStep(t, nextStep(t, older), column)()
	waits := make(chan error, 100)
	opened := make(chan *store.Store)
	go func() {
		newer, err := store.OpenPostgres(t.Context(), address, store.PostgresOptions{Away: func(err error) { waits <- err }})
		assert.NoError(t, err)
		opened <- newer
	}()
	select {
	case err := <-waits:
		require.ErrorContains(t, err, "stop all of them first")
	case s := <-opened:
		require.NoError(t, s.Close())
		require.Fail(t, "the step was taken")
	}
	_, err = keepInTime(t, older, inquiry(t, "Hola"))
	require.NoError(t, err)
	ask.Length = 0
	_, err = renew(t, older, ask)
	require.NoError(t, err)
	newer := <-opened
	requireLeads(t, newer, 1)
	require.NoError(t, newer.Close())
}
