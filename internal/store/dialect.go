package store

import (
	"context"
	"database/sql"
	"time"

	"leadrelay/internal/lead"
)

// dialect is everything in which the databases differ. All other SQL is the same
// for both.
type dialect struct {
	// isShared says that other processes write into the database, too, and that
	// a session may be another's after each transaction, with its prepared statements.
	isShared bool

	migrations string // matches the files of the schema, in order
	// lockSchema begins the transaction of each step of the schema.
	lockSchema string

	claim    string // claimSQL
	nextDue  string // when the first lead of a site and state is due, not before $3, and the last, not before $4
	nextSite string // the first site with leads that is above %s
	sitesDue string // the sites of a JSON list with a queued lead that is due from $3 to $2
	counted  string // the leads, as they are best counted by site and state
	stats    string // the table of stats, with what was not put into it yet
	// What events need: the last change that can be read, whether there is the change $1,
	// $2, the changes after it, at most $3, whether there are more than $1, and how to
	// delete all but the $1 newest, at most $2.
	lastChange, hasChange, changes, hasOldChange, deleteChanges string

	// askedLeases is a table of the JSON $1: see [Store.leases].
	askedLeases string
	unlocked    [2]string // around a query for the rows that nobody has locked; it locks them
	isOfSites   string    // the site is one of a JSON list, $2
	inRows      [2]string // around a query for few rows

	// channelsDue returns the channels of the JSON list $1 with a delivery that is due at $2.
	channelsDue string
	skipLocked  string // ends a query that passes over rows which others change, and locks its own

	forUpdate  string // ends a query whose rows the transaction goes on to change
	joinedIDs  string // all remote ids of a query, with commas between them
	oneOf      string // is one of several numbers, which are in the parameter %s with commas between them
	oneOfTexts string // is one of several texts, which are a JSON list in the parameter %s
	bodyHas    string // the body of a lead has the text in the parameter %s

	// texts are the statements that only this database needs.
	texts [statements]string
	// nextIDs hands out n remote ids at once and returns the last of them. The
	// first is not below the ticks that have passed, by the lead's time or the
	// database's own.
	nextIDs func(tx *writeTx, tick lead.Tick, n, passed int64) (last int64, err error)
	// insert inserts at least one of the leads, and returns those that are left.
	insert func(tx *writeTx, leads []*newLead) (left []*newLead, err error)

	// countCommit is the last write of a transaction. See [commitCount].
	countCommit func(tx *writeTx) error

	// What a transfer needs: whether there is its table, the last remote id that was
	// given, how to raise that, and how many rows are inserted at once.
	hasTransfer string
	lastID      func(lead.Tick) string
	raiseID     func(tx *writeTx, tick lead.Tick, last int64) error
	rowsAtOnce  int

	// clock is the SQL of the time in Unix milliseconds.
	clock func() string
	// now is the time on the clock that counts: the database's if processes share it.
	now func(context.Context, querier) (time.Time, error)

	// timeout bounds a transaction of the writer with all its retries, if it is
	// not zero.
	timeout time.Duration
	// isTrouble reports whether an error is the database's own and not a write's.
	// Then nothing is gained by a transaction for each write of the batch.
	isTrouble func(err error) bool
	// isLocked reports whether another session has held a lock for too long.
	isLocked func(err error) bool
	// mayRetry reports whether nothing can have been committed when a transaction
	// failed for the n-th time, and it may succeed if it is run again.
	mayRetry func(err error, n int) bool
	// unblock sees to it that a transaction that failed may succeed the next time.
	unblock func(ctx context.Context, db *sql.DB, err error)
}

// context returns the context of a transaction. It belongs to no request: a visitor
// who leaves must not take the others' leads along.
func (d *dialect) context() (context.Context, context.CancelFunc) {
	if d.timeout == 0 {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), d.timeout)
}

// wait returns the context of somebody who waits for the writer: a little longer than
// for one transaction, and not for the one before it, too.
func (d *dialect) wait(ctx context.Context) (context.Context, context.CancelFunc) {
	const more = 200 * time.Millisecond
	if d.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d.timeout+more)
}

// repeats tells which words and keys have come before. It belongs to the writer.
type repeats interface {
	// load reads at the start what is held in memory.
	load(ctx context.Context, db *sql.DB) error
	// begin begins a transaction, which forgets what a failed one has added.
	begin()
	// lookUp reads what the leads of a batch need.
	lookUp(tx *writeTx, batch []*job) error

	// find returns the lead with the same words, if it still counts.
	find(content lead.Digest, now time.Time) (lead.RemoteID, bool)
	add(content lead.Digest, id lead.RemoteID, at time.Time)

	// markKey gives the lead's key to the lead, unless another that came within
	// the window has it. holder returns which lead has it.
	markKey(tx *writeTx, n *newLead, window time.Duration) (isNew bool, err error)
	holder(tx *writeTx, key lead.Digest) (lead.RemoteID, lead.Digest, error)

	// save writes what was added. commit is called after the commit.
	save(tx *writeTx) error
	commit()
}
