package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"leadrelay/internal/lead"
)

// Several processes may write into a PostgreSQL database, so a transaction locks
// the rows that it reads in order to change them. ARRAY makes the query of a claim
// run once: PostgreSQL may run the query of an IN again for each row of the table,
// and lock more rows than its limit.
var postgresDialect = dialect{
	isShared:   true,
	migrations: "migrations/postgres/*.sql",
	lockSchema: `SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(` + schemaLock + `); `,
	claim:      fmt.Sprintf(claimSQL, "= ANY (ARRAY(", " FOR UPDATE SKIP LOCKED))"),
	counted:    `(SELECT site, state, remote_id FROM leads WHERE due_at IS NOT NULL UNION ALL SELECT site, state, remote_id FROM leads WHERE due_at IS NULL) AS everyone`,
	forUpdate:  " FOR UPDATE",
	nextIDs:    (*writeTx).takeIDs,
	insert:     (*writeTx).insertArrays,
	// What a transaction reads after it has waited for a lock must be what others
	// have committed meanwhile.
	txOptions:   &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	timeout:     1800 * time.Millisecond,
	countCommit: func(*writeTx) error { return nil },
	isTrouble:   isPostgresTrouble,
	mayRetry:    mayRetryPostgres,
}

// The locks of a database that processes wait for. The numbers are arbitrary.
const (
	schemaLock = "7310301850001"
	keepLock   = "7310301850002" // is held by the transaction that keeps leads
)

// OpenPostgres is [Open] for a PostgreSQL database, which several processes may open.
// Open refuses such an address, since the couriers of two processes do not know of
// each other yet.
func OpenPostgres(ctx context.Context, address string) (*Store, error) {
	s := &Store{unlock: func() error { return nil }, search: make(chan struct{}, 1)}
	s.writer = &writer{dialect: postgresDialect, repeats: &sharedRepeats{}}
	if err := s.openPools(address); err != nil {
		return nil, err
	}
	if err := errors.Join(checkPostgres(ctx, s.read), s.start(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("PostgreSQL: %w", err), s.closeDatabase())
	}
	return s, nil
}

// openPools opens the pools of connections. A visitor waits for the writer, so
// its statements wait for nobody longer than he would. The server ends the
// transaction of a process that is gone, and gives up its locks.
func (s *Store) openPools(address string) error {
	const few = 4
	for _, pool := range []struct {
		db      **sql.DB
		most    int
		timeout string
	}{{&s.writer.db, 1, "1500"}, {&s.read, few, "5000"}, {&s.people, few, "60000"}} {
		config, err := pgx.ParseConfig(address)
		if err != nil {
			return err
		}
		if config.ConnectTimeout == 0 {
			config.ConnectTimeout = 1500 * time.Millisecond
		}
		for name, value := range map[string]string{
			"statement_timeout": pool.timeout, "lock_timeout": "1000", "idle_in_transaction_session_timeout": "2000", "application_name": "leadrelay",
		} {
			if config.RuntimeParams[name] == "" {
				config.RuntimeParams[name] = value
			}
		}
		*pool.db = stdlib.OpenDB(*config)
		(*pool.db).SetMaxOpenConns(pool.most)
		(*pool.db).SetMaxIdleConns(pool.most)
	}
	return nil
}

func checkPostgres(ctx context.Context, db *sql.DB) error {
	const oldest = 150000
	var number int
	var version string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version')`).Scan(&number, &version)
	if err == nil && number < oldest {
		err = fmt.Errorf("its version is %s, and leadrelay needs 15 or later", version)
	}
	return err
}

// takeIDsSQL advances the sequence of a tick. The lock makes the transactions that
// keep leads follow each other, until they have ended: so what one of them has kept
// is known to the next, and repeats of it, too. The clock is the database's, because
// those of several processes may differ.
const takeIDsSQL = `WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(` + keepLock + `))
	SELECT setval(ids, GREATEST(pg_sequence_last_value(ids), floor((extract(epoch FROM clock_timestamp()) - $1) * $2)::bigint - 1) + $3)
	FROM alone, (SELECT $4::text::regclass AS ids) AS sequence`

func (tx *writeTx) takeIDs(tick lead.Tick, n, _ int64) (last int64, err error) {
	ticks := tick.Since(lead.Epoch().Add(time.Second)) // in a second
	err = tx.QueryRow(takeIDsSQL, lead.Epoch().Unix(), ticks, n, "remote_ids_"+string(tick)).Scan(&last)
	return last, err
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

// isPostgresTrouble: see [dialect]. Trouble is all that is not in the data.
func isPostgresTrouble(err error) bool {
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) {
		const data, constraint = "22", "23"
		class := failed.Code[:min(len(failed.Code), 2)]
		return class != data && class != constraint
	}
	return isBroken(err) || errors.Is(err, context.DeadlineExceeded)
}

