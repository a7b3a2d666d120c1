package store

import (
	"context"
	"database/sql"
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

	statements // is how many there are
)

// prepare prepares all statements of the writer.
func (w *writer) prepare(ctx context.Context) (err error) {
	for name, text := range [statements]string{
		insertOne:    insertSQL(1),
		insertMany:   insertSQL(manyLeads),
		advanceIDs:   advanceIDsSQL,
		markKey:      markKeySQL,
		claimDue:     w.dialect.claim,
		beginAttempt: beginAttemptSQL,
		endAttempt:   endAttemptSQL,
		settleLead:   settleSQL,
	} {
		if w.prepared[name], err = w.db.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // the database closes them with itself
			return err
		}
	}
	return nil
}

// writeTx is the transaction of one commit.
type writeTx struct {
	*sql.Tx
	w     *writer
	bound [statements]*sql.Stmt // the prepared statements within this transaction

	fresh []*newLead // leads that are not inserted yet
	args  []any      // of the statement that inserts them
}

// begin returns the writer's transaction. There is one at a time, so its buffers
// are used again.
func (w *writer) begin(sqlTx *sql.Tx) *writeTx {
	w.tx = writeTx{Tx: sqlTx, w: w, fresh: w.tx.fresh[:0], args: w.tx.args[:0]}
	w.recent.begin()
	return &w.tx
}

// exec, query and queryRow run a prepared statement.
func (tx *writeTx) exec(name statement, args ...any) (sql.Result, error) {
	return tx.stmt(name).Exec(args...) //nolint:sqlclosecheck // the transaction's end closes it
}

func (tx *writeTx) query(name statement, args ...any) (*sql.Rows, error) {
	return tx.stmt(name).Query(args...) //nolint:sqlclosecheck // as above
}

func (tx *writeTx) queryRow(name statement, args ...any) *sql.Row {
	return tx.stmt(name).QueryRow(args...) //nolint:sqlclosecheck // as above
}

// stmt returns a prepared statement within the transaction.
func (tx *writeTx) stmt(name statement) *sql.Stmt {
	if tx.bound[name] == nil {
		tx.bound[name] = tx.Stmt(tx.w.prepared[name])
	}
	return tx.bound[name]
}
