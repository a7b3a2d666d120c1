package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// beginPostgres begins a transaction, and limits makes its limits a part of it, in the
// same round trip: a pooler such as pgbouncer lends a session for no longer, and refuses
// such settings at the start of one. What a transaction reads after it has waited for a
// lock must be what others have committed meanwhile. The server ends the transaction of
// a process that stands still or is cut off, and gives up its locks, before those who
// wait for them give up, and they before their visitors do. A warning that comes with the
// commit must reach us (see [transaction.Commit]).
const (
	beginPostgres = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`

	limits = `; SET LOCAL idle_in_transaction_session_timeout = 1000; SET LOCAL lock_timeout = 1300; SET LOCAL statement_timeout = 1500;
	SET LOCAL client_min_messages = warning`
)

// ownSession makes the limits those of a session that is ours until it ends, where
// statements are prepared, too. The server plans each of them once, perhaps while the
// tables are empty and it would rather read all of one. So it must prefer an index, which
// they all have.
const ownSession = `SET idle_in_transaction_session_timeout = 1000; SET lock_timeout = 1300; SET statement_timeout = 1500; SET client_min_messages = warning;
	SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET jit = off`

// ownReader is for a session that is ours and only reads. The database or the user may have
// a time limit for other programs, or wait for transactions of others before each query,
// which is meant for reports. Our limits are those of the pools.
const ownReader = `SET statement_timeout = 0; SET lock_timeout = 0; SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, NOT DEFERRABLE`

// beginLong begins the transaction of statements that are sent together, and may take long.
const beginLong = `SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; `

// greetPostgres is said to a server on another machine: it learns soon that ours is gone,
// and gives up the locks that we held. Settings in the first message would do the same,
// but a pooler refuses them.
const greetPostgres = `SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000`

// endStuckSQL ends transactions of replicas that stand still in the middle of a statement:
// the server has got its first part, and waits for the rest. The limits are for what is between two statements, and for one that runs.
// Our transactions are shorter than that.
const endStuckSQL = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	WHERE datname = current_database() AND usename = current_user AND application_name = current_setting('application_name')
	AND state = 'active' AND wait_event = 'ClientRead' AND xact_start < clock_timestamp() - interval '2 seconds'`

// unblockPostgres: see [dialect].
func unblockPostgres(ctx context.Context, db *sql.DB, err error) {
	if !errors.Is(err, errLeaseLocked) && !isPostgresLocked(err) {
		return
	}
	_, _ = db.ExecContext(ctx, endStuckSQL) // the next who waits in vain tries again
}

// openPool opens a pool of connections to PostgreSQL. The limit is that of a query
// outside of a transaction. If all of them only read, a query may be repeated.
func openPool(server *postgresServer, most int, limit time.Duration, onlyReads bool) *sql.DB {
	const idle = 5 * time.Minute
	db := sql.OpenDB(&connector{
		Connector: stdlib.GetConnector(*server.config, stdlib.OptionBeforeConnect(server.prepare)), server: server, limit: limit, onlyReads: onlyReads,
	})
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(idle)
	return db
}

// connectPatience bounds the search for a server that takes connections.
const connectPatience = 1500 * time.Millisecond

// connector makes connections that wait for the server no longer than a limit.
type connector struct {
	driver.Connector
	server    *postgresServer
	limit     time.Duration
	onlyReads bool
	isPooled  atomic.Bool // a session has turned out not to be ours
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	demoted := c.server.demoted.Load()
	login := c.server.login.Load()
	inner, err := c.Connector.Connect(ctx)
	if err != nil && isRefused(err) && c.server.renew(login) {
		inner, err = c.Connector.Connect(ctx)
	}
	if err != nil {
		return nil, err
	}
	conn := &connection{Conn: inner.(*stdlib.Conn), connector: c, demoted: demoted, mode: pgx.QueryExecModeCacheDescribe, begin: beginPostgres + limits}
	if c.isPooled.Load() {
		return conn, nil
	}
	if err := conn.own(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

type connection struct {
	*stdlib.Conn
	connector *connector
	demoted   int64 // of the server, when the connection was made
	mode      pgx.QueryExecMode
	begin     string // a transaction
}

// own makes the session ours if nobody else can get it. A pooler names each client a
// number of its own in place of the server process's.
func (c *connection) own(ctx context.Context) error {
	conn := c.Conn.Conn()
	var process uint32
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&process); err != nil || process != conn.PgConn().PID() {
		return err
	}
	own := ownSession
	if c.connector.onlyReads {
		own = ownReader
	} else {
		c.mode, c.begin = pgx.QueryExecModeCacheStatement, beginPostgres
	}
	_, err := conn.Exec(ctx, own)
	return err
}

// disown closes the connection if an error shows that its session is another's, too.
func (c *connection) disown(err error) {
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) && (failed.Code == noStatement || failed.Code == otherStatement) {
		c.connector.isPooled.Store(true)
		_ = c.Close()
	}
}

// withMode returns the arguments of a statement, and says before them how it is sent.
func (c *connection) withMode(args []driver.NamedValue) []driver.NamedValue {
	return slices.Insert(args, 0, driver.NamedValue{Value: c.mode})
}

// ResetSession finds out whether a connection that was not used for a while works. All
// that were made before a server turned out to be no primary are closed: what is read
// there may be old, and some servers change their part and cut no connection.
func (c *connection) ResetSession(ctx context.Context) error {
	const patience = 500 * time.Millisecond
	if c.demoted != c.connector.server.demoted.Load() {
		return driver.ErrBadConn
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Conn.ResetSession(ctx)
}

// BeginTx begins a transaction, or closes the connection: its server may have become
// one that only reads.
func (c *connection) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	conn := c.Conn.Conn()
	if conn.IsClosed() {
		return nil, driver.ErrBadConn
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: c.begin})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return transaction{ctx, tx}, nil
}

type transaction struct {
	ctx context.Context
	tx  pgx.Tx
}

// warning is where a connection has what the server warned of.
const warning = "warning"

// Commit returns an error, too, if the server has committed and warns that it did not
// wait for its standbys: somebody has cancelled the wait. If a standby takes over now,
// the transaction is lost. It is not known how it ends, as if the answer were lost.
func (t transaction) Commit() error {
	conn := t.tx.Conn().PgConn()
	delete(conn.CustomData(), warning)
	if err := t.tx.Commit(t.ctx); err != nil {
		return err
	}
	if n, ok := conn.CustomData()[warning].(*pgconn.Notice); ok {
		return fmt.Errorf("the server warns: %s (SQLSTATE %s)", n.Message, n.Code)
	}
	return nil
}

func (t transaction) Rollback() error { return t.tx.Rollback(t.ctx) }

func (c *connection) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.Conn.ExecContext(ctx, statement, c.withMode(args))
	c.disown(err)
	return result, err
}

// QueryContext queries once more on another connection if this one turns out to be
// broken, and that does no harm.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	limited, cancel := context.WithTimeout(ctx, c.connector.limit)
	rows, err := c.Conn.QueryContext(limited, query, c.withMode(args))
	if err == nil {
		return limitedRows{rows, cancel}, nil
	}
	defer cancel()
	c.disown(err)
	if c.connector.onlyReads && limited.Err() == nil && c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	return nil, err
}

type limitedRows struct {
	driver.Rows
	cancel context.CancelFunc
}

func (r limitedRows) Close() error {
	defer r.cancel()
	return r.Rows.Close()
}
