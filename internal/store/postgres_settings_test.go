package store_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
	"leadrelay/internal/store/storetest"
)

// set gives a database what its sessions begin with from now on.
func set(t *testing.T, address string, settings ...string) {
	t.Helper()
	var statements strings.Builder
	for _, setting := range settings {
		fmt.Fprintf(&statements, "EXECUTE format('ALTER DATABASE %%I SET %s', current_database());\n", strings.ReplaceAll(setting, "'", "''"))
	}
	execute(t, address, "DO $$ BEGIN "+statements.String()+" END $$")
}

// Whatever a database's sessions begin with, because that suits other programs, a store
// does the same. A pooler lends another session for each transaction, takes no setting at
// the start of one, and keeps no prepared statement.
func TestSettingsOfADatabase(t *testing.T) {
	if testing.Short() {
		t.Skip("what could race does so in TestPostgres")
	}
	fewHistories(t)
	t.Parallel()
	odd := func(t *testing.T) string {
		address := newPostgres(t)
		set(t, address,
			"default_transaction_isolation = serializable", "default_transaction_read_only = on", "default_transaction_deferrable = on",
			"statement_timeout = 100", "lock_timeout = 100", "idle_session_timeout = 300",
			"client_encoding = LATIN1", "standard_conforming_strings = off", "bytea_output = escape", "array_nulls = off", "transform_null_equals = on",
			"timezone = 'Asia/Kathmandu'", "datestyle = 'German, DMY'", "intervalstyle = iso_8601", "extra_float_digits = -15")
		return address
	}
	ways := map[string]func(t *testing.T) string{
		"odd ones behind a pooler": func(t *testing.T) string { return postgrestest.Pooled(t, odd(t)) },
	}
	if os.Getenv("LEADRELAY_TORTURE") == "full" {
		ways["odd ones"] = odd
		ways["a pooler"] = func(t *testing.T) string { return postgrestest.Pooled(t, newPostgres(t)) }
	}
	for name, address := range ways {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) *store.Store { return openPostgres(t, address(t)) })
		})
	}
}

// A time limit that the user has for other programs cuts no query of a person, and none
// of the courier.
func TestALimitOfTheUser(t *testing.T) {
	address := newPostgres(t)
	set(t, address, "statement_timeout = 100", "lock_timeout = 50")
	s := openPostgres(t, address)
	tx, err := session(t, address).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `LOCK TABLE leads IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		_, _, err := s.List(t.Context(), lead.Filter{Limit: 10})
		assert.NoError(t, err)
	})
	all.Go(func() {
		_, _, err := s.Begin(t.Context(), "lofts", lead.Due{Now: time.Now(), N: 1})
		assert.NoError(t, err)
	})
	time.Sleep(300 * time.Millisecond)
	require.NoError(t, tx.Rollback())
	all.Wait()
}

// What visitors write is in the database as they wrote it, for whoever else reads it.
func TestAnEncodingOfSessions(t *testing.T) {
	address := newPostgres(t)
	set(t, address, "client_encoding = LATIN1")
	for name, address := range map[string]string{"alone": address, "behind a pooler": postgrestest.Pooled(t, address)} {
		require.Equal(t, "UTF8", store.ServerSetting(t, openPostgres(t, address), "client_encoding"), name)
	}
}

// A database of another encoding refuses some of what visitors write, or takes it for
// something else.
func TestAnEncodingOfTheDatabase(t *testing.T) {
	address := postgrestest.Database(t)
	other := databaseOf(address) + "_other"
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		execute(t, address, `CREATE DATABASE `+other+` TEMPLATE template0 ENCODING '`+encoding+`'`)
		_, err := openAtOnce(t, strings.Replace(address, databaseOf(address), other, 1))
		execute(t, address, `DROP DATABASE `+other+` WITH (FORCE)`)
		require.ErrorContains(t, err, "its encoding is "+encoding+", and leadrelay needs UTF8")
	}
}

// The tables may be in a schema of their own, without one that others may write to.
func TestASchemaOfItsOwn(t *testing.T) {
	address := postgrestest.Database(t)
	execute(t, address, `CREATE SCHEMA leads`, `DROP SCHEMA public`)
	set(t, address, "search_path = leads")
	for i, address := range []string{address, postgrestest.Pooled(t, address), address} {
		s := openPostgres(t, address)
		requireWorking(t, s, fmt.Sprint(i))
		requireLeads(t, s, i+1)
	}
}
