package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/postgrestest"
)

// FillPostgres adds clones of a lead to a database: some that are due, and many that
// have arrived.
func FillPostgres(tb testing.TB, s *Store, site string, arrived, due int) {
	tb.Helper()
	l, err := lead.New(lead.Inquiry{Site: site, Name: "Ana", Email: "ana@ejemplo.mx", Message: "Hola", PropertyID: "EB-1"},
		"casas.mx", lead.DefaultRules(), time.Now().Add(-time.Hour))
	require.NoError(tb, err)
	kept, err := s.Keep(tb.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()})
	require.NoError(tb, err)
	for _, clone := range []string{`INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at, delivered_at)
		SELECT remote_id - i, site, CASE WHEN i <= $3 THEN 'queued' ELSE 'delivered' END, property_id, body, received_at - i,
			CASE WHEN i <= $3 THEN received_at - i END, CASE WHEN i > $3 THEN received_at - i END
		FROM leads, generate_series(1, $2::bigint + $3::bigint) AS i WHERE remote_id = $1`,
		`INSERT INTO repeats SELECT sha256(i::text::bytea), digest, remote_id - i, kept_at
		FROM repeats, generate_series(1, $2::bigint + $3::bigint) AS i WHERE remote_id = $1`,
		`INSERT INTO attempts (remote_id, number, begun_at, ended_at) SELECT remote_id, 1, delivered_at, delivered_at
		FROM leads, (SELECT $1::bigint, $2::bigint, $3::bigint) AS given WHERE state = 'delivered'`} {
		_, err = s.people.ExecContext(tb.Context(), clone, int64(kept.RemoteID), arrived, due)
		require.NoError(tb, err)
	}
}

// What is asked often reads a few pages, however many leads there are, and however the
// tables are known to the planner: a new database has no statistics yet, and an outage
// makes those that there are wrong.
func TestNothingReadsAllLeads(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	s, err := OpenPostgres(t.Context(), postgrestest.Database(t), PostgresOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	own, err := s.writer.db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, own.Close()) }()
	now := time.Now().UnixMilli()
	type query struct {
		text string
		args []any
		most int // pages
	}
	queries := map[string]query{
		"taken":    {takenSQL, []any{"casas", now - 3600_000}, 20},
		"next due": {s.writer.dialect.nextDue, []any{"casas", "queued", 0, maxMillis}, 20},
		"sites":    {s.writer.dialect.sitesDue, []any{`["casas", "lofts", "costa"]`, now, 0}, 30},
		"claim":    {s.writer.dialect.claim, []any{now, "casas", "queued", 0, now, 10}, 300},
		"settle":   {settleSQL, []any{1, 1, "failed", "", nil, 0, nil, nil}, 10},
		"erasable": {fmt.Sprintf(erasableSQL, lead.Confirmed), []any{1, 2}, 10},
		"look up":  {lookUpSQL, []any{[][]byte{{1}, {2}}}, 20},
		"sweep":    {deleteOldKeysSQL, []any{[]byte{1}, []byte{2}, 0, now, 0}, 600}, // of 256 times as many

		"waiting": {waitingSQL, []any{"casas", "queued", now, 10, maxMillis}, 20},
		"doubts":  {inDoubtSQL, []any{"casas", "queued", now, 10, maxMillis}, 100},
		"failed":  {failedSQL, []any{"casas", lead.MaxStuck}, 20},
		"odd":     {oddSQL, []any{lead.MaxStuck}, 20},
		"reasons": {quarantineReasonsSQL + " GROUP BY reason", []any{now}, 20},

		"take over: attempts": {s.writer.dialect.atSites(closeAttemptsSQL), []any{now, `["casas", "lofts", "costa"]`}, 30},
		"take over: leads":    {s.writer.dialect.atSites(doubtSendingSQL), []any{now, `["casas", "lofts", "costa"]`}, 30},
		"take over: look-ups": {s.writer.dialect.atSites(unclaimLookupsSQL), []any{now, `["casas", "lofts", "costa"]`}, 30},
	}
	for _, query := range queries { // prepared while the tables are empty
		rollback(t, own, func(tx *sql.Tx) {
			_, err := tx.Exec(query.text, query.args...)
			require.NoError(t, err)
		})
	}
	FillPostgres(t, s, "casas", 50_000, 50_000)
	for _, known := range []bool{false, true} {
		if known {
			_, err := s.people.Exec(`ANALYZE`)
			require.NoError(t, err)
		}
		for name, query := range queries {
			for prepared, explained := range map[bool]func() (string, int){
				false: func() (string, int) { return explain(t, s.people, query.text, query.args...) },
				true:  func() (string, int) { return explainPrepared(t, own, query.text, query.args...) },
			} {
				plan, pages := explained()
				assert.NotContains(t, plan, "Seq Scan on leads", name)
				assert.LessOrEqual(t, pages, query.most, "%s, known: %t, prepared: %t: %s", name, known, prepared, plan)
			}
		}
	}
	checkSearches(t, s)
}

// checkSearches checks what a search asks of a database whose tables are known: without
// that, it may read all leads of a few blocks, and not more.
func checkSearches(t *testing.T, s *Store) {
	t.Helper()
	inState, _ := (&search{Store: s}).inStateSQL("", settledSQL, nil)
	for query, args := range map[string][]any{
		inState:                        {`["casas", "lofts"]`, "failed", 0, maxMillis, 100},
		s.writer.dialect.allSitesSQL(): nil,
	} {
		plan, pages := explain(t, s.people, query, args...)
		require.NotContains(t, plan, "Seq Scan")
		require.LessOrEqual(t, pages, 60, plan)
	}
}

// explainPrepared is explain for the plan that the session has of a statement.
func explainPrepared(t *testing.T, session *sql.Conn, query string, args ...any) (plan string, pages int) {
	t.Helper()
	var name string
	require.NoError(t, session.QueryRowContext(t.Context(), `SELECT name FROM pg_prepared_statements WHERE statement = $1`, query).Scan(&name))
	values := make([]string, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case nil:
			values[i] = "NULL"
		case []byte:
			values[i] = fmt.Sprintf(`'\x%x'`, arg)
		case [][]byte:
			values[i] = fmt.Sprintf(`ARRAY['\x%x'::bytea, '\x%x']`, arg[0], arg[1])
		case string:
			values[i] = "'" + arg + "'"
		default:
			values[i] = fmt.Sprint(arg)
		}
	}
	return explain(t, session, fmt.Sprintf("EXECUTE %s (%s)", name, strings.Join(values, ", ")))
}

// explain runs a statement, and returns its plan and how many pages it has read. Then
// it takes back what the statement has changed.
func explain(t *testing.T, db beginner, query string, args ...any) (plan string, pages int) {
	t.Helper()
	var lines []string
	rollback(t, db, func(tx *sql.Tx) {
		rows, err := tx.Query("EXPLAIN (ANALYZE, BUFFERS) "+query, args...)
		require.NoError(t, err)
		lines, err = collect(rows, scanColumn[string])
		require.NoError(t, err)
	})
	for _, line := range lines { // the first is the sum
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "Buffers: shared hit=%d", &pages); err == nil {
			break
		}
	}
	return strings.Join(lines, "\n"), pages
}

type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// rollback runs f in a transaction, and takes back what it has changed.
func rollback(t *testing.T, db beginner, f func(*sql.Tx)) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	f(tx)
}
