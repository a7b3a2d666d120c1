// Package store keeps leads until EasyBroker has them, and remembers what was
// tried. If Keep returns without an error, the lead is on disk: it survives a
// killed process and a power cut. The store knows leads and SQL. It knows
// nothing of HTTP, sites or EasyBroker.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Store keeps leads in a database. Its methods are safe for concurrent use.
type Store struct {
	writer *writer       // does all writes, but for those of
	keeper *writer       // who keeps leads; it is the same if one process writes
	read   *sql.DB       // for the courier, which must not wait behind people
	people *sql.DB       // for the console and the metrics
	search chan struct{} // a token for searching leads for a text
	index  indexer       // belongs to who calls Index

	subscriptions subscriptions

	nextDueStmt *sql.Stmt
	held        watched
	uses        uses
	unscrubbed  atomic.Bool  // something was erased that may still be in a file
	blockFor    atomic.Int64 // nanoseconds; zero for [lead.BlockedFor]

	transfer bool // it was opened to be moved

	unlock func() error // gives up the lock on the database
	// missing is set if the log of a database file was not there at the start.
	missing error
}

// Open opens a database file, brings its schema up to date and starts the writer.
// The error says in one line what to do. For a PostgreSQL database see [OpenPostgres].
func Open(ctx context.Context, database string) (*Store, error) {
	if strings.Contains(database, "://") {
		return nil, errors.New("that is an address, and not the path of a file")
	}
	return openFile(ctx, database, false)
}

// OpenToTransfer opens the database of a file or an address for [Transfer].
func OpenToTransfer(ctx context.Context, database string) (*Store, error) {
	if strings.Contains(database, "://") {
		return OpenPostgres(ctx, database, PostgresOptions{transfer: true})
	}
	return openFile(ctx, database, true)
}

func openFile(ctx context.Context, database string, transfer bool) (*Store, error) {
	s, err := openSQLite(ctx, database)
	if err != nil {
		return nil, damaged(database, err)
	}
	s.transfer = transfer
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(damaged(database, err), s.closeDatabase())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) (err error) {
	s.unscrubbed.Store(true) // by a process that was killed
	if err := migrate(ctx, s.writer.db, &s.writer.dialect, s.transfer); err != nil {
		return err
	}
	if !s.transfer {
		if err := s.refuseMoved(ctx); err != nil {
			return err
		}
	}
	for _, w := range s.writers() {
		w.subscriptions = &s.subscriptions
		if err := w.prepare(ctx); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	if !s.writer.dialect.isShared {
		if s.nextDueStmt, err = s.read.PrepareContext(ctx, s.writer.dialect.nextDue); err != nil { //nolint:sqlclosecheck // the database closes it with itself
			return fmt.Errorf("prepare: %w", err)
		}
		if err := resume(ctx, s.writer.db, time.Now()); err != nil {
			return fmt.Errorf("resume: %w", err)
		}
	}
	if err := s.keeper.repeats.load(ctx, s.read); err != nil {
		return fmt.Errorf("recent leads: %w", err)
	}
	for _, w := range s.writers() {
		w.start()
	}
	return nil
}

func (s *Store) writers() []*writer {
	if s.keeper == s.writer {
		return []*writer{s.writer}
	}
	return []*writer{s.keeper, s.writer}
}

// Close finishes the writes that wait, then closes the database.
func (s *Store) Close() error {
	for _, w := range s.writers() {
		w.stop()
	}
	return s.closeDatabase()
}

func (s *Store) closeDatabase() error {
	err := errors.Join(s.read.Close(), s.people.Close())
	if lost := (*LostFileError)(nil); errors.As(s.Lost(), &lost) && lost.IsCut {
		return errors.Join(err, keepOpen(s.writer.db), s.writer.db.Close(), s.unlock())
	}
	if s.writer.files.hasForeignLog() {
		err = errors.Join(err, leaveLog(s.writer.db))
	}
	return errors.Join(err, s.writer.db.Close(), s.writer.files.close(), s.unlock())
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Now returns the time on the clock that counts. Processes that share a database go by
// its clock, because their own may differ.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.writer.dialect.now(ctx, s.read)
	if err != nil {
		return time.Time{}, fmt.Errorf("database's clock: %w", err)
	}
	return now, nil
}

// Lost returns a [LostFileError] while a file of the database is not where it
// was opened, or is cut. It is cheap.
func (s *Store) Lost() error { return s.writer.files.check() }

// Missing returns a [MissingLogError] if the log was missing at the start.
func (s *Store) Missing() error { return s.missing }

// Ready reports whether leads can be kept now. If there was a commit in the last
// two seconds and the files are still there, that is proof enough, unless the last lead
// could not be kept. Otherwise Ready makes a commit.
func (s *Store) Ready(ctx context.Context) error {
	const proof = 2 * time.Second
	if err := s.writer.files.check(); err != nil {
		return err
	}
	now := time.Now()
	since := now.UnixMilli() - s.keeper.lastCommit.Load()
	if s.writer.reserve.isThere() && since >= 0 && since < proof.Milliseconds() && !s.keeper.failed.Load() {
		return nil
	}
	ctx, cancel := s.keeper.dialect.wait(ctx)
	defer cancel()
	room := error(nil)
	err := s.keeper.do(ctx, func(tx *writeTx) error {
		if _, err := tx.Exec(`UPDATE pulse SET beat_at = $1 WHERE id = 1`, now.UnixMilli()); err != nil || !s.keeper.failed.Load() {
			return err
		}
		failed, err := tx.wouldKeep()
		room = failed
		return err
	})
	switch {
	case err != nil:
		return err
	case room != nil:
		return damaged(s.writer.path, room)
	case !s.writer.reserve.isThere():
		return errDiskFull
	}
	s.keeper.failed.Store(false)
	return nil
}

// wouldKeepSQL inserts more than fits into a page.
const wouldKeepSQL = `WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 16)
	INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at) SELECT -n, '', 'quarantined', '', $1, 0, 0 FROM many`

// wouldKeep keeps a few leads and takes them back. It returns why they could not be kept: a
// server whose disk is full writes down a pulse, which needs no more room than the last one
// had, and no lead. The other writes of the transaction do not suffer.
func (tx *writeTx) wouldKeep() (failed, err error) {
	if _, err := tx.Exec(`SAVEPOINT room`); err != nil {
		return nil, err
	}
	_, failed = tx.Exec(wouldKeepSQL, strings.Repeat("x", 1500))
	_, err = tx.Exec(`ROLLBACK TO SAVEPOINT room`)
	return failed, err
}

// Free returns how many bytes are free where the database lies. The error wraps
// [errors.ErrUnsupported] if the database is not in a file of ours.
func (s *Store) Free() (int64, error) { return s.writer.reserve.freeBytes() }

// Disk returns how many bytes are free where the database lies, and how many there are.
// The error wraps [errors.ErrUnsupported] if the database is not in a file of ours.
func (s *Store) Disk() (free, size int64, err error) {
	if free, err = s.Free(); err != nil {
		return 0, 0, err
	}
	size, err = s.writer.reserve.fileSystemSize()
	return free, size, err
}
