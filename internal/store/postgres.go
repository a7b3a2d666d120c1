package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// Several processes may write into a PostgreSQL database, so a transaction locks
// the rows that it reads in order to change them. ARRAY makes the query of a claim
// run once: PostgreSQL may run the query of an IN again for each row of the table,
// and lock more rows than its limit. For min and max it may read all leads that wait,
// if its statistics know of few.
var postgresDialect = dialect{
	isShared:   true,
	migrations: "migrations/postgres/*.sql",
	// Whoever waits for a table stops all who come later. So a step waits for a moment
	// only, and the start tries again.
	lockSchema: `SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(` + schemaLock + `); SET LOCAL lock_timeout = 500; `,
	claim:      fmt.Sprintf(claimSQL, "= ANY (ARRAY(", " FOR UPDATE SKIP LOCKED))"),
	nextDue: `SELECT (SELECT due_at FROM leads WHERE site = $1 AND state = $2 AND due_at >= $3 ORDER BY due_at LIMIT 1),
		(SELECT due_at FROM leads WHERE site = $1 AND state = $2 AND due_at >= $4 ORDER BY due_at LIMIT 1)`,
	nextSite: `LEAST((SELECT min(site) FROM leads WHERE due_at IS NULL AND site > %s), (SELECT min(site) FROM leads WHERE due_at IS NOT NULL AND site > %[1]s))`,
	sitesDue: `SELECT site FROM json_array_elements_text($1::json) AS mine(site) WHERE
		(SELECT due_at FROM leads WHERE leads.site = mine.site AND state = ` + sqlQueued + ` AND due_at >= $3 ORDER BY due_at LIMIT 1) <= $2`,
	counted:    `(SELECT site, state, remote_id FROM leads WHERE due_at IS NOT NULL UNION ALL SELECT site, state, remote_id FROM leads WHERE due_at IS NULL) AS everyone`,
	stats:      `(SELECT hour, site, what, step, leads FROM stats UNION ALL SELECT hour, site, what, step, leads FROM stat_changes) AS all_stats`,
	lastChange: `SELECT tx::text::bigint, number FROM lead_changes WHERE ` + settledChange + ` ORDER BY tx DESC, number DESC LIMIT 1`,
	hasChange:  `SELECT EXISTS (SELECT 1 FROM lead_changes WHERE tx = $1::text::xid8 AND number = $2)`,
	changes: `SELECT tx::text::bigint, number, remote_id, site, state, ` + changedIsBlocked + ` FROM lead_changes
		WHERE (tx, number) > ($1::text::xid8, $2) AND ` + settledChange + ` ORDER BY tx, number LIMIT $3`,
	hasOldChange: `SELECT count(*) >= $1 FROM lead_changes`,
	deleteChanges: `DELETE FROM lead_changes WHERE (tx, number) IN (SELECT tx, number FROM lead_changes ORDER BY tx, number
		LIMIT LEAST($2, GREATEST(0, (SELECT count(*) FROM lead_changes) - $1)))`,
	askedLeases: `json_to_recordset($1::json) AS asked (named TEXT, asker TEXT, millis BIGINT, says TEXT, lends BIGINT)`,
	unlocked:    [2]string{"= ANY (ARRAY(", " FOR UPDATE OF leases SKIP LOCKED))"},
	isOfSites:   `site = ANY (ARRAY(SELECT json_array_elements_text($2::json)))`,
	inRows:      [2]string{"= ANY (ARRAY(", "))"}, // IN may read all attempts, whatever is known of them
	forUpdate:   " FOR UPDATE",
	skipLocked:  " FOR UPDATE SKIP LOCKED",
	channelsDue: channelsDue(`json_array_elements_text($1::json) AS mine(channel)`),
	joinedIDs:   `string_agg(remote_id::text, ',')`,
	oneOf:       `= ANY (('{' || %s::text || '}')::bigint[])`,
	oneOfTexts:  `= ANY (ARRAY(SELECT json_array_elements_text(%s::json)))`,
	bodyHas:     `position(%s::text IN body) > 0`,
	nextIDs:     (*writeTx).takeIDs,
	insert:      (*writeTx).insertArrays,
	clock:       func() string { return clockSQL },
	now:         databaseNow,
	countCommit: func(*writeTx) error { return nil },

	hasTransfer: `SELECT count(to_regclass('transfer'))`,
	lastID: func(tick lead.Tick) string {
		return `SELECT COALESCE(pg_sequence_last_value('remote_ids_` + string(tick) + `'::regclass), 0)`
	},
	raiseID: func(tx *writeTx, tick lead.Tick, last int64) error {
		_, err := tx.Exec(`SELECT setval(ids, GREATEST(pg_sequence_last_value(ids), $1)) FROM (SELECT $2::text::regclass AS ids) AS sequence`, last, "remote_ids_"+string(tick))
		return err
	},
	rowsAtOnce: 200,

	timeout:   1600 * time.Millisecond,
	isTrouble: isPostgresTrouble,
	isLocked:  isPostgresLocked,
	mayRetry:  mayRetryPostgres,
	unblock:   unblockPostgres,
}

// settledChange is the condition for a change whose transaction is older than all that
// still run. What comes later has a later transaction.
const settledChange = `tx < pg_snapshot_xmin(pg_current_snapshot())`

// The locks of a database that processes wait for. The numbers are arbitrary.
const (
	schemaLock = "7310301850001"
	keepLock   = "7310301850002" // is held by the transaction that keeps leads
	foldLock   = "7310301850003" // is held by the transaction that puts changes into the stats
)