// The errors of a transaction that may succeed when it is run again.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505" // another has written the same row since we looked
)

// mayRetryPostgres: see [dialect]. If the connection breaks during a commit, it may
// have been committed.
func mayRetryPostgres(err error) bool {
	during := commitError{}
	isCommit := errors.As(err, &during)
	failed := (*pgconn.PgError)(nil)
	switch {
	case !errors.As(err, &failed):
		return pgconn.SafeToRetry(err) || !isCommit && isBroken(err)
	case failed.Code == serializationFailure, failed.Code == deadlockDetected:
		return true
	default:
		return !isCommit && (failed.Code == uniqueViolation || failed.Severity == "FATAL")
	}
}

// isBroken reports whether the connection broke, or there was none.
func isBroken(err error) bool {
	connect, network := (*pgconn.ConnectError)(nil), net.Error(nil)
	return pgconn.SafeToRetry(err) || errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrTxDone) || strings.HasSuffix(err.Error(), "conn closed")
}

// sharedRepeats knows the words and keys of a batch, as the database has them. All
// of them are read and written at once, in the transaction that keeps the leads,
// and nothing stays in memory: another process may be the next to write.
type sharedRepeats struct{ known map[lead.Digest]repeat }

// repeat is a row. The content of words is their own digest.
type repeat struct {
	content lead.Digest
	id      lead.RemoteID
	at      int64 // Unix milliseconds
	isNew   bool  // it is not in the database yet
}

func (r repeat) isWithin(window time.Duration, now time.Time) bool {
	return now.Sub(time.UnixMilli(r.at)).Abs() <= window
}

func (*sharedRepeats) load(context.Context, *sql.DB) error { return nil }

func (s *sharedRepeats) begin() { s.known = map[lead.Digest]repeat{} }

func (*sharedRepeats) commit() {}

func (s *sharedRepeats) lookUp(tx *writeTx, batch []*job) error {
	var digests [][]byte
	for _, j := range batch {
		if n := j.lead; n != nil {
			for _, d := range []lead.Digest{n.Content, n.Corrects, n.Key} {
				if !d.IsZero() {
					digests = append(digests, d[:])
				}
			}
		}
	}
	if digests == nil {
		return nil
	}
	rows, err := tx.Query(`SELECT digest, content, remote_id, kept_at FROM repeats WHERE digest = ANY ($1)`, digests)
	if err != nil {
		return err
	}
	var digest, content []byte
	scan := func(row scanner) (r repeat, err error) {
		err = row.Scan(&digest, &content, &r.id, &r.at)
		copy(r.content[:], content)
		return r, err
	}
	for r, err := range each(rows, scan) {
		if err != nil {
			return err
		}
		s.known[lead.Digest(digest)] = r
	}
	return nil
}

func (s *sharedRepeats) find(content lead.Digest, now time.Time) (lead.RemoteID, bool) {
	r, ok := s.known[content]
	return r.id, ok && r.isWithin(lead.ContentWindow, now)
}

func (s *sharedRepeats) add(content lead.Digest, id lead.RemoteID, at time.Time) {
	if !content.IsZero() {
		s.known[content] = repeat{content, id, at.UnixMilli(), true}
	}
}

func (s *sharedRepeats) markKey(_ *writeTx, n *newLead, window time.Duration) (isNew bool, err error) {
	at := n.Lead.ReceivedAt
	if r, ok := s.known[n.Key]; ok && r.isWithin(window, at) {
		return false, nil
	}
	s.known[n.Key] = repeat{n.Content, n.kept.RemoteID, at.UnixMilli(), true}
	return true, nil
}

func (s *sharedRepeats) holder(_ *writeTx, key lead.Digest) (lead.RemoteID, lead.Digest, error) {
	r := s.known[key]
	return r.id, r.content, nil
}

const saveRepeatsSQL = `INSERT INTO repeats (digest, content, remote_id, kept_at) SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[])
	ON CONFLICT (digest) DO UPDATE SET content = excluded.content, remote_id = excluded.remote_id, kept_at = excluded.kept_at`

func (s *sharedRepeats) save(tx *writeTx) error {
	var digests, contents [][]byte
	var ids, kept []int64
	for digest, r := range s.known {
		if r.isNew {
			digests, contents = append(digests, digest[:]), append(contents, r.content[:])
			ids, kept = append(ids, int64(r.id)), append(kept, r.at)
		}
	}
	if digests == nil {
		return nil
	}
	_, err := tx.Exec(saveRepeatsSQL, digests, contents, ids, kept)
	return err
}
