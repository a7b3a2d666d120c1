package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// beginPostgres begins a transaction with its settings, in one round trip. The
// settings belong to the transaction, because a pooler such as pgbouncer lends a
// session for no longer, and refuses such settings at the start of one. What a
// transaction reads after it has waited for a lock must be what others have
// committed meanwhile. The server ends the transaction of a process that stands
// still or is cut off, and gives up its locks, before those who wait for them give
// up, and they before their visitors do.
const beginPostgres = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL idle_in_transaction_session_timeout = 1000;
	SET LOCAL lock_timeout = 1300; SET LOCAL statement_timeout = 1500`

// openPool opens a pool of connections to PostgreSQL. The limit is that of a query
// outside of a transaction. If such queries only read, they may be repeated.
func openPool(config *pgx.ConnConfig, most int, limit time.Duration, mayRepeat bool) *sql.DB {
	const idle = 5 * time.Minute
	db := sql.OpenDB(&connector{stdlib.GetConnector(*config), limit, mayRepeat})
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(idle)
	return db
}

// connectPatience bounds the search for a server that takes connections.
const connectPatience = 1500 * time.Millisecond

// parsePostgres reads the address of a database. What pgx says of one that it cannot read
// may have the password in it.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the address of the database cannot be read: it is postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, " +
			"with %XX for special characters in each part, and files that it names must be there")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "leadrelay"
	}
	// No statement is prepared: a pooler forgets it, and the server keeps a plan that
	// was good for an empty table.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if config.ConnectTimeout == 0 { // for each of the hosts
		config.ConnectTimeout = connectPatience / time.Duration(1+len(config.Fallbacks))
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	return config, nil
}

// connector makes connections that wait for the server no longer than a limit.
type connector struct {
	driver.Connector
	limit     time.Duration
	mayRepeat bool
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &connection{conn.(*stdlib.Conn), c}, nil
}

type connection struct {
	*stdlib.Conn
	connector *connector
}

// ResetSession finds out whether a connection that was not used for a while works.
func (c *connection) ResetSession(ctx context.Context) error {
	const patience = 500 * time.Millisecond
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
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginPostgres})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return transaction{ctx, tx}, nil
}

type transaction struct {
	ctx context.Context
	tx  pgx.Tx
}

func (t transaction) Commit() error { return t.tx.Commit(t.ctx) }

func (t transaction) Rollback() error { return t.tx.Rollback(t.ctx) }

// QueryContext queries once more on another connection if this one turns out to be
// broken, and that does no harm.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	limited, cancel := context.WithTimeout(ctx, c.connector.limit)
	rows, err := c.Conn.QueryContext(limited, query, args)
	if err == nil {
		return limitedRows{rows, cancel}, nil
	}
	defer cancel()
	if c.connector.mayRepeat && limited.Err() == nil && c.Conn.Conn().IsClosed() {
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