// PostgresOptions says how a PostgreSQL database is opened.
type PostgresOptions struct {
	// Connections is how many there are at most, from 5; 0 is [DefaultConnections].
	Connections int
	// Away is told why the database cannot be reached, each time that it was tried.
	Away func(error)
	// Address reads the address anew, after a server has refused the password or a
	// certificate. Its hosts and its database count at the next start. If it is nil, the
	// files that the address names are read anew.
	Address func() (string, error)

	transfer bool
}

// DefaultConnections is how many connections to PostgreSQL a store has at most.
const DefaultConnections = 20

// OpenPostgres is [Open] for a PostgreSQL database, which several processes may open.
// It waits for a database that cannot be reached until ctx ends.
func OpenPostgres(ctx context.Context, address string, opt PostgresOptions) (*Store, error) {
	const pause = time.Second
	server, err := parsePostgres(address)
	if err != nil {
		return nil, err
	}
	if opt.Address != nil {
		server.address = opt.Address
	}
	s := newPostgres(server, cmp.Or(opt.Connections, DefaultConnections))
	s.transfer = opt.transfer
	for {
		err := checkPostgres(ctx, s.read)
		if err == nil {
			err = s.start(ctx)
		}
		if err == nil {
			return s, nil
		}
		err = fmt.Errorf("PostgreSQL: %w", explained(err))
		if opt.transfer || !isAwaited(err) {
			return nil, errors.Join(err, s.closeDatabase())
		}
		if opt.Away != nil {
			opt.Away(err)
		}
		if !sleep(ctx, pause) {
			return nil, errors.Join(err, s.closeDatabase())
		}
	}
}

// newPostgres divides the connections: those who keep leads, write and hold a lease
// have one each, and the courier and people share the others.
func newPostgres(server *postgresServer, connections int) *Store {
	const writing = 3
	few := max(1, (connections-writing)/2)
	s := &Store{unlock: func() error { return nil }, search: make(chan struct{}, 1)}
	s.read = openPool(server, few, 3*time.Second, true)
	s.people = openPool(server, max(1, connections-writing-few), time.Minute, true)
	db := openPool(server, writing, postgresDialect.timeout, false)
	s.writer = &writer{dialect: postgresDialect, db: db, clock: time.Now, repeats: &sharedRepeats{}}
	s.keeper = &writer{dialect: postgresDialect, db: db, clock: time.Now, repeats: &sharedRepeats{}}
	return s
}

func checkPostgres(ctx context.Context, db *sql.DB) error {
	const oldest = 150000
	var number int
	var version, encoding string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')`).
		Scan(&number, &version, &encoding)
	switch {
	case err != nil:
		return err
	case number < oldest:
		return fmt.Errorf("its version is %s, and leadrelay needs 15 or later", version)
	case encoding != "UTF8": // it would refuse what visitors write, or take it for other signs
		return fmt.Errorf("its encoding is %s, and leadrelay needs UTF8: create another database with TEMPLATE template0 ENCODING 'UTF8'", encoding)
	}
	return nil
}

// takeIDsSQL advances the sequence of a tick, and reads the database's clock. The lock
// makes the transactions that keep leads follow each other, until they have ended: so
// what one of them has kept is known to the next, and repeats of it, too.
const takeIDsSQL = `WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(` + keepLock + `))
	SELECT setval(ids, GREATEST(pg_sequence_last_value(ids), floor((extract(epoch FROM clock_timestamp()) - $1) * $2)::bigint - 1) + $3), ` + clockSQL + `
	FROM alone, (SELECT $4::text::regclass AS ids) AS sequence`

const clockSQL = `floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint` // Unix milliseconds

func (tx *writeTx) takeIDs(tick lead.Tick, n, _ int64) (last int64, err error) {
	ticks := tick.Since(lead.Epoch().Add(time.Second)) // in a second
	var now int64
	err = tx.QueryRow(takeIDsSQL, lead.Epoch().Unix(), ticks, n, "remote_ids_"+string(tick)).Scan(&last, &now)
	// What is left of a difference of clocks by rounding is the way of an answer.
	tx.ahead = tx.w.clock().Sub(time.UnixMilli(now)).Round(time.Second)
	return last, err
}

func databaseNow(ctx context.Context, q querier) (now time.Time, err error) {
	var ms int64
	err = q.QueryRowContext(ctx, `SELECT `+clockSQL).Scan(&ms)
	return time.UnixMilli(ms), err
}

// insertArraysSQL inserts any number of leads: a round trip for each would cost
// more than the leads do.
const insertArraysSQL = `INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at, reason)
	SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])`

func (tx *writeTx) insertArrays(leads []*newLead) (left []*newLead, err error) {
	var ids, received []int64
	var due []*int64
	var sites, states, properties, bodies, reasons []string
	for _, n := range leads {
		l := &n.Lead
		ids, sites, states = append(ids, int64(n.kept.RemoteID)), append(sites, l.Site), append(states, string(l.State))
		properties, bodies, reasons = append(properties, l.PropertyID), append(bodies, n.body), append(reasons, l.Reason)
		received = append(received, l.ReceivedAt.UnixMilli())
		at := (*int64)(nil)
		if !l.DueAt.IsZero() {
			at = new(l.DueAt.UnixMilli())
		}
		due = append(due, at)
	}
	_, err = tx.Exec(insertArraysSQL, ids, sites, states, properties, bodies, received, due, reasons)
	return nil, err
}
