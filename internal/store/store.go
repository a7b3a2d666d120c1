// Package store keeps leads until EasyBroker has them, and remembers what was
// tried. A lead that Keep has answered for is on disk: it survives a killed
// process and a power cut. The store knows leads and SQL, and nothing of HTTP,
// sites or EasyBroker.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"leadrelay/internal/lead"
)

// Store keeps leads in a database. Its methods are safe for concurrent use.
type Store struct {
	dialect dialect
	write   *sql.DB
	read    *sql.DB       // the courier's: what keeps people waiting must not keep leads waiting
	people  *sql.DB       // the console's, and the metrics'
	search  chan struct{} // holds one of those who look for a text, which reads all leads
	release func() error  // gives up the lock on the file
	reserve *reserve
	files   files
	path    string // of the file
	missing error  // the log, at the start

	stmt  statements
	bound inTx // the writer's: the statements of the transaction

	recent recent // the writer's: what came in lately

	jobs      chan *job
	live      []*job        // the writer's: the jobs of the transaction
	fresh     []*keep       // the writer's: leads that are not inserted yet
	args      []any         // the writer's: of a statement
	forgot    time.Time     // the writer's: when it last dropped what no longer counts as a repeat
	part      byte          // the writer's: of the digests that it then looked at
	quit      chan struct{} // closed to stop the writer
	done      chan struct{} // closed when the writer has stopped
	lastWrite atomic.Int64  // when a commit last worked, Unix milliseconds
}

// dialect is all in which the databases differ.
type dialect struct {
	take string // takes due leads
	ddl  *strings.Replacer
}

// statements are those that every lead needs, understood once.
type statements struct {
	insert, insertMany, mark, ids, take, intent, settle, end *sql.Stmt // for the writer
	nextDue                                                  *sql.Stmt // for readers
}

// Open opens the database, brings its schema up to date and starts the writer.
// The error says in one line what to do.
func Open(ctx context.Context, database string) (*Store, error) {
	if strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://") {
		return nil, errors.New("PostgreSQL is not supported yet; set LEADRELAY_DATABASE to a file")
	}
	s, err := openSQLite(ctx, database)
	if err != nil {
		return nil, damaged(database, err)
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(damaged(database, err), s.closeFiles())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := s.resume(ctx, time.Now()); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if err := s.recallRecent(ctx); err != nil {
		return fmt.Errorf("recent leads: %w", err)
	}
	s.jobs = make(chan *job, maxWaiting)
	s.quit, s.done = make(chan struct{}), make(chan struct{})
	go s.writeJobs()
	return nil
}

// inTx are prepared statements within one transaction, made once for all of
// its writes. The transaction's end closes them.
type inTx struct {
	tx    *sql.Tx
	stmts map[*sql.Stmt]*sql.Stmt
}

// bind returns the statement within the writer's transaction.
func (s *Store) bind(tx *sql.Tx, prepared *sql.Stmt) *sql.Stmt {
	if s.bound.tx != tx {
		s.bound = inTx{tx, map[*sql.Stmt]*sql.Stmt{}}
	}
	stmt := s.bound.stmts[prepared]
	if stmt == nil {
		stmt = tx.Stmt(prepared)
		s.bound.stmts[prepared] = stmt
	}
	return stmt
}

func (s *Store) prepare(ctx context.Context) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		db   *sql.DB
		text string
	}{
		{&s.stmt.insert, s.write, insertSQL(1)},
		{&s.stmt.insertMany, s.write, insertSQL(manyLeads)},
		{&s.stmt.mark, s.write, markSQL},
		{&s.stmt.ids, s.write, reserveSQL},
		{&s.stmt.take, s.write, s.dialect.take},
		{&s.stmt.intent, s.write, intentSQL},
		{&s.stmt.settle, s.write, settleSQL},
		{&s.stmt.end, s.write, endSQL},
		{&s.stmt.nextDue, s.read, nextDueSQL},
	} {
		var err error
		if *p.stmt, err = p.db.PrepareContext(ctx, p.text); err != nil { //nolint:sqlclosecheck // the database closes them with itself
			return err
		}
	}
	return nil
}

// Close lets the writes that wait finish, then closes the database, its
// statements with it.
func (s *Store) Close() error {
	close(s.quit)
	<-s.done
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	err := errors.Join(s.read.Close(), s.people.Close())
	if s.files.hasForeignLog() {
		err = errors.Join(err, s.leaveLog())
	}
	return errors.Join(err, s.write.Close(), s.release())
}

// Lost returns a [LostFileError] while a file of the database is not where it
// was opened. It costs next to nothing.
func (s *Store) Lost() error { return s.files.check() }

// Missing returns a [MissingLogError] when the log was missing at the start.
func (s *Store) Missing() error { return s.missing }

// Ready reports whether leads can be kept now. A commit of the last two
// seconds is proof enough, if its files are still there; otherwise it makes one.
func (s *Store) Ready(ctx context.Context) error {
	const proof = 2 * time.Second
	if err := s.files.check(); err != nil {
		return err
	}
	now := time.Now()
	since := now.UnixMilli() - s.lastWrite.Load()
	if s.reserve.held.Load() && since >= 0 && since < proof.Milliseconds() {
		return nil
	}
	err := s.do(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE pulse SET beat_at = $1 WHERE id = 1`, now.UnixMilli())
		return err
	})
	if err == nil && !s.reserve.held.Load() {
		err = errNoRoom
	}
	return err
}

// Free is how many bytes are free where the database lies.
func (s *Store) Free() (int64, error) { return s.reserve.free() }

// millis turns a time into what the database holds; zero is NULL.
func millis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func fromMillis(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMilli(n.Int64).UTC()
}

// leadColumns are read by scanLead, in this order.
const leadColumns = `remote_id, site, state, property_id, body, received_at, COALESCE(queued_at, received_at), due_at, reason, delivered_at, confirmed_at`

type scanner interface{ Scan(dest ...any) error }

// scanLead reads leadColumns and what more the query selects behind them.
func scanLead(row scanner, more ...any) (lead.Lead, error) {
	var (
		l                                           lead.Lead
		body                                        []byte
		received, queued, due, delivered, confirmed sql.NullInt64
	)
	dest := append([]any{
		&l.RemoteID, &l.Site, &l.State, &l.PropertyID, &body, &received, &queued, &due,
		&l.Reason, &delivered, &confirmed,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return lead.Lead{}, err
	}
	if err := unpack(body, &l); err != nil {
		return lead.Lead{}, fmt.Errorf("lead %d: %w", l.RemoteID, err)
	}
	l.ReceivedAt, l.QueuedAt, l.DueAt = fromMillis(received), fromMillis(queued), fromMillis(due)
	l.DeliveredAt, l.ConfirmedAt = fromMillis(delivered), fromMillis(confirmed)
	return l, nil
}
