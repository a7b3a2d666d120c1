package store

import (
	"context"
	"database/sql"
	"time"
)

// statement names a statement that the writer prepares once, because every lead
// needs it.
type statement int

const (
	insertOne statement = iota
	insertMany
	advanceIDs
	markKey
	claimDue
	beginAttempt
	endAttempt
	settleLead
	countArrived

	statements // is how many there are
)

// prepare prepares all statements of the writer, unless the database is shared.
func (w *writer) prepare(ctx context.Context) (err error) {
	w.texts = w.dialect.texts
	w.texts[claimDue], w.texts[beginAttempt], w.texts[endAttempt], w.texts[settleLead] = w.dialect.claim, beginAttemptSQL, endAttemptSQL, settleSQL
	for name, text := range w.texts {
		if text == "" || w.dialect.isShared { // another database needs it, or none can be kept
			continue
		}
		if w.prepared[name], err = w.db.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // the database closes them with itself
			return err
		}
	}
	return nil
}

// writeTx is the transaction of one commit.
type writeTx struct {
	*sql.Tx
	ctx   context.Context
	w     *writer
	bound [statements]*sql.Stmt // the prepared statements within this transaction

	fresh []*newLead // leads that are not inserted yet
	args  []any      // of the statement that inserts them

	arrived []arrived // leads that are inserted and not counted yet

	ahead time.Duration // how far this process's clock is ahead of the database's
}

// begin returns the writer's transaction. There is one at a time, so its buffers
// are used again.
func (w *writer) begin(ctx context.Context, sqlTx *sql.Tx) *writeTx {
	w.tx = writeTx{Tx: sqlTx, ctx: ctx, w: w, fresh: w.tx.fresh[:0], args: w.tx.args[:0], arrived: w.tx.arrived[:0]}
	w.repeats.begin()
	return &w.tx
}

// Exec, Query and QueryRow run a statement for as long as the transaction may last.
func (tx *writeTx) Exec(statement string, args ...any) (sql.Result, error) {
	return tx.ExecContext(tx.ctx, statement, args...)
}

func (tx *writeTx) Query(statement string, args ...any) (*sql.Rows, error) {
	return tx.QueryContext(tx.ctx, statement, args...)
}

func (tx *writeTx) QueryRow(statement string, args ...any) *sql.Row {
	return tx.QueryRowContext(tx.ctx, statement, args...)
}

// now returns the time on the clock that counts.
func (tx *writeTx) now() (time.Time, error) { return tx.w.dialect.now(tx.ctx, tx.Tx) }

// exec, query and queryRow run a prepared statement, or its text if it is not.
func (tx *writeTx) exec(name statement, args ...any) (sql.Result, error) {
	if tx.w.prepared[name] == nil {
		return tx.Exec(tx.w.texts[name], args...)
	}
	return tx.stmt(name).ExecContext(tx.ctx, args...) //nolint:sqlclosecheck // the transaction's end closes it
}

func (tx *writeTx) query(name statement, args ...any) (*sql.Rows, error) {
	if tx.w.prepared[name] == nil {
		return tx.Query(tx.w.texts[name], args...)
	}
	return tx.stmt(name).QueryContext(tx.ctx, args...) //nolint:sqlclosecheck // as above
}

// queryRow is for SQLite alone.
func (tx *writeTx) queryRow(name statement, args ...any) *sql.Row {
	return tx.stmt(name).QueryRowContext(tx.ctx, args...) //nolint:sqlclosecheck // as above
}

// stmt returns a prepared statement within the transaction.
func (tx *writeTx) stmt(name statement) *sql.Stmt {
	if tx.bound[name] == nil {
		tx.bound[name] = tx.StmtContext(tx.ctx, tx.w.prepared[name])
	}
	return tx.bound[name]
}
